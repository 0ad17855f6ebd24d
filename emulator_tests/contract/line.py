"""A gRPC proxy between a client and a server on this machine, which can lose calls and answers.

Used by the suites of the ports that Google's services fill, for failures that those services show only rarely.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any, Final

import grpc

_STREAMED: Final = frozenset({"BatchGetDocuments", "RunQuery"})


class Line(grpc.GenericRpcHandler):
    """
    Passes every call on, until a test sets something else.

    Attributes:
        address: Where it listens, host:port.
        calls: Name and bytes of every call that came.
    """

    def __init__(self, server_address: str) -> None:
        self.address = ""
        self.calls: list[tuple[str, bytes]] = []
        self._channel = grpc.insecure_channel(server_address)
        self._lock = threading.Lock()
        self._code = grpc.StatusCode.UNAVAILABLE
        self._lose_calls = 0
        self._lose_answers = 0

    def lose_calls(self, count: int, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        """
        Keep the next calls from the server; the client gets `code`.
        """
        self._lose_calls, self._code = count, code

    def lose_answers(self, count: int, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        """
        Pass the next calls on to the server, but give the client `code` instead of the answer.
        """
        self._lose_answers, self._code = count, code

    def close(self) -> None:
        """
        Close the connections.
        """
        self._channel.close()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """
        Return the handler of a call, as bytes.
        """
        method = handler_call_details.method
        name = method.rpartition("/")[2]
        if name in _STREAMED:
            pass_on: grpc.UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(method)

            def stream(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
                answers = self._pass(name, request, context, lambda: list(pass_on(request, 10, _caller(context))))
                yield from answers

            return grpc.unary_stream_rpc_method_handler(stream)
        pass_one_on: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(method)

        def single(request: bytes, context: grpc.ServicerContext) -> bytes:
            answer: bytes = self._pass(name, request, context, lambda: pass_one_on(request, 10, _caller(context)))
            return answer

        return grpc.unary_unary_rpc_method_handler(single)

    def _pass(self, name: str, request: bytes, context: grpc.ServicerContext, pass_on: Callable[[], Any]) -> Any:
        with self._lock:
            self.calls.append((name, request))
            lose_call, lose_answer = self._lose_calls > 0, self._lose_answers > 0
            self._lose_calls -= lose_call
            self._lose_answers -= lose_answer
        if lose_call:
            context.abort(self._code, "lost on its way")
        try:
            answer = pass_on()
        except grpc.RpcError as error:
            context.abort(error.code(), error.details() or "")
        if lose_answer:
            context.abort(self._code, "lost on its way back")
        return answer


def _caller(context: grpc.ServicerContext) -> tuple[tuple[str, str | bytes], ...]:
    """Return the metadata with the client's authorization."""
    return tuple((name, value) for name, value in context.invocation_metadata() if name == "authorization")


@contextmanager
def line_to(server_address: str) -> Iterator[Line]:
    """
    Run a proxy to a server during a `with` block.
    """
    line = Line(server_address)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), handlers=[line])
    line.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield line
    finally:
        server.stop(grace=None).wait()
        line.close()
