"""The tree of our errors. Raised everywhere; only `functions/edge/answers.py` turns them into status codes.

    BackendError
      Refused          the caller must change something first; never as it is; clients see the message
        NotSignedIn      no valid identity came with the call
        NotAllowed       the identity may not do this
        NotFound         the thing does not exist, or not for this caller
        BadRequest       the request itself is malformed
        WrongState       the thing exists but cannot do this now
        TooMany          a quota or a rate limit is used up
      ProviderError    a provider refused, failed or did not answer; carries provider, operation and code
        Transient        again, after `retry_after_s`
          Doubtful         again, but search first: the provider may have done it after all
          SecretRejected   again, after a long pause: an operator has to set the right secret
          NotFoundYet      again: a lost creation may still appear
        Permanent        never; recorded on the document and logged as an error
      Conflict         another writer was first; read again
      Misconfigured    a setting is missing or contradicts another; a step waits until the operator has set it

A message is one sentence that a person can act on. It never contains secrets, tokens or upload URLs. Each error also
has a reason: its code in `schema/errors.json`, by which clients tell errors apart.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar


class BackendError(Exception):
    """
    The root of the tree. `str(error)` is the sentence to show.

    Attributes:
        reason: Its code in `schema/errors.json`.
        retry_after_s: The least number of seconds to wait before another try; `None` if unknown.
    """

    usual_reason: ClassVar[str]

    def __init__(self, message: str, *, reason: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason or self.usual_reason
        self.retry_after_s = retry_after_s


class Refused(BackendError):
    """
    The caller must change something, or wait, before trying again. Each refusal names its reason.
    """

    def __init__(self, message: str, *, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(message, reason=reason, retry_after_s=retry_after_s)


class NotSignedIn(Refused):
    """
    No valid identity came with the call.
    """


class NotAllowed(Refused):
    """
    The identity is known and may not do this.
    """


class NotFound(Refused):
    """
    The thing does not exist, or this caller may not know that it does.
    """


class BadRequest(Refused):
    """
    The request is malformed: wrong type, unknown field, impossible value.
    """


class WrongState(Refused):
    """
    The thing exists, and cannot do this in the state it is in.

    Attributes:
        video_id: The video that cannot do it, if the caller may not know its id yet.
    """

    video_id: str | None = None


class TooMany(Refused):
    """
    A quota or a rate is used up.
    """


class ProviderError(BackendError):
    """
    A provider's refusal or failure.

    Attributes:
        provider: Our name of the provider, the name of its folder.
        operation: The provider's name of the call; safe to log.
        code: The provider's code, or one of ours for network failures (`TIMEOUT`, `HTTP_502`, `MALFORMED`). Clients get
            the reason instead, because the set of providers' codes is open.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        operation: str,
        code: str,
        reason: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, reason=reason, retry_after_s=retry_after_s)
        self.provider = provider
        self.operation = operation
        self.code = code


class Transient(ProviderError):
    """
    It did not happen, and may succeed later.
    """

    usual_reason = "PROVIDER_UNAVAILABLE"


class Doubtful(Transient):
    """
    The answer was lost, cut off or unintelligible, so the provider may have done it. Search before repeating.
    """


class SecretRejected(Transient):
    """
    The provider does not accept our secret. Nothing was done, and nothing will be until the operator sets the right
    one.
    """


class NotFoundYet(Transient):
    """
    A creation whose answer was lost cannot be found yet, and may still appear.

    Attributes:
        certain_at: From then on, a creation that cannot be found does not exist.
    """

    def __init__(self, certain_at: datetime) -> None:
        super().__init__(
            "The provider's answer was lost. The result is being checked.",
            provider="",
            operation="find",
            code="ANSWER_LOST",
        )
        self.certain_at = certain_at


class Permanent(ProviderError):
    """
    The provider will never do this as requested.
    """

    usual_reason = "PROVIDER_REFUSED"


class Conflict(BackendError):
    """
    A conditional write failed because another writer was first; read again.
    """

    usual_reason = "CONFLICT"


class Misconfigured(BackendError):
    """
    A setting is missing, malformed or contradicts another.
    """

    usual_reason = "NOT_SET_UP"
