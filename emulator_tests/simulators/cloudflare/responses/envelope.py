"""The envelope of every JSON answer: `result`, `success`, `errors`, `messages`.

Called by the other modules here and by `urls`.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from emulator_tests.simulators.cloudflare.errors import ApiError


def success(result: Any, status: int = 200, **more: Any) -> Response:
    """Wrap a result."""
    return JSONResponse({"result": result, "success": True, "errors": [], "messages": [], **more}, status)


def failure(error: ApiError) -> Response:
    """Write an error."""
    body = {
        "result": None,
        "success": False,
        "errors": [{"code": error.code, "message": error.message}],
        "messages": [],
    }
    return JSONResponse(body, error.status, error.headers)
