"""Downloads of a video as one file (`/stream/{uid}/downloads`): requested, prepared, deleted.

Called by `urls`, and by `playback` before it serves one.
"""

from __future__ import annotations

from typing import Any

from emulator_tests.simulators.cloudflare.errors import bad_request, not_found
from emulator_tests.simulators.cloudflare.models.account import Account
from emulator_tests.simulators.cloudflare.models.video import Video

_PREPARING_S = 1.0


def downloads(account: Account, video: Video, method: str, rest: list[str]) -> Any:
    """Request, list or delete the downloads of a video."""
    kind = rest[0] if rest else "default"
    if kind not in ("default", "audio"):
        raise not_found()
    if method == "POST":
        if not video.plays:
            raise bad_request("the video is not ready")
        video.downloads.setdefault(kind, account.clock.now())
    elif method == "DELETE":
        video.downloads.pop(kind, None)
        return ""
    suffix = {"default": "mp4", "audio": "m4a"}
    return {
        name: {
            "status": "ready" if account.clock.now() - since_s >= _PREPARING_S else "inprogress",
            "percentComplete": min(100.0, 100 * (account.clock.now() - since_s) / _PREPARING_S),
            "url": f"{account.base_url}/{video.uid}/downloads/{name}.{suffix[name]}",
        }
        for name, since_s in video.downloads.items()
    }


def is_downloadable(account: Account, video: Video, kind: str = "default") -> bool:
    """Return whether a download was requested and is ready."""
    since_s = video.downloads.get(kind)
    return since_s is not None and account.clock.now() - since_s >= _PREPARING_S
