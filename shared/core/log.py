"""Every sentence that Greenroom logs, one function each.

Called from everywhere. A line has a constant `message`, a `severity` and ids as further fields; it is written from
arguments that are ids, codes and numbers. How a line is written, and what is blanked in it, is for
`shared/core/log_format.py`.
"""

from __future__ import annotations

from datetime import datetime

from shared.core.errors import BackendError, ProviderError
from shared.core.log_format import Field, told_of, write


def _info(message: str, **fields: Field) -> None:
    write("INFO", message, fields)


def _warning(message: str, **fields: Field) -> None:
    write("WARNING", message, fields)


def _error(message: str, **fields: Field) -> None:
    write("ERROR", message, fields)


def _alarm(message: str, **fields: Field) -> None:
    """
    Wake somebody: a severity above ERROR, which an alerting policy can name.
    """
    write("ALERT", message, fields)


def step_done(queue: str, key: str, step: str) -> None:
    """
    A step of a reconciliation was done.
    """
    _info("step done", queue=queue, key=key, step=step)


def step_failed(queue: str, key: str, step: str, error: ProviderError, tries: int, *, final: bool) -> None:
    """
    A provider refused or failed a step; `final` means that only a new request starts it again.
    """
    write = _error if final else _warning
    write(
        "step failed",
        queue=queue,
        key=key,
        step=step,
        provider=error.provider,
        operation=error.operation,
        code=error.code,
        sentence=str(error),
        tries=tries,
        final=final,
    )


def step_stuck(queue: str, key: str, step: str, error: ProviderError, tries: int, since: datetime) -> None:
    """
    A step that must succeed has failed for a day, or is no longer retried: a person must look.
    """
    _alarm(
        "step stuck",
        queue=queue,
        key=key,
        step=step,
        provider=error.provider,
        operation=error.operation,
        code=error.code,
        sentence=str(error),
        tries=tries,
        since=since.isoformat(),
    )


def host_turned(host: str, *, is_healthy: bool) -> None:
    """
    A host plays nothing any more, or plays again.
    """
    (_info if is_healthy else _error)("host healthy again" if is_healthy else "host unhealthy", host=host)


def owner_changed(session_id: str) -> None:
    """
    Somebody has written another owner into a session and not transferred it: what it has waits until a person does.
    """
    _alarm("session owner changed without transfer", session=session_id)


def host_open(host: str) -> None:
    """
    A host plays to anybody: the operator has to switch its protection on.
    """
    _alarm("host plays without permission", host=host)


def conflict(queue: str, key: str, step: str) -> None:
    """
    Somebody else wrote first; the document is read again.
    """
    _info("write conflict", queue=queue, key=key, step=step)


def refused(function: str, caller_uid: str | None, error: BackendError) -> None:
    """
    A callable was refused.
    """
    _info("call refused", function=function, uid=caller_uid, reason=error.reason, sentence=str(error))


def unavailable(function: str, caller_uid: str | None, error: BackendError) -> None:
    """
    A callable or a worker could not finish for a passing reason.
    """
    _warning("call failed temporarily", function=function, uid=caller_uid, reason=error.reason, sentence=str(error))


def broken(function: str, caller_uid: str | None, error: BaseException) -> None:
    """
    A bug: an error that is none of ours. Error Reporting is told where it happened.
    """
    _error("unexpected error", function=function, uid=caller_uid, **told_of(error))


def misconfigured(function: str, error: BackendError) -> None:
    """
    A setting is missing or wrong: nothing works until the operator has set it.
    """
    _error("misconfigured", function=function, sentence=str(error))


def secret_rejected(provider: str, setting: str, operation: str, code: str) -> None:
    """
    A provider does not accept the secret in a setting: nothing is done there until the operator has set the right one.
    """
    _alarm("provider rejects the secret", provider=provider, setting=setting, operation=operation, code=code)


def secret_accepted(provider: str, setting: str) -> None:
    """
    A provider accepts the secret again.
    """
    _info("provider accepts the secret", provider=provider, setting=setting)


def sweep_hindered(error: ProviderError) -> None:
    """
    A provider refused or failed a question of the sweep; the rest goes on, and the next sweep asks again.
    """
    _warning(
        "sweep incomplete", provider=error.provider, operation=error.operation, code=error.code, sentence=str(error)
    )


def swept(enqueued: int, looked: int, given_up: int) -> None:
    """
    One sweep ended.
    """
    _info("sweep finished", enqueued=enqueued, examined=looked, released=given_up)


def stray_given_up(provider: str, reference: str) -> None:
    """
    An orphan without content will be deleted.
    """
    _warning("orphan scheduled for deletion", provider=provider, reference=reference)


def orphan_reported(provider: str, reference: str) -> None:
    """
    An orphan with content was found: it is kept until an operator adopts or deletes it.
    """
    _warning("orphan reported", provider=provider, reference=reference)


def orphan_spared(provider: str, reference: str) -> None:
    """
    An orphan that was to be deleted because it was empty has content by now: it is kept.
    """
    _warning("orphan kept", provider=provider, reference=reference)


def orphan_adopted(provider: str, reference: str, path: str) -> None:
    """
    An operator gave an orphan back to its session.
    """
    _info("orphan adopted", provider=provider, reference=reference, path=path)


def deletion_dropped(provider: str, reference: str) -> None:
    """
    Something that was to be deleted is named by a document again: it is kept.
    """
    _warning("deletion cancelled", provider=provider, reference=reference)


def reference_unreadable(provider: str, text: str) -> None:
    """
    Something at a provider says that it is ours, under a name that none of ours has; it is left alone. The text is cut
    and escaped by the caller.
    """
    _warning("reference unreadable", provider=provider, text=text)


def database_restored(reason: str, found: str, since: datetime) -> None:
    """
    The database is not the one that was swept last, or knows less than it did: deletions are held until an operator
    acknowledges it.
    """
    _alarm(
        "database restored",
        reason=reason,
        found=found,
        since=since.isoformat(),
        sentence="Deletions are held. Follow the run book in docs/operating.md, then run resume-after-restore.",
    )


def document_unreadable(path: str, fields: str, since: datetime) -> None:
    """
    Somebody has edited a document by hand so that it cannot be read: deletions are held until an operator acknowledges
    it.
    """
    _alarm(
        "document unreadable",
        document=path,
        fields=fields,
        since=since.isoformat(),
        sentence="Deletions are held. Make sure that this is the right database, then run resume-after-restore: "
        "docs/operating.md says how.",
    )


def database_resumed() -> None:
    """
    An operator has acknowledged why deletions were held: they go on.
    """
    _warning("deletions resumed")


def database_unidentified(code: str) -> None:
    """
    Firestore does not tell which database this is; a restore is then noticed by other signs alone.
    """
    _info("database not identified", code=code)


def orphans_found(
    orphans: int, with_content: int, missing: int, things: int, documents: int, *, cleaned_up: bool
) -> None:
    """
    A search for orphans ended.
    """
    write = _warning if orphans or missing else _info
    write(
        "orphan search finished",
        orphans=orphans,
        with_content=with_content,
        missing=missing,
        things=things,
        documents=documents,
        cleaned_up=cleaned_up,
    )


def tasks_limit_reached(count: int, until: datetime, holds: str) -> None:
    """
    There were so many tasks in this hour that what it `holds`, `bulk` or all `tasks`, waits until it is over.
    """
    _alarm("tasks limit reached", count=count, until=until.isoformat(), holds=holds)


def left_to_sweep(owner_uid: str, session_id: str) -> None:
    """
    An owner makes so many changes that a trigger left one to the sweep.
    """
    _warning("change left to the sweep", uid=owner_uid, session=session_id)


def stopped(function: str, key: str | None = None) -> None:
    """
    Something was not done because all work is stopped; what has a key was left for later.
    """
    _warning("work is stopped", function=function, key=key)


def push_heard(provider: str, reference: str) -> None:
    """
    A provider's webhook named something of ours.
    """
    _info("webhook received", provider=provider, reference=reference)


def push_refused(provider: str, error: BackendError) -> None:
    """
    A webhook call had no valid signature, or could not be parsed.
    """
    _warning("webhook refused", provider=provider, reason=error.reason, sentence=str(error))


def feed_ticked(provider: str, tick: int, news: int) -> None:
    """
    The readiness poller asked a provider what changed; `news` is the number of videos that did.
    """
    _info("feed polled", provider=provider, poll=tick, news=news)


def feed_ended(provider: str, tick: int, why: str) -> None:
    """
    The readiness poller's chain ended: nothing pending, or its budget of polls used up.
    """
    _info("feed ended", provider=provider, poll=tick, reason=why)


def feed_hindered(provider: str, tick: int, error: ProviderError) -> None:
    """
    A provider did not tell the readiness poller what changed; the next poll asks again.
    """
    _warning(
        "feed poll failed",
        provider=provider,
        poll=tick,
        operation=error.operation,
        code=error.code,
        sentence=str(error),
    )


def feed_stuck(provider: str, tick: int, error: ProviderError, since: datetime) -> None:
    """
    A provider refuses for good to tell the readiness poller what changed, or has told nothing for a day: a person must
    look.
    """
    _alarm(
        "feed stuck",
        provider=provider,
        poll=tick,
        operation=error.operation,
        code=error.code,
        sentence=str(error),
        since=since.isoformat(),
    )


def role_refused(role: str, stand_in: str | None, error: ProviderError) -> None:
    """
    The account does not let us make a role; Kaltura's own, wider one stands in, or nothing does.
    """
    _warning(
        "role could not be made",
        role=role,
        stand_in=stand_in,
        operation=error.operation,
        code=error.code,
        sentence=str(error),
    )


def part_not_offered(provider: str, part: str, error: ProviderError) -> None:
    """
    The account does not have one part of a live event; the event goes without it.
    """
    _warning("event part not available", provider=provider, part=part, operation=error.operation, code=error.code)


def name_refused(provider: str, error: ProviderError) -> None:
    """
    A provider refused a person's name; its user is made without one.
    """
    _warning("user name refused", provider=provider, operation=error.operation, code=error.code)


def part_vanished(provider: str, reference: str, part: str, part_id: str) -> None:
    """
    A part of an event was deleted outside Greenroom; it is made again.
    """
    _warning("event part missing", provider=provider, reference=reference, part=part, part_id=part_id)


def cache_was_wrong(provider: str, key: str, error: ProviderError) -> None:
    """
    Something that we remembered is not there any more; it is found or made again.
    """
    _warning("cached object missing", provider=provider, key=key, operation=error.operation, code=error.code)


def chat_misconfigured(provider: str, error: BackendError) -> None:
    """
    Live events have no chat until the operator has set up what signs its tokens.
    """
    _error("chat misconfigured", provider=provider, sentence=str(error))
