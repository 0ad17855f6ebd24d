"""From which host a video is played: the cheapest that has it, is healthy and has room, as one instance knows it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from cli.checkup import check_resources
from emulator_tests.memory import ManualClock, MemoryDocuments
from emulator_tests.pure.deployment import TEACHER, Deployment, refusal
from emulator_tests.pure.test_copies import READY, copied, finish, school, upload
from shared.core.callers import Caller
from shared.core.errors import SecretRejected, WrongState
from shared.core.paths import CHECK_HOST, RECONCILE_COPY, copy_key, host_path
from shared.hosts.promises import Promise, Watching, encoded, promise_of, sends_kbps, watching_of
from shared.hosts.table import KNOWN_S, USUAL_KBPS, HostTable, Standing, Terms, needs_kbps
from shared.ports import Create, Finding, Health, MediaState, Observation, Task, Update
from shared.videos.host_checks import AGAIN_S
from shared.videos.playback import Playback
from shared.videos.resource import host_checks

pytestmark = pytest.mark.long

ALL: Final = ["memory", "fetching", "waiting"]
NUMBERS: Final = itertools.count()
STUDENT: Final = Caller("student", is_teacher=False)
HOUR_S: Final = 3600.0


def table(documents: MemoryDocuments, clock: ManualClock, **terms: Terms) -> HostTable:
    """The table as another instance has it."""
    return HostTable(documents, clock, {"memory": Terms(5.0), "fetching": Terms(1.0), "waiting": Terms(2.0)} | terms)


def somebody() -> Watching:
    """A viewer whom nobody has seen before, and a video."""
    return watching_of(f"viewer{next(NUMBERS)}", "v1")


def ranked(
    one: HostTable, names: list[str], kbps: int, watching: Watching | None = None, failed: str | None = None
) -> list[str]:
    """Which hosts can play, for somebody."""
    return one.ranked(names, kbps, watching or somebody(), failed)


def promise(one: HostTable, name: str, kbps: int, duration_s: float, watching: Watching | None = None) -> None:
    """Let a host promise something, to somebody."""
    one.promise(name, kbps, duration_s, watching or somebody())


def held(documents: MemoryDocuments, name: str = "fetching") -> tuple[Promise, ...]:
    """What a host has promised, by its document."""
    return Standing.from_document(documents.read(host_path(name))[0]).promised


def play(deployment: Deployment, video_id: str, failed: str | None = None) -> Playback:
    """A student's grant."""
    return deployment.playbacks.issue_playback(STUDENT, video_id, failed)


# --- the table ----------------------------------------------------------------------------------------------------


def test_cheapest_host_comes_first_and_unpriced_last() -> None:
    one = table(MemoryDocuments(), ManualClock(), memory=Terms())

    assert ranked(one, ALL, 1000) == ["fetching", "waiting", "memory"]
    assert ranked(one, ALL, 1000, failed="fetching") == ["waiting", "memory"]
    assert ranked(one, ["memory"], 1000) == ["memory"]
    assert ranked(one, ["memory"], 1000, failed="memory") == []


def test_a_host_that_is_not_healthy_is_passed_over_until_it_is() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    documents.commit(Create(host_path("fetching"), {"isHealthy": False}))
    one = table(documents, clock)
    assert ranked(one, ALL, 1000) == ["waiting", "memory"]

    documents.commit(Update(host_path("fetching"), {"isHealthy": True}))
    assert ranked(one, ALL, 1000) == ["waiting", "memory"]
    clock.advance(KNOWN_S)
    assert ranked(one, ALL, 1000) == ALL[1:] + ALL[:1]


def test_host_over_its_bandwidth_is_passed_over_until_videos_end() -> None:
    clock = ManualClock()
    one = table(MemoryDocuments(), clock, fetching=Terms(1.0, mbps_max=10.0))
    for _ in range(2):
        assert ranked(one, ALL, 4000)[0] == "fetching"
        promise(one, "fetching", 4000, HOUR_S)

    assert ranked(one, ALL, 4000)[0] == "waiting"
    assert ranked(one, ALL, 2000)[0] == "fetching"
    clock.advance(HOUR_S + 60)
    assert ranked(one, ALL, 4000)[0] == "fetching"


def test_instances_know_of_each_others_promises_after_some_seconds_or_at_once_where_they_are_large() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    limited = {"fetching": Terms(1.0, mbps_max=100.0)}
    one, other = table(documents, clock, **limited), table(documents, clock, **limited)
    assert ranked(one, ALL, 1000)[0] == ranked(other, ALL, 1000)[0] == "fetching"

    promise(one, "fetching", 4000, HOUR_S)
    ranked(one, ALL, 1000)
    assert held(documents) == ()
    promise(one, "fetching", 90_000, HOUR_S)
    ranked(one, ALL, 1000)
    assert sends_kbps(held(documents), clock()) == 94_000

    assert ranked(other, ALL, 10_000)[0] == "fetching"
    clock.advance(KNOWN_S)
    assert ranked(other, ALL, 10_000)[0] == "waiting"
    promise(other, "fetching", 5000, HOUR_S)
    clock.advance(KNOWN_S)
    ranked(other, ALL, 1000)
    clock.advance(KNOWN_S)
    assert ranked(one, ALL, 2000)[0] == "waiting"


def test_what_another_instance_wrote_first_is_added_the_next_time_and_nothing_is_lost() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    elsewhere = promise_of(somebody(), clock(), 1000, HOUR_S)
    faster: list[Any] = []

    class Raced(MemoryDocuments):
        def read(self, *paths: str) -> Any:
            read = documents.read(*paths)
            while faster:
                faster.pop()()
            return read

        def commit(self, *writes: Any) -> Any:
            return documents.commit(*writes)

    raced = table(Raced(), clock, fetching=Terms(1.0, mbps_max=100.0))
    promise(raced, "fetching", 90_000, HOUR_S)
    faster.append(lambda: documents.commit(Create(host_path("fetching"), {"promised": encoded([elsewhere])})))
    ranked(raced, ALL, 1000)
    assert held(documents) == (elsewhere,)
    clock.advance(KNOWN_S)
    assert ranked(raced, ALL, 10_000)[0] == "waiting"
    assert sends_kbps(held(documents), clock()) == 91_000


def test_ended_reservations_are_no_longer_written() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    one = table(documents, clock, fetching=Terms(1.0, mbps_max=100.0))
    for duration_s in (60.0, HOUR_S):
        promise(one, "fetching", 10_000, duration_s)
    ranked(one, ALL, 1000)
    clock.advance(HOUR_S / 2)
    promise(one, "fetching", 1000, HOUR_S)
    clock.advance(KNOWN_S)
    ranked(one, ALL, 1000)

    assert sorted(one.kbps for one in held(documents)) == [1000, 10_000]


def test_a_host_without_a_limit_is_not_written_of() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    one = table(documents, clock)
    promise(one, "fetching", 90_000, HOUR_S)
    ranked(one, ALL, 1000)

    assert documents.paths() == ()


@pytest.mark.parametrize(
    ("size_bytes", "duration_s", "kbps"),
    [(1_000_000, 8.0, 1000), (10, 1000.0, 1), (None, 8.0, USUAL_KBPS), (10, None, USUAL_KBPS), (10, 0.0, USUAL_KBPS)],
)
def test_video_bandwidth_is_computed(size_bytes: int | None, duration_s: float | None, kbps: int) -> None:
    assert needs_kbps(size_bytes, duration_s) == kbps


# --- who plays ----------------------------------------------------------------------------------------------------


def test_a_viewer_gets_the_cheapest_host_and_what_it_does_not_have_from_the_next_ones() -> None:
    deployment, video_id = copied()

    playback = play(deployment, video_id)

    assert (playback.host, playback.url) == ("fetching", playback.values["manifestUrl"])
    assert str(playback.values["manifestUrl"]).startswith("memory://fetching-copy1/")
    assert str(playback.values["thumbnailUrl"]).startswith("memory://fetching-copy1/")
    assert str(playback.values["progressiveUrl"]).startswith("memory://waiting-copy1/")


def test_without_copies_the_provider_plays() -> None:
    deployment = school()
    video_id = upload(deployment)

    playback = play(deployment, video_id)

    # The host that waits for bytes has all of them already; the other is still fetching.
    assert playback.host == "waiting"
    assert str(playback.values["manifestUrl"]).startswith("memory://0_video1/")


def test_copy_of_a_replaced_video_does_not_play() -> None:
    deployment, video_id = copied()
    deployment.ask_replacement(video_id)
    deployment.show(video_id, READY)
    # Nobody has reconciled the copies yet.
    deployment.deliver(Task("reconcileVideo", video_id))

    assert play(deployment, video_id).host == "memory"
    deployment.run(30)
    finish(deployment)
    assert play(deployment, video_id).url.startswith("memory://fetching-copy2/")


def test_video_lost_by_its_provider_plays_from_copies() -> None:
    deployment, video_id = copied()
    deployment.show(video_id, Observation(MediaState.GONE))
    deployment.deliver(Task("reconcileVideo", video_id))

    assert play(deployment, video_id).host == "fetching"
    assert play(deployment, video_id, "fetching").host == "waiting"
    assert "0_video1" not in str(play(deployment, video_id).values)
    for host in (deployment.fetching, deployment.waiting):
        host.vanish(host.alive()[0].external_ids["copyId"])
    deployment.clock.advance(100)
    for name in ("fetching", "waiting"):
        deployment.deliver(Task(RECONCILE_COPY, copy_key(video_id, name)))
    with pytest.raises(WrongState):
        play(deployment, video_id)


def test_failed_playback_gets_another_host_and_checks_the_first() -> None:
    deployment, video_id = copied()
    deployment.clock.advance(120)
    deployment.lose_tasks()

    assert play(deployment, video_id, "fetching").host == "waiting"

    assert deployment.enqueued(CHECK_HOST) == ["fetching"]
    assert deployment.enqueued(RECONCILE_COPY) == [copy_key(video_id, "fetching")]
    for _ in range(20):
        play(deployment, video_id, "fetching")
    assert len(deployment.queue.waiting()) == 2
    # Of a host that does not have it nobody is told.
    play(deployment, video_id, "nowhere")
    assert len(deployment.queue.waiting()) == 2


def test_failing_host_is_used_if_there_is_no_other() -> None:
    deployment = Deployment()
    deployment.write_session()
    video_id = upload(deployment)

    assert play(deployment, video_id, "memory").host == "memory"
    assert deployment.enqueued(CHECK_HOST) == ["memory"]
    deployment.run(60)
    assert not [path for path in deployment.documents.paths() if path.startswith("hosts/")]


# --- health -------------------------------------------------------------------------------------------------------


def test_a_host_from_which_nothing_can_be_had_is_tried_each_minute_until_it_plays_again() -> None:
    deployment, video_id = copied()
    deployment.silent.add("fetching")
    deployment.sweep.run()
    deployment.run(1)

    assert play(deployment, video_id).host == "waiting"
    standing = Standing.from_document(deployment.document(host_path("fetching")))
    assert (standing.is_healthy, standing.since) == (False, standing.checked_at)
    deployment.run(3 * AGAIN_S)
    later = Standing.from_document(deployment.document(host_path("fetching")))
    assert (later.since, later.checked_at) == (standing.since, deployment.clock() - timedelta(seconds=1))

    deployment.silent.clear()
    deployment.run(AGAIN_S + KNOWN_S)
    assert play(deployment, video_id).host == "fetching"
    assert deployment.enqueued(CHECK_HOST) == []


def test_a_provider_is_tried_as_a_host_is() -> None:
    deployment, video_id = copied()
    deployment.silent.add("0_video")
    deployment.sweep.run()
    deployment.run(1)

    assert not Standing.from_document(deployment.document(host_path("memory"))).is_healthy
    assert play(deployment, video_id).host == "fetching"


def test_one_video_that_was_just_deleted_does_not_make_its_host_fail() -> None:
    deployment, _ = copied()
    upload(deployment, "r2")
    finish(deployment)
    first = deployment.fetching.alive()[0]
    deployment.silent.add(f"{first.external_ids['copyId']}/")
    deployment.app.get(host_checks).check("fetching")

    assert Standing.from_document(deployment.document(host_path("fetching"))).is_healthy


def test_host_that_plays_without_a_token_raises_an_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    deployment, _ = copied()
    for is_open in (False, True):
        deployment.is_open = is_open
        for name in ("fetching", "memory"):
            assert deployment.app.get(host_checks).is_open(name) is is_open
            deployment.app.get(host_checks).check(name)
            assert Standing.from_document(deployment.document(host_path(name))).is_healthy
        told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        alerts = [(one["severity"], one["host"]) for one in told if one["message"] == "host plays without permission"]
        assert alerts == ([("ALERT", "fetching"), ("ALERT", "memory")] if is_open else [])


def is_of_slides(finding: Finding) -> bool:
    """Tell whether a finding is about slides, which have tests of their own."""
    return finding.what.startswith(("slides ", "chat "))


def missing(deployment: Deployment) -> dict[str, str]:
    """Return the sentences of `doctor` about what is missing, by provider and host."""
    found = {one.what: one for one in check_resources(deployment.app) if not is_of_slides(one)}
    playing = [f"{name} playback" for name in ("memory", "second", "fetching", "waiting")]
    assert list(found) == [*playing, "host fetching", "host waiting"]
    return {what: one.sentence for what, one in found.items() if one.health is not Health.OK}


def test_doctor_reports_who_plays_without_permission() -> None:
    deployment, _ = copied({"fetching": Terms(1.0), "waiting": Terms(2.0)})
    assert missing(deployment) == {}

    deployment.is_open = True
    told = missing(deployment)
    # Nothing is ready at the second provider.
    assert set(told) == {"memory playback", "fetching playback", "waiting playback"}
    assert told["memory playback"].endswith(
        "Check in its console whether this was changed: the protection of its videos."
    )
    assert told["fetching playback"].endswith("or make the bucket private.")


def test_doctor_reports_which_host_refuses_our_keys() -> None:
    deployment, _ = copied({"fetching": Terms(1.0), "waiting": Terms(2.0)})

    def refuse(operation: str, do: Callable[[], Any]) -> Any:
        if operation == "find_copy":
            raise SecretRejected("It was refused.", provider="memory", operation=operation, code="HTTP_403")
        return do()

    deployment.disturb = refuse
    told = "It was refused. Its keys are in HOSTS."
    assert missing(deployment) == {"host fetching": told, "host waiting": told}


def test_doctor_reports_what_cannot_be_checked_and_goes_on() -> None:
    deployment, _ = copied()

    def fail(operation: str, do: Callable[[], Any]) -> Any:  # noqa: ARG001  # the form of `disturb`
        raise refusal(operation)

    deployment.disturb = fail
    first, *others = check_resources(deployment.app)
    assert first == Finding("videos", Health.MISSING, "Try again later.")
    assert {one.what for one in others if not is_of_slides(one)} == {"host fetching", "host waiting"}


def test_a_host_with_nothing_to_try_is_healthy_and_one_that_nobody_knows_is_not_written_of() -> None:
    deployment = school()
    deployment.app.get(host_checks).check("fetching")
    deployment.app.get(host_checks).check("nowhere")

    assert Standing.from_document(deployment.document(host_path("fetching"))).is_healthy
    assert host_path("nowhere") not in deployment.documents.paths()


def test_trying_keeps_what_was_promised_and_promising_keeps_how_it_stands() -> None:
    deployment = school({"memory": Terms(5.0), "fetching": Terms(1.0, mbps_max=100.0)})
    video_id = upload(deployment)
    finish(deployment)
    play(deployment, video_id)
    deployment.clock.advance(KNOWN_S)
    play(deployment, video_id)
    promised = Standing.from_document(deployment.document(host_path("fetching"))).promised
    assert [one.kbps for one in promised] == [needs_kbps(1000, 60.0)]

    deployment.silent.add("fetching")
    deployment.app.get(host_checks).check("fetching")
    standing = Standing.from_document(deployment.document(host_path("fetching")))
    assert (standing.promised, standing.is_healthy) == (promised, False)
    assert TEACHER.is_teacher
