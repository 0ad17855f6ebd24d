"""The errors of the API, with Cloudflare's HTTP status and code.

Raised by `responses`; `responses/envelope.py` writes them. Codes above 10000 are Cloudflare's where public sources give
them, and plausible ones elsewhere.
"""

from __future__ import annotations


class ApiError(Exception):
    """An error answer.

    Args:
        status: HTTP status.
        code: Cloudflare's number.
        message: Cloudflare's sentence.
        headers: Additional headers.
    """

    def __init__(self, status: int, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def unauthorized() -> ApiError:
    """The API token is missing or not the account's."""
    return ApiError(401, 10000, "Authentication error")


def not_found() -> ApiError:
    """The resource does not exist."""
    return ApiError(404, 10003, "Not Found: The requested resource was not found")


def bad_request(why: str) -> ApiError:
    """The request is malformed."""
    return ApiError(400, 10005, f"Bad Request: {why}")


def over_quota() -> ApiError:
    """The account has no minutes left for that."""
    return ApiError(413, 10011, "Storage capacity exceeded: the account has not enough minutes left")


def too_large() -> ApiError:
    """The file is larger than a video may be."""
    return ApiError(413, 10012, "Payload Too Large: a video has at most 30 GB")


def too_many(retry_after_s: int) -> ApiError:
    """Too many requests, or too many videos in process."""
    return ApiError(429, 10013, "Too Many Requests", {"Retry-After": str(retry_after_s)})
