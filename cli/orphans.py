"""The operator's commands about orphans: find them, give them back, delete them, resume after a restore.

Called by `cli/main.py`, which reads the settings. Results are returned as text, progress is printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from functions import wiring
from shared.app import App
from shared.core.errors import BadRequest
from shared.operations.orphans.report import Report
from shared.ports import InventoryItem
from shared.reconcile.epoch import Hold, Suspicion


def add_orphan_arguments(orphans: argparse.ArgumentParser) -> None:
    """
    Add the options of `find-orphans`.
    """
    orphans.add_argument(
        "--clean-up", action="store_true", help="delete orphans without content, and recreate what is missing"
    )
    orphans.add_argument(
        "--with-content", action="store_true", help="with --clean-up: also delete orphans with content, permanently"
    )
    orphans.add_argument(
        "--delete-content", nargs="+", metavar="REFERENCE", help="delete these orphans with their content, permanently"
    )
    orphans.add_argument(
        "--adopt",
        nargs="*",
        metavar="REFERENCE",
        help="give these orphans, or all that have content, back to their sessions",
    )
    orphans.add_argument(
        "--session", metavar="ID", help="with --adopt: the session for orphans that do not name theirs"
    )


def find_orphans(options: argparse.Namespace) -> tuple[str, bool]:
    """
    Report orphans. Delete some, or give them back, if the options say so.

    Returns:
        The text for the operator, and whether everything that they named was done.

    Raises:
        BadRequest: The options contradict each other (never).
        Transient: Provider, documents or queue could not be reached (again).
    """
    app = wiring.app()
    chosen = [options.clean_up, options.delete_content is not None, options.adopt is not None]
    if (
        sum(chosen) > 1
        or (options.with_content and not options.clean_up)
        or (options.session and options.adopt is None)
    ):
        raise BadRequest(
            "Use only one of --clean-up [--with-content], --delete-content and --adopt [--session].",
            reason="OPTION_INVALID",
        )
    if options.delete_content is not None:
        deleted = app.orphans.delete(options.delete_content, _tell)
        return _deleted(deleted, options.delete_content, app.orphans.standing().epoch.hold)
    if options.adopt is not None:
        return _adopted(app, options.adopt, options.session)
    report = app.orphans.find(clean_up=options.clean_up, with_content=options.with_content, tell=_tell)
    return "\n".join(_told(report, clean_up=options.clean_up, with_content=options.with_content)), True


def _adopted(app: App, references: Sequence[str], session_id: str | None) -> tuple[str, bool]:
    """
    Give orphans back. Return the text for the operator, and whether all of them were given back.
    """
    adopted = app.adoption.adopt(app.orphans.all(_tell, young=True), references, session_id)
    lines = [
        f"  {one.item.reference}, {_ids(one.item.external_ids)}: "
        + (f"adopted by {one.path}" if one.path else f"not adopted. {one.sentence}")
        for one in adopted
    ]
    seen = {one.item.reference for one in adopted}
    lines += [f"  {one}: there is no orphan with content and this reference" for one in references if one not in seen]
    count = sum(one.path is not None for one in adopted)
    told = "\n".join([f"Adopted: {count}. Not adopted: {len(lines) - count}.", *lines])
    return told, count == len(lines)


def _deleted(released: Sequence[InventoryItem], references: Sequence[str], hold: Hold | None) -> tuple[str, bool]:
    """
    Return the text for the operator about orphans that are being deleted, and whether all that they named are. Pure.
    """
    lines = [f"  {one.reference}, {_ids(one.external_ids)}: is being deleted" for one in released]
    unknown = sorted(set(references) - {one.reference for one in released})
    lines += [f"  {one}: there is no orphan with this reference that is old enough to delete" for one in unknown]
    if released and hold is not None:
        lines += [*_held(hold), "They are deleted after `resume-after-restore`."]
    return "\n".join(lines), not unknown


def resume_after_restore() -> str:
    """
    Show why deletions are held, and let them continue.

    Raises:
        Transient: Provider or documents could not be reached (again).
        Conflict: Another writer changed the same document at this moment (again).
    """
    app = wiring.app()
    hold = app.orphans.standing().epoch.hold
    if hold is None:
        return "Deletions are not held. There is nothing to acknowledge."
    lines = _held(hold)
    left = [one.item for one in app.orphans.all(_tell, young=True) if one.item.has_content]
    lines.append(f"Orphans with content, which are kept: {len(left)}.")
    lines += [f"  {one.reference}, {_ids(one.external_ids)}, created {one.created_at}" for one in left]
    app.epochs.acknowledge(app.places)
    return "\n".join([*lines, "Acknowledged. Deletions continue within ten minutes. The orphans listed here are kept."])


def _held(hold: Hold) -> list[str]:
    """
    Format the reason why deletions are held, for an operator. Pure.
    """
    why = {
        Suspicion.OTHER_DATABASE: f"Firestore reports another database than before: {hold.found}.",
        Suspicion.UNKNOWN_CONTENT: f"A provider has content that this database does not know: {hold.found}.",
        Suspicion.UNREADABLE: f"Somebody edited operations/epoch so that these fields cannot be read: {hold.found}.",
    }[hold.reason]
    swept = "never" if hold.swept_at is None else f"{hold.swept_at:%Y-%m-%d %H:%M} UTC"
    return [
        f"Deletions are held since {hold.since:%Y-%m-%d %H:%M} UTC. {why} Last sweep that this database knows: {swept}."
    ]


def _tell(things: int, documents: int) -> None:
    print(f"  checked so far: {things} objects, {documents} documents", flush=True)


def _told(report: Report, *, clean_up: bool, with_content: bool) -> list[str]:
    """
    Format a report for an operator. Pure.
    """
    lines = [] if report.hold is None else _held(report.hold)
    lines.append(
        f"Objects at the providers: {report.things}, of which {len(report.orphans)} are orphans. "
        f"Documents: {report.documents}, of which {len(report.missing)} name objects that do not exist."
    )
    for one in report.orphans:
        content = "has content" if one.has_content else "is empty"
        lines.append(f"  orphan {one.reference}, {_ids(one.external_ids)}, created {one.created_at}: {content}")
    lines += [f"  {one.path} names {_ids(one.external_ids)}, which does not exist" for one in report.missing]
    lines += [f"  not created by Greenroom, and left alone: {one}" for one in report.unreadable]
    if report.orphans or report.missing:
        lines += _next_steps(report, clean_up=clean_up, with_content=with_content)
    return lines


def _next_steps(report: Report, *, clean_up: bool, with_content: bool) -> list[str]:
    """
    Format the possible next steps after a report. Pure.
    """
    kept = 0 if report.cleaned_up and with_content else len(report.with_content)
    choices = (
        f"Orphans with content, which are kept: {kept}. `--adopt` gives them back to their sessions, "
        "`--delete-content REFERENCE` deletes one, `--clean-up --with-content` deletes all."
    )
    if report.cleaned_up:
        return ["The clean-up is under way.", *([choices] if kept else [])]
    if clean_up:
        return ["Nothing was changed: deletions are held. Adopt what you miss, then run `resume-after-restore`."]
    empty = (
        f"`--clean-up` deletes the orphans without content: {len(report.orphans) - kept}."
        if report.hold is None
        else "Nothing is deleted before `resume-after-restore`. First adopt what you miss."
    )
    return [f"Nothing was changed. {empty}", *([choices] if kept else [])]


def _ids(external_ids: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(external_ids.items()))
