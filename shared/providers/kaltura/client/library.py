"""The vendor's client without its HTTP: its services build the request and parse the answer.

Called by `Client`, which has one for each call that is under way, and by `Multi`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from KalturaClient import KalturaClient, KalturaConfiguration
from lxml import etree

from shared.core.errors import ProviderError
from shared.providers.kaltura.client.answers import (
    UNPARSABLE,
    parse_answer,
    refusal_of,
    rejects_secret,
    require_object,
    result_of,
)
from shared.providers.kaltura.client.connection import Connection
from shared.providers.kaltura.client.errors import INVALID_KS, malformed
from shared.providers.kaltura.client.service_call import ServiceCall, without_references
from shared.providers.secret import SecretWatch

Ask = Callable[[Any], Any]
"""Makes exactly one service call on the library's client that it is given, and nothing else."""


class Library(KalturaClient):  # type: ignore[misc]  # the library has no types
    """
    The vendor's client without its HTTP: its services build the request and parse the answer.
    """

    def __init__(self, plugins: tuple[str, ...], connection: Connection, path: str, secret: SecretWatch) -> None:
        self._plugins = plugins
        self._connection = connection
        self._secret = secret
        self._path = f"{path}/api_v3/service/"
        self._common: dict[str, Any] = {}
        self._call: ServiceCall | None = None
        self._is_answered = False
        self._parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True)
        super().__init__(KalturaConfiguration())
        self.setClientTag("greenroom")

    def close(self) -> None:
        self._connection.close()

    def call(self, ks: str | None, ask: Ask, fields: Sequence[str]) -> Any:
        """
        Make one service call; see `Client.call`.
        """
        with self._calling(ks, fields):
            try:
                answer = ask(self)
            except UNPARSABLE:
                # Before the answer this is a bug of the caller. After it, the library failed to parse the answer.
                if not self._is_answered:
                    raise
                raise malformed(self._the_call().operation) from None
            return require_object(answer, self._the_call())

    def build(self, ks: str | None, ask: Ask, fields: Sequence[str], *, many: bool) -> ServiceCall:
        """
        Return a service call without sending it, for a multirequest.
        """
        with self._calling(ks, fields):
            self.startMultiRequest()
            try:
                ask(self)
            finally:
                self.multiRequestReturnType = None
            return replace(self._the_call(), many=many)

    def multirequest(self, calls: Sequence[ServiceCall]) -> list[Any]:
        """
        Return the answer, or the error, to each call.
        """
        operation = "+".join(call.operation for call in calls)
        params = {
            str(index): {"service": call.service, "action": call.action, **without_references(call.params)}
            for index, call in enumerate(calls)
        }
        result = self._result(operation, "multirequest", params)
        if len(result) != len(calls):
            raise self._refusal_in(result, operation) or malformed(operation)
        return [
            self._refusal_in(node, call.operation) or parse_answer(node, call)
            for node, call in zip(result, calls, strict=True)
        ]

    def loadPlugins(self) -> None:  # noqa: N802 - the library's name; its own loads all 123 of them
        for plugin in ("Core", *self._plugins):
            self.loadPlugin(plugin)

    def queueServiceActionCall(  # noqa: N802 - the library's name
        self, service: str, action: str, returns: str, params: Any, files: Any = None
    ) -> None:
        if self._call is not None:
            raise RuntimeError("one service call at a time")
        if files:
            raise RuntimeError("files go to Kaltura from where they are, not through here")
        self._call = ServiceCall(service, action, returns, {**params.get(), **self._common})

    def doQueue(self) -> Any:  # noqa: N802 - the library's name
        call = self._the_call()
        result = self._result(call.operation, f"{call.service}/action/{call.action}", call.params)
        error = self._refusal_in(result, call.operation)
        if error is not None:
            raise error
        self._is_answered = True
        return result

    def _refusal_in(self, node: Any, operation: str) -> ProviderError | None:
        """
        Return the refusal in an answer, `None` if there is none. Every KS is created right before its use. So if
        Kaltura cannot decrypt it, its secret is another one than ours.
        """
        if rejects_secret(node):
            return self._secret.rejected(operation, INVALID_KS)
        error = refusal_of(node, operation)
        if error is None:
            self._secret.accepted()
        return error

    @contextmanager
    def _calling(self, ks: str | None, fields: Sequence[str]) -> Iterator[None]:
        if ks is not None:
            self._common["ks"] = ks
        if fields:
            self._common["responseProfile"] = {
                "objectType": "KalturaDetachedResponseProfile",
                "type": "1",
                "fields": ",".join(fields),
            }
        try:
            yield
        finally:
            self._common, self._call, self._is_answered = {}, None, False

    def _the_call(self) -> ServiceCall:
        """
        Return the service call that was built last.
        """
        if self._call is None:
            raise RuntimeError("exactly one service call is to be made")
        return self._call

    def _result(self, operation: str, path: str, params: dict[str, Any]) -> Any:
        body = json.dumps({**self.clientConfiguration, "format": "2", **params}, separators=(",", ":"))
        return result_of(operation, self._connection.post(operation, self._path + path, body.encode()), self._parser)
