"""Firestore's REST interface, asked the way a browser asks: every write is a commit, every list a query.

Called by the tests of the rules. Who asks is in `callers.py`; the emulator is started by the test bed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import requests

from emulator_tests.rules.callers import Caller

Fields = dict[str, Any]

TIMEOUT_S = 30


class ServerTime:
    """
    As a value of a field: the server puts the time of the write there. Equal to any instant, so that a document can be
    compared with what was written.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, datetime | ServerTime)

    def __hash__(self) -> int:
        return 0


SERVER_TIME: Final = ServerTime()


class FirestoreError(Exception):
    """
    Firestore answered with an error; the message is its own.
    """


class Denied(FirestoreError):
    """
    The rules refused.
    """


@dataclass(frozen=True, slots=True)
class Write:
    """
    One write of a commit.

    Args:
        path: The document, `sessions/abc`.
        fields: Its fields; None deletes it.
        exists: What must be so before: there is such a document, there is none, or either (None).
        mask: The field paths the write touches; None replaces the whole document.
        increments: Field paths to which the server is to add a number.
    """

    path: str
    fields: Fields | None
    exists: bool | None = None
    mask: tuple[str, ...] | None = None
    increments: dict[str, int] = field(default_factory=dict)


def create(path: str, fields: Fields) -> Write:
    """
    A new document.
    """
    return Write(path, fields, exists=False)


def change(path: str, fields: Fields, *removed: str) -> Write:
    """
    Some fields of a document that exists, set or removed; the others stay.
    """
    return Write(path, fields, exists=True, mask=(*fields, *removed))


def replace(path: str, fields: Fields) -> Write:
    """
    The whole document, whatever was there before.
    """
    return Write(path, fields)


def delete(path: str) -> Write:
    """
    The end of a document.
    """
    return Write(path, None)


class Firestore:
    """
    One database, over one kept connection.
    """

    def __init__(self, address: str, project_id: str, database_id: str) -> None:
        """
        Args:
            address: `host:port` of the emulator.
            project_id: The project.
            database_id: Which of its databases is asked.
        """
        self._root = f"projects/{project_id}/databases/{database_id}/documents"
        self._url = f"http://{address}/v1/{self._root}"
        self._http = requests.Session()
        # A proxy or a password of this machine's environment is not for an emulator on the same machine.
        self._http.trust_env = False

    def close(self) -> None:
        """
        Ends the connection.
        """
        self._http.close()

    def get(self, caller: Caller, path: str) -> Fields | None:
        """
        Returns:
            The document's fields, or None when there is no such document.

        Raises:
            Denied: The rules refuse; never again.
        """
        (answer,) = self._ask(caller, ":batchGet", {"documents": [f"{self._root}/{path}"]})
        return _decoded(answer["found"].get("fields", {})) if "found" in answer else None

    def find(
        self, caller: Caller, collection: str, where: Fields | None = None, *, in_all_of_the_name: bool = False
    ) -> dict[str, Fields]:
        """
        Args:
            caller: Who asks.
            collection: Its path, `sessions` or `sessions/abc/sharedLiveMedias`.
            where: Field paths and the value each must equal.
            in_all_of_the_name: Ask every collection of the name (a collection group).

        Returns:
            The documents found, by their path.

        Raises:
            Denied: The query does not prove that all it could find may be read; never again.
        """
        parent, _, name = collection.rpartition("/")
        filters = [
            {"fieldFilter": {"field": {"fieldPath": key}, "op": "EQUAL", "value": _encoded(value)}}
            for key, value in (where or {}).items()
        ]
        query: Fields = {"from": [{"collectionId": name, "allDescendants": in_all_of_the_name}]}
        if filters:
            query["where"] = {"compositeFilter": {"op": "AND", "filters": filters}}
        address = f"/{parent}:runQuery" if parent else ":runQuery"
        found = [row["document"] for row in self._ask(caller, address, {"structuredQuery": query}) if "document" in row]
        return {
            document["name"].removeprefix(f"{self._root}/"): _decoded(document.get("fields", {})) for document in found
        }

    def commit(self, caller: Caller, *writes: Write) -> None:
        """
        Writes all or nothing.

        Raises:
            Denied: The rules refuse one of them; never again.
        """
        self._ask(caller, ":commit", {"writes": [self._wire(write) for write in writes]})

    def _wire(self, write: Write) -> Fields:
        name = f"{self._root}/{write.path}"
        wire: Fields = {}
        transforms: list[Fields] = [
            {"fieldPath": path, "increment": _encoded(amount)} for path, amount in write.increments.items()
        ]
        if write.fields is None:
            wire["delete"] = name
        else:
            plain = {key: value for key, value in write.fields.items() if not isinstance(value, ServerTime)}
            wire["update"] = {"name": name, "fields": _encoded_fields(plain)}
            transforms += [
                {"fieldPath": key, "setToServerValue": "REQUEST_TIME"} for key in write.fields.keys() - plain.keys()
            ]
        if write.exists is not None:
            wire["currentDocument"] = {"exists": write.exists}
        if write.mask is not None:
            touched = [path for path in write.mask if not isinstance((write.fields or {}).get(path), ServerTime)]
            wire["updateMask"] = {"fieldPaths": touched}
        if transforms:
            wire["updateTransforms"] = transforms
        return wire

    def _ask(self, caller: Caller, address: str, body: Fields) -> Any:
        headers = {} if caller.authorization is None else {"Authorization": caller.authorization}
        answer = self._http.post(f"{self._url}{address}", json=body, headers=headers, timeout=TIMEOUT_S)
        if answer.ok:
            return answer.json()
        error = answer.json()
        # Reads answer with a list of rows, an error is one of them.
        error = (error[0] if isinstance(error, list) else error)["error"]
        if error["status"] == "PERMISSION_DENIED":
            raise Denied(error["message"])
        raise FirestoreError(f"{answer.status_code} {error['status']}: {error.get('message')}")


def _encoded_fields(fields: Fields) -> Fields:
    return {key: _encoded(value) for key, value in fields.items()}


def _encoded(value: object) -> Fields:
    match value:
        case None:
            return {"nullValue": None}
        case bool():
            return {"booleanValue": value}
        case int():
            return {"integerValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case datetime():
            return {"timestampValue": value.isoformat()}
        case list():
            return {"arrayValue": {"values": [_encoded(item) for item in value]}}
        case dict():
            return {"mapValue": {"fields": _encoded_fields(value)}}
        case _:
            raise TypeError(f"Firestore has no value for {type(value).__name__}.")


def _decoded(fields: Fields) -> Fields:
    return {key: _decoded_value(value) for key, value in fields.items()}


def _decoded_value(wire: Fields) -> Any:
    ((kind, value),) = wire.items()
    match kind:
        case "integerValue":
            return int(value)
        case "timestampValue":
            return datetime.fromisoformat(value)
        case "arrayValue":
            return [_decoded_value(item) for item in value.get("values", [])]
        case "mapValue":
            return _decoded(value.get("fields", {}))
        case _:
            return value
