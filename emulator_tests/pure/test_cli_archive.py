"""The operator's commands `greenroom archive …`, against a deployment in memory."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import resource
import shlex
import signal
import threading
import tracemalloc
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from cli.archive.carrying_out import Copied
from cli.archive.chart import bars
from cli.archive.selecting import ID_FILE_MAX_BYTES, PAGE_MAX, YEAR, Chosen
from cli.main import main
from cli.output import Lines
from cli.running import Status, Surroundings
from emulator_tests.documentation.validation import faults_of_document
from emulator_tests.memory.clock import BEGIN_AT, ManualClock
from emulator_tests.memory.originals import MemoryOriginals
from emulator_tests.pure.archiving import FILM, PLACEHOLDER, Archiving, archiving
from shared.archive.health import HEADING
from shared.archive.model import ARCHIVED_TAG, FLAVORS_DELETED_TAG, ArchiveState, By, Target
from shared.core.errors import Misconfigured, Transient
from shared.core.paths import ARCHIVE_REPORT, ARCHIVE_SAVINGS_REPORT, EPOCH, archive_path
from shared.operations.kill_switch import KillSwitch
from shared.ports import Create, EntryPage, MediaState, Selection, Source

pytestmark = pytest.mark.long

T = TypeVar("T")

ENTRY = "0_film"

HELD_EPOCH = {
    "hold": {
        "reason": "otherDatabase",
        "found": "other",
        "since": BEGIN_AT,
        "sweptAt": None,
        "alarmedAt": BEGIN_AT,
    }
}
"""The document of a database that was restored."""


@dataclass(slots=True)
class Operator:
    """
    An operator at the command line.

    Attributes:
        archiving: The deployment that they operate.
        capsys: What is printed.
        calls: How often each operation of a port was called.
        on: Is called before an operation.
    """

    archiving: Archiving
    capsys: pytest.CaptureFixture[str]
    calls: Counter[str] = field(default_factory=Counter)
    on: dict[str, Callable[[], None]] = field(default_factory=dict)
    err: str = ""

    def __post_init__(self) -> None:
        self.archiving.deployment.disturb = self._disturb

    def _disturb(self, operation: str, do: Callable[[], T]) -> T:
        self.calls[operation] += 1
        if operation in self.on:
            self.on[operation]()
        return do()

    def types(self, line: str) -> tuple[int, str]:
        """
        Run `greenroom archive` and return its exit status and its result.
        """
        status = main(["archive", *shlex.split(line)], self._surroundings())
        told = self.capsys.readouterr()
        self.err = told.err
        return status, told.out

    def state(self) -> ArchiveState:
        """
        Return how far the entry is.
        """
        return self.archiving.record.state

    def json(self, line: str, status: int = Status.DONE) -> Any:
        """
        Run a command and return its result as a program reads it.
        """
        found, out = self.types(f"{line} --json")
        assert found == status, out + self.err
        return json.loads(out)

    def outcomes(self, line: str, status: int = Status.DONE) -> dict[str, str]:
        """
        Run a command and return the outcome of each entry.
        """
        return {one["entryId"]: one["outcome"] for one in self.json(line, status)["entries"]}

    def _surroundings(self) -> Surroundings:
        deployment = self.archiving.deployment

        def pause(is_stopped: threading.Event, seconds: float) -> bool:
            for one in deployment.originals.alive():
                deployment.originals.finish(one.id)
            deployment.clock.advance(seconds)
            return is_stopped.is_set()

        def read(source: Source, _within_s: float) -> Iterator[bytes]:
            yield deployment.originals.files[source.url]

        return Surroundings(deployment.app, read, pause)


@pytest.fixture
def operator(capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(archiving(entry_id=ENTRY), capsys)


def interrupt() -> None:
    """
    Press Ctrl-C, and wait until the main thread has taken notice.
    """
    os.kill(os.getpid(), signal.SIGINT)
    while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        threading.Event().wait(0.001)


# --- archive, replace-video, restore ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["archive", "replace-video", "restore --any-play", "repair"])
def test_dry_run_changes_nothing(command: str, operator: Operator) -> None:
    if command != "archive":
        operator.types("archive --all --apply")
    if command.startswith("restore"):
        operator.types("replace-video --all --apply")
    if command == "repair":
        operator.archiving.deployment.originals.label(ENTRY, remove={ARCHIVED_TAG})
    operator.calls.clear()

    status, out = operator.types(f"{command} --all")

    assert status == Status.DONE
    assert out.startswith(f"DRYRUN | Entry   {ENTRY}     | {command.split()[0]:<20} ")
    assert "Nothing was changed. Add --apply to do it." in out
    assert set(operator.calls) <= {"page", "read", "find", "listed", "select"}


def test_archive_and_replace_and_restore(operator: Operator) -> None:
    archived = operator.archiving
    assert operator.outcomes("archive --all --apply") == {ENTRY: "done"}
    assert operator.state() is ArchiveState.ARCHIVED
    assert archived.content() == FILM

    assert operator.outcomes("replace-video --all --apply") == {ENTRY: "done"}
    assert operator.state() is ArchiveState.PLACE_HOLDER
    assert archived.content() == PLACEHOLDER.content
    archived.require_settled()

    status, out = operator.types("restore --all --any-play --apply")
    assert status == Status.DONE
    assert "waits: the cold store has it ready at 2026-01-05 21:00 UTC" in out
    assert "Waiting for the cold store: 1." in out

    archived.deployment.clock.advance(13 * 3600)
    assert operator.outcomes("restore --all --any-play --apply") == {ENTRY: "done"}
    assert operator.state() is ArchiveState.ARCHIVED
    assert archived.content() == FILM
    archived.require_settled()


@pytest.mark.parametrize("command", ["archive", "replace-video"])
def test_twice_is_once(command: str, operator: Operator) -> None:
    operator.types("archive --all --apply")
    assert operator.outcomes(f"{command} --all --apply") == {ENTRY: "doneAlready" if command == "archive" else "done"}
    record, versions = operator.archiving.record, operator.archiving.deployment.cold_store.contents()

    assert operator.outcomes(f"{command} --all --apply") == {ENTRY: "doneAlready"}

    assert operator.archiving.record == record
    assert operator.archiving.deployment.cold_store.contents() == versions


@pytest.mark.parametrize(
    ("before", "command", "sentence"),
    [
        ([], "replace-video", "Its original is not in the cold store. Archive it first."),
        ([], "restore --any-play", "No placeholder stands in for it, so there is nothing to restore."),
        (["archive", "replace-video"], "archive", "A placeholder stands in for it. Restore it instead."),
        (
            ["archive", "replace-video", "restore --any-play"],
            "replace-video",
            "Its original is on its way back. Wait until it is there.",
        ),
        (
            ["archive", "replace-video", "restore --any-play"],
            "archive",
            "Its original is on its way back. Wait until it is there.",
        ),
    ],
    ids=[
        "replace initial",
        "restore initial",
        "archive placeholder",
        "replace while it comes back",
        "archive while it comes back",
    ],
)
@pytest.mark.parametrize("apply", ["", "--apply"], ids=["dry", "applied"])
def test_wrong_state_is_refused(before: list[str], command: str, sentence: str, apply: str, operator: Operator) -> None:
    for one in before:
        operator.types(f"{one} --all --apply")
    has_record = operator.archiving.has_record
    record = operator.archiving.record if has_record else None

    status, out = operator.types(f"{command} --all {apply}")

    assert status == Status.FAILED
    assert f"refused: {sentence}" in out
    assert operator.archiving.has_record == has_record
    assert not has_record or operator.archiving.record == record


def test_what_another_program_has_archived_is_refused(operator: Operator) -> None:
    operator.archiving.deployment.originals.label(ENTRY, add={ARCHIVED_TAG, FLAVORS_DELETED_TAG})
    for command in ("archive", "replace-video", "restore --any-play"):
        assert operator.outcomes(f"{command} --all --apply", Status.FAILED) == {ENTRY: "refused"}
    assert not operator.archiving.has_record


def test_content_that_was_replaced_is_archived_again_and_not_lost(operator: Operator) -> None:
    operator.types("archive --all --apply")
    operator.archiving.replaced_outside(b"another film" * 300)

    status, out = operator.types("replace-video --all --apply")
    assert (status, "replaced after it was archived" in out) == (Status.FAILED, True)

    assert "store its new content; the earlier stays" in operator.types("archive --all")[1]
    assert operator.outcomes("archive --all --apply") == {ENTRY: "done"}
    operator.archiving.require_settled()


def test_missing_tag_is_put_back(operator: Operator) -> None:
    operator.types("archive --all --apply")
    operator.archiving.deployment.originals.label(ENTRY, remove={ARCHIVED_TAG})
    assert "put its tags back" in operator.types("archive --all")[1]
    operator.types("archive --all --apply")
    assert ARCHIVED_TAG in operator.archiving.tags


def test_failure_is_told_and_is_exit_status_1(operator: Operator) -> None:
    def fail() -> None:
        raise Transient(
            "The store does not answer.", provider="memory", operation="store", code="DOWN", retry_after_s=3000
        )

    operator.on["store"] = fail
    status, out = operator.types("archive --all --apply")
    assert status == Status.FAILED
    assert "failed: The store does not answer. The workers try again at 2026-01-05 09:50 UTC." in out

    del operator.on["store"]
    assert operator.outcomes("archive --all --apply") == {ENTRY: "done"}


def test_store_that_cannot_be_used_ends_a_dry_run(operator: Operator) -> None:
    def refuse() -> None:
        raise Misconfigured("There is no bucket films. Create it.")

    operator.on["listed"] = refuse
    for apply in ("", "--apply"):
        assert operator.types(f"archive --all {apply}") == (Status.FAILED, "")
        assert operator.err.strip() == "There is no bucket films. Create it."
    assert not operator.archiving.has_record


def test_setting_that_is_wrong_fails_at_once_and_in_words(operator: Operator) -> None:
    def refuse() -> None:
        raise Misconfigured("The store refuses the key. Correct it.")

    operator.on["store"] = refuse
    began_at = operator.archiving.deployment.clock()
    status, out = operator.types("archive --all --apply")
    assert status == Status.FAILED
    assert "failed: The store refuses the key. Correct it." in out
    assert "Cost:" not in out
    assert operator.archiving.deployment.clock() == began_at

    del operator.on["store"]
    operator.archiving.run(3600)
    assert operator.state() is ArchiveState.ARCHIVED


def test_nothing_is_archived_in_a_restored_database(operator: Operator) -> None:
    deployment = operator.archiving.deployment
    operator.types("archive --all --apply")
    deployment.documents.commit(Create(EPOCH, HELD_EPOCH))
    deployment.clock.advance(60)
    for command in ("archive --all", "replace-video --all", "repair --all"):
        assert operator.types(f"{command} --apply") == (Status.FAILED, "")
        assert "greenroom resume-after-restore" in operator.err
        assert operator.types(command)[0] == Status.DONE


def test_step_that_is_tried_again_soon_is_waited_for(operator: Operator) -> None:
    failures = iter([Transient("Once.", provider="memory", operation="store", code="DOWN")])

    def fail_once() -> None:
        for failure in failures:
            raise failure

    operator.on["store"] = fail_once
    assert operator.outcomes("archive --all --apply") == {ENTRY: "done"}


def test_what_is_played_meanwhile_is_not_replaced(operator: Operator) -> None:
    operator.archiving.deployment.clock.advance(2 * 366 * 86400)
    operator.types("archive --all --apply")
    operator.on["find"] = lambda: operator.archiving.deployment.originals.play(ENTRY)
    status, out = operator.types("replace-video --unplayed 1 --apply")
    assert status == Status.DONE, out
    assert operator.state() is ArchiveState.PLACE_HOLDER

    del operator.on["find"]
    played = Operator(archiving(entry_id=ENTRY), operator.capsys)
    played.archiving.deployment.clock.advance(2 * 366 * 86400)
    played.types("archive --all --apply")
    played.on["count"] = lambda: None
    played.on["commit"] = lambda: played.archiving.deployment.originals.play(ENTRY)
    status, out = played.types("replace-video --unplayed 1 --apply")
    assert (status, "It was played" in out) == (Status.FAILED, True)
    assert played.archiving.content() == FILM


def test_costs_and_bytes_are_told(operator: Operator) -> None:
    data = operator.json("archive --all")
    (one,) = data["entries"]
    assert one["bytes"] == data["totals"]["bytes"] == len(FILM)
    assert one["cost"] == pytest.approx(0.00003 + 3 * 0.0036 * len(FILM) / 1e9)
    assert data["pricesOf"] == "2025-06-01"
    assert "GLACIER by the prices of 2025-06-01" in operator.types("archive --all")[1]
    operator.types("archive --all --apply")
    saved = operator.json("replace-video --all --provider-price 0.2")["totals"]["monthly"]
    assert saved == pytest.approx(-0.2 * len(FILM) / 1e9)


def test_restore_takes_what_was_played_within_a_year(operator: Operator) -> None:
    operator.types("archive --all --apply")
    operator.types("replace-video --all --apply")
    status, out = operator.types("restore")
    assert (status, "No entry is chosen." in out, "--any-play" in out) == (Status.DONE, True, True)

    operator.archiving.deployment.originals.play(ENTRY)
    assert operator.outcomes("restore") == {ENTRY: "planned"}
    operator.archiving.deployment.clock.advance(366 * 86400)
    assert operator.outcomes("restore") == {}
    assert operator.outcomes("restore --any-play --all") == {ENTRY: "planned"}
    assert operator.outcomes("restore --played-within 3") == {ENTRY: "planned"}


def test_tier_that_the_store_lacks_is_refused(operator: Operator) -> None:
    status, _ = operator.types("restore --tier tomorrow")
    assert status == Status.NOT_UNDERSTOOD


# --- Ctrl-C -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["archive", "replace-video", "status", "list", "repair"])
def test_interrupted_command_says_what_is_left_and_can_be_repeated(command: str, operator: Operator) -> None:
    for number in range(20):
        operator.archiving.deployment.originals.add(FILM, entry_id=f"0_more{number:02}")
    if command == "replace-video":
        operator.types("archive --all --apply")
    apply = "--apply" if command in ("archive", "replace-video", "repair") else ""
    everything = "--all --page-size 5"
    before = signal.getsignal(signal.SIGINT)
    once = iter([interrupt])
    operator.on["store" if command == "archive" else "replace" if apply and command != "repair" else "page"] = lambda: (
        next(once, lambda: None)()
    )

    workers = "" if command == "list" else "--workers 1"
    status, out = operator.types(f"{command} {everything} {apply} {workers} --json")

    data = json.loads(out)
    assert status == Status.INTERRUPTED
    assert len(data["entries"]) < 21
    assert signal.getsignal(signal.SIGINT) is before
    if command in ("archive", "replace-video"):
        assert data["isInterrupted"]
        assert set(operator.outcomes(f"{command} {everything} {apply}").values()) <= {"done", "doneAlready"}
        wanted = ArchiveState.ARCHIVED if command == "archive" else ArchiveState.PLACE_HOLDER
        assert operator.state() is wanted
    operator.archiving.require_nothing_lost()


def test_interrupted_dry_run_ends(operator: Operator) -> None:
    operator.on["page"] = interrupt
    assert operator.types("archive --all")[0] == Status.INTERRUPTED
    assert operator.calls == {"listed": 1, "page": 1, "read": 1}
    assert operator.json("archive --all", Status.INTERRUPTED)["entries"] == []


def test_copy_is_given_up_when_stopped(operator: Operator) -> None:
    operator.on["begin_store"] = interrupt
    status, out = operator.types("archive --all --apply")
    assert status == Status.INTERRUPTED
    assert "left: Interrupted. The workers go on with it" in out
    assert operator.archiving.deployment.cold_store.contents() == set()
    operator.on.clear()
    operator.archiving.run()
    assert operator.state() is ArchiveState.STORING
    operator.archiving.run(60)
    assert operator.state() is ArchiveState.ARCHIVED


# --- filters ------------------------------------------------------------------------------------------------------


@pytest.fixture
def library(capsys: pytest.CaptureFixture[str]) -> Operator:
    """
    Entries that differ in what filters look at.
    """
    found = Operator(archiving(entry_id="0_new"), capsys)
    originals = found.archiving.deployment.originals
    originals._categories.update({"16": "Lessons", "17": "Lessons>Physics"})

    def ago(years: float) -> Any:
        return BEGIN_AT - years * YEAR

    originals.add(FILM, entry_id="0_old", created_at=ago(5), last_played_at=ago(3), plays=9, tags=["keep"])
    originals.add(FILM, entry_id="0_played", created_at=ago(5), last_played_at=ago(0.25), plays=90)
    originals.add(FILM, entry_id="0_never", created_at=ago(4), categories=["Lessons>Physics"])
    originals.add(FILM, entry_id="0_broken", created_at=ago(1.5), state=MediaState.ERROR, last_played_at=ago(1.5))
    return found


@pytest.mark.parametrize(
    ("filters", "entries"),
    [
        ("", "new old played never broken"),
        ("--unplayed 2", "old never"),
        ("-u 2", "old never"),
        ("--unplayed_for 2", "old never"),
        ("--unplayed 0.1", "old played never broken"),
        ("--never-played 2", "never"),
        ("--never-played 4.5", ""),
        ("--no-last-played", "new never"),
        ("--noLastPlayed", "new never"),
        ("-n --created-before 1", "never"),
        ("--played-within 1", "played"),
        ("-p 4", "old played broken"),
        ("--played 1", "played"),
        ("--played_within 1", "played"),
        ("--created-within 2", "new broken"),
        ("--created_within 2", "new broken"),
        ("--created-before 4.5", "old played"),
        ("--created_before 4.5", "old played"),
        ("--category 17", "never"),
        ("-c Lessons>Physics", "never"),
        ("-c Lessons", "never"),
        ("--tag keep", "old"),
        ("-t !keep", "new played never broken"),
        ("-t !keep --unplayed 2", "never"),
        ("-i 0_old --id 0_new", "new old"),
        ("-i 0_old --played-within 1", ""),
        ("--status ready", "new old played never"),
        ("--status error", "broken"),
        ("--status -1,2 --unplayed 1", "old never broken"),
        ("--plays 10", "new old never broken"),
        ("--unplayed 2 --max 1", "old"),
        ("-M 2", "old played"),
        ("-M -1", "new old played never broken"),
        ("--all -s 1", "new old played never broken"),
    ],
)
def test_filters(filters: str, entries: str, library: Operator) -> None:
    line = " ".join(shlex.quote(one) for one in filters.split())
    listed = library.json(f"list {line}")
    assert {one["entryId"] for one in listed["entries"]} == {f"0_{one}" for one in entries.split()}
    assert listed["count"] == len(entries.split())
    assert library.types(f"count {line}") == (Status.DONE, f"{len(entries.split())}\n")


def test_entry_that_is_listed_twice_is_taken_once() -> None:
    class Changing(MemoryOriginals):
        def page(self, selection: Selection, after: str = "", limit: int = PAGE_MAX) -> EntryPage:
            found = super().page(selection, "", PAGE_MAX).entries
            return EntryPage(found[:2], "1") if not after else EntryPage(found[1:], None)

    originals = Changing(ManualClock())
    for number in range(3):
        originals.add(FILM, entry_id=f"0_{number}")
    pages = [[one.id for one in page] for page in Chosen(Selection()).pages(originals)]
    assert pages == [["0_0", "0_1"], ["0_2"]]


@pytest.mark.parametrize(
    ("line", "status", "sentence"),
    [
        ("archive", 2, "Choose entries, for example by --unplayed 2, or take every entry with --all."),
        ("replace-video", 2, "Choose entries"),
        ("repair --apply", 2, "Choose entries"),
        ("restore --any-play", 2, "Choose entries"),
        ("archive --max 3", 2, "Choose entries"),
        ("archive --all --unplayed 2", 2, "Use --all without other filters."),
        ("list --tag keep -n", 2, "A tag cannot be combined with --no-last-played."),
        ("list --tag one,two", 2, "'one,two' cannot be a tag: a tag is some text without a comma."),
        ("list --tag ''", 2, "'' cannot be a tag"),
        ("list --tag '!'", 2, "'' cannot be a tag"),
        ("list --tag a --tag b", 2, "Use --tag once for a tag"),
        ("list --category 'No such'", 1, "There is no category No such."),
        ("list --category ''", 2, "--category needs the id or the full name"),
        ("list --unplayed nan", 2, "'nan' is not a number of years, above 0 and up to 100, such as 2 or 0.5."),
        ("list --unplayed -1", 2, "is not a number of years"),
        ("list --unplayed 1e9", 2, "is not a number of years"),
        ("list --created-within soon", 2, "'soon' is not a number of years"),
        ("list --status lost", 2, "--status 'lost' is not one of ready, processing"),
        ("list --id 0_a,0_b", 2, "'0_a,0_b' is not the id of an entry, such as 0_a1b2c3d4."),
        ("list --max 0", 2, "--max must be at least 1, or -1 for all."),
        ("list --page-size 501", 2, "501 is not in the range"),
        ("archive --all --workers 33", 2, "33 is not in the range"),
        ("archive --all --provider-price -1", 2, "is not in the range"),
        ("download", 2, "Name the entries to download."),
        ("download 0_a --to /nowhere/at/all", 2, "/nowhere/at/all is not a folder. Create it first."),
        ("report --csv /nowhere/a.csv", 2, "/nowhere/a.csv cannot be written: No such file or directory."),
    ],
)
def test_what_cannot_be_done_is_a_sentence(line: str, status: int, sentence: str, operator: Operator) -> None:
    assert operator.types(line) == (status, "")
    assert sentence in operator.err


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"0_old\n0_new\n", "0_new 0_old"),
        (b"\xef\xbb\xbf# of 2019\r\n\r\n  0_old  # ours\r\n0_old\r\n", "0_old"),
        (b"0_old", "0_old"),
        (b"", "has no ids of entries. Write one on each line."),
        (b"# nothing\n\n", "has no ids of entries."),
        (b"0_old\n../etc\n", "Line 2 of"),
        (b"\xff\xfe0\x00", "is not text."),
        (b"#" * (ID_FILE_MAX_BYTES + 1), "is larger than 10 MB. Split it."),
        (None, "cannot be read: No such file or directory."),
        ("folder", "is a folder. Name a file with one id on each line."),
    ],
    ids=["ids", "comments", "no newline", "empty", "comments only", "no id", "bytes", "large", "missing", "folder"],
)
def test_id_file(content: bytes | str | None, found: str, library: Operator, tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    if found.startswith("0_"):
        entries = library.json(f"list --id-file {path}")["entries"]
        assert sorted(one["entryId"] for one in entries) == found.split()
    else:
        assert library.types(f"list --idfile {path}") == (Status.NOT_UNDERSTOOD, "")
        assert found in library.err


def test_id_that_does_not_exist_is_refused(operator: Operator) -> None:
    outcomes = operator.outcomes(f"archive -i {ENTRY} -i 0_gone --apply", Status.FAILED)
    assert outcomes == {ENTRY: "done", "0_gone": "refused"}


@pytest.mark.parametrize(
    ("alias", "command"),
    [
        ("s3copy --all --s3copy", "archive"),
        ("archive --all --archive --tmp /tmp", "archive"),
        ("replace_video --all --replace -w", "replace-video"),
        ("restore_from_s3 --all --any-play --restore", "restore"),
    ],
)
def test_names_of_kaltura_aws_work(alias: str, command: str, operator: Operator) -> None:
    if command != "archive":
        operator.types("archive --all --apply")
    if command == "restore":
        operator.types("replace-video --all --apply")
    status, out = operator.types(alias)
    assert status == Status.DONE
    assert out.startswith(f"EXEC   | Entry   {ENTRY}     | {command}")
    assert operator.types("health")[0] == Status.DONE


# --- status and repair --------------------------------------------------------------------------------------------


def test_status_is_a_table_json_and_the_lines_of_kaltura_aws(operator: Operator) -> None:
    operator.types("archive --all --apply")
    status, out = operator.types("status")
    assert (status, "HEALTHY" in out, "Healthy: 1. Not healthy: 0." in out) == (Status.DONE, True, True)
    assert operator.json("status")["entries"][0]["healthy"] is True

    original = operator.archiving.now().original
    assert original is not None
    heading, line = operator.types("status --tsv")[1].splitlines()
    assert heading == HEADING
    assert line.split("\t") == [
        ENTRY,
        "True     ",
        f"{original.id:>10}",
        "      READY",
        " " * 15,
        "archived_to_s3",
        "3",
        f"{4:>10}",
        "HEALTHY",
    ]


def unhealthy(operator: Operator, what: str) -> None:
    """
    Make something wrong.
    """
    deployment = operator.archiving.deployment
    if what == "object of another program":
        deployment.originals.label(ENTRY, add={ARCHIVED_TAG, FLAVORS_DELETED_TAG})
        deployment.cold_store.overwrite(ENTRY, b"the real film" * 1000)
        return
    if what == "untagged object of another program":
        deployment.cold_store.overwrite(ENTRY, FILM)
        return
    if what == "tag alone":
        deployment.originals.label(ENTRY, add={ARCHIVED_TAG})
        return
    operator.types("archive --all --apply")
    if what == "tag lost":
        deployment.originals.label(ENTRY, remove={ARCHIVED_TAG})
    if what == "object lost":
        deployment.cold_store.vanish(ENTRY)
    if what == "object and tag lost":
        deployment.originals.label(ENTRY, remove={ARCHIVED_TAG})
        deployment.cold_store.vanish(ENTRY)
    if what == "content replaced":
        operator.archiving.replaced_outside(b"another film" * 900)
    if what == "placeholder untagged":
        operator.types("replace-video --all --apply")
        deployment.originals.label(ENTRY, remove={ARCHIVED_TAG, FLAVORS_DELETED_TAG})
    if what == "placeholder without object":
        operator.types("replace-video --all --apply")
        deployment.cold_store.vanish(ENTRY)
    if what == "entry gone":
        deployment.originals.vanish(ENTRY)


@pytest.mark.parametrize(
    ("what", "problem", "outcome"),
    [
        ("tag lost", "untagged", "mended"),
        ("object lost", "notStored", "mended"),
        ("object and tag lost", "notStored", "mended"),
        ("content replaced", "otherSize", "mended"),
        ("placeholder untagged", "untagged", "mended"),
        ("object of another program", "unrecorded", "mended"),
        ("untagged object of another program", "untagged", "mended"),
        ("tag alone", "notStored", "mended"),
        ("placeholder without object", "notStored", "look"),
        ("entry gone", "noEntry", "look"),
    ],
)
def test_repair(what: str, problem: str, outcome: str, operator: Operator) -> None:
    unhealthy(operator, what)

    told = operator.json("status --write", Status.FAILED)
    assert [one["problem"] for one in told["entries"]] == [problem]
    document = operator.archiving.deployment.document(ARCHIVE_REPORT).fields
    assert (document["unhealthyCount"], document["problems"], document["whole"]) == (1, {problem: 1}, True)
    assert faults_of_document(ARCHIVE_REPORT, document) == []

    planned = {ENTRY: "planned" if outcome == "mended" else "look"}
    looks = Status.DONE if outcome == "mended" else Status.FAILED
    assert operator.outcomes("repair --all", looks) == planned
    assert operator.outcomes("repair --all --apply", looks) == {ENTRY: outcome}
    if outcome == "mended":
        assert operator.types("status")[0] == Status.DONE
        assert operator.outcomes("repair --all --apply") == {}
    if what != "entry gone":
        assert operator.archiving.content() is not None


def test_stuck_entry_is_asked_again(operator: Operator) -> None:
    deployment = operator.archiving.deployment
    operator.archiving.deployment.cold_store.overwrite(ENTRY, b"something else" * 1000)
    operator.types("archive --all --apply")
    assert operator.archiving.record.progress.failure is not None
    deployment.cold_store.vanish(ENTRY)
    operator.archiving.ask(Target.ARCHIVED, By.OPERATOR)
    operator.archiving.run()
    assert operator.types("status")[0] == Status.DONE


def test_status_asks_the_store_once_for_each_entry_that_may_be_there(operator: Operator) -> None:
    for number in range(30):
        operator.archiving.deployment.originals.add(FILM, entry_id=f"0_more{number:02}")
    operator.types(f"archive -i {ENTRY} --apply")
    operator.calls.clear()
    assert operator.types("status")[0] == Status.DONE
    assert (operator.calls["find"], operator.calls["listed"]) == (1, 1)


# --- download -----------------------------------------------------------------------------------------------------


@pytest.fixture
def archived(operator: Operator) -> Operator:
    operator.types("archive --all --apply")
    return operator


def readable(operator: Operator, folder: Path) -> None:
    operator.types(f"download {ENTRY} --to {folder} --ask")
    operator.archiving.deployment.clock.advance(13 * 3600)


def test_download_from_the_cold_store(archived: Operator, tmp_path: Path) -> None:
    status, out = archived.types(f"download {ENTRY} --to {tmp_path}")
    assert (status, "out of reach" in out, "Add --ask" in out) == (Status.FAILED, True, True)

    (asked,) = archived.json(f"download {ENTRY} --to {tmp_path} --ask")["entries"]
    assert (asked["outcome"], asked["dueAt"]) == ("waits", (BEGIN_AT + timedelta(hours=12)).isoformat())
    assert "on its way" in archived.types(f"download {ENTRY} --to {tmp_path}")[1]

    archived.archiving.deployment.clock.advance(13 * 3600)
    (got,) = archived.json(f"download {ENTRY} --to {tmp_path}")["entries"]
    assert (got["outcome"], got["sha256"]) == ("done", hashlib.sha256(FILM).hexdigest())
    assert [one.name for one in tmp_path.iterdir()] == [f"{ENTRY}.mp4"]
    assert (tmp_path / f"{ENTRY}.mp4").read_bytes() == FILM

    (tmp_path / f"{ENTRY}.mp4").write_bytes(b"mine")
    status, out = archived.types(f"download {ENTRY} --to {tmp_path}")
    assert (status, "exists already. Move it away." in out) == (Status.FAILED, True)
    assert (tmp_path / f"{ENTRY}.mp4").read_bytes() == b"mine"


def test_download_from_the_provider(archived: Operator, tmp_path: Path) -> None:
    status, out = archived.types(f"download -i {ENTRY} --tmp {tmp_path} --from provider")
    assert (status, "verified by its checksum" in out) == (Status.DONE, True)
    assert (tmp_path / f"{ENTRY}.mp4").read_bytes() == FILM
    assert archived.types(f"download 0_gone --to {tmp_path} --from provider")[0] == Status.FAILED


def test_download_of_other_bytes_keeps_nothing(archived: Operator, tmp_path: Path) -> None:
    readable(archived, tmp_path)
    archived.archiving.deployment.cold_store.damage(ENTRY, FILM[:-1] + b"?")
    status, out = archived.types(f"download {ENTRY} --to {tmp_path}")
    assert (status, "other bytes than were archived" in out) == (Status.FAILED, True)
    assert list(tmp_path.iterdir()) == []


def test_download_to_a_full_disk_keeps_nothing(archived: Operator, tmp_path: Path) -> None:
    readable(archived, tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        status, out = archived.types(f"download {ENTRY} --to {tmp_path}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (status, "it cannot be written: File too large." in out) == (Status.FAILED, True)
    assert list(tmp_path.iterdir()) == []


# --- report -------------------------------------------------------------------------------------------------------


def test_report(archived: Operator, tmp_path: Path) -> None:
    archived.types("replace-video --all --apply")
    archived.archiving.deployment.clock.advance(40 * 86400)
    archived.archiving.deployment.originals.add(FILM * 2, entry_id="0_later")
    archived.types("archive -i 0_later --apply")
    table, chart = tmp_path / "saved.csv", tmp_path / "saved.svg"

    told = archived.json(f"report --provider-price 200 --csv {table} --chart {chart} --write")

    assert (told["entries"], told["bytes"], told["goneEntries"], told["goneBytes"]) == (2, 3 * len(FILM), 1, len(FILM))
    assert [one["month"] for one in told["months"]] == ["2026-01", "2026-02"]
    assert told["savedMonthly"] == pytest.approx(200 * len(FILM) / 1e9 - 0.0036 * 3 * len(FILM) / 1e9)
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [(one["month"], int(one["gone_bytes"])) for one in rows] == [("2026-01", len(FILM)), ("2026-02", 0)]
    assert ElementTree.parse(chart).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    document = archived.archiving.deployment.document(ARCHIVE_SAVINGS_REPORT).fields
    assert {**document, "at": None} == {**told, "at": None}
    assert faults_of_document(ARCHIVE_SAVINGS_REPORT, document) == []
    assert "Saved each month: under $0.01." in archived.types("report --provider-price 0.2")[1]


def test_report_of_nothing(operator: Operator) -> None:
    assert operator.types("report") == (Status.DONE, "Nothing is archived.\n")


def test_chart_is_well_formed() -> None:
    root = ElementTree.fromstring(bars('A "title" <&>', [("2026-01", 10.0), ("2026-02", 2.5)]))
    heights = [float(one.attrib["height"]) for one in root.iter() if one.attrib.get("class") == "bar"]
    assert heights == [200.0, 50.0]
    ElementTree.fromstring(bars("Empty", []))


# --- very many ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["list", "archive --all"])
def test_10_000_entries_take_20_calls_and_constant_memory(command: str, operator: Operator) -> None:
    originals = operator.archiving.deployment.originals
    originals._renditions = ()
    for number in range(9_999):
        originals.add(b"film", entry_id=f"0_{number}")
    tracemalloc.start()
    for page in Chosen(Selection()).pages(originals):
        del page
    least = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    operator.calls.clear()
    status = main(["archive", *command.split()], operator._surroundings())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert status == Status.DONE
    assert operator.calls == {"page": 20, "read": 20} | ({} if command == "list" else {"listed": 1})
    printed = len(operator.capsys.readouterr().out)
    assert printed > 500_000
    # What was printed is kept by the test.
    assert most - least - printed < 200_000


def test_bytes_of_all_copies_are_summed() -> None:
    stream, times = io.StringIO(), iter([0.0, 1.0, 20.0])
    copied = Copied(Lines(stream, "archive", None), 10.0, clock=lambda: next(times))
    copied.reached("0_a", 500, 1000)
    copied.reached("0_b", 2000, 3000)
    copied.reached("0_a", 1000, 1000)
    copied.waits("0_c", "at the provider")
    copied.waits("0_c", "at the provider")
    assert stream.getvalue().splitlines() == [
        "  500 bytes of 1.0 kB copied",
        "  3.0 kB of 4.0 kB copied",
        "  0_c: at the provider",
    ]
    assert copied.sum() == 3000


def test_record_of_an_entry_stays_when_nothing_is_asked(operator: Operator) -> None:
    operator.types("list")
    assert operator.archiving.deployment.documents.read(archive_path(ENTRY)) == (None,)


def test_nothing_is_done_while_all_work_is_stopped(operator: Operator) -> None:
    deployment = operator.archiving.deployment
    switch = KillSwitch(deployment.documents, deployment.queue, deployment.clock, 1000, ())
    switch.stop("a test")
    status, _ = operator.types("archive --all --apply")
    assert status == Status.FAILED
    assert "greenroom start" in operator.err
    assert deployment.cold_store.alive() == {}
