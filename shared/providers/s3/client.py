"""Call a store by S3, sign addresses of it, and turn every failure into an error of ours.

Called by `host.py` and `cold_store.py`, which import it only when it is needed: botocore takes half a second to import.
No call is repeated here, and the size of every answer is limited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from time import monotonic
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import botocore.session
from botocore import exceptions
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSHTTPConnectionPool, AWSHTTPSConnectionPool, AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from botocore.loaders import create_loader
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as SilenceError

from shared.core.errors import BackendError, Doubtful, Permanent, ProviderError, Transient
from shared.providers.codes import CONNECTION_LOST, NOT_FOUND, RATE_LIMITED, TIMEOUT, UNAUTHORIZED, UNREACHABLE
from shared.providers.secret import SecretWatch

GONE: Final = frozenset({"NoSuchKey", "NoSuchUpload", "404", "NotFound"})
SLOW_DOWN: Final = frozenset({"SlowDown", "429", "TooManyRequests", "503", "RequestLimitExceeded"})

CONNECT_S: Final = 5
ANSWER_S: Final = 25
"""The time for each silence, and for a whole body of an answer."""

ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
"""
The maximum size of an answer: a list of 1,000 objects has a thirtieth of it. The contents of objects are never read
here.
"""

READ_BYTES: Final = 64 * 1024

T = TypeVar("T")


class Client:
    """
    The client of one store; safe to share between threads, created once per process.

    Args:
        name: Our name of the host, for errors.
        url: The address of the store.
        region: The region that requests are signed for.
        access_key: A key with permission to read, write, list and delete in the bucket.
        secret_key: The secret of that key.
        setting: The setting that has the secret, for the operator.
        answer_s: The time for each silence, and for a whole body of an answer.
        ca_file: Certificates that the store's is signed by; empty for the usual ones.
    """

    def __init__(
        self,
        name: str,
        url: str | None,
        region: str,
        access_key: str,
        secret_key: str,
        *,
        setting: str = "HOSTS",
        answer_s: float = ANSWER_S,
        ca_file: str = "",
    ) -> None:
        self._name = name
        self._secret = SecretWatch(name, "The store", setting)
        self._credentials = Credentials(access_key, secret_key)
        config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=answer_s,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            # Stores other than Amazon's may not know its newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            proxies={},
        )
        session = botocore.session.Session()
        session.register_component("data_loader", _loader())
        self._s3 = session.create_client(
            "s3",
            region_name=region,
            endpoint_url=url,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=config,
            verify=ca_file or None,
        )
        self._url, self._region = str(self._s3.meta.endpoint_url), region
        self._session = _Session(verify=ca_file or True, timeout=(CONNECT_S, answer_s), proxies={})
        self._session.body_s = answer_s
        self._s3.meta.events.register("before-send.s3", self._send)
        self._s3.meta.events.register_last("before-parameter-build.s3", _stay)

    def ask(self, operation: str, ask: Callable[[Any], T]) -> T:
        """
        Make one call.

        Args:
            operation: Its name, for errors and the log.
            ask: Makes exactly one call on the library's client, and returns what is needed of its answer.

        Raises:
            Transient: It was not done (again).
            Doubtful: It may have been done (again, look first).
            Permanent: The store refused; `code` says why (never).
        """
        with self.failing(operation):
            return ask(self._s3)

    def find(self, operation: str, ask: Callable[[Any], T]) -> T | None:
        """
        Make one call as `ask`; return `None` if the object does not exist.
        """
        try:
            return self.ask(operation, ask)
        except Permanent as error:
            if error.code != NOT_FOUND:
                raise
            return None

    def pages(self, operation: str, method: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """
        Yield the pages of a list; raises as `ask`.
        """
        paginator = self._s3.get_paginator(method)
        with self.failing(operation):
            yield from paginator.paginate(**asked)

    def signed_url(self, bucket: str, key: str, lifetime_s: int, version: str = "") -> str:
        """
        Return an address by which anybody can read one object, for that long. Signed locally, without a call.
        """
        query = f"?{urlencode({'versionId': version})}" if version else ""
        request = AWSRequest("GET", f"{self._url}/{bucket}/{quote(key, safe='/~')}{query}")
        S3SigV4QueryAuth(self._credentials, "s3", self._region, expires=lifetime_s).add_auth(request)
        return str(request.prepare().url)

    def close(self) -> None:
        """
        Close the connections.
        """
        self._s3.close()
        self._session.close()

    def _send(self, request: Any, **_: Any) -> Any:
        """
        Send a request instead of the library, as its event `before-send` allows.
        """
        return self._session.send(request)

    @contextmanager
    def failing(self, operation: str) -> Iterator[None]:
        """
        Turn the library's errors into ours; raises as `ask`.
        """
        try:
            yield
            self._secret.accepted()
        except exceptions.ClientError as error:
            raise self._refused(operation, error) from None
        except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError):
            raise self._error(Transient, operation, UNREACHABLE, "The store cannot be reached.") from None
        except exceptions.ReadTimeoutError:
            raise self._error(Doubtful, operation, TIMEOUT, "The store did not answer in time.") from None
        except (exceptions.HTTPClientError, ResponseParserError, KeyError):
            # An answer with a missing field was cut off too.
            raise self._error(Doubtful, operation, CONNECTION_LOST, "The connection to the store was lost.") from None

    def _refused(self, operation: str, error: exceptions.ClientError) -> BackendError:
        answer = error.response
        code = str(answer.get("Error", {}).get("Code", ""))
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in GONE or (status == 404 and code != "NoSuchBucket"):
            return self._error(Permanent, operation, NOT_FOUND, "The store has no such object.")
        if code in SLOW_DOWN or status in (429, 503):
            return self._error(Transient, operation, RATE_LIMITED, "The store takes no more requests at the moment.")
        if status in (401, 403) or code == "NoSuchBucket":
            # A missing bucket is for the operator to correct, as wrong keys are, and is in the same setting.
            return self._secret.rejected(operation, UNAUTHORIZED)
        if status >= 500:
            return self._error(Doubtful, operation, f"HTTP_{status}", "The store reported a server error.")
        return self._error(Permanent, operation, code or f"HTTP_{status}", "The store refuses this request.")

    def _error(self, kind: type[ProviderError], operation: str, code: str, message: str) -> ProviderError:
        return kind(message, provider=self._name, operation=operation, code=code)


@cache
def _loader() -> Any:
    """
    Return what reads the library's descriptions, once for all clients.
    """
    return create_loader()


def _stay(context: dict[str, Any], **_: Any) -> None:
    """
    Keep the library from asking in another region by itself, without an end if a store names none.
    """
    context.setdefault("s3_redirect", {})["redirected"] = True


class _Body:
    """
    A body that was read, in the form in which the library reads it.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


class _NoRedirects:
    """
    A pool of connections that prepares no redirect. The library allows none either, but says so in a way that makes
    urllib3 lose the connection of an answer 303.
    """

    def urlopen(self, *args: Any, **options: Any) -> Any:
        return super().urlopen(*args, redirect=False, **options)  # type: ignore[misc]


class _Pool(_NoRedirects, AWSHTTPConnectionPool):  # type: ignore[misc]
    pass


class _SecurePool(_NoRedirects, AWSHTTPSConnectionPool):  # type: ignore[misc]
    pass


class _Session(URLLib3Session):  # type: ignore[misc]  # the library has no types
    """
    The library's HTTP session, but with a limit of time and size for each body. It decodes nothing and follows no
    redirects.
    """

    body_s: float = ANSWER_S

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(self, request: Any) -> Any:
        request.stream_output = True
        answer = super().send(request)
        try:
            answer.raw = _Body(_bounded(answer.raw, self.body_s))
        except SilenceError as error:
            raise exceptions.ReadTimeoutError(endpoint_url=request.url, error=error) from None
        except (HTTPError, OSError) as error:
            raise exceptions.ConnectionClosedError(endpoint_url=request.url, error=error) from None
        return answer


def _bounded(raw: Any, body_s: float) -> bytes:
    """
    Read a body within its limits.

    Raises:
        botocore.exceptions.HTTPClientError: It is larger than any answer, or takes too long (again).
    """
    ends_at, body = monotonic() + body_s, bytearray()
    while part := raw.read1(READ_BYTES):
        body += part
        if len(body) > ANSWER_BYTES_MAX or monotonic() > ends_at:
            raw.close()
            raise exceptions.HTTPClientError(error="The answer does not end.")
    # Nothing is left to read, but not every end of a body returns its connection by itself.
    raw.drain_conn()
    return bytes(body)
