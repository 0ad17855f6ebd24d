"""What is at an address that carries its own permission: whether anything is, and a range of it.

Called by hosts that are sent bytes, and by whoever tries whether videos play. Knows nothing of who answers there.
"""

from __future__ import annotations

from typing import Final

import httpx

from shared.errors import ProviderError
from shared.ports import Source
from shared.providers.wire import Wire, connect

WIRE: Final = Wire("source", "The place where the video is")

TRIED_BYTES: Final = 1024
TRIED_S: Final = 5.0
ANSWER_S: Final = 20.0


def plays(url: str) -> bool:
    """
    Whether a byte can be had from an address, within seconds. Some refuse with HTTP 200 and nothing in it.
    """
    headers = {"Range": f"bytes=0-{TRIED_BYTES - 1}"}
    try:
        with (
            connect(TRIED_S, TRIED_S) as http,
            http.stream("GET", url, headers=headers, follow_redirects=True) as answer,
        ):
            return answer.is_success and any(answer.iter_bytes(TRIED_BYTES))
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def read_range(source: Source, begin: int, size_bytes: int) -> tuple[bytes, int]:
    """
    Read so many bytes of a source from there on, fewer at its end and none beyond it.

    Returns:
        The bytes, and the size of the whole.

    Raises:
        Transient, Doubtful, Permanent: They could not be had.
    """
    headers = {"Range": f"bytes={begin}-{begin + size_bytes - 1}"}
    with (
        WIRE.failing("source"),
        connect(ANSWER_S, TRIED_S) as http,
        http.stream("GET", source.url, headers=headers, follow_redirects=True) as answer,
    ):
        whole = answer.headers.get("content-range", "").rpartition("/")[2]
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and whole == str(begin):
            return b"", begin
        if answer.status_code != httpx.codes.PARTIAL_CONTENT or not whole.isdigit():
            raise _not_to_be_had(answer)
        piece = answer.read()
    if len(piece) != min(size_bytes, int(whole) - begin):
        raise WIRE.transient("source", "CUT_SHORT", "The place where the video is sent less than it said.")
    return piece, int(whole)


def _not_to_be_had(answer: httpx.Response) -> ProviderError:
    """
    Nothing of it was changed by asking, so it may always be asked again.
    """
    return WIRE.transient("source", f"HTTP_{answer.status_code}", "The video cannot be had from where it is.")
