"""Talks to a store by S3, signs addresses of it, and turns every failure into an error of ours.

Called by `host.py`, which imports it only when it is needed: botocore costs half a second. Repeats nothing by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import botocore.session
from botocore import exceptions
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.parsers import ResponseParserError

from shared.errors import Doubtful, Permanent, ProviderError, Transient
from shared.providers.codes import CONNECTION_LOST, NOT_FOUND, RATE_LIMITED, TIMEOUT, UNAUTHORIZED, UNREACHABLE
from shared.providers.secret import SecretWatch

GONE: Final = frozenset({"NoSuchKey", "NoSuchUpload", "404", "NotFound"})
SLOW_DOWN: Final = frozenset({"SlowDown", "429", "TooManyRequests", "503", "RequestLimitExceeded"})

T = TypeVar("T")


class Client:
    """
    Calls to one store; safe to share between threads, made once per process.

    Args:
        name: Our name of the host, for errors.
        url: Of the store.
        region: As it signs.
        access_key: Whose permissions are to read, write, list and delete in the bucket.
        secret_key: Its secret.
    """

    def __init__(self, name: str, url: str, region: str, access_key: str, secret_key: str) -> None:
        self._name = name
        self._secret = SecretWatch(name, "The store", "HOSTS")
        self._url, self._region = url, region
        self._credentials = Credentials(access_key, secret_key)
        config = Config(
            connect_timeout=5,
            read_timeout=25,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            # Stores that are not Amazon's need not know its newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            proxies={},
        )
        self._s3 = botocore.session.Session().create_client(
            "s3",
            region_name=region,
            endpoint_url=url,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=config,
        )

    def ask(self, operation: str, ask: Callable[[Any], T]) -> T:
        """
        One call.

        Args:
            operation: Its name, for errors and the log.
            ask: Makes exactly one call on the library's client, and takes from its answer what is needed.

        Raises:
            Transient: It was not done (again).
            Doubtful: It may have been done (again, look first).
            Permanent: The store refused; `code` says why (never).
        """
        with self._failing(operation):
            return ask(self._s3)

    def find(self, operation: str, ask: Callable[[Any], T]) -> T | None:
        """
        The same, `None` where there is no such thing.
        """
        try:
            return self.ask(operation, ask)
        except Permanent as error:
            if error.code != NOT_FOUND:
                raise
            return None

    def pages(self, operation: str, method: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """
        The pages of a list; raises as `ask`.
        """
        paginator = self._s3.get_paginator(method)
        with self._failing(operation):
            yield from paginator.paginate(**asked)

    def signed_url(self, bucket: str, key: str, lifetime_s: int) -> str:
        """
        An address by which anybody gets one object, for so long. Local, no call.
        """
        request = AWSRequest("GET", f"{self._url}/{bucket}/{key}")
        S3SigV4QueryAuth(self._credentials, "s3", self._region, expires=lifetime_s).add_auth(request)
        return str(request.prepare().url)

    def close(self) -> None:
        """
        Close the connections.
        """
        self._s3.close()

    @contextmanager
    def _failing(self, operation: str) -> Iterator[None]:
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
            # An answer in which something is missing was cut too.
            raise self._error(Doubtful, operation, CONNECTION_LOST, "The connection to the store was lost.") from None

    def _refused(self, operation: str, error: exceptions.ClientError) -> ProviderError:
        told = error.response
        code = str(told.get("Error", {}).get("Code", ""))
        status = int(told.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in GONE or (status == 404 and code != "NoSuchBucket"):
            return self._error(Permanent, operation, NOT_FOUND, "The store has no such thing.")
        if code in SLOW_DOWN or status in (429, 503):
            return self._error(Transient, operation, RATE_LIMITED, "The store takes no more requests at the moment.")
        if status in (401, 403) or code == "NoSuchBucket":
            # The bucket is for an operator to put right as the keys are, and stands in the same setting.
            return self._secret.rejected(operation, UNAUTHORIZED)
        if status >= 500:
            return self._error(Doubtful, operation, f"HTTP_{status}", "The store has failed.")
        return self._error(Permanent, operation, code or f"HTTP_{status}", "The store refuses this request.")

    def _error(self, kind: type[ProviderError], operation: str, code: str, message: str) -> ProviderError:
        return kind(message, provider=self._name, operation=operation, code=code)
