"""The errors of the Stream API, in Bunny's form."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response


def refusal(status: int, message: str) -> Response:
    """Write an error.

    Args:
        status: HTTP status.
        message: Bunny's sentence.
    """
    return JSONResponse({"success": False, "message": message, "statusCode": status}, status)
