"""Call Kaltura with KalturaApiClient's types over our own HTTP, and turn every failure into an error of ours.

Called by the adapters of `shared/providers/kaltura/`, which import it only for the first call: the library takes a
quarter of a second to import. The adapters say what to ask for, and `signing.py` makes the KS.

Only the library's types and services are used. Its HTTP is not: it opens a connection and reads the certificates anew
for each call, takes any HTTP status for success, repairs broken XML by guessing, and mixes up callers that share it.
Nothing here is logged, and no error sentence repeats what the server said, because an error message may hold a KS.

A call goes from `Client` to `library` (builds the request), `connection` (sends it), `answers` (parses the answer) and
`errors` (chooses the error). `multirequest` has several calls in one request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from shared.providers.kaltura.client.connection import Connection, address_of
from shared.providers.kaltura.client.library import Ask, Library
from shared.providers.kaltura.client.multirequest import Asked, Multi
from shared.providers.kaltura.mapping import NAME
from shared.providers.secret import SecretWatch

__all__ = ["Ask", "Asked", "Client", "Multi"]


class Client:
    """
    The client of one Kaltura account; safe to share between threads, created once per process.

    Each call gets a library client and a kept-alive connection for itself: if two callers share a library client, the
    library gives one caller's KS to the other.

    Args:
        service_url: Kaltura's address, e.g. `https://www.kaltura.com`; plain http on the loopback only.
        plugins: The library's plugins beside `Core` whose services or types are used, e.g. `Schedule`.
        connect_timeout_s: The time for the connection and its TLS handshake.
        answer_timeout_s: The time for each silence while the request is sent and the answer is read, and for a whole
            answer.
        idle_s: A connection unused for longer is closed. If the server drops it while a request is on its way, it is
            unknown whether the request was done.
        ca_file: Certificates to trust instead of Mozilla's.

    Raises:
        Misconfigured: The address cannot be used (never).
    """

    def __init__(
        self,
        service_url: str,
        *,
        plugins: Sequence[str] = (),
        connect_timeout_s: float = 5.0,
        answer_timeout_s: float = 30.0,
        idle_s: float = 30.0,
        ca_file: str | None = None,
    ) -> None:
        address = address_of(service_url)
        secret = SecretWatch(NAME, "Kaltura", "KALTURA_ADMIN_SECRET")

        def new() -> Library:
            connection = Connection(address, connect_timeout_s, answer_timeout_s, idle_s, ca_file)
            return Library(tuple(plugins), connection, address.path, secret)

        self._new = new
        self._idle: list[Library] = []

    def call(self, ks: str | None, ask: Ask, *, fields: Sequence[str] = ()) -> Any:
        """
        Make one service call, in one round trip.

        Args:
            ks: The KS of the caller.
            ask: `lambda c: c.media.get(entry_id)`; a plugin's service is `c.<plugin>.<service>`.
            fields: The only fields wanted of each object; the others will be `NotImplemented`. Empty for all.

        Returns:
            What the library's service returns: its object, a list, a scalar, or nothing.

        Raises:
            Transient: It was not done (again).
            Doubtful: It may have been done (again, look first).
            Permanent: Kaltura refused; `code` says why (never).
        """
        with self._lent() as library:
            return library.call(ks, ask, fields)

    def multi(self, ks: str | None) -> Multi:
        """
        Return a multirequest: several service calls in one round trip, with this KS unless a call has its own.
        """
        return Multi(self._lent, ks)

    def close(self) -> None:
        """
        Close the connections that no call is using.
        """
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _lent(self) -> Iterator[Library]:
        try:
            library = self._idle.pop()
        except IndexError:
            library = self._new()
        try:
            yield library
        finally:
            self._idle.append(library)
