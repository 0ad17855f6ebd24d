"""The API's error codes and texts, from `schema/errors.schema`.

Raised by all other modules; `models/formats.py` writes them.
"""

from __future__ import annotations

from pathlib import Path


def _load() -> dict[str, tuple[tuple[str, ...], str]]:
    table: dict[str, tuple[tuple[str, ...], str]] = {}
    for line in (Path(__file__).parent / "schema" / "errors.schema").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            code, names, text = line.split("|", 2)
            table[code] = (tuple(filter(None, names.split(","))), text)
    return table


TEXTS = _load()


class ApiError(Exception):
    """A refusal of the API: answered with HTTP 200, a code, a text and its arguments.

    Args:
        code: One of the API's codes; an unknown code gets its own name as text, which only faults use.
        values: The arguments of the text, in the order of the table.
    """

    def __init__(self, code: str, *values: object) -> None:
        names, text = TEXTS.get(code, ((), code))
        self.code = code
        self.arguments = dict(zip(names, map(str, values), strict=False))
        for name, value in self.arguments.items():
            text = text.replace(f"@{name}@", value)
        self.message = text
        super().__init__(f"{code}: {text}")


class ServeError(Exception):
    """A refusal of an action that serves a file: an empty body and the header `X-Kaltura: error-<code>`."""

    def __init__(self, code: str, status: int = 200) -> None:
        self.code = code
        self.status = status
        super().__init__(code)
