"""Call Google Cloud Storage, and turn every failure into an error of ours.

Called by the other files of this folder. Google's client is imported when it is first needed. The library's texts quote
requests, so no error has them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import BackendError, Doubtful, Misconfigured, Permanent, ProviderError, Transient
from shared.ports import OTHER_BYTES
from shared.providers.codes import CONNECTION_LOST, NOT_FOUND, TIMEOUT, UNAUTHORIZED, UNREACHABLE

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client

NAME: Final = "gcs"
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
LOCKED: Final = "LOCKED"

CALL_S: Final = 30.0
"""The time for one call, with its repetitions."""

_DAMAGED: Final = re.compile("(crc32c|md5|hash|checksum).*match", re.IGNORECASE | re.DOTALL)
"""The service tells a wrong checksum from another mistake by its words alone."""

SILENCE_S: Final = 60.0
"""The longest silence while a chunk is sent."""


class GcsClient:
    """
    The client of one bucket; safe to share between threads, created once per process.

    Args:
        bucket: The bucket.
        emulator_url: The address of an emulator, called without credentials; empty in the cloud.

    Raises:
        Misconfigured: There are no credentials (never, until there are).
    """

    def __init__(self, bucket: str, emulator_url: str = "") -> None:
        # Otherwise the library asks for the bucket's own description beside our calls, in a thread that outlives them.
        os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        import google.auth
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.storage import Client

        self.bucket = bucket
        self.emulator_url = emulator_url
        if emulator_url:
            anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]  # the library has no types for it
            self.google: Client = Client("archive", anonymous, client_options={"api_endpoint": emulator_url})
            return
        with self.failing("token"):
            credentials, project = google.auth.default(scopes=[SCOPE])
            self.google = Client(project, credentials)

    def blob(self, name: str, generation: str = "", **options: Any) -> Blob:
        """
        Return the library's form of an object. No call.
        """
        return self.google.bucket(self.bucket).blob(name, generation=int(generation) if generation else None, **options)

    def patience(self) -> dict[str, Any]:
        """
        Return the time of a call. Each can be repeated, whatever the library knows of it.
        """
        from google.cloud.storage.retry import DEFAULT_RETRY

        retry = DEFAULT_RETRY.with_timeout(CALL_S).with_delay(initial=0.2, maximum=4.0)
        return {"timeout": SILENCE_S, "retry": retry}

    @contextmanager
    def failing(self, operation: str) -> Iterator[None]:
        """
        Turn the library's errors into ours.

        Args:
            operation: The service's name of the call.

        Raises:
            Transient: It was not done (again).
            Doubtful: It may have been done (again, look first).
            Permanent: The service refused; `code` says why, `NOT_FOUND` if the object does not exist (never).
            Misconfigured: There is no such bucket, or it may not be used (never, until that is changed).
        """
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
        from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
        from requests import RequestException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except (GoogleAPICallError, RetryError, InvalidResponse) as error:
            # An error that stays after all repetitions is the cause of another one.
            known: Exception = error.cause if isinstance(error, RetryError) else error
            if isinstance(known, GoogleAPICallError):
                reasons = [str(one.get("reason")) for one in known.errors if isinstance(one, dict)]
                raise self._refused(operation, known.code or 0, " ".join([known.message, *reasons])) from None
            if isinstance(known, InvalidResponse):
                raise self._refused(operation, known.response.status_code, known.response.text) from None
            raise self.error(Doubtful, operation, TIMEOUT, "The store did not answer in time.") from None
        except DefaultCredentialsError:
            raise Misconfigured(
                "There are no credentials for Cloud Storage. Set up application default credentials."
            ) from None
        except GoogleAuthError:
            raise self.error(Transient, operation, UNAUTHORIZED, "Google's sign-in fails at the moment.") from None
        except DataCorruption:
            raise self.error(Permanent, operation, OTHER_BYTES, "The store has other bytes than were sent.") from None
        except (RequestException, HTTPError, ConnectionError, ValueError):
            # A `ValueError` is the library's own if the service has another part of an upload than was sent.
            raise self.error(Doubtful, operation, CONNECTION_LOST, "The connection to the store was lost.") from None

    def error(self, kind: type[ProviderError], operation: str, code: str, message: str) -> ProviderError:
        """
        Return an error of ours.
        """
        return kind(message, provider=NAME, operation=operation, code=code)

    def _refused(self, operation: str, status: int, said: str) -> BackendError:
        """
        Return our error for an answer that is one.

        Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes
        """
        if any(reason in said for reason in ("retentionPolicyNotMet", "objectUnderActiveHold", "objectRetention")):
            return self.error(Permanent, operation, LOCKED, "The bucket keeps this object under a lock.")
        if status in (408, 429) or "ateLimitExceeded" in said:
            return self.error(Transient, operation, f"HTTP_{status}", "The store takes no more requests.")
        if status >= 500:
            return self.error(Doubtful, operation, f"HTTP_{status}", "The store reported a server error.")
        # The service tells a missing bucket from a missing object by its words alone.
        is_bucket = operation.startswith("buckets") or operation in ("objects.list", "objects.insert")
        if status == 404 and (is_bucket or "bucket does not exist" in said):
            return Misconfigured(f"There is no bucket {self.bucket}. Create it, or correct ARCHIVE_GCS_BUCKET.")
        if status in (401, 403):
            return Misconfigured(
                f"The account of this service may not do {operation} in the bucket {self.bucket}. Give it the role "
                "roles/storage.objectAdmin there."
            )
        if status == 404:
            return self.error(Permanent, operation, NOT_FOUND, "The store has no such object.")
        if status == 400 and _DAMAGED.search(said):
            return self.error(Doubtful, operation, OTHER_BYTES, "The store received other bytes than were sent.")
        if status == 0:
            return self.error(Transient, operation, UNREACHABLE, "The store cannot be reached.")
        return self.error(Permanent, operation, f"HTTP_{status}", "The store refuses this request.")
