"""Running a flow: once, or once with each of many cases in a copy of this process.

The tests of this folder call it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from emulator_tests.crashes.account import Account
from emulator_tests.crashes.acts import Act, Acts
from emulator_tests.crashes.digests import digest
from emulator_tests.crashes.effects import Blow, Fault, Met
from emulator_tests.crashes.flows import Flow
from emulator_tests.crashes.forks import Forks
from emulator_tests.crashes.world import World
from emulator_tests.pure.races.defects import SOUND, Build
from emulator_tests.pure.races.invariants import Broken
from emulator_tests.simulators.kaltura.snapshot import KeptFiles
from shared.core.paths import VIDEOS


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


def play_each(
    flow: Flow, account: Account, cases: Iterable[tuple[int, Met, Fault | Act]], *, build: Build = SOUND
) -> list[str | None]:
    """
    Run a flow once, undisturbed, and each case in a copy of this process that begins at the case's effect.

    A copy ends once its disturbed worker has ended, if another copy was in the same state by then: both would go on
    alike, so only the first one is judged.

    Args:
        flow: What users do.
        account: The Kaltura account to use.
        cases: For each case the number of the effect, the effect as it was recorded, and its disturbance, ordered by
            the numbers.
        build: The code as it is, or with a defect.

    Returns:
        For each case the traceback of its failure with the log of the run, or `None`.
    """
    left, failures, forks = deque(cases), list[str | None](), Forks()
    world = _begin(flow, account, None, build)
    what: Fault | Act | None = None

    def end_if_judged() -> None:
        if not forks.is_new(digest(world.state(), isinstance(what, Fault))):
            forks.end()

    def branch(number: int, met: Met) -> Fault | Callable[[], None] | None:
        nonlocal what
        kept: KeptFiles | None = None
        while left and left[0][0] == number:
            _, recorded, mine = left.popleft()
            assert met == recorded, "The run took another course than the one that was recorded."
            kept = kept or account.simulator.keep_files()
            before = len(forks.failures)
            if forks.fork():
                world.effects.branch, what = None, mine
                world.is_orderly = _is_orderly(flow, mine)
                world.after_disturbance = end_if_judged
                return _disturbance(world, mine)
            kept.bring_back()
            failures.append(forks.failures[before] if len(forks.failures) > before else None)
        if kept is not None:
            kept.forget()
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
        world.acted += 1


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
