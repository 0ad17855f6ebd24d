"""HLS of a live entry while somebody broadcasts to it: a sliding window of segments, by the account's clock.

Called by `playback`: `master` is the manifest of a live entry, `answer` what that points to. The picture is a film that
begins again and again. Its segments are numbered from the entry's first broadcast, so nothing is recorded but that and
the present one's beginning, and an encoder that comes back goes on in order. As for other manifests, an address below
has no KS but the packager's token and, if the account's delivery has one, a token that expires. Source: kaltura/server,
DeliveryProfileLive::getLivePackagerUrl and DeliveryProfileLivePackagerHls. The packager itself is not public: its
playlists are written by RFC 8216, and its segments are short, so that tests wait for seconds only.
"""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from starlette.responses import FileResponse, Response

from emulator_tests.simulators import media
from emulator_tests.simulators.kaltura.errors import ServeError
from emulator_tests.simulators.kaltura.models import broadcast
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses import address_tokens
from emulator_tests.simulators.kaltura.responses.access_rules import Fault

SEGMENT_S: Final = 2
_WINDOW: Final = 5
#: Segments that are still served after they left the playlist.
_KEPT: Final = 5
#: Segments that there are when a broadcast begins: a stream without any is not playable.
_LEAD: Final = 3
_PICTURE: Final = Path(__file__).parents[3] / "testbed" / "test-picture.mp4"
_BITS_PER_S: Final = 1_800_000
_SIZE: Final = "640x360"
_PLAYLIST: Final = "index-s0.m3u8"
_SEGMENT: Final = re.compile(r"seg-(\d{1,12})-s0\.ts")
_HLS: Final = "application/vnd.apple.mpegurl"


def master(account: Account, base_url: str, entry: Record) -> Response:
    """The manifest of a live entry, which the API server writes.

    Raises:
        ServeError: ENTRY_NOT_LIVE.
    """
    _check_live(account, entry)
    entry_id = str(entry["id"])
    place = f"/p/{account.partner_id}/e/{entry_id}/sd/{SEGMENT_S * 1000}"
    place += f"/t/{_packager_token(account, entry_id)}{address_tokens.added(account, entry_id)}"
    lines = [
        "#EXTM3U",
        f"#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH={_BITS_PER_S},RESOLUTION={_SIZE}",
        f"{base_url}{place}/{_PLAYLIST}",
    ]
    return Response("\n".join(lines) + "\n", media_type=_HLS)


async def answer(account: Account, entry: Record, asked: dict[str, str], name: str) -> Response:
    """Serve a playlist or a segment.

    Args:
        account: The simulated account.
        entry: The live entry.
        asked: The pairs of the path.
        name: The last part of the path.

    Raises:
        ServeError: The tokens are not right, nobody broadcasts, or there is no such segment (any more).
    """
    if not hmac.compare_digest(asked.get("t", ""), _packager_token(account, str(entry["id"]))):
        raise ServeError(str(int(Fault.INVALID_TOKEN)), 403)
    address_tokens.check(account, str(entry["id"]), asked.get("kt", ""))
    _check_live(account, entry)
    folder = account.store.files / "live.hls"
    if not await media.segment(_PICTURE, folder, SEGMENT_S):
        raise ServeError(str(int(Fault.FILE_NOT_FOUND)), 404)
    count = len(list(folder.glob("seg-*.ts")))
    first_at = int(entry["firstBroadcast"])
    shown = window(account.clock.now(), first_at, int(entry["currentBroadcastStartTime"]))
    if name == _PLAYLIST:
        return Response(playlist(shown, count, first_at), media_type=_HLS)
    found = _SEGMENT.fullmatch(name)
    if found is None or int(found[1]) not in range(shown.start - _KEPT, shown.stop):
        raise ServeError(str(int(Fault.FILE_NOT_FOUND)), 404)
    return FileResponse(folder / f"seg-{int(found[1]) % count}.ts", media_type="video/mp2t")


def window(now: float, first_at: int, began_at: int) -> range:
    """The numbers of the segments that a playlist has; the one that is being recorded is not among them. Pure.

    Args:
        now: Unix seconds.
        first_at: When the entry's first broadcast began.
        began_at: When the present one did.
    """
    done, began = int(now) // SEGMENT_S - _origin(first_at), began_at // SEGMENT_S - _origin(first_at)
    return range(max(done - _WINDOW, began - _LEAD), done)


def playlist(shown: range, count: int, first_at: int) -> str:
    """Write the playlist of these segments of a film that has so many. Pure."""
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:3",
        f"#EXT-X-TARGETDURATION:{SEGMENT_S}",
        f"#EXT-X-MEDIA-SEQUENCE:{shown.start}",
        # Each beginning of the film before the first segment has left the playlist.
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{max(shown.start - 1, 0) // count}",
    ]
    for number in shown:
        if number > 0 and number % count == 0:
            lines.append("#EXT-X-DISCONTINUITY")
        at = datetime.fromtimestamp((_origin(first_at) + number) * SEGMENT_S, UTC).isoformat(timespec="milliseconds")
        lines += [
            f"#EXT-X-PROGRAM-DATE-TIME:{at.removesuffix('+00:00')}Z",
            f"#EXTINF:{SEGMENT_S:.3f},",
            f"seg-{number}-s0.ts",
        ]
    return "\n".join(lines) + "\n"


def _origin(first_at: int) -> int:
    """The segment of Unix time that has the number 0."""
    return first_at // SEGMENT_S - _LEAD


def _check_live(account: Account, entry: Record) -> None:
    """Refuse an entry to which nobody broadcasts.

    Raises:
        ServeError: ENTRY_NOT_LIVE.
    """
    if not broadcast.is_live(account, entry["id"]):
        raise ServeError(str(int(Fault.ENTRY_NOT_LIVE)), 404)


def _packager_token(account: Account, entry_id: str) -> str:
    """The token of generateLiveSecuredPackagerToken, which never expires; the real one is of the whole address."""
    return address_tokens.signature(account, f"live:{entry_id}")
