"""Entering a live event: who is let in with what, when the event is doubted, and what that costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from emulator_tests.pure.deployment import EVENT_KNOWN_S, HOUR, TEACHER, Deployment, live, refusal
from shared.core.callers import Caller
from shared.core.errors import NotAllowed, NotFound, NotSignedIn, Permanent, WrongState
from shared.core.paths import RECONCILE_SESSION, admission_key, admission_path
from shared.ports import Create, Delete, Task, renew_at
from shared.sessions.admissions.joining import Joined, live_lifetime_s
from shared.sessions.admissions.model import REPAIR_PAUSE_S

T = TypeVar("T")

STUDENT = Caller("student", is_teacher=False)
GRACE = Caller("grace", is_teacher=False)


def counted(deployment: Deployment, act: Callable[[], T]) -> tuple[T, list[str]]:
    """
    What an act returns, and the operations of the parts that it took.
    """
    asked: list[str] = []

    def counting(operation: str, do: Callable[[], T]) -> T:
        asked.append(operation)
        return do()

    deployment.disturb = counting  # type: ignore[assignment]  # an Effect is as generic as the call
    try:
        return act(), asked
    finally:
        deployment.disturb = lambda _operation, do: do()


def join(deployment: Deployment, caller: Caller = STUDENT, *, force_refresh: bool = False) -> Joined:
    return deployment.joining.join(caller, "s1", force_refresh=force_refresh)


def test_new_user_costs_one_call_and_known_user_none() -> None:
    deployment = live()
    _, first = counted(deployment, lambda: join(deployment))
    assert first == ["read", "find", "commit", "read", "admit"], "it is recorded, and the right to it read once more"
    _, second = counted(deployment, lambda: join(deployment))
    assert second == ["read"]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("  Ada \u00a0 ", "Ada"),
        ("Ada\nLovelace", "Ada Lovelace"),
        ("Ada\u202eLovelace", "AdaLovelace"),
        ("", ""),
        ("x" * 300, "x" * 100),
        ("x" * 99 + "\U0001f469\u200d\U0001f393", "x" * 99),
    ],
    ids=["as it is", "with spaces", "of two lines", "that reads backwards", "none", "a long one", "cut in an emoji"],
)
def test_new_user_gets_the_present_name_of_their_account(written: str, told: str) -> None:
    """
    A12: not as their token says, which a client chooses when it asks for one.
    """
    deployment = live()
    deployment.accounts.write("student", display_name=written)
    join(deployment)
    assert deployment.audience.names == {"student": told}


@pytest.mark.parametrize("flaw", ["gone", "disabled"])
def test_user_without_an_account_is_refused(flaw: str) -> None:
    """
    A12.
    """
    deployment = live()
    if flaw == "gone":
        deployment.accounts.delete("student")
    else:
        deployment.accounts.write("student", is_enabled=False)
    with pytest.raises(NotSignedIn):
        join(deployment)
    assert deployment.audience.known() == frozenset()


def test_anonymous_user_joins_only_if_a_setting_allows_it() -> None:
    """
    A12: each would be a user at the provider.
    """
    deployment, somebody = live(), Caller("anna", is_teacher=False, is_anonymous=True)
    for ask in (join, lambda one, caller: one.joining.issue_playback(caller, "s1")):
        with pytest.raises(NotAllowed, match="account of your own"):
            ask(deployment, somebody)
    assert deployment.audience.known() == frozenset()
    allowing = replace(deployment.joining, admits_anonymous=True)
    assert allowing.join(somebody, "s1").admission.player.token


def test_what_is_given_outlasts_the_event_by_ten_minutes() -> None:
    deployment = live()
    assert join(deployment).admission.player.expires_at == deployment.clock() + HOUR, "an hour at the most"
    deployment.clock.advance(1800)
    joined = join(deployment)
    assert joined.admission.player.expires_at == deployment.clock() + timedelta(minutes=40)
    assert joined.pairing.external_ids == deployment.events.alive()[0].external_ids


@pytest.mark.parametrize(
    ("left_s", "lifetime_s"),
    [(None, 600), (-60, 600), (0, 600), (1800, 2400), (3000, 3600), (85_800, 3600), (10**9, 3600)],
    ids=str,
)
def test_what_is_given_lasts_until_ten_minutes_after_the_end_and_an_hour_at_the_most(
    left_s: int | None, lifetime_s: int
) -> None:
    now = datetime(2030, 3, 1, tzinfo=UTC)
    assert live_lifetime_s(None if left_s is None else now + timedelta(seconds=left_s), now) == lifetime_s


@pytest.mark.parametrize(("lifetime_s", "renewed_s"), [(4200, 3600), (1200, 600), (600, 300), (86400, 85800)], ids=str)
def test_a_grant_is_renewed_ten_minutes_before_it_ends_or_when_half_of_it_is_over(
    lifetime_s: int, renewed_s: int
) -> None:
    now = Deployment().clock()
    assert renew_at(now + timedelta(seconds=lifetime_s), now) == now + timedelta(seconds=renewed_s)


@pytest.mark.parametrize(
    ("caller", "is_moderator"), [(TEACHER, True), (Caller("anna", is_teacher=False), True), (STUDENT, False)]
)
def test_owner_and_named_moderate_and_others_do_not(caller: Caller, is_moderator: bool) -> None:
    assert join(live(moderators={"anna": True}), caller).is_moderator is is_moderator


def test_unenrolled_users_and_drafts_are_refused_alike() -> None:
    deployment = live(visibility="enrolled")
    with pytest.raises(NotFound) as stranger:
        join(deployment)
    deployment.enrol("student")
    assert join(deployment).admission.player.token
    deployment.write_session(status="draft")
    with pytest.raises(NotFound) as draft:
        join(deployment)
    deployment.delete_session()
    with pytest.raises(NotFound) as deleted:
        join(deployment)
    assert str(stranger.value) == str(draft.value) == str(deleted.value)


@pytest.mark.parametrize(
    ("minutes", "refusal"),
    [(-16, r"opens at 2026-01-05 09:01 UTC"), (-15, None), (119, None), (120, "This session is over")],
    ids=["too early", "as early as may be", "as late as may be", "too late"],
)
def test_viewers_are_let_in_in_its_time(minutes: int, refusal: str | None) -> None:
    begins = Deployment().clock() - timedelta(minutes=minutes)
    deployment = live(startsAt=begins, endsAt=begins + HOUR)
    if refusal is None:
        assert join(deployment).admission.player.token
    else:
        with pytest.raises(WrongState, match=refusal) as raised:
            join(deployment)
        # C5: a minute before it opens.
        assert raised.value.retry_after_s == (60 if minutes < 0 else None)
        assert join(deployment, TEACHER).admission.player.token


def test_joining_is_possible_while_the_event_is_live() -> None:
    deployment = live()
    external_ids = deployment.events.alive()[0].external_ids
    deployment.clock.advance(3600)
    deployment.events.broadcast(external_ids, is_live=True)
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.clock.advance(2 * 3600)
    assert join(deployment).admission.player.token


def test_event_not_observed_for_long_is_verified_while_users_join() -> None:
    deployment = live(endsAt=Deployment().clock() + timedelta(days=3))
    deployment.clock.advance(EVENT_KNOWN_S)
    gone = deployment.events.alive()[0].external_ids["eventId"]
    deployment.events.vanish(gone)
    assert join(deployment).pairing.external_ids["eventId"] == gone, "nobody waits for it"
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    assert join(deployment).pairing.external_ids["eventId"] != gone


def test_refused_user_waits_for_the_repair_of_the_event() -> None:
    deployment = live()
    deployment.clock.advance(REPAIR_PAUSE_S)
    gone = deployment.events.alive()[0].external_ids["eventId"]
    deployment.events.vanish(gone)
    joined = join(deployment, force_refresh=True)
    assert joined.pairing.external_ids == deployment.events.alive()[0].external_ids
    assert joined.pairing.external_ids["eventId"] != gone


def test_missing_event_is_recreated_on_refresh() -> None:
    deployment = live()
    deployment.clock.advance(REPAIR_PAUSE_S)
    for part_id in deployment.events.alive()[0].external_ids.values():
        deployment.events.vanish(part_id)
    joined = join(deployment, force_refresh=True)
    assert joined.pairing.external_ids == deployment.events.alive()[0].external_ids
    assert joined.pairing.generation == 2


def test_refresh_of_a_recently_observed_event_says_when_to_retry() -> None:
    """B18: the answer within that time is stale, and says so."""
    deployment = live()
    for uid in ("grace", "ada"):
        deployment.accounts.write(uid)
    deployment.clock.advance(REPAIR_PAUSE_S)
    assert join(deployment, force_refresh=True).refreshable_at is None
    looked_at = deployment.clock()
    deployment.clock.advance(10)
    gone = deployment.events.alive()[0].external_ids["eventId"]
    deployment.events.vanish(gone)

    stale = join(deployment, GRACE, force_refresh=True)

    assert stale.pairing.external_ids["eventId"] == gone
    assert stale.refreshable_at == looked_at + timedelta(seconds=REPAIR_PAUSE_S)
    assert join(deployment, GRACE).refreshable_at is None, "nobody asked for more"
    deployment.clock.advance(REPAIR_PAUSE_S - 10)
    whole = join(deployment, Caller("ada", is_teacher=False), force_refresh=True)
    assert (whole.pairing.external_ids["eventId"] != gone, whole.refreshable_at) == (True, None)


def test_a_refresh_that_the_provider_hinders_says_when_it_can_be_tried_again() -> None:
    """B18."""
    deployment = live()
    deployment.clock.advance(REPAIR_PAUSE_S)

    def down(operation: str, do: Callable[[], T]) -> T:
        if operation == "update_event":
            raise refusal(operation)
        return do()

    deployment.disturb = down
    told = join(deployment, force_refresh=True)
    failure = deployment.pairing().progress.failure
    assert failure is not None
    assert told.refreshable_at == failure.retry_at


def test_refresh_replaces_revoked_tokens() -> None:
    """B18, A8: the flag looks at everything that the answer was made from."""
    deployment = live()
    first = join(deployment).admission.player.values["revocationId"]
    deployment.keys.end([str(first)])
    deployment.clock.advance(REPAIR_PAUSE_S)
    assert join(deployment).admission.player.values["revocationId"] == first
    assert join(deployment, force_refresh=True).admission.player.values["revocationId"] != first


def test_repeated_refreshes_call_the_provider_once_a_minute() -> None:
    """B18."""
    deployment = live()
    join(deployment)
    deployment.clock.advance(REPAIR_PAUSE_S)
    joined, first = counted(deployment, lambda: join(deployment, force_refresh=True))
    assert {"update_event", "is_ended", "admit"} <= set(first)
    assert joined.refreshable_at is None
    until = deployment.clock() + timedelta(seconds=REPAIR_PAUSE_S)

    for _ in range(3):
        deployment.clock.advance(REPAIR_PAUSE_S / 3 - 1)
        again, asked = counted(deployment, lambda: join(deployment, force_refresh=True))
        assert set(asked) <= {"read", "find"}
        assert again.refreshable_at == until

    deployment.clock.advance(3)
    assert join(deployment, force_refresh=True).refreshable_at is None


def test_refresh_of_new_tokens_says_when_to_retry() -> None:
    """B18: all else was looked at longer ago."""
    deployment = live()
    deployment.clock.advance(REPAIR_PAUSE_S)
    deployment.joining.issue_playback(STUDENT, "s1")
    given_at = deployment.clock()

    joined, asked = counted(deployment, lambda: join(deployment, force_refresh=True))

    assert "is_ended" not in asked
    assert joined.refreshable_at == given_at + timedelta(seconds=REPAIR_PAUSE_S)


def test_an_id_that_is_recorded_without_a_time_is_asked_about() -> None:
    """B18: an earlier release has recorded none."""
    deployment = live()
    join(deployment)
    path = admission_path(admission_key("s1", "student"))
    (document,) = deployment.documents.read(path)
    assert document is not None
    fields = {name: value for name, value in document.fields.items() if name != "verifiedAt"}
    deployment.documents.commit(Delete(path))
    deployment.documents.commit(Create(path, fields))
    _, asked = counted(deployment, lambda: join(deployment, force_refresh=True))
    assert asked.count("is_ended") == 1
    _, asked = counted(deployment, lambda: join(deployment, force_refresh=True))
    assert asked.count("is_ended") == 0


def test_failing_repair_is_not_retried_by_each_refresh() -> None:
    """B18."""
    deployment = live()
    deployment.clock.advance(REPAIR_PAUSE_S)
    asked: list[str] = []

    def down(operation: str, do: Callable[[], T]) -> T:
        asked.append(operation)
        if operation == "update_event":
            raise refusal(operation)
        return do()

    deployment.disturb = down
    told = [join(deployment, force_refresh=True).refreshable_at for _ in range(5)]
    assert asked.count("update_event") == 1
    assert all(at is not None and at > deployment.clock() for at in told)


def test_many_refreshes_observe_the_event_once() -> None:
    deployment = live()
    deployment.clock.advance(REPAIR_PAUSE_S)
    asked: list[str] = []
    for number in range(20):
        caller = Caller(f"student{number}", is_teacher=False)
        _, operations = counted(deployment, lambda caller=caller: join(deployment, caller, force_refresh=True))  # type: ignore[misc]
        asked += operations
    assert asked.count("update_event") == 1
    assert asked.count("admit") == 20


def test_event_that_cannot_be_repaired_is_reported() -> None:
    deployment = live()
    deployment.write_session(status="draft")
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.clock.advance(700)
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.write_session(status="public")
    with pytest.raises(WrongState, match=r"not ready\. Try again in a moment"):
        join(deployment)


def test_an_event_that_the_provider_refuses_is_told_from_one_that_is_not_ready_yet() -> None:
    """
    C5: a client that tries again would do so for ever.
    """
    deployment = Deployment()
    deployment.write_session(format="liveStreaming", startsAt=deployment.clock(), endsAt=deployment.clock() + HOUR)

    def refusing(operation: str, do: Callable[[], T]) -> T:
        if operation == "create_event":
            raise Permanent("It is refused.", provider="memory", operation=operation, code="REFUSED")
        return do()

    deployment.disturb = refusing
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    with pytest.raises(WrongState, match=r"could not be made\. It is refused\.") as refused:
        join(deployment)
    assert refused.value.reason == "EVENT_FAILED"
