"""Every log message of Greenroom, one function each.

Called from everywhere. An entry has a constant `message`, a `severity`, and further fields with ids, codes and numbers.
`shared/core/log_format.py` formats entries and redacts secrets.
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
    Log at ALERT: above ERROR, so that an alerting policy can page a person.
    """
    write("ALERT", message, fields)


def _fields_of(error: ProviderError) -> dict[str, Field]:
    """
    Return what an entry says of a provider's error, apart from the provider.
    """
    return {"operation": error.operation, "code": error.code, "sentence": str(error)}


def step_done(queue: str, key: str, step: str) -> None:
    """
    Log that a step of a reconciliation was done.
    """
    _info("step done", queue=queue, key=key, step=step)


def originals_deleted(key: str, count: int, still_paid: float) -> None:
    """
    Log that the originals of a deleted video were deleted from the cold store, and what is still paid for them because
    of their class's least time, in dollars.
    """
    _info("originals deleted", key=key, count=count, still_paid=round(still_paid, 2))


def step_failed(queue: str, key: str, step: str, error: ProviderError, tries: int, *, final: bool) -> None:
    """
    Log that a provider refused or failed a step; `final` means that only a new request starts it again.
    """
    write = _error if final else _warning
    write(
        "step failed",
        queue=queue,
        key=key,
        step=step,
        provider=error.provider,
        **_fields_of(error),
        tries=tries,
        final=final,
    )


def step_misconfigured(queue: str, key: str, step: str, error: BackendError) -> None:
    """
    Log that a step waits for a setting, which the operator has to set.
    """
    _error("step misconfigured", queue=queue, key=key, step=step, sentence=str(error))


def step_stuck(queue: str, key: str, step: str, error: ProviderError, tries: int, since: datetime) -> None:
    """
    Log that a step that must succeed has failed for a day, or is no longer retried: a person must look.
    """
    _alarm(
        "step stuck",
        queue=queue,
        key=key,
        step=step,
        provider=error.provider,
        **_fields_of(error),
        tries=tries,
        since=since.isoformat(),
    )


def host_turned(host: str, *, is_healthy: bool) -> None:
    """
    Log that a host became unhealthy, or healthy again.
    """
    (_info if is_healthy else _error)("host healthy again" if is_healthy else "host unhealthy", host=host)


def owner_changed(session_id: str) -> None:
    """
    Log that a session got another owner without a transfer; its content waits until a person decides.
    """
    _alarm("session owner changed without transfer", session=session_id)


def host_open(host: str) -> None:
    """
    Log that a host plays to anybody: the operator has to switch its protection on.
    """
    _alarm("host plays without permission", host=host)


def event_dropped(key: str, error: BackendError) -> None:
    """
    Log that an event for the school's own app was not published, and will not be.
    """
    _error("event dropped", key=key, reason=error.reason, sentence=str(error))


def conflict(queue: str, key: str, step: str) -> None:
    """
    Log that another writer was first; the document is read again.
    """
    _info("write conflict", queue=queue, key=key, step=step)


def refused(function: str, caller_uid: str | None, error: BackendError) -> None:
    """
    Log that a call was refused.
    """
    _info("call refused", function=function, uid=caller_uid, reason=error.reason, sentence=str(error))


def unavailable(function: str, caller_uid: str | None, error: BackendError) -> None:
    """
    Log that a callable or a worker could not finish for a temporary reason.
    """
    _warning("call failed temporarily", function=function, uid=caller_uid, reason=error.reason, sentence=str(error))


def broken(function: str, caller_uid: str | None, error: BaseException) -> None:
    """
    Log a bug: an error that is not one of ours, with the stack trace for Error Reporting.
    """
    _error("unexpected error", function=function, uid=caller_uid, **told_of(error))


def misconfigured(function: str, error: BackendError) -> None:
    """
    Log that a setting is missing or wrong; nothing works until the operator has set it.
    """
    _error("misconfigured", function=function, sentence=str(error))


def secret_rejected(provider: str, setting: str, operation: str, code: str) -> None:
    """
    Log that a provider does not accept the secret in a setting; nothing is done there until the operator has set the
    right one.
    """
    _alarm("provider rejects the secret", provider=provider, setting=setting, operation=operation, code=code)


def secret_accepted(provider: str, setting: str) -> None:
    """
    Log that a provider accepts the secret again.
    """
    _info("provider accepts the secret", provider=provider, setting=setting)


def sweep_hindered(error: ProviderError) -> None:
    """
    Log that a provider refused or failed a query of the sweep; the rest goes on, and the next sweep asks again.
    """
    _warning("sweep incomplete", provider=error.provider, **_fields_of(error))


def swept(enqueued: int, looked: int, given_up: int) -> None:
    """
    Log that a sweep ended.
    """
    _info("sweep finished", enqueued=enqueued, examined=looked, released=given_up)


def stray_given_up(provider: str, reference: str) -> None:
    """
    Log that an orphan without content will be deleted.
    """
    _warning("orphan scheduled for deletion", provider=provider, reference=reference)


def orphan_reported(provider: str, reference: str) -> None:
    """
    Log that an orphan with content was found; it is kept until an operator adopts or deletes it.
    """
    _warning("orphan reported", provider=provider, reference=reference)


def orphan_spared(provider: str, reference: str) -> None:
    """
    Log that an orphan is kept: it was to be deleted because it was empty, but now has content.
    """
    _warning("orphan kept", provider=provider, reference=reference)


def orphan_adopted(provider: str, reference: str, path: str) -> None:
    """
    Log that an operator gave an orphan back to its session.
    """
    _info("orphan adopted", provider=provider, reference=reference, path=path)


def deletion_dropped(provider: str, reference: str) -> None:
    """
    Log that a thing is kept: it was to be deleted, but a document names it again.
    """
    _warning("deletion cancelled", provider=provider, reference=reference)


def reference_unreadable(provider: str, text: str) -> None:
    """
    Log that a thing at a provider is marked as ours, but has a name that none of ours has; it is left alone. The caller
    cuts and escapes the text.
    """
    _warning("reference unreadable", provider=provider, text=text)


def database_restored(reason: str, found: str, since: datetime) -> None:
    """
    Log that the database is not the one that was swept last, or has lost data since; deletions are held until an
    operator acknowledges it.
    """
    _alarm(
        "database restored",
        reason=reason,
        found=found,
        since=since.isoformat(),
        sentence="Deletions are held. Follow the run book in docs/operating.md, then run "
        "`greenroom resume-after-restore`.",
    )


def document_unreadable(path: str, fields: str, since: datetime) -> None:
    """
    Log that a document was edited by hand and cannot be read; deletions are held until an operator acknowledges it.
    """
    _alarm(
        "document unreadable",
        document=path,
        fields=fields,
        since=since.isoformat(),
        sentence="Deletions are held. Make sure that this is the right database, then run "
        "`greenroom resume-after-restore`: docs/operating.md says how.",
    )


def database_resumed() -> None:
    """
    Log that an operator has acknowledged why deletions were held; they continue.
    """
    _warning("deletions resumed")


def database_unidentified(code: str) -> None:
    """
    Log that Firestore does not tell which database this is; a restore is then noticed by other signs only.
    """
    _info("database not identified", code=code)


def orphans_found(
    orphans: int, with_content: int, missing: int, things: int, documents: int, *, cleaned_up: bool
) -> None:
    """
    Log that a search for orphans ended.
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
    Log that there were too many tasks in this hour: `holds` names what waits until the hour is over, `bulk` or all
    `tasks`.
    """
    _alarm("tasks limit reached", count=count, until=until.isoformat(), holds=holds)


def left_to_sweep(owner_uid: str, session_id: str) -> None:
    """
    Log that a trigger left a change to the sweep, because the owner makes too many changes.
    """
    _warning("change left to the sweep", uid=owner_uid, session=session_id)


def stopped(function: str, key: str | None = None) -> None:
    """
    Log that something was not done because the kill switch is on; work that has a key is done later.
    """
    _warning("work is stopped", function=function, key=key)


def push_heard(provider: str, reference: str) -> None:
    """
    Log that a provider's webhook named a thing of ours.
    """
    _info("webhook received", provider=provider, reference=reference)


def push_refused(provider: str, error: BackendError) -> None:
    """
    Log that a webhook call had no valid signature, or could not be parsed.
    """
    _warning("webhook refused", provider=provider, reason=error.reason, sentence=str(error))


def feed_ticked(provider: str, tick: int, news: int) -> None:
    """
    Log a poll of the readiness poller; `news` is the number of videos that changed.
    """
    _info("feed polled", provider=provider, poll=tick, news=news)


def feed_ended(provider: str, tick: int, why: str) -> None:
    """
    Log that the readiness poller's chain of tasks ended: nothing is pending, or its budget of polls is used up.
    """
    _info("feed ended", provider=provider, poll=tick, reason=why)


def feed_hindered(provider: str, tick: int, error: ProviderError) -> None:
    """
    Log that a provider did not tell the readiness poller what changed; the next poll asks again.
    """
    _warning(
        "feed poll failed",
        provider=provider,
        poll=tick,
        **_fields_of(error),
    )


def feed_stuck(provider: str, tick: int, error: ProviderError, since: datetime) -> None:
    """
    Log that a provider has refused the readiness poller for good, or has not answered it for a day: a person must look.
    """
    _alarm(
        "feed stuck",
        provider=provider,
        poll=tick,
        **_fields_of(error),
        since=since.isoformat(),
    )


def role_refused(role: str, stand_in: str | None, error: ProviderError) -> None:
    """
    Log that the account does not allow us to create a role; the provider's own, wider role stands in, or none.
    """
    _warning(
        "role could not be made",
        role=role,
        stand_in=stand_in,
        **_fields_of(error),
    )


def part_not_offered(provider: str, part: str, error: ProviderError) -> None:
    """
    Log that the account does not offer one part of a live event; the event goes without it.
    """
    _warning("event part not available", provider=provider, part=part, operation=error.operation, code=error.code)


def name_refused(provider: str, error: ProviderError) -> None:
    """
    Log that a provider refused a person's name; its user is created without one.
    """
    _warning("user name refused", provider=provider, operation=error.operation, code=error.code)


def part_vanished(provider: str, reference: str, part: str, part_id: str) -> None:
    """
    Log that a part of an event was deleted outside Greenroom; it is created again.
    """
    _warning("event part missing", provider=provider, reference=reference, part=part, part_id=part_id)


def cache_was_wrong(provider: str, key: str, error: ProviderError) -> None:
    """
    Log that a cached object no longer exists; it is found or created again.
    """
    _warning("cached object missing", provider=provider, key=key, operation=error.operation, code=error.code)


def chat_misconfigured(provider: str, error: BackendError) -> None:
    """
    Log that live events have no chat until the operator has set up the key that signs its tokens.
    """
    _error("chat misconfigured", provider=provider, sentence=str(error))
