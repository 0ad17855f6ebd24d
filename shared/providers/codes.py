"""Codes of failures on the wire, the same for all providers. `HTTP_<status>` and the providers' own codes come besides.

Used by every adapter. Imports nothing, because some need a code before they need a client.
"""

from __future__ import annotations

from typing import Final

UNREACHABLE: Final = "UNREACHABLE"
TIMEOUT: Final = "TIMEOUT"
CONNECTION_LOST: Final = "CONNECTION_LOST"
MALFORMED: Final = "MALFORMED"
UNAUTHORIZED: Final = "UNAUTHORIZED"
RATE_LIMITED: Final = "RATE_LIMITED"
NOT_FOUND: Final = "NOT_FOUND"
