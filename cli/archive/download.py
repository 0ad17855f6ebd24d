"""The command that brings an original to the operator's machine: `download`."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.archive.carrying_out import LINE_EVERY_S, SHOWN_EVERY_S, Copied
from cli.archive.selecting import Filters, chosen_by, require_id
from cli.archive.work import Known, Work, printable, size_text, time_text, work
from cli.output import Output, Result
from cli.running import command, stoppable

if TYPE_CHECKING:
    import threading

    from shared.ports import ColdObject, Entry, Tier

LIFETIME_S: Final = 6 * 3600
SLOWEST_BYTES_S: Final = 256 * 1024
"""A file that comes more slowly from the provider is given up."""

LEAST_S: Final = 300.0


class _NotDone(Exception):
    """
    The file was not downloaded; the sentence says why.
    """


@dataclass(frozen=True, slots=True)
class _Got:
    """
    The end of a download.
    """

    entry_id: str
    outcome: str
    sentence: str
    path: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    due_at: Any = None

    def to_fields(self) -> Mapping[str, Any]:
        """
        Return the form for programs.
        """
        return {
            "entryId": self.entry_id,
            "outcome": self.outcome,
            "sentence": self.sentence,
            "path": self.path,
            "sha256": self.sha256,
            "bytes": self.size_bytes,
            "dueAt": self.due_at,
        }


@command(
    "download",
    examples=["archive download 0_a1b2c3d4 --to originals", "archive download 0_a1b2c3d4 --to . --from provider"],
    needs_secrets=True,
)
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option("--id", "-i", "entry_id", multiple=True, metavar="ENTRY", help="As the argument.")
@click.option("--id-file", "--idfile", "-I", "id_file", metavar="FILE", help="The entries in this file, one each line.")
@click.option("--to", "--tmp", "folder", default=".", metavar="FOLDER", help="A folder that exists. Default: this one.")
@click.option(
    "--from", "origin", type=click.Choice(["store", "provider"]), default="store", help="Where to read. Default: store."
)
@click.option("--ask", "is_asked", is_flag=True, help="Ask the cold store for what cannot be read yet.")
@click.option(
    "--tier",
    type=click.Choice(["expedited", "standard", "bulk"]),
    default="bulk",
    help="With --ask: how quickly, and at what price. Default: bulk.",
)
def download(
    output: Output,
    entries: Sequence[str],
    entry_id: Sequence[str],
    id_file: str | None,
    folder: str,
    origin: str,
    is_asked: bool,
    tier: str,
) -> Result:
    """
    Download originals, verified by their checksums.

    The files have the entries' ids as their names. A file that exists is not overwritten. An original that the cold
    store cannot give at once must be asked for first, with --ask.
    """
    for one in entries:
        require_id(one)
    job = work()
    if is_asked:
        job.require_running()
    chosen = chosen_by(Filters(entry_id=(*entries, *entry_id), id_file=id_file), job.app.clock())
    ids = chosen.selection.ids
    if not ids:
        raise click.UsageError("Name the entries to download.")
    place = Path(folder)
    if not place.is_dir():
        raise click.UsageError(f"{place} is not a folder. Create it first.")
    is_complete = True
    with (
        stoppable() as is_stopped,
        output.rows("entries") as rows,
        output.progress("download", len(ids)) as progress,
    ):
        rows.above = progress.result if output.is_one_terminal else None
        copied = Copied(progress, SHOWN_EVERY_S if output.messages.isatty() else LINE_EVERY_S)
        one_by_one = _Download(job, place, origin, _tier(tier) if is_asked else None, copied, is_stopped)
        for one in ids:
            if is_stopped.is_set():
                break
            got = one_by_one.get(one)
            is_complete &= got.outcome in ("done", "waits")
            rows.add(f"{got.entry_id}: {printable(got.sentence)}", got.to_fields())
            progress.advance()
        rows.above = None
        return rows.end(Result("", {"isInterrupted": is_stopped.is_set()}, is_complete, is_stopped.is_set()))


def _tier(word: str) -> Tier:
    from shared.ports import Tier

    return Tier(word)


@dataclass(frozen=True, slots=True)
class _Download:
    """
    Downloads of one run.
    """

    job: Work
    place: Path
    origin: str
    tier: Tier | None
    copied: Copied
    is_stopped: threading.Event

    def get(self, entry_id: str) -> _Got:
        """
        Download one original.
        """
        from shared.core.errors import BackendError

        try:
            known = self.job.known([entry_id]).get(entry_id)
            if self.origin == "provider":
                return self._from_provider(entry_id, known)
            return self._from_store(entry_id, known)
        except _NotDone as reason:
            return _Got(entry_id, "failed", str(reason))
        except BackendError as error:
            return _Got(entry_id, "failed", str(error))
        except OSError as error:
            return _Got(entry_id, "failed", f"it cannot be written: {error.strerror}. Nothing of it was left behind.")

    def _from_store(self, entry_id: str, known: Known | None) -> _Got:
        original = None if known is None else known.record.original
        item = (
            self.job.store.find(entry_id) if original is None else self.job.store.find(original.key, original.version)
        )
        if item is None:
            raise _NotDone("its original is not in the cold store.")
        extension = "" if original is None else original.extension
        if original is None:
            (entry,) = self.job.account.read([entry_id])
            extension = "" if entry is None or entry.original is None else entry.original.extension
        target = self._target(entry_id, extension)
        waits = self._waits(item)
        if waits is not None:
            return waits
        with self.job.store.read(item) as parts:
            return self._kept(entry_id, target, parts, item.size_bytes, "" if original is None else original.sha256)

    def _waits(self, item: ColdObject) -> _Got | None:
        """
        Return until when to wait, if an object cannot be read yet.
        """
        from shared.archive.storing import READABLE_DAYS
        from shared.ports import Availability

        if item.availability is Availability.READY:
            return None
        if self.tier is None:
            is_coming = item.availability is Availability.COMING
            words = "is on its way" if is_coming else "is out of reach"
            advice = "Try again later." if is_coming else "Add --ask to ask for it."
            raise _NotDone(f"its original {words} in the cold store. {advice}")
        waits: timedelta = self.job.store.ask(item, self.tier, READABLE_DAYS)
        due_at = self.job.app.clock() + waits
        sentence = f"asked for; it can be read at {time_text(due_at)}, for {READABLE_DAYS} days. Run this again then."
        return _Got(item.key, "waits", sentence, due_at=due_at)

    def _from_provider(self, entry_id: str, known: Known | None) -> _Got:
        entry: Entry | None
        (entry,) = self.job.account.read([entry_id])
        if entry is None or entry.original is None:
            raise _NotDone("the provider has no such video, or no original of it.")
        original, record = entry.original, None if known is None else known.record
        target = self._target(entry_id, original.extension)
        source = self.job.account.source(entry_id, original, LIFETIME_S)
        within_s = max(LEAST_S, original.size_kb * 1024 / SLOWEST_BYTES_S)
        is_archived = record is not None and record.original is not None and record.original.is_of(original)
        sha256 = record.original.sha256 if record is not None and record.original is not None and is_archived else ""
        parts = self.job.around.read(source, within_s)
        got = self._kept(entry_id, target, parts, original.size_bytes, sha256)
        if record is not None and record.is_placeholder(original):
            return _Got(
                entry_id, "done", f"{got.sentence} It is the placeholder.", got.path, got.sha256, got.size_bytes
            )
        return got

    def _target(self, entry_id: str, extension: str) -> Path:
        safe = "".join(one for one in extension if one.isascii() and one.isalnum())
        target = self.place / (f"{entry_id}.{safe}" if safe else entry_id)
        if target.exists():
            raise _NotDone(f"{target} exists already. Move it away.")
        return target

    def _kept(self, entry_id: str, target: Path, parts: Iterator[bytes], size_bytes: int | None, sha256: str) -> _Got:
        """
        Write a file beside its place, verify it, and then give it its name.
        """
        digest, received = hashlib.sha256(), 0
        with _part_of(target) as part:
            with part.open("wb") as stream:
                for piece in parts:
                    if self.is_stopped.is_set():
                        raise _NotDone("interrupted. Run the same command again.")
                    stream.write(piece)
                    digest.update(piece)
                    received += len(piece)
                    self.copied.reached(entry_id, received, size_bytes)
            if size_bytes not in (None, received) or sha256 not in ("", digest.hexdigest()):
                raise _NotDone("it came with other bytes than were archived. Nothing was kept. Try again.")
            if target.exists():
                raise _NotDone(f"{target} exists already. Move it away.")
            part.rename(target)
        verified = (
            "verified by its checksum" if sha256 else f"its checksum is not known before; it is {digest.hexdigest()}"
        )
        sentence = f"{target}, {size_text(received)}, {verified}."
        return _Got(entry_id, "done", sentence, str(target), digest.hexdigest(), received)


@contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """
    Make an empty file beside a target, which is removed unless it was renamed.
    """
    with tempfile.NamedTemporaryFile(
        prefix=f".{target.name}.", suffix=".part", dir=target.parent, delete=False
    ) as made:
        part = Path(made.name)
    part.chmod(0o644)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
