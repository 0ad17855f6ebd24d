"""The options that choose entries, and the entries that they choose.

Called by the commands of this folder. The names after the first of each option are those of `kaltura_aws.py`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from shared.core.paths import ENTRY_ID

if TYPE_CHECKING:
    from shared.ports import Entry, Originals, Selection

F = TypeVar("F", bound=Callable[..., Any])

YEAR: Final = timedelta(days=365.25)
YEARS_MAX: Final = 100
PAGE_MAX: Final = 500
ID_FILE_MAX_BYTES: Final = 10 * 1024**2

STATES: Final = {
    "ready": "ready",
    "processing": "processing",
    "error": "error",
    "rejected": "rejected",
    "no-content": "awaitingUpload",
    "-2": "error",
    "-1": "error",
    "0": "awaitingUpload",
    "1": "processing",
    "2": "ready",
    "4": "processing",
    "5": "processing",
    "6": "rejected",
    "7": "awaitingUpload",
}
"""The states of an entry by the words and Kaltura's numbers that `--status` takes."""


class Years(click.ParamType[float]):
    """
    A number of years, with fractions.
    """

    name = "years"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            years = float(value)
        except ValueError:
            years = math.nan
        if not 0 < years <= YEARS_MAX:
            self.fail(
                f"'{value}' is not a number of years, above 0 and up to {YEARS_MAX}, such as 2 or 0.5.", param, ctx
            )
        return years


@dataclass(frozen=True, slots=True)
class Filters:
    """
    The filters that the operator has typed. The options of `with_filters` say what each one means.
    """

    unplayed: float | None = None
    never_played: float | None = None
    no_last_played: bool = False
    played_within: float | None = None
    created_within: float | None = None
    created_before: float | None = None
    category: str | None = None
    tag: tuple[str, ...] = ()
    entry_id: tuple[str, ...] = ()
    id_file: str | None = None
    status: tuple[str, ...] = ()
    plays: int | None = None
    is_all: bool = False
    most: int = -1
    page_size: int = PAGE_MAX

    @property
    def has_any(self) -> bool:
        """
        Tell whether there is at least one filter.
        """
        unfiltered = Filters(is_all=self.is_all, most=self.most, page_size=self.page_size)
        return self != unfiltered

    @property
    def has_play(self) -> bool:
        """
        Tell whether there is a filter of plays.
        """
        plays = (self.unplayed, self.never_played, self.played_within, self.plays)
        return self.no_last_played or any(one is not None for one in plays)


def with_filters(function: F) -> F:
    """
    Give a command the options that choose entries. The function gets them as `filters`.
    """

    @functools.wraps(function)
    def filtered(*arguments: Any, **values: Any) -> Any:
        chosen = {one.name: values.pop(one.name) for one in fields(Filters)}
        return function(*arguments, filters=Filters(**chosen), **values)

    decorated: Any = filtered
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    result: F = decorated
    return result


_OPTIONS: Final = (
    click.option(
        "--unplayed",
        "--unplayed_for",
        "-u",
        "unplayed",
        type=Years(),
        help="Not played for so many years; what was never played counts from its creation.",
    ),
    click.option("--never-played", type=Years(), help="Never played, and created so many years ago or earlier."),
    click.option("--no-last-played", "--noLastPlayed", "-n", is_flag=True, help="Without a time of the last play."),
    click.option(
        "--played-within",
        "--played_within",
        "--played",
        "-p",
        "played_within",
        type=Years(),
        help="Played within so many years.",
    ),
    click.option(
        "--created-within", "--created_within", "created_within", type=Years(), help="Created within so many years."
    ),
    click.option(
        "--created-before",
        "--created_before",
        "created_before",
        type=Years(),
        help="Created so many years ago or earlier.",
    ),
    click.option(
        "--category",
        "-c",
        metavar="NAME",
        help="In this category or below: its id or full name, such as Lessons>Physics.",
    ),
    click.option(
        "--tag", "-t", multiple=True, metavar="TAG", help="With this tag; without it if an exclamation mark precedes."
    ),
    click.option("--id", "-i", "entry_id", multiple=True, metavar="ENTRY", help="This entry. Can be given repeatedly."),
    click.option(
        "--id-file", "--idfile", "-I", "id_file", metavar="FILE", help="The entries in this file, one id on each line."
    ),
    click.option(
        "--status",
        multiple=True,
        metavar="STATE",
        help="In this state: ready, processing, error, rejected or no-content, or Kaltura's number of it.",
    ),
    click.option("--plays", type=click.IntRange(min=1), help="Played fewer times than this."),
    click.option("--all", "is_all", is_flag=True, help="Every entry, if there is no other filter."),
    click.option(
        "--max",
        "--max_entries",
        "-M",
        "most",
        type=click.IntRange(min=-1),
        default=-1,
        help="The most entries to look at; -1 (default) for all.",
    ),
    click.option(
        "--page-size",
        "--page_size",
        "-s",
        "page_size",
        type=click.IntRange(1, PAGE_MAX),
        default=PAGE_MAX,
        help=f"Entries that are read at once, up to {PAGE_MAX} (default).",
    ),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """
    The entries that the filters choose.

    Attributes:
        selection: The conditions that the provider checks.
        states: The states that entries may have; empty for any.
        plays_below: Played fewer times; `None` for any.
        most: The most entries; `None` for all.
        page_size: How many are read at once.
        ids_only: Whether they were chosen by their ids alone, so that each of those should exist.
    """

    selection: Selection
    states: frozenset[str] = frozenset()
    plays_below: int | None = None
    most: int | None = None
    page_size: int = PAGE_MAX
    ids_only: bool = False

    @property
    def is_sifted(self) -> bool:
        """
        Tell whether the provider selects more than the filters choose.
        """
        return bool(self.states) or self.plays_below is not None

    def pages(self, originals: Originals) -> Iterator[Sequence[Entry]]:
        """
        Yield the entries, the oldest first, one page at a time. One that comes twice at the edge of two pages is
        yielded once.
        """
        from shared.ports import pages_of

        left = math.inf if self.most is None else self.most
        for page in pages_of(originals, self.selection, self.page_size) if left > 0 else ():
            found = [one for one in page if self._is_meant(one)]
            if left < len(found):
                found = found[: int(left)]
            left -= len(found)
            if found:
                yield found
            if left <= 0:
                return

    def count(self, originals: Originals) -> int:
        """
        Return how many there are.
        """
        if self.is_sifted:
            return sum(map(len, self.pages(originals)))
        found = originals.count(self.selection)
        return found if self.most is None else min(found, self.most)

    def _is_meant(self, entry: Entry) -> bool:
        if self.states and entry.state.value not in self.states:
            return False
        return self.plays_below is None or entry.plays < self.plays_below


def require_filter(filters: Filters) -> None:
    """
    Refuse to change every entry, unless that is asked for.

    Raises:
        UsageError: There is no filter.
    """
    if not filters.has_any and not filters.is_all:
        raise click.UsageError("Choose entries, for example by --unplayed 2, or take every entry with --all.")


def chosen_by(filters: Filters, now: datetime) -> Chosen:
    """
    Return the entries that the filters choose.

    Raises:
        UsageError: The filters contradict each other, or one cannot be read.
    """
    from shared.ports import Selection

    if filters.is_all and filters.has_any:
        raise click.UsageError("Use --all without other filters.")
    if filters.most == 0:
        raise click.UsageError("--max must be at least 1, or -1 for all.")
    if filters.tag and filters.no_last_played:
        raise click.UsageError("A tag cannot be combined with --no-last-played. Take --never-played YEARS instead.")
    tags = [one for one in filters.tag if not one.startswith("!")]
    without = [one[1:] for one in filters.tag if one.startswith("!")]
    if len(tags) > 1 or len(without) > 1:
        raise click.UsageError("Use --tag once for a tag, and once for a tag with an exclamation mark.")
    states = _states(filters.status)
    if filters.category is not None and not filters.category.strip():
        raise click.UsageError("--category needs the id or the full name of a category.")
    befores = [_ago(now, one) for one in (filters.never_played, filters.created_before) if one is not None]
    ids = _ids(filters)
    selection = Selection(
        ids=ids,
        category=filters.category,
        tag=_tag(tags),
        without_tag=_tag(without),
        unplayed_since=_ago(now, filters.unplayed),
        is_unplayed=True if filters.no_last_played or filters.never_played is not None else None,
        played_since=_ago(now, filters.played_within),
        created_since=_ago(now, filters.created_within),
        created_before=min((one for one in befores if one is not None), default=None),
        ready=True if states == {"ready"} else None,
    )
    alone = replace(filters, entry_id=(), id_file=None)
    return Chosen(
        selection,
        frozenset() if selection.ready else states,
        filters.plays,
        None if filters.most < 0 else filters.most,
        filters.page_size,
        ids_only=ids is not None and not alone.has_any and filters.most < 0,
    )


def _ago(now: datetime, years: float | None) -> datetime | None:
    return None if years is None else now - years * YEAR


def _states(words: Sequence[str]) -> frozenset[str]:
    every = [word.strip() for one in words for word in one.split(",")]
    for word in every:
        if word not in STATES:
            raise click.UsageError(f"--status '{word}' is not one of {', '.join(STATES)}.")
    return frozenset(STATES[word] for word in every)


def _tag(tags: Sequence[str]) -> str | None:
    for tag in tags:
        if "," in tag or not tag.strip():
            raise click.UsageError(f"'{tag}' cannot be a tag: a tag is some text without a comma.")
    return tags[0] if tags else None


def _ids(filters: Filters) -> tuple[str, ...] | None:
    """
    Return the chosen ids, each once; `None` if entries are not chosen by their ids.
    """
    if not filters.entry_id and filters.id_file is None:
        return None
    ids = list(filters.entry_id)
    for one in ids:
        require_id(one)
    if filters.id_file is not None:
        ids += _ids_in(filters.id_file)
    return tuple(dict.fromkeys(ids))


def require_id(word: str) -> None:
    """
    Refuse what cannot be an entry's id.

    Raises:
        UsageError: It cannot.
    """
    if not ENTRY_ID.fullmatch(word):
        raise click.UsageError(f"'{word}' is not the id of an entry, such as 0_a1b2c3d4.")


def _ids_in(name: str) -> Iterator[str]:
    """
    Yield the ids in a file. Blank lines are skipped, and what follows a `#`.

    Raises:
        UsageError: The file cannot be read, or a line is no id.
    """
    path, count = Path(name), 0
    for number, line in enumerate(_text_of(path).splitlines(), 1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        if not ENTRY_ID.fullmatch(word):
            raise click.UsageError(f"Line {number} of {path} is not the id of an entry, such as 0_a1b2c3d4.")
        count += 1
        yield word
    if not count:
        raise click.UsageError(f"{path} has no ids of entries. Write one on each line.")


def _text_of(path: Path) -> str:
    try:
        # A pipe has no size, so at most one byte too many is read.
        with path.open("rb") as stream:
            content = stream.read(ID_FILE_MAX_BYTES + 1)
    except IsADirectoryError:
        raise click.UsageError(f"{path} is a folder. Name a file with one id on each line.") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > ID_FILE_MAX_BYTES:
        raise click.UsageError(f"{path} is larger than {ID_FILE_MAX_BYTES // 1024**2} MB. Split it.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError(f"{path} is not text. Name a file with one id on each line.") from None
