"""Fill the documents port with Firestore.

Built by `functions/wiring.py`. The in-memory documents of the tests use the checks of this module too. The content of a
document is left to the domain, and retries to the queue: a commit is never repeated here. If the answer of a commit was
lost, its repetition would find its own write and report a conflict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from shared.cloud.calls import TIMEOUT_S, asking, repeated
from shared.core import log
from shared.core.paths import check_part
from shared.ports import Create, Delete, Document, Operator, Query, Remove, Total, Update, Version, Write

if TYPE_CHECKING:
    from google.cloud.firestore import Client, DocumentSnapshot, WriteBatch
    from google.cloud.firestore_admin_v1 import FirestoreAdminClient

PROVIDER: Final = "firestore"

IN_MAX: Final = 30

_RESERVED_NAME: Final = re.compile(r"__.*__", re.DOTALL)
_INEQUALITIES: Final = frozenset({Operator.AT_MOST, Operator.LESS, Operator.GREATER})

_CONDITION_FAILED: Final = frozenset({"ALREADY_EXISTS", "FAILED_PRECONDITION", "NOT_FOUND"})


def check_path(path: str) -> None:
    """
    Refuse texts that cannot be the path of a document. Pure.

    Raises:
        ValueError: The number of segments is odd, or one is empty, too long, not encodable or reserved (never).
    """
    segments = path.split("/")
    if len(segments) % 2:
        raise ValueError(f"{path!r} is the path of a collection, not of a document.")
    for segment in segments:
        check_part(segment)


def check_name(name: str) -> None:
    """
    Refuse texts that cannot be the name of a field. Pure.

    Raises:
        ValueError: It is empty or reserved (never).
    """
    if not name or _RESERVED_NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a field.")


def check_query(query: Query) -> None:
    """
    Refuse a query that Firestore refuses, or that needs an index that is not declared. Pure.

    Raises:
        ValueError: It is such a query (never).
    """
    check_part(query.collection)
    if query.limit < 1:
        raise ValueError("A query asks for at least one document.")
    if query.after_id is not None:
        check_part(query.after_id)
        if query.order_by is not None:
            raise ValueError("Only a query in the order of ids can begin after an id.")
    for condition in query.conditions:
        for name in (condition.field,) if isinstance(condition.field, str) else condition.field:
            check_name(name)
        if condition.operator in _INEQUALITIES and condition.field != query.order_by:
            raise ValueError(f"A query that compares {condition.field!r} must be in its order.")
        if condition.operator is Operator.IN and not 1 <= len(condition.value) <= IN_MAX:
            raise ValueError(f"{condition.field!r} can be compared with 1 to {IN_MAX} values.")


def changes_by_path(update: Update) -> dict[tuple[str, ...], Any]:
    """
    Return the changes of an update, all keyed by field paths. Pure.

    Raises:
        ValueError: There are none, a name is invalid, or one path leads through another (never).
    """
    changes = {(key,) if isinstance(key, str) else key: value for key, value in update.changes.items()}
    if not changes:
        raise ValueError(f"The update of {update.path} changes nothing.")
    for path in changes:
        if not path:
            raise ValueError(f"The update of {update.path} names no field.")
        for name in path:
            check_name(name)
        if any(path[:length] in changes for length in range(1, len(path))):
            raise ValueError(f"The update of {update.path} changes {path} twice.")
    return changes


def stored(value: Any) -> Any:
    """
    Return a value as Firestore stores it: a copy, with sequences as lists and instants in UTC. Pure.

    Raises:
        TypeError: Firestore has no such type (never).
        ValueError: An instant has no time zone, a list is in a list, or a field has an invalid name (never).
    """
    match value:
        case None | bool() | int() | float() | bytes():
            return value
        case str():
            # A StrEnum is read back as plain text.
            return str(value)
        case datetime():
            if value.tzinfo is None:
                raise ValueError("An instant needs a time zone.")
            return value.astimezone(UTC)
        case Mapping():
            for name in value:
                check_name(name)
            return {name: stored(child) for name, child in value.items()}
        case list() | tuple():
            if any(isinstance(child, list | tuple) for child in value):
                raise ValueError("Firestore keeps no list directly in a list.")
            return [stored(child) for child in value]
        case _:
            raise TypeError(f"Firestore keeps no {type(value).__name__}.")


def connect_firestore(project: str, database: str) -> Client:
    """
    Return a client for a database of the project; for the emulator's if `FIRESTORE_EMULATOR_HOST` is set.

    Call it once per process and after the process has forked, because gRPC does not survive a fork.
    """
    from google.cloud.firestore import Client

    return Client(project=project, database=database)


@dataclass(frozen=True, slots=True)
class DatabaseIdentity:
    """
    Asks Firestore for the id of the database. A restored or cloned database has another `uid`, whatever its name.

    Attributes:
        name: `projects/{project}/databases/{database}`.
        host: `host:port` of an administration API without TLS; `None` is Google's.
        timeout_s: The time for one call.

    Source: google/firestore/admin/v1/database.proto, Database.uid: the system-generated UUID4 for this database.
    """

    name: str
    host: str | None = None
    timeout_s: float = TIMEOUT_S

    def __call__(self) -> str | None:
        """
        Return the database's `uid`. It is `None` from the emulator, without the permission
        `datastore.databases.getMetadata`, and while Google does not answer. Nothing depends on it alone.
        """
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError

        try:
            with self._admin() as admin:
                uid: str = admin.get_database(name=self.name, retry=None, timeout=self.timeout_s).uid
        except (GoogleAPICallError, RetryError, GoogleAuthError) as error:
            log.database_unidentified(type(error).__name__)
            return None
        return uid or None

    def _admin(self) -> FirestoreAdminClient:
        from google.cloud.firestore_admin_v1 import FirestoreAdminClient

        if self.host is None:
            return FirestoreAdminClient()
        import grpc
        from google.cloud.firestore_admin_v1.services.firestore_admin.transports import FirestoreAdminGrpcTransport

        return FirestoreAdminClient(transport=FirestoreAdminGrpcTransport(channel=grpc.insecure_channel(self.host)))


@dataclass(frozen=True, slots=True)
class FirestoreDocuments:
    """
    The documents port on one Firestore database. A document's version is its update time.

    Attributes:
        client: The library's client; threads may share it.
        timeout_s: The time for one call, including a read's repetitions.
    """

    client: Client
    timeout_s: float = TIMEOUT_S

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        """
        See `ports.Documents`.
        """
        for path in paths:
            check_path(path)
        if not paths:
            return ()
        references = [self.client.document(path) for path in paths]
        with asking(PROVIDER, "batchGet"):
            # They come in any order, and a path that is asked for twice comes once.
            snapshots = self.client.get_all(references, retry=repeated(self.timeout_s), timeout=self.timeout_s)
            found = {snapshot.reference.path: _document(snapshot) for snapshot in snapshots if snapshot.exists}
        return tuple(found.get(path) for path in paths)

    def select(self, query: Query) -> Sequence[Document]:
        """
        See `ports.Documents`.
        """
        asked = self._asked(query).limit(query.limit)
        asked = asked.order_by("__name__" if query.order_by is None else self.client.field_path(query.order_by))
        if query.after_id is not None:
            after = self.client.collection(query.collection).document(query.after_id)
            asked = asked.start_after({"__name__": after})
        with asking(PROVIDER, "runQuery"):
            return [_document(one) for one in asked.stream(retry=repeated(self.timeout_s), timeout=self.timeout_s)]

    def count(self, query: Query) -> int:
        """
        See `ports.Documents`.
        """
        return self._aggregated(self._asked(query).count(alias="count"))["count"]

    def total(self, query: Query, field: str) -> Total:
        """
        See `ports.Documents`.
        """
        asked = self._asked(query).count(alias="count").sum(self.client.field_path(field), alias="sum")
        values = self._aggregated(asked)
        return Total(values["count"], values["sum"])

    def _aggregated(self, asked: Any) -> dict[str, int]:
        with asking(PROVIDER, "runAggregationQuery"):
            (found,) = asked.get(retry=repeated(self.timeout_s), timeout=self.timeout_s)
        return {one.alias: int(one.value) for one in found}

    def _asked(self, query: Query) -> Any:
        from google.cloud.firestore import FieldFilter

        check_query(query)
        asked: Any = self.client.collection(query.collection)
        for condition in query.conditions:
            names = (condition.field,) if isinstance(condition.field, str) else condition.field
            name, value = self.client.field_path(*names), stored(condition.value)
            asked = asked.where(filter=FieldFilter(name, condition.operator.value, value))
        return asked

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        """
        See `ports.Documents`.
        """
        if not writes:
            return ()
        batch = self.client.batch()
        for write in writes:
            self._add(batch, write)
        with asking(PROVIDER, "commit", conflicts=_CONDITION_FAILED):
            results = batch.commit(retry=None, timeout=self.timeout_s)
        return tuple(result.update_time for result in results)

    def _add(self, batch: WriteBatch, write: Write) -> None:
        from google.cloud.firestore import DELETE_FIELD

        check_path(write.path)
        reference = self.client.document(write.path)
        match write:
            case Create():
                batch.create(reference, stored(write.fields))
            case Update():
                changes = {
                    self.client.field_path(*path): DELETE_FIELD if isinstance(value, Remove) else stored(value)
                    for path, value in changes_by_path(write).items()
                }
                batch.update(reference, changes, self._condition(write.if_version))
            case Delete():
                batch.delete(reference, self._condition(write.if_version))

    def _condition(self, if_version: Version | None) -> Any:
        return None if if_version is None else self.client.write_option(last_update_time=if_version)


def _document(snapshot: DocumentSnapshot[Any]) -> Document:
    created_at = _plain(snapshot.create_time)
    return Document(snapshot.reference.path, _plain(snapshot.to_dict()), snapshot.update_time, created_at)


def _plain(value: Any) -> Any:
    """
    Turn Google's datetimes, which count nanoseconds, into plain ones in a value that was read. Types that we never
    write (a reference, a geographical point) are kept, so that a document edited by mistake does not stop a worker.
    """
    match value:
        case datetime():
            return datetime.combine(value.date(), value.time(), UTC)
        case dict():
            return {name: _plain(child) for name, child in value.items()}
        case list():
            return [_plain(child) for child in value]
        case _:
            return value
