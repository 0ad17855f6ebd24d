"""The database's identity from Firestore's admin API. A server of these tests speaks that API, because no emulator
does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc
import pytest
from google.cloud.firestore_admin_v1.types import Database, GetDatabaseRequest

from shared.cloud.firestore import DatabaseIdentity

NAME = "projects/demo/databases/(default)"
SERVICE = "google.firestore.admin.v1.FirestoreAdmin"

Answer = Callable[[GetDatabaseRequest, grpc.ServicerContext], Database]


@contextmanager
def administration(answer: Answer) -> Iterator[str]:
    """Run an admin API with this answer, and yield its `host:port`."""
    get = grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=GetDatabaseRequest.deserialize, response_serializer=Database.serialize
    )
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"GetDatabase": get}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def test_database_uid_is_returned() -> None:
    asked: list[str] = []

    def answer(request: GetDatabaseRequest, _context: grpc.ServicerContext) -> Database:
        asked.append(request.name)
        return Database(name=request.name, uid="6c3a4b0e-5f6e-4a58-9b9b-0d8c2f8f1b5a")

    with administration(answer) as host:
        identity = DatabaseIdentity(NAME, host)
        assert [identity(), identity()] == ["6c3a4b0e-5f6e-4a58-9b9b-0d8c2f8f1b5a"] * 2
    assert asked == [NAME, NAME]


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
    ],
)
def test_refused_request_returns_no_uid_and_logs_why(code: grpc.StatusCode, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(_request: GetDatabaseRequest, context: grpc.ServicerContext) -> Database:
        context.abort(code, "No.")
        raise AssertionError

    with administration(answer) as host:
        assert DatabaseIdentity(NAME, host)() is None
    assert json.loads(capsys.readouterr().out)["message"] == "database not identified"


def test_unanswered_request_returns_no_uid() -> None:
    never = futures.Future[Database]()

    def answer(_request: GetDatabaseRequest, _context: grpc.ServicerContext) -> Database:
        return never.result(5)

    with administration(answer) as host:
        assert DatabaseIdentity(NAME, host, timeout_s=0.2)() is None
        never.set_result(Database())
    assert DatabaseIdentity(NAME, host, timeout_s=1)() is None


def test_database_without_an_uid_returns_none() -> None:
    with administration(lambda request, _: Database(name=request.name)) as host:
        assert DatabaseIdentity(NAME, host)() is None
