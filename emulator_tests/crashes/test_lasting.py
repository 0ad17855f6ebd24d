"""Faults that last longer than one effect, or exceed what the design assumes.

Things created twice, answers that are hours late, lists that lag, parts of a request that are refused, Kaltura being
unavailable.
"""

from __future__ import annotations

from typing import Any

import pytest

from emulator_tests.crashes.account import Account
from emulator_tests.crashes.acts import (
    S1,
    Act,
    Acts,
    ask_to_upload,
    break_kaltura,
    delete,
    make_on_demand,
    mend_kaltura,
    move,
    name_moderator,
    publish,
    reconcile_videos,
    retitle,
    unname_moderator,
    unpublish,
    unschedule,
)
from emulator_tests.crashes.flows import PUBLIC, SENT, UPLOADED, UPLOADED_IN_PART, Flow
from emulator_tests.crashes.playing import act, play, told
from emulator_tests.crashes.settings import POLICY
from emulator_tests.crashes.world import World
from emulator_tests.pure.races.defects import SOUND
from emulator_tests.pure.races.invariants import REFUSED_TITLE
from shared.core.paths import DELETIONS, PAIRINGS, SESSIONS, VIDEOS
from shared.ports import Fields
from shared.providers.kaltura.events.parts import ENTRY, EVENT, GROUP, RESOURCE, VIRTUAL_EVENT
from shared.videos.model import VideoState

EVENT_IS_MADE = {"service": "livestream", "action": "add"}
VIDEO_IS_MADE = {"service": "media", "action": "add"}
HOUR_S = 3600


def generation(world: World, collection: str) -> int:
    """
    Return how often something was created for the one document of the collection.
    """
    (record,) = world.documents(collection).values()
    return int(record.fields["generation"])


def wait(world: World) -> None:
    """
    Do nothing until then.
    """


def publishing(*before: Act, **about: Any) -> Flow:
    """
    Return a flow in which a session is published after Kaltura was broken.
    """
    return Flow("publish", (*((0.0, one) for one in before), (0.0, publish)), **about)


def uploading(*before: Act, **about: Any) -> Flow:
    """
    Return a flow in which a video is asked for after Kaltura was broken. The teacher does not ask again.
    """
    acts: Acts = (*((0.0, one) for one in before), (0.0, ask_to_upload), *SENT)
    return Flow("upload", acts, before=((0, make_on_demand),), **about)


# --- things created twice ------------------------------------------------------------------------------------------


def test_an_event_that_was_made_twice_ends_as_one(account: Account) -> None:
    world = play(publishing(break_kaltura("duplicate", EVENT_IS_MADE), beyond=True), account)
    assert len(world.there().events()) == 1


def test_a_video_that_was_made_twice_ends_as_one(account: Account) -> None:
    flow = uploading(break_kaltura("duplicate", VIDEO_IS_MADE), beyond=True, video=VideoState.READY)
    assert len(play(flow, account).there().media()) == 1


# --- late answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after_s", [1, 60, 300, SOUND.late_commit_s - 10])
def test_an_event_that_comes_late_is_adopted(account: Account, after_s: int) -> None:
    world = play(publishing(break_kaltura("late_commit", EVENT_IS_MADE, after_s=after_s)), account)
    assert generation(world, PAIRINGS) == 1


@pytest.mark.parametrize("after_s", [1, 60, 300, SOUND.late_commit_s - 10])
def test_a_video_that_comes_late_is_adopted(account: Account, after_s: int) -> None:
    world = play(uploading(break_kaltura("late_commit", VIDEO_IS_MADE, after_s=after_s)), account)
    assert generation(world, VIDEOS) == 1
    assert world.hurt, "the teacher was not told that he cannot send the bytes"


@pytest.mark.parametrize("after_s", [SOUND.late_commit_s + 400, HOUR_S])
def test_an_event_that_comes_too_late_is_taken_away(account: Account, after_s: int) -> None:
    late = break_kaltura("late_commit", EVENT_IS_MADE, after_s=after_s)
    flow = Flow("publish", ((0, late), (0, publish), (after_s, wait)), beyond=True)
    assert generation(play(flow, account, hastily=False), PAIRINGS) == 2


@pytest.mark.parametrize("after_s", [SOUND.late_commit_s + 400, HOUR_S])
def test_a_video_that_comes_too_late_is_taken_away(account: Account, after_s: int) -> None:
    late = break_kaltura("late_commit", VIDEO_IS_MADE, after_s=after_s)
    acts = ((0.0, late), (0.0, ask_to_upload), (float(after_s), wait))
    flow = Flow("upload", acts, before=((0, make_on_demand),), beyond=True)
    assert generation(play(flow, account, hastily=False), VIDEOS) == 2


@pytest.mark.parametrize("after_s", [60, HOUR_S])
@pytest.mark.parametrize("mind", [delete, unpublish])
def test_an_event_that_comes_late_for_a_change_of_mind_goes(account: Account, mind: Act, after_s: int) -> None:
    late = break_kaltura("late_commit", EVENT_IS_MADE, after_s=after_s)
    flow = Flow("publish", ((0, late), (0, publish), (40, mind), (after_s, wait)), beyond=True)
    assert play(flow, account, hastily=False).there().events() == ()


# --- lists that lag ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag_s", [60, 400])
def test_a_lost_event_is_found_though_the_list_lags(account: Account, lag_s: int) -> None:
    lost = break_kaltura("drop_after_commit", EVENT_IS_MADE)
    lagging = break_kaltura("list_lag", {"service": "baseentry", "action": "list", "times": 0}, after_s=lag_s)
    world = play(publishing(lost, lagging), account)
    assert generation(world, PAIRINGS) == 1


@pytest.mark.parametrize("lag_s", [60, 400])
def test_a_lost_video_is_found_though_the_list_lags(account: Account, lag_s: int) -> None:
    lost = break_kaltura("drop_after_commit", VIDEO_IS_MADE)
    lagging = break_kaltura("list_lag", {"service": "baseentry", "action": "list", "times": 0}, after_s=lag_s)
    world = play(uploading(lost, lagging), account)
    assert generation(world, VIDEOS) == 1


def test_a_video_becomes_ready_though_the_poller_lags(account: Account) -> None:
    lagging = break_kaltura("list_lag", {"service": "media", "action": "list", "times": 0}, after_s=50)
    play(uploading(lagging, video=VideoState.READY), account)


# --- refused parts of a request ------------------------------------------------------------------------------------

PUBLISHED = ((0.0, publish),)
MODERATED: Acts = (*PUBLISHED, (0, name_moderator))
PARTS: dict[str, tuple[Acts, Acts, tuple[str, ...]]] = {
    "publish": (
        (),
        PUBLISHED,
        (
            "liveStream.add",
            "virtualEvent_virtualEvent.add",
            "group_group.add",
            "user.add",
            "groupUser.add",
            "schedule_scheduleEvent.add",
            "schedule_scheduleResource.add",
            "schedule_scheduleEventResource.add",
        ),
    ),
    "retitle": (
        PUBLISHED,
        ((0, retitle),),
        (
            "liveStream.update",
            "virtualEvent_virtualEvent.update",
            "schedule_scheduleEvent.update",
            "schedule_scheduleResource.update",
            "group_group.get",
            "groupUser.list",
        ),
    ),
    "unschedule": (
        PUBLISHED,
        ((0, unschedule),),
        ("schedule_scheduleEvent.delete", "schedule_scheduleResource.delete"),
    ),
    "name-moderator": (PUBLISHED, ((0, name_moderator),), ("user.add", "groupUser.add")),
    "unname-moderator": (MODERATED, ((0, unname_moderator),), ("groupUser.delete",)),
    "delete": (
        PUBLISHED,
        ((0, delete),),
        (
            "media.list",
            "schedule_scheduleEventResource.delete",
            "schedule_scheduleEvent.delete",
            "schedule_scheduleResource.delete",
            "virtualEvent_virtualEvent.delete",
            "group_group.delete",
            "baseEntry.delete",
        ),
    ),
    "upload": (
        ((0, make_on_demand),),
        ((0, ask_to_upload), *SENT),
        ("media.add", "uploadToken.add", "media.addContent"),
    ),
    "poll": (
        ((0, make_on_demand), (0, ask_to_upload)),
        SENT,
        ("flavorAsset.list", "media.list"),
    ),
    "visit": (UPLOADED_IN_PART, ((0, reconcile_videos),), ("baseEntry.getByIds", "uploadToken.list")),
    "delete-video": (
        UPLOADED,
        ((0, delete),),
        ("session.end", "uploadToken.delete", "media.delete", "user.delete"),
    ),
}


@pytest.mark.parametrize("kind", ["throttle", "error"])
@pytest.mark.parametrize(
    ("name", "part"), [pytest.param(name, part, id=f"{name}-{part}") for name in PARTS for part in PARTS[name][2]]
)
def test_one_part_of_a_request_that_is_not_done_is_made_good(account: Account, name: str, part: str, kind: str) -> None:
    before, acts, _ = PARTS[name]
    service, _, action = part.lower().partition(".")
    breaking = break_kaltura(kind, {"service": service, "action": action})
    # The teacher may have got the error, and given up. A begun upload still comes to its end.
    world = play(Flow(name, ((0, breaking), *acts), before=before, settled_s=100, outage=True), account)
    (rule,) = world.simulator.control("GET", "faults")
    assert rule["seen"] >= 1


def test_a_final_refusal_is_shown_and_the_next_wish_is_tried(account: Account) -> None:
    forbidden = break_kaltura("error", {**EVENT_IS_MADE, "times": 0}, code="SERVICE_FORBIDDEN")

    def refused(world: World) -> None:
        world.write(S1, status="public", title=REFUSED_TITLE)

    world = play(Flow("refuse", ((0, forbidden), (0, refused))), account)
    shown = world.documents(SESSIONS)[S1].fields["kaltura"]
    assert shown["state"] == "failed"
    assert shown["failure"]["code"] == "SERVICE_FORBIDDEN"
    assert not shown["failure"]["retryable"]
    assert world.there().external_ids() == ()

    with told(world, "the next wish"):
        act(world, ((0, mend_kaltura), (0, retitle)))
        world.rest(hastily=True)
    assert len(world.there().events()) == 1


OPTIONAL = {
    VIRTUAL_EVENT: "virtualEvent_virtualEvent",
    GROUP: "group_group",
    EVENT: "schedule_scheduleEvent",
    RESOURCE: "schedule_scheduleResource",
}


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "the answer lost"])
@pytest.mark.parametrize("part", OPTIONAL)
def test_a_part_that_the_account_does_not_offer_is_recorded_and_the_rest_goes_on(
    account: Account, part: str, lost: bool
) -> None:
    def forbid(world: World) -> None:
        world.simulator.control("POST", "settings", {"forbidden_services": [OPTIONAL[part].lower()]})

    breaking = ((0.0, break_kaltura("drop_after_commit", EVENT_IS_MADE)),) if lost else ()
    world = play(Flow("publish", (*breaking, (0, forbid), (0, publish), (100, retitle))), account)

    shown = world.documents(SESSIONS)[S1].fields["kaltura"]
    (made,) = world.there().events()
    assert (shown["state"], shown["notAvailable"]) == ("ready", [part])
    assert made.external_ids.keys() == {ENTRY, *OPTIONAL} - {part}
    with told(world, "the end"):
        act(world, ((0, delete),))
        world.rest(hastily=True)
    assert world.there().external_ids() == ()


# --- Kaltura is away -----------------------------------------------------------------------------------------------

AWAY: dict[str, Act] = {
    "down": break_kaltura("drop_before", {"times": 0}),
    "answering HTML": break_kaltura("html", {"times": 0}, status=502),
    "answering nothing": break_kaltura("empty", {"times": 0}),
    "answering half": break_kaltura("truncated", {"times": 0}),
    "throttling": break_kaltura("throttle", {"times": 0}),
    "failing": break_kaltura("error", {"times": 0}),
}


@pytest.mark.parametrize("away", AWAY)
def test_what_is_wished_while_kaltura_is_away_is_shown_as_failing_and_done_afterwards(
    account: Account, away: str
) -> None:
    def look(world: World) -> None:
        kaltura = world.documents(SESSIONS)[S1].fields["kaltura"]
        assert kaltura["failure"]["retryable"]
        assert kaltura["failure"]["message"].endswith(".")
        assert kaltura["failure"]["code"].isupper()

    flow = Flow("publish", ((0, AWAY[away]), (0, publish), (HOUR_S, look), (HOUR_S, mend_kaltura)), outage=True)
    assert len(play(flow, account).there().events()) == 1


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.parametrize("mind", [retitle, move, unpublish, delete], ids=lambda mind: mind.__name__)
def test_a_mind_changed_while_kaltura_is_away_is_heeded_afterwards(account: Account, mind: Act, away: str) -> None:
    acts: Acts = ((0, AWAY[away]), (0, mind), (HOUR_S, mend_kaltura))
    play(Flow(mind.__name__, acts, before=PUBLIC, outage=True), account)


@pytest.mark.parametrize("away", AWAY)
def test_a_video_that_is_finished_while_kaltura_is_away_is_not_given_up(account: Account, away: str) -> None:
    assert POLICY.processing_deadline_s < HOUR_S
    flow = Flow(
        "upload",
        ((0, AWAY[away]), (HOUR_S, mend_kaltura)),
        before=UPLOADED,
        settled_s=0,
        video=VideoState.READY,
        outage=True,
    )
    play(flow, account)


# --- repeated tasks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "done",
    [
        pytest.param(PUBLIC, id="published"),
        pytest.param((*PUBLIC, (20, unpublish)), id="unpublished"),
        pytest.param((*PUBLIC, (20, delete)), id="deleted"),
        pytest.param(UPLOADED, id="uploaded"),
        pytest.param((*UPLOADED, (100, delete)), id="uploaded and deleted"),
    ],
)
def test_an_event_seven_hours_late_changes_nothing(account: Account, done: Acts) -> None:
    world = play(Flow("done", done), account)
    before = _all_documents(world)
    with told(world, "an event that came seven hours late"):
        world.go_on(5 * HOUR_S)
        world.come_again(S1)
        world.rest(hastily=True)
    assert _all_documents(world) == before


def _all_documents(world: World) -> dict[str, Fields]:
    """
    Return all documents, without how often a ready video was observed, which any task may increase.
    """
    return {
        path: {name: value for name, value in document.fields.items() if name not in {"looks", "lookedAt"}}
        for collection in (SESSIONS, PAIRINGS, VIDEOS, DELETIONS)
        for path, document in world.documents(collection).items()
    }
