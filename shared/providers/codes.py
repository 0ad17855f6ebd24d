"""Codes of what goes wrong on the wire, the same whoever was asked; beside them stand `HTTP_<status>` and their own.

Used by every adapter. Imports nothing: some need a code before they need a client.
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
