"""Call the store of an archive by S3. Its errors name the settings of the archive.

Called by `cold_store.py`, which imports it only when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from botocore import exceptions
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from shared.core.errors import BackendError, Doubtful, Misconfigured, Permanent, Transient
from shared.ports import OTHER_BYTES
from shared.providers.s3.client import Client

COLD: Final = "COLD"
SILENCE_S: Final = 120.0
"""The longest silence of the store. It joins the parts of 5 TiB within minutes, and sends blanks meanwhile."""

CLOCK_WRONG: Final = frozenset({"RequestTimeTooSkewed"})
ELSEWHERE: Final = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
DAMAGED: Final = frozenset(
    {
        "BadDigest",
        "IncompleteBody",
        "RequestTimeout",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
    }
)
"""What arrived is not what was sent, or not all of it: it is sent again."""

UNKNOWN_KEY: Final = frozenset({"InvalidAccessKeyId", "XAdminUserNotFound"})
"""The key does not exist. The second one is versitygw's, with the status 404."""

CLOCK_SENTENCE: Final = (
    "The store refuses requests because the clock of this machine is wrong by more than 15 minutes. Set the clock."
)


class ArchiveClient(Client):
    """
    The client of the bucket of an archive.

    Args:
        bucket: The bucket.
        url: The address of the store; empty for Amazon's.
        region: The region of the bucket.
        access_key: A key with permission to use the bucket.
        secret_key: The secret of that key.
        ca_file: Certificates that the store's is signed by; empty for the usual ones.
    """

    def __init__(self, bucket: str, url: str, region: str, access_key: str, secret_key: str, ca_file: str = "") -> None:
        super().__init__(
            "s3",
            url or None,
            region,
            access_key,
            secret_key,
            setting="ARCHIVE_S3_SECRET_KEY",
            answer_s=SILENCE_S,
            ca_file=ca_file,
        )
        self._bucket = bucket

    def signed_put(
        self, key: str, query: Mapping[str, str], headers: Mapping[str, str], payload: str
    ) -> tuple[str, Mapping[str, str]]:
        """
        Sign a request whose body `upload.py` sends. Local, no call.

        Args:
            key: The key of the object.
            query: The query of the request.
            headers: Its headers.
            payload: The mark of an unsigned body, for the signature.

        Returns:
            Its address, and all its headers.
        """
        url = f"{self._url}/{self._bucket}/{quote(key, safe='/~')}?{urlencode(query)}"
        request = AWSRequest("PUT", url, headers=dict(headers))
        _Auth(payload, self._credentials, "s3", self._region).add_auth(request)
        return url, dict(request.headers.items())

    def _refused(self, operation: str, error: exceptions.ClientError) -> BackendError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in CLOCK_WRONG:
            return Misconfigured(CLOCK_SENTENCE)
        if code in ELSEWHERE or status in (301, 307):
            return Misconfigured(
                f"The bucket {self._bucket} is in another region than {self._region}. Set ARCHIVE_S3_REGION to its own."
            )
        if code == "NoSuchBucket":
            return Misconfigured(f"There is no bucket {self._bucket}. Create it, or correct ARCHIVE_S3_BUCKET.")
        if code == "InvalidObjectState":
            return self._error(Transient, operation, COLD, "The object has to be asked for before it can be read.")
        if code in DAMAGED:
            kind = Permanent if operation == "completeMultipartUpload" else Doubtful
            return self._error(kind, operation, OTHER_BYTES, "The store received other bytes than were sent.")
        if status in (401, 403) or code in UNKNOWN_KEY:
            self._secret.rejected(operation, code or f"HTTP_{status}")
            return Misconfigured(
                f"The store refuses {operation} in the bucket {self._bucket}. Correct ARCHIVE_S3_ACCESS_KEY and "
                "ARCHIVE_S3_SECRET_KEY, or give that key the permission."
            )
        return super()._refused(operation, error)


class _Auth(S3SigV4Auth):  # type: ignore[misc]  # the library has no types
    """
    Signs a request with a given mark in the place of the checksum of its body.
    """

    def __init__(self, payload: str, *args: Any) -> None:
        super().__init__(*args)
        self._payload = payload

    def payload(self, request: Any) -> str:  # the library's own form
        return self._payload
