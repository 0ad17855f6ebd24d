"""How many requests the tokens of one upload allow, all of them together: A9."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from emulator_tests.pure.deployment import TEACHER, Deployment
from shared.core.errors import TooMany, WrongState
from shared.ports import MediaState, Observation, Stage
from shared.videos.budget import BUDGETS, GOOD_FOR_S, IDLE_MAX, Granted, Need, next_granted
from shared.videos.commands import cancel_upload

pytestmark = pytest.mark.long

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LIFETIME_S = 2 * 3600
NEED = Need(number=1, size_bytes=1000, received_bytes=0, until=NOW + timedelta(days=7))


def requests_for(size_bytes: int) -> int:
    return size_bytes // 100 + 2


def granted(before: Granted | None, need: Need = NEED, at: datetime = NOW) -> Granted:
    return next_granted(before, need, requests_for, at, LIFETIME_S)


FIRST = granted(None)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_the_first_token_is_for_the_whole_file() -> None:
    assert Granted(1, 12, after(LIFETIME_S), 12, 0) == FIRST


def test_a_token_ends_with_its_upload() -> None:
    assert granted(None, replace(NEED, until=after(60))).expires_at == after(60)


@pytest.mark.parametrize(
    ("before", "need", "at", "is_same"),
    [
        pytest.param(FIRST, NEED, NOW, True, id="asked for again at once"),
        pytest.param(FIRST, replace(NEED, received_bytes=900), after(60), True, id="a line that broke"),
        pytest.param(FIRST, NEED, after(LIFETIME_S - GOOD_FOR_S), True, id="as long as it is good for a while"),
        pytest.param(FIRST, NEED, after(LIFETIME_S - GOOD_FOR_S + 1), False, id="almost over"),
        pytest.param(FIRST, replace(NEED, number=2), NOW, False, id="another upload of the video"),
        pytest.param(FIRST, replace(NEED, until=after(3600)), NOW, False, id="it would outlast its upload"),
        pytest.param(replace(FIRST, idle=IDLE_MAX - 1), NEED, NOW, True, id="nothing arrives, not for long yet"),
        pytest.param(replace(FIRST, idle=IDLE_MAX), NEED, NOW, False, id="nothing arrives: it may be used up"),
        pytest.param(
            replace(FIRST, idle=IDLE_MAX), replace(NEED, received_bytes=1), NOW, True, id="something arrives after all"
        ),
    ],
)
def test_a_token_that_is_still_good_is_given_again(before: Granted, need: Need, at: datetime, is_same: bool) -> None:
    now = granted(before, need, at)
    assert (now.allowance == before.allowance) is (is_same or need.number == 2), "each upload has tokens of its own"
    assert (now.requests_in_all > before.requests_in_all) is (not is_same and need.number == 1)


def test_a_new_token_is_for_what_is_still_missing_and_counts_with_the_others() -> None:
    later = granted(FIRST, replace(NEED, received_bytes=900), after(LIFETIME_S))
    assert (later.requests, later.requests_in_all) == (3, 15)
    assert granted(later, replace(NEED, number=2), after(LIFETIME_S)).requests_in_all == 12, "each upload has its own"


def test_complete_upload_may_still_be_ended() -> None:
    assert granted(FIRST, replace(NEED, received_bytes=5000), after(LIFETIME_S)).requests == requests_for(0)


def test_all_tokens_together_allow_so_many_requests_and_then_there_is_none() -> None:
    tokens = [FIRST]
    for number in range(1, BUDGETS):
        tokens.append(granted(tokens[-1], at=NOW + timedelta(hours=6 * number)))
    assert sum(token.requests for token in tokens) == tokens[-1].requests_in_all == BUDGETS * requests_for(1000)
    with pytest.raises(TooMany, match="has used up all the requests it may make"):
        granted(tokens[-1], at=NOW + timedelta(days=3))


def test_provider_without_request_counts_grants_any_number_of_tokens() -> None:
    last: Granted | None = None
    for day in range(100):
        need = replace(NEED, until=NOW + timedelta(days=200))
        last = next_granted(last, need, lambda _: 0, after(day * 86400), LIFETIME_S)
        assert (last.requests, last.expires_at) == (0, after(day * 86400 + LIFETIME_S))


def test_what_was_granted_is_read_back_as_it_was_written() -> None:
    whole = replace(FIRST, idle=2, received_bytes=7)
    assert Granted.from_fields(whole.to_fields()) == whole
    assert Granted.from_fields(None) is None


# --- in a deployment ---------------------------------------------------------------------------------------------


def with_upload() -> tuple[Deployment, str, Callable[[], int | str]]:
    """
    A deployment with an upload, and what gives a token for it and says how many requests that allows.
    """
    deployment = Deployment()
    deployment.write_session()
    video_id = deployment.ask_upload().video_id

    def renew() -> int | str:
        return deployment.upload_tokens.renew_upload_token(TEACHER, video_id).grant.values["requests"]

    return deployment, video_id, renew


def test_renewals_without_end_allow_no_more_than_one_budget() -> None:
    deployment, video_id, _ = with_upload()
    tokens: dict[str, int] = {}
    refused = 0
    for _ in range(BUDGETS * (IDLE_MAX + 1) + 5):
        deployment.clock.advance(10)
        try:
            token = deployment.upload_tokens.renew_upload_token(TEACHER, video_id).grant
        except TooMany:
            refused += 1
            continue
        tokens[token.token] = int(token.values["requests"])
    assert sum(tokens.values()) == BUDGETS * deployment.media.requests_for(1000)
    assert refused > 0
    cancel_upload(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run()
    assert deployment.ask_upload("a new one").received_bytes == 0


def test_repeated_disconnects_cost_no_budget() -> None:
    deployment, video_id, renew = with_upload()
    first = renew()
    for received_bytes in range(1, 60):
        seen = Observation(MediaState.AWAITING_UPLOAD, 1, Stage.RECEIVING, received_bytes=received_bytes)
        deployment.show(video_id, seen)
        deployment.clock.advance(60)
        assert renew() == first
    granted = deployment.document(f"videos/{video_id}").fields["wish"]["granted"]
    assert granted["requestsInAll"] == first


def test_what_a_token_allows_is_recorded_before_it_is_given_and_no_token_is() -> None:
    deployment, video_id, renew = with_upload()
    spec = deployment.document(f"videos/{video_id}").fields["wish"]
    assert spec["granted"]["requests"] == renew()
    token = deployment.ask_upload().grant.token
    assert token not in str(deployment.document(f"videos/{video_id}"))


def test_an_upload_of_which_too_much_has_arrived_gets_no_token_any_more() -> None:
    deployment, video_id, renew = with_upload()
    deployment.show(video_id, Observation(MediaState.AWAITING_UPLOAD, 100, Stage.RECEIVING, received_bytes=320_000))
    with pytest.raises(WrongState, match="declare its real size"):
        renew()
