"""The flows: what users do, what they did before, and the expected end. `play` runs one.

The tests of this folder call it. `world` carries out each act.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from emulator_tests.crashes.effects import Blow, Fault, Met
from emulator_tests.crashes.forks import Forks
from emulator_tests.crashes.world import Account, World
from emulator_tests.pure.races.defects import SOUND, Build
from emulator_tests.pure.races.invariants import Broken
from emulator_tests.testbed.places import TEST_PICTURE
from shared.core.paths import RECONCILE_SESSION, RECONCILE_VIDEO, VIDEOS
from shared.videos.commands import cancel_upload, delete_video, retry_video
from shared.videos.model import VideoState

Act = Callable[[World], None]
Acts = tuple[tuple[float, Act], ...]

FILM: Final = TEST_PICTURE.read_bytes()
GARBAGE: Final = b"This is no film. " * 20_000
CHUNKS: Final = 3
S1: Final = "s1"
PAUSE_S: Final = 5.0
EVENT_S: Final = 30
"""Length of a live event in a flow."""


def publish(world: World) -> None:
    """
    Publish the session; create it if there is none.
    """
    world.write(S1, status="public")


def publish_unheard(world: World) -> None:
    """
    Publish the session, and lose the trigger.
    """
    world.write(S1, heard=False, status="public")


def unpublish(world: World) -> None:
    """
    Make the session a draft again.
    """
    world.write(S1, status="draft")


def retitle(world: World) -> None:
    """
    Change the title, with characters that have a meaning for servers.
    """
    world.write(S1, title="{1:result:id} <Géométrie> & co")


def move(world: World) -> None:
    """
    Move the session to a day later.
    """
    at = world.clock() + timedelta(days=2)
    world.write(S1, startsAt=at, endsAt=at + timedelta(hours=1))


def unschedule(world: World) -> None:
    """
    Remove the session's start and end.
    """
    world.write(S1, startsAt=None, endsAt=None)


def name_moderator(world: World) -> None:
    """
    Make a user a moderator.
    """
    world.write(S1, moderators={"anna": True})


def unname_moderator(world: World) -> None:
    """
    Remove the moderator.
    """
    world.write(S1, moderators={})


def publish_now(world: World) -> None:
    """
    Publish the session as it begins.
    """
    world.write(S1, status="public", startsAt=world.clock(), endsAt=world.clock() + timedelta(seconds=EVENT_S))


def go_on_air(world: World) -> None:
    """
    Let the owner's encoder begin to send.
    """
    world.broadcast(None, is_live=True)


def go_off_air(world: World) -> None:
    """
    Let the encoder stop; the recording arrives.
    """
    world.broadcast(TEST_PICTURE, is_live=False)


def delete(world: World) -> None:
    """
    Delete the session.
    """
    world.delete(S1)


def delete_unheard(world: World) -> None:
    """
    Delete the session, and lose the trigger.
    """
    world.delete(S1, heard=False)


def make_on_demand(world: World) -> None:
    """
    Create an on-demand session.
    """
    world.write(S1, status="public", format="onDemand")


def ask_to_upload(world: World) -> None:
    """
    Let the owner ask for an upload token.
    """
    world.ask_to_upload(S1, FILM)


def ask_to_upload_garbage(world: World) -> None:
    """
    Let the owner ask for an upload token, for a file that is not a video.
    """
    world.ask_to_upload(S1, GARBAGE)


def ask_to_replace(world: World) -> None:
    """
    Let the owner ask for a token to replace the video.
    """
    world.ask_to_replace(FILM)


def ask_to_replace_with_garbage(world: World) -> None:
    """
    Let the owner ask for a token to replace the video, with a file that is not a video.
    """
    world.ask_to_replace(GARBAGE)


def renew(world: World) -> None:
    """
    Let the owner ask for a fresh token, and continue the upload with it.
    """
    world.renew_token()


def cancel(world: World) -> None:
    """
    Cancel the latest upload.
    """
    world.spec("cancelUpload", cancel_upload)


def unwant(world: World) -> None:
    """
    Delete the video.
    """
    world.spec("deleteVideo", delete_video)


def retry(world: World) -> None:
    """
    Retry the failed upload.
    """
    world.spec("retryVideo", retry_video)


def fail_to_convert(world: World) -> None:
    """
    From now on, let Kaltura fail to convert what arrives.
    """
    world.let_conversions_fail()


def convert_again(world: World) -> None:
    """
    From now on, let Kaltura convert what arrives.
    """
    world.let_conversions_succeed()


def lose_document(world: World) -> None:
    """
    Let the database lose the video's document.
    """
    world.lose_document()


def adopt(world: World) -> None:
    """
    Let the operator adopt the orphan.
    """
    world.adopt()


def push(world: World) -> None:
    """
    Let Kaltura send webhooks for all that exists, and let workers reconcile the videos.
    """
    world.push()
    reconcile_videos(world)


def send(number: int) -> Act:
    """
    Let the owner's browser send a chunk.
    """
    return lambda world: world.send(number, CHUNKS)


def lose_tasks(world: World) -> None:
    """
    Let the queue lose all tasks.
    """
    world.lose_tasks()


def make_strays(world: World) -> None:
    """
    Create things at Kaltura that no document names.
    """
    world.make_strays()


def break_kaltura(kind: str, match: Mapping[str, Any] | None = None, **how: Any) -> Act:
    """
    From now on, let requests to Kaltura fail: the next one, the next that matches, or all that match (`times=0`).
    """
    return lambda world: world.let_go_wrong(kind, match, **how)


def mend_kaltura(world: World) -> None:
    """
    Let no more requests to Kaltura fail.
    """
    world.mend_kaltura()


def visit_session(world: World) -> None:
    """
    Let another worker reconcile the session.
    """
    world.visit_at_once(RECONCILE_SESSION, S1)


def reconcile_videos(world: World) -> None:
    """
    Let other workers reconcile the session's videos.
    """
    for video_id in world.documents(VIDEOS):
        world.visit_at_once(RECONCILE_VIDEO, video_id)


def sweep(world: World) -> None:
    """
    Pause the current worker, and let the sweep run in the pause.
    """
    world.wait(PAUSE_S)
    world.sweep_at_once()


def move_and_visit(world: World) -> None:
    """
    Move the session, and let another worker reconcile it before the current one goes on.
    """
    move(world)
    visit_session(world)


def publish_and_visit(world: World) -> None:
    """
    Publish the session, and let another worker reconcile it before the current one goes on.
    """
    publish(world)
    visit_session(world)


def delete_and_visit(world: World) -> None:
    """
    Delete the session, and let other workers reconcile it and its videos before the current one goes on.
    """
    delete(world)
    visit_session(world)
    reconcile_videos(world)


@dataclass(frozen=True, slots=True)
class Flow:
    """
    One flow: what users do, and what to expect.

    Attributes:
        name: For the ids of tests.
        acts: What users do, each with the seconds since the beginning.
        before: What users did before, without disturbance.
        settled_s: Seconds between `before` and `acts`.
        minds: Changes of mind during the flow, and other workers that may come.
        video: The expected end state of the video, if it is certain.
        sweeps: Number of sweeps whose effects are disturbed too.
        new_account: Whether the account is entirely new, without what is created in an account once.
        beyond: Whether things may exist twice for a while.
        outage: Whether so much goes wrong that the queue may drop tasks.
    """

    name: str
    acts: Acts = ()
    before: Acts = ()
    settled_s: float = 20
    minds: tuple[Act, ...] = ()
    video: VideoState | None = None
    sweeps: int = 0
    new_account: bool = False
    beyond: bool = False
    outage: bool = False


PUBLIC: Final[Acts] = ((0, publish),)
ON_AIR: Final[Acts] = ((0, publish_now), (5, go_on_air))
SENT: Final[Acts] = tuple((5.0 * number, send(number)) for number in range(1, CHUNKS + 1))
UPLOADED: Final[Acts] = ((0, make_on_demand), (0, ask_to_upload), *SENT)
UPLOADED_IN_PART: Final[Acts] = UPLOADED[:3]
REPLACED_IN_PART: Final[Acts] = (*UPLOADED, (100, ask_to_replace), (105, send(1)))

FLOWS: Final = (
    Flow(
        "publish", PUBLIC, minds=(unpublish, delete, retitle, visit_session, delete_and_visit, sweep), new_account=True
    ),
    Flow("unpublish", ((0, unpublish),), before=PUBLIC, minds=(publish, delete, visit_session, publish_and_visit)),
    Flow("republish-within-grace", ((0, unpublish), (120, publish)), before=PUBLIC),
    Flow("republish-after-grace", ((0, unpublish), (900, publish)), before=PUBLIC, minds=(visit_session,)),
    Flow("flip", ((0, publish), (0, unpublish), (0, publish))),
    Flow("retitle", ((0, retitle),), before=PUBLIC, minds=(move, unpublish, delete, visit_session, move_and_visit)),
    Flow(
        "name-moderator",
        ((0, name_moderator),),
        before=PUBLIC,
        minds=(unname_moderator, unpublish, delete, visit_session),
    ),
    Flow("unname-moderator", ((0, unname_moderator),), before=((0, publish), (0, name_moderator)), minds=(delete,)),
    Flow(
        "record",
        ((0, go_off_air),),
        before=ON_AIR,
        minds=(unpublish, delete, visit_session, sweep),
        video=VideoState.READY,
    ),
    Flow("unpublish-on-air", ((0, unpublish), (700, go_off_air)), before=ON_AIR, video=VideoState.READY),
    Flow("delete-on-air", ((0, delete), (100, go_off_air)), before=ON_AIR, minds=(visit_session,)),
    Flow("delete-recorded", ((0, delete),), before=(*ON_AIR, (25, go_off_air)), settled_s=300, video=VideoState.GONE),
    Flow("unschedule", ((0, unschedule),), before=PUBLIC, minds=(move, delete)),
    Flow("schedule", ((0, move),), before=((0, publish), (0, unschedule)), minds=(unschedule, delete)),
    Flow("delete-public", ((0, delete),), before=PUBLIC, minds=(publish, visit_session, sweep)),
    Flow("delete-draft", ((0, delete),), before=((0, unpublish),)),
    Flow("delete-retiring", ((0, delete),), before=((0, publish), (10, unpublish))),
    Flow("publish-and-delete", ((0, publish), (3, delete))),
    Flow(
        "delete-with-video",
        ((0, delete),),
        before=((0, publish), (0, ask_to_upload), *SENT),
        settled_s=100,
        video=VideoState.GONE,
    ),
    Flow(
        "upload",
        ((0, ask_to_upload), *SENT),
        before=((0, make_on_demand),),
        minds=(delete, reconcile_videos, delete_and_visit, sweep),
        video=VideoState.READY,
    ),
    Flow(
        "poll-until-error",
        before=((0, make_on_demand), (0, ask_to_upload_garbage), *SENT),
        settled_s=0,
        minds=(delete, reconcile_videos),
        video=VideoState.FAILED,
    ),
    Flow(
        "delete-during-upload",
        ((0, ask_to_upload), (5, send(1)), (6, delete), (10, send(2)), (15, send(3))),
        before=((0, make_on_demand),),
        video=VideoState.GONE,
        new_account=True,
    ),
    Flow(
        "replace",
        ((0, ask_to_replace), *SENT),
        before=UPLOADED,
        settled_s=100,
        minds=(delete, unwant, cancel, ask_to_replace, push, sweep),
        video=VideoState.READY,
    ),
    Flow(
        "replacement-fails",
        before=(*UPLOADED, (100, ask_to_replace_with_garbage), *((100 + at, do) for at, do in SENT)),
        settled_s=0,
        minds=(unwant, ask_to_replace, reconcile_videos),
        video=VideoState.FAILED,
    ),
    Flow(
        "replace-twice",
        ((0, ask_to_replace), *SENT),
        before=REPLACED_IN_PART,
        settled_s=1,
        minds=(unwant,),
        video=VideoState.READY,
    ),
    Flow(
        "delete-video-during-replacement",
        ((0, unwant), (4, send(2))),
        before=REPLACED_IN_PART,
        settled_s=1,
        minds=(reconcile_videos,),
        video=VideoState.GONE,
    ),
    Flow(
        "delete-video",
        ((0, unwant),),
        before=UPLOADED,
        settled_s=100,
        minds=(delete, reconcile_videos, sweep),
        video=VideoState.GONE,
    ),
    Flow(
        "cancel-upload",
        ((0, cancel), (4, send(2))),
        before=UPLOADED_IN_PART,
        settled_s=1,
        minds=(delete, reconcile_videos, sweep),
        video=VideoState.GONE,
    ),
    Flow(
        "cancel-replacement",
        ((0, cancel),),
        before=REPLACED_IN_PART,
        settled_s=1,
        minds=(unwant, ask_to_replace, reconcile_videos),
        video=VideoState.READY,
    ),
    Flow(
        "renew-during-upload",
        ((0, renew), (2, send(2)), (7, send(3))),
        before=UPLOADED_IN_PART,
        settled_s=3,
        minds=(unwant, reconcile_videos),
        video=VideoState.READY,
    ),
    Flow(
        "retry",
        ((0, convert_again), (0, retry)),
        before=((0, fail_to_convert), *UPLOADED),
        settled_s=100,
        minds=(delete, unwant, ask_to_replace, push, sweep),
        video=VideoState.READY,
    ),
    Flow(
        "push-and-poll",
        ((55, push),),
        before=UPLOADED,
        settled_s=0,
        minds=(delete, push),
        video=VideoState.READY,
    ),
    Flow(
        "adopt",
        ((0, adopt), (200, adopt)),
        before=(*UPLOADED, (200, lose_document)),
        settled_s=10,
        minds=(delete, adopt, reconcile_videos, sweep),
        video=VideoState.READY,
    ),
    Flow("sweep-finds-a-wish", ((0, publish_unheard),), sweeps=1),
    Flow("sweep-finds-a-deletion", ((0, delete_unheard),), before=PUBLIC, sweeps=1),
    Flow("sweep-finds-a-video", ((0, lose_tasks),), before=UPLOADED, settled_s=0, video=VideoState.READY, sweeps=1),
    Flow("sweep-finds-strays", before=((0, make_strays),), settled_s=SOUND.stray_age_s, sweeps=1),
)


def play(
    flow: Flow,
    account: Account,
    *,
    number: int = 0,
    what: Fault | Act | None = None,
    build: Build = SOUND,
    copies: int = 1,
    hastily: bool = True,
) -> World:
    """
    Run a flow once, from an empty account until nothing is left to do.

    Args:
        flow: What users do.
        account: The Kaltura account to use.
        number: Number of the effect that is disturbed.
        what: The disturbance; `None` lets everything go well.
        build: The code as it is, or with a defect.
        copies: How often each task is delivered.
        hastily: Leave out the sweeps that can find nothing.

    Returns:
        The world at the end.

    Raises:
        Broken: An invariant does not hold. The notes of the exception contain the log of the run, as for any other
            error.
    """
    world = _begin(flow, account, what, build, copies)
    with told(world, flow.name):
        world.effects.blow = None if what is None else Blow(number, _disturbance(world, what))
        _go_through(flow, world, hastily=hastily)
        _require_promised(flow, world, what)
    return world


def play_each(flow: Flow, account: Account, cases: Iterable[tuple[int, Met, Fault | Act]]) -> list[str | None]:
    """
    Run a flow once, undisturbed, and each case in a copy of this process that begins at the case's effect.

    Args:
        flow: What users do.
        account: The Kaltura account to use.
        cases: For each case the number of the effect, the effect as it was recorded, and its disturbance, ordered by
            the numbers.

    Returns:
        For each case the traceback of its failure with the log of the run, or `None`.
    """
    left, failures, forks = deque(cases), list[str | None](), Forks()
    world = _begin(flow, account, None)
    what: Fault | Act | None = None

    def branch(number: int, met: Met) -> Fault | Callable[[], None] | None:
        nonlocal what
        is_kept = False
        while left and left[0][0] == number:
            _, recorded, mine = left.popleft()
            assert met == recorded, "The run took another course than the one that was recorded."
            if not is_kept:
                account.simulator.snapshot()
                is_kept = True
            before = len(forks.failures)
            if forks.fork():
                account.leave_connections()
                world.effects.branch, what = None, mine
                world.is_orderly = _is_orderly(flow, mine)
                return _disturbance(world, mine)
            account.simulator.restore()
            failures.append(forks.failures[before] if len(forks.failures) > before else None)
        return None

    world.effects.branch = branch
    try:
        with told(world, flow.name):
            _go_through(flow, world)
            _require_promised(flow, world, what)
    except BaseException as error:
        if forks.is_copy:
            forks.end(error)
        raise
    if forks.is_copy:
        forks.end()
    assert not left, "The run ended before some of the effects that were recorded."
    return failures


def _begin(flow: Flow, account: Account, what: Fault | Act | None, build: Build = SOUND, copies: int = 1) -> World:
    world = World(
        account.simulator,
        account.client,
        build,
        beyond=flow.beyond,
        outage=flow.outage,
        copies=copies,
        new_account=flow.new_account,
    )
    world.is_orderly = _is_orderly(flow, what)
    return world


def _is_orderly(flow: Flow, what: Fault | Act | None) -> bool:
    return not (isinstance(what, Fault) or flow.outage or flow.beyond)


def _disturbance(world: World, what: Fault | Act) -> Fault | Callable[[], None]:
    return what if isinstance(what, Fault) else lambda: what(world)


def _go_through(flow: Flow, world: World, *, hastily: bool = True) -> None:
    act(world, flow.before)
    world.go_on(flow.settled_s)
    world.count(sweeps=flow.sweeps)
    act(world, flow.acts)
    world.rest(hastily=hastily)


def _require_promised(flow: Flow, world: World, what: Fault | Act | None) -> None:
    """
    Require that the video ends as the flow says, unless a user got an error or changed their mind.
    """
    ends = [video.fields["state"] for video in world.documents(VIDEOS).values()]
    promised = flow.video is not None and not world.hurt and (what is None or isinstance(what, Fault))
    if promised and ends != [flow.video]:
        raise Broken(12, "a video ends as its spec says", f"it ended {ends}, not {flow.video}")


def act(world: World, acts: Acts) -> None:
    """
    Let users act, each at a number of seconds from now.
    """
    begun_at = world.clock()
    for after_s, do in acts:
        world.go_on(max(0.0, after_s - (world.clock() - begun_at).total_seconds()))
        do(world)


@contextmanager
def told(world: World, name: str) -> Iterator[None]:
    """
    Add the log of the run to any error.
    """
    try:
        yield
    except Exception as error:
        error.add_note("\n".join(["", f"The course of {name}:", *world.chronicle.lines()]))
        raise
