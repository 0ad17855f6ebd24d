"""The commands about orphans: `find-orphans` and `resume-after-restore`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from cli.output import Output, Progress, Result
from cli.running import Section, command, require_task_account, surroundings
from shared.core.errors import BadRequest

if TYPE_CHECKING:
    from shared.app import App
    from shared.operations.orphans.adoption import Adopted
    from shared.operations.orphans.report import Report
    from shared.ports import InventoryItem
    from shared.reconcile.epoch import Hold

SEARCHING: Final = "Looking for orphans"


@command(
    "find-orphans",
    examples=[
        "find-orphans",
        "find-orphans --clean-up",
        "find-orphans --adopt video:ab12:1 --session s1",
        "find-orphans --delete-content video:ab12:1",
    ],
    needs_secrets=True,
)
@click.argument("references", nargs=-1, metavar="[REFERENCE]...")
@click.option("--clean-up", is_flag=True, help="Delete orphans without content, and recreate what is missing.")
@click.option("--with-content", is_flag=True, help="With --clean-up: also delete orphans with content, permanently.")
@click.option("--delete-content", is_flag=True, help="Delete the named orphans with their content, permanently.")
@click.option("--adopt", is_flag=True, help="Give the named orphans, or all with content, back to their sessions.")
@click.option("--session", metavar="ID", help="With --adopt: the session for orphans that do not name theirs.")
def find_orphans(
    output: Output,
    references: Sequence[str],
    clean_up: bool,
    with_content: bool,
    delete_content: bool,
    adopt: bool,
    session: str | None,
) -> Result:
    """
    Report what a provider has and no document names, and what a document names and no provider has.

    Without options nothing is changed. REFERENCE is an orphan's reference in the report, such as video:ab12:1; it is
    used with --adopt and --delete-content.
    """
    if (
        sum((clean_up, delete_content, adopt)) > 1
        or (with_content and not clean_up)
        or (session is not None and not adopt)
    ):
        raise BadRequest(
            "Use only one of --clean-up [--with-content], --delete-content and --adopt [--session].",
            reason="OPTION_INVALID",
        )
    if references and not (adopt or delete_content):
        raise click.UsageError("References are used with --adopt or --delete-content.")
    if delete_content and not references:
        raise click.UsageError("Name the orphans to delete: --delete-content REFERENCE.")
    require_task_account()
    app = surroundings().app
    with output.progress(SEARCHING) as progress:
        if delete_content:
            deleted = app.orphans.delete(references, _telling(progress))
            return _deleted(deleted, references, app.orphans.standing().epoch.hold)
        if adopt:
            return _adopted(_adopt(app, references, session, progress), references)
        report = app.orphans.find(clean_up=clean_up, with_content=with_content, tell=_telling(progress))
        return _reported(report, clean_up=clean_up, with_content=with_content)


@command("resume-after-restore", examples=["resume-after-restore", "resume-after-restore --apply"], needs_secrets=True)
@click.option("--apply", "is_applied", is_flag=True, help="Do it. Without it, only say what is held, and why.")
def resume_after_restore(output: Output, is_applied: bool) -> Result:
    """
    Show why deletions are held after a restore, and with --apply let them continue.
    """
    require_task_account()
    app = surroundings().app
    hold = app.orphans.standing().epoch.hold
    if hold is None:
        nothing: dict[str, Any] = {"hold": None, "orphans": [], "isAcknowledged": False}
        return Result("Deletions are not held. There is nothing to acknowledge.", nothing)
    with output.progress(SEARCHING) as progress:
        # The search of `find-orphans`, so that the counts agree.
        report = app.orphans.find(clean_up=False, tell=_telling(progress))
    left = [*report.with_content, *report.young]
    lines = [*told_hold(hold), f"{_told_kept(len(report.with_content), len(report.young))}."]
    lines += [f"  {one.reference}, {_ids(one.external_ids)}, created {one.created_at}" for one in left]
    if is_applied:
        app.epochs.acknowledge(app.places)
        lines.append("Acknowledged. Deletions continue within ten minutes. The orphans listed here are kept.")
    else:
        lines.append(
            "Nothing was changed. `find-orphans --adopt` gives orphans back to their sessions. "
            "`resume-after-restore --apply` lets deletions continue."
        )
    orphans = [_item_data(one) for one in left]
    return Result("\n".join(lines), {"hold": hold_data(hold), "orphans": orphans, "isAcknowledged": is_applied})


def _adopt(app: App, references: Sequence[str], session_id: str | None, progress: Progress) -> Sequence[Adopted]:
    return app.adoption.adopt(app.orphans.all(_telling(progress), young=True), references, session_id)


def _adopted(adopted: Sequence[Adopted], references: Sequence[str]) -> Result:
    """
    Return the result for orphans that were to be given back. Pure.
    """
    lines = [
        f"  {one.item.reference}, {_ids(one.item.external_ids)}: "
        + (f"adopted by {one.path}" if one.path else f"not adopted. {one.sentence}")
        for one in adopted
    ]
    seen = {one.item.reference for one in adopted}
    unknown = [one for one in references if one not in seen]
    lines += [f"  {one}: there is no orphan with content and this reference" for one in unknown]
    count = sum(one.path is not None for one in adopted)
    told = "\n".join([f"Adopted: {count}. Not adopted: {len(lines) - count}.", *lines])
    orphans = [{**_item_data(one.item), "adoptedBy": one.path, "sentence": one.sentence} for one in adopted]
    return Result(told, {"orphans": orphans, "unknown": unknown}, count == len(lines))


def _deleted(released: Sequence[InventoryItem], references: Sequence[str], hold: Hold | None) -> Result:
    """
    Return the result for orphans that are being deleted. Pure.
    """
    lines = [f"  {one.reference}, {_ids(one.external_ids)}: is being deleted" for one in released]
    unknown = sorted(set(references) - {one.reference for one in released})
    lines += [f"  {one}: there is no orphan with this reference that is old enough to delete" for one in unknown]
    if released and hold is not None:
        lines += [*told_hold(hold), "They are deleted after `resume-after-restore --apply`."]
    deleting = [_item_data(one) for one in released]
    return Result("\n".join(lines), {"deleting": deleting, "unknown": unknown, "hold": hold_data(hold)}, not unknown)


def _reported(report: Report, *, clean_up: bool, with_content: bool) -> Result:
    """
    Return the result of a search. Pure.
    """
    data = {
        "at": report.at,
        "things": report.things,
        "documents": report.documents,
        "isCleanedUp": report.cleaned_up,
        "hold": hold_data(report.hold),
        "orphans": [_item_data(one) for one in report.orphans],
        "young": [_item_data(one) for one in report.young],
        "missing": [{"path": one.path, "externalIds": dict(one.external_ids)} for one in report.missing],
        "unreadable": list(report.unreadable),
    }
    return Result("\n".join(_told(report, clean_up=clean_up, with_content=with_content)), data)


def _item_data(item: InventoryItem) -> dict[str, Any]:
    return {
        "provider": item.provider,
        "reference": item.reference,
        "externalIds": dict(item.external_ids),
        "createdAt": item.created_at,
        "hasContent": bool(item.has_content),
        "isPart": item.is_part,
    }


def hold_data(hold: Hold | None) -> dict[str, Any] | None:
    """
    Return the reason why deletions are held, for programs. Pure.
    """
    if hold is None:
        return None
    return {"reason": hold.reason, "found": hold.found, "since": hold.since, "sweptAt": hold.swept_at}


def told_hold(hold: Hold) -> list[str]:
    """
    Format the reason why deletions are held, for an operator. Pure.
    """
    from shared.reconcile.epoch import Suspicion

    why = {
        Suspicion.OTHER_DATABASE: f"Firestore reports another database than before: {hold.found}.",
        Suspicion.UNKNOWN_CONTENT: f"A provider has content that this database does not know: {hold.found}.",
        Suspicion.UNREADABLE: f"Somebody edited operations/epoch so that these fields cannot be read: {hold.found}.",
    }[hold.reason]
    swept = "never" if hold.swept_at is None else f"{hold.swept_at:%Y-%m-%d %H:%M} UTC"
    return [
        f"Deletions are held since {hold.since:%Y-%m-%d %H:%M} UTC. {why} Last sweep that this database knows: {swept}."
    ]


def _telling(progress: Progress) -> Callable[[int, int], None]:
    return lambda things, documents: progress.show(f"checked so far: {things} objects, {documents} documents")


def _told(report: Report, *, clean_up: bool, with_content: bool) -> list[str]:
    """
    Format a report for an operator. Pure.
    """
    lines = [] if report.hold is None else told_hold(report.hold)
    lines.append(
        f"Objects at the providers: {report.things}, of which {len(report.orphans)} are orphans. "
        f"Documents: {report.documents}, of which {len(report.missing)} name objects that do not exist."
    )
    if report.young:
        lines.append(f"With content that no document names, but too young to be sure: {len(report.young)}.")
    for one in report.orphans:
        content = "is empty"
        if one.has_content:
            content = "belongs to one with content" if one.is_part else "has content"
        lines.append(f"  orphan {one.reference}, {_ids(one.external_ids)}, created {one.created_at}: {content}")
    lines += [
        f"  too young {one.reference}, {_ids(one.external_ids)}, created {one.created_at}: has content"
        for one in report.young
    ]
    lines += [f"  {one.path} names {_ids(one.external_ids)}, which does not exist" for one in report.missing]
    lines += [f"  not created by Greenroom, and left alone: {one}" for one in report.unreadable]
    if report.orphans or report.young or report.missing:
        lines += _next_steps(report, clean_up=clean_up, with_content=with_content)
    return lines


def _next_steps(report: Report, *, clean_up: bool, with_content: bool) -> list[str]:
    """
    Format the possible next steps after a report. Pure.
    """
    old = 0 if report.cleaned_up and with_content else len(report.with_content)
    kept = old + len(report.young)
    choices = (
        f"{_told_kept(old, len(report.young))}. `--adopt` gives them back to their sessions, "
        "`--delete-content REFERENCE` deletes an old one, `--clean-up --with-content` deletes all old ones."
    )
    if report.cleaned_up:
        return ["The clean-up is under way.", *([choices] if kept else [])]
    if clean_up:
        return [
            "Nothing was changed: deletions are held. Adopt what you miss, then run `resume-after-restore --apply`."
        ]
    empty = (
        f"`--clean-up` deletes the orphans without content: {sum(not one.has_content for one in report.orphans)}."
        if report.hold is None
        else "Nothing is deleted before `resume-after-restore --apply`. First adopt what you miss."
    )
    return [f"Nothing was changed. {empty}", *([choices] if kept else [])]


def _told_kept(old: int, young: int) -> str:
    """
    Format the number of orphans with content: as many as `--adopt` tries to give back. Pure.
    """
    of_them = f", of which too young to be sure: {young}" if young else ""
    return f"Orphans with content, which are kept: {old + young}{of_them}"


def _ids(external_ids: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(external_ids.items()))


SECTION: Final = Section("Orphans and restored databases", (find_orphans, resume_after_restore))
