"""The deployment that the commands of the archive work on, and the words of their results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from cli.running import Surroundings, surroundings
from shared.core.errors import Misconfigured, WrongState

if TYPE_CHECKING:
    from shared.app import App
    from shared.archive.model import ArchivedEntry, Wish
    from shared.archive.runner import Runner
    from shared.archive.storing import Reached
    from shared.ports import ColdStore, Document, Originals, Price

KILO: Final = 1000
UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")

workers_option: Final = click.option(
    "--workers", type=click.IntRange(1, 32), default=4, help="Entries to work on at once, 1 to 32. Default: 4."
)
provider_price_option: Final = click.option(
    "--provider-price",
    type=click.FloatRange(0, 1000),
    metavar="DOLLARS",
    help="Dollars that the video provider takes for a gigabyte and month, to say what is saved.",
)

RECORDS_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Known:
    """
    The record of an entry, and its wish.
    """

    record: ArchivedEntry
    wish: Wish


@dataclass(frozen=True, slots=True)
class Work:
    """
    The deployment, its entries and its cold store.

    Attributes:
        around: The deployment, and what it runs in.
        account: The entries of the provider.
        store: The cold store.
    """

    around: Surroundings
    account: Originals
    store: ColdStore

    @property
    def app(self) -> App:
        """
        Return the deployment.
        """
        return self.around.app

    @property
    def price(self) -> Price:
        """
        Return the prices of the store's class.
        """
        return self.store.terms.price

    @property
    def prices_of(self) -> str:
        """
        Return the day of these prices.
        """
        return "an unknown day" if self.price.as_of is None else self.price.as_of.isoformat()

    def known(self, entry_ids: Iterable[str]) -> Mapping[str, Known]:
        """
        Return what is recorded of entries, by their ids, in one read.
        """
        from shared.archive.model import ArchivedEntry, Wish
        from shared.core.paths import archive_path

        paths = [archive_path(one) for one in entry_ids]
        documents = self.app.documents.read(*paths) if paths else ()
        return {
            one.id: Known(ArchivedEntry.from_document(one), Wish.from_fields(one.fields["wish"]))
            for one in documents
            if one is not None
        }

    def write(self, path: str, fields: Mapping[str, Any]) -> None:
        """
        Keep a report as a document, in the place of the one before.
        """
        from shared.ports import Create, Update

        (before,) = self.app.documents.read(path)
        report = {"at": self.app.clock(), **fields}
        self.app.documents.commit(Create(path, report) if before is None else Update(path, report))

    def record_pages(self) -> Iterator[Sequence[Document]]:
        """
        Yield the records of all entries, in the order of their ids, one page at a time.
        """
        from shared.core.paths import ARCHIVE
        from shared.ports import Query

        after: str | None = None
        while True:
            page = self.app.documents.select(Query(ARCHIVE, after_id=after, limit=RECORDS_PAGE))
            yield page
            if len(page) < RECORDS_PAGE:
                return
            after = page[-1].id

    def require_running(self) -> None:
        """
        Refuse to work while an operator has stopped all work.

        Raises:
            WrongState: They have (never, until they start it).
        """
        from shared.operations.kill_switch import KillSwitch

        app = self.app
        if KillSwitch(app.documents, app.queue, app.clock, app.common.tasks_per_hour_max, ()).is_stopped():
            raise WrongState("All work is stopped. Start it first: greenroom start.", reason="ARCHIVE_STATE")

    def require_store(self) -> None:
        """
        Refuse to plan or do anything with a cold store that cannot be used.

        Raises:
            Misconfigured: The bucket does not exist, or refuses the credentials (never, until that is set right).
            ProviderError: The store does not answer (again).
        """
        self.store.listed()

    def require_not_held(self) -> None:
        """
        Refuse to archive in a database that was restored, or is a copy.

        Raises:
            WrongState: It is, and nobody has checked it yet (never, until they have).
        """
        from shared.archive.runner import HELD

        if self.app.epochs.is_held():
            raise WrongState(HELD, reason="ARCHIVE_STATE")

    def runner(
        self, is_stopped: threading.Event, reached: Reached, waits: Callable[[str, str], None] | None = None
    ) -> Runner:
        """
        Return what carries requests out.

        Args:
            is_stopped: Is set when the operator presses Ctrl-C.
            reached: Is called with the progress of each copy.
            waits: Is called with an entry, and in words why it is waited for.
        """
        from shared.archive.resource import RUN_TIMEOUT_S, commands, job
        from shared.archive.runner import Runner
        from shared.archive.storing import tell_nobody

        return Runner(
            self.app.get(commands),
            self.app.get(job).telling(reached),
            self.app.reconciler(RUN_TIMEOUT_S),
            self.account.name,
            is_stopped,
            self.around.pause,
            waits or tell_nobody,
        )


def work() -> Work:
    """
    Return what the command that runs works on.

    Raises:
        Misconfigured: There is no cold store, or no provider with originals (never, until it is set).
    """
    from shared.archive.resource import cold_store, originals

    around = surroundings()
    store, account = cold_store(around.app), originals(around.app)
    if account is None:
        raise Misconfigured("No video provider of this deployment has originals to archive. Set KALTURA_PARTNER_ID.")
    return Work(around, account, store)


def line_of(entry_id: str, action: str, sentence: str, *, is_applied: bool) -> str:
    """
    Return the line of `kaltura_aws.py` for an entry. Pure.
    """
    return f"{'EXEC  ' if is_applied else 'DRYRUN'} | {'Entry':<7} {entry_id:<10} | {action:<20} {sentence}"


def size_text(size_bytes: int) -> str:
    """
    Return a size in words. Pure.
    """
    size, unit = float(size_bytes), 0
    while size >= KILO and unit < len(UNITS) - 1:
        size, unit = size / KILO, unit + 1
    return f"{size_bytes} bytes" if unit == 0 else f"{size:.1f} {UNITS[unit]}"


def money(dollars: float) -> str:
    """
    Return an amount in words. Pure.
    """
    sign = "-" if dollars < 0 else ""
    amount = abs(dollars)
    return f"{sign}under $0.01" if 0 < amount < 0.01 else f"{sign}${amount:,.2f}"


def time_text(at: datetime) -> str:
    """
    Return an instant in words. Pure.
    """
    return f"{at:%Y-%m-%d %H:%M} UTC"


def printable(text: str) -> str:
    """
    Return a title as one line, without what would act on a terminal. Pure.
    """
    return "".join(one for one in " ".join(text.split()) if one.isprintable())
