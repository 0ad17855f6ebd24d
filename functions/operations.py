"""The callables by which administrators requeue dead deletions, and by which the content of a person is erased or
exported.

Who may do so is left to `shared/deletions/` and `shared/erasure/`.
"""

from __future__ import annotations

from typing import Annotated, Any

from functions import wiring
from functions.edge.callables import Call, callable_function
from functions.edge.fields import DeletionId, Doc, ErasureId, ExportPlace, RequestId, Uid, message
from shared.core.errors import BadRequest
from shared.deletions.controller import requeue_deletion
from shared.erasure.commands import ask_erasure, erasure_of
from shared.erasure.export import Exported, export_content
from shared.erasure.model import Erasure, ErasureState
from shared.limits.call_budgets import Work
from shared.registry import TRACES


@message
class DeletionNamed:
    """A pending deletion."""

    deletionId: Annotated[DeletionId, Doc("the id of a document in `pendingDeletions`")]


@message
class EraseContent:
    """An erasure: of a person, or of everybody."""

    requestId: RequestId
    uid: Annotated[Uid, Doc("of the person")] | None = None
    everything: Annotated[bool, Doc("`true` instead of `uid`: the content of everybody")] | None = None


@message
class ErasureNamed:
    """An erasure."""

    erasureId: ErasureId


@message
class ErasureAnswer:
    """The progress of an erasure. A number is null if it was not counted yet."""

    erasureId: ErasureId
    state: ErasureState
    sessions: Annotated[int, Doc("deleted")]
    enrolments: Annotated[int, Doc("deleted")]
    videos: Annotated[int, Doc("deleted")]
    videosLeft: Annotated[int | None, Doc("still there when last counted")]
    copiesLeft: Annotated[int | None, Doc("still there when last counted")]
    eventsLeft: Annotated[int | None, Doc("still there when last counted")]
    deletionsLeft: Annotated[int | None, Doc("still there when last counted")]
    deletionsDead: Annotated[int | None, Doc("refused by the provider for about a week")]


@message
class ExportContent:
    """A page of what is stored about a person."""

    uid: Annotated[Uid, Doc("of the person")]
    after: Annotated[ExportPlace, Doc("`after` of the page before")] | None = None


@message
class StoredThing:
    """A document."""

    section: str
    path: str
    fields: Annotated[
        dict[str, Any],
        Doc("empty if the document is about somebody else and only names the person; instants as ISO text"),
    ]


@message
class ExportAnswer:
    """A page of documents."""

    uid: Uid
    things: Annotated[list[StoredThing], Doc("at most 50")]
    after: Annotated[str | None, Doc("send it to get the next page; null on the last one")]


@callable_function(DeletionNamed, Work.CHANGE, asks_provider=False)
def requeueDeletion(call: Call[DeletionNamed]) -> DeletionNamed:
    """
    Requeue a dead deletion (`pendingDeletions`, state `dead`).
    """
    requeue_deletion(call.caller, call.fields.deletionId, wiring.documents(), wiring.queue(), wiring.now)
    return call.fields


@callable_function(EraseContent, Work.HEAVY, asks_provider=False, is_current=True)
def eraseContent(call: Call[EraseContent]) -> ErasureAnswer:
    """
    Erase all content of a person, or of everybody, which an administrator may do who has just signed in. Anybody may
    ask for their own content, an administrator for all.
    """
    asked = call.fields
    everything = asked.everything is True
    if everything == (asked.uid is not None):
        raise BadRequest("Send either the uid of a person, or everything: true.", reason="FIELDS_CONFLICT")
    if everything and call.caller.is_admin:
        call.require_recent_sign_in(wiring.now())
    wiring.kill_switch().require_open()
    key, erasure = ask_erasure(call.caller, asked.requestId, asked.uid, wiring.documents(), wiring.queue(), wiring.now)
    return to_response(key, erasure)


@callable_function(ErasureNamed, Work.LOOK, asks_provider=False, is_current=True)
def getErasure(call: Call[ErasureNamed]) -> ErasureAnswer:
    """
    Return the progress of an erasure.
    """
    key = call.fields.erasureId
    return to_response(key, erasure_of(call.caller, key, wiring.documents()))


@callable_function(ExportContent, Work.LOOK, asks_provider=False, is_current=True)
def exportContent(call: Call[ExportContent]) -> ExportAnswer:
    """
    Return a page of what is stored about a person. Anybody may ask for their own, an administrator for all.
    """
    asked = call.fields
    page = export_content(call.caller, asked.uid, asked.after, wiring.documents(), TRACES)
    return export_response(asked.uid, page)


def export_response(uid: str, page: Exported) -> ExportAnswer:
    """
    Return a page of an export as callers read it. Pure.
    """
    return ExportAnswer(uid=uid, things=[StoredThing(**thing) for thing in page.things], after=page.after)


def to_response(key: str, erasure: Erasure) -> ErasureAnswer:
    """
    Return the progress of an erasure as callers read it. Pure.
    """
    left = erasure.left
    return ErasureAnswer(
        erasureId=key,
        state=erasure.state,
        sessions=erasure.sessions,
        enrolments=erasure.enrolments,
        videos=erasure.videos,
        videosLeft=left.videos,
        copiesLeft=left.copies,
        eventsLeft=left.events,
        deletionsLeft=left.deletions,
        deletionsDead=left.dead,
    )
