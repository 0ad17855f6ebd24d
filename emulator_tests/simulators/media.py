"""Probing of media files by ffprobe, and frames and HLS segments by ffmpeg; both run as child processes.

Called by every simulator, for uploads, thumbnails and playback.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TIMEOUT_S = 60.0
#: Demuxers that accept any text; a file that only these can read is not media.
_NO_MEDIA = frozenset(("tty", "ass", "srt", "webvtt", "subviewer", "microdvd", "txt"))
#: Results for small files, by hash: tests upload the same few files repeatedly, and probing takes 0.1 s.
_PROBED: dict[bytes, MediaFile | None] = {}
_PROBED_MAX = 100
_SMALL_BYTES = 16 * 1024 * 1024
_CUTTING = asyncio.Lock()


@dataclass(frozen=True, slots=True)
class MediaFile:
    """The result of probing.

    Args:
        duration_ms: 0 for a still picture; a GIF has one.
        is_image: Whether it is a picture, moving or not.
        is_still: Whether it is a picture that does not move.
        container: ffprobe's names for it, separated by commas.
        has_video: Whether it has moving or still pictures.
    """

    duration_ms: int
    width: int
    height: int
    bitrate_kbps: int
    frame_rate: float
    container: str
    codec: str
    is_image: bool
    is_still: bool
    has_video: bool


async def probe(path: Path) -> MediaFile | None:
    """Probe a file; None when it is no readable media."""
    if path.stat().st_size > _SMALL_BYTES:
        return await _probe(path)
    content = hashlib.sha256(path.read_bytes()).digest()
    if content not in _PROBED:
        if len(_PROBED) >= _PROBED_MAX:
            _PROBED.clear()
        _PROBED[content] = await _probe(path)
    return _PROBED[content]


async def _probe(path: Path) -> MediaFile | None:
    output = await _run("ffprobe", "-v", "error", "-print_format", "json", "-show_format", "-show_streams", str(path))
    if output is None:
        return None
    try:
        found = json.loads(output)
    except ValueError:
        return None
    container = str(found.get("format", {}).get("format_name", ""))
    streams = [each for each in found.get("streams", []) if each.get("codec_type") in ("video", "audio")]
    if not streams or container in _NO_MEDIA:
        return None
    video: Mapping[str, Any] = next((each for each in streams if each["codec_type"] == "video"), {})
    duration_s = float(found["format"].get("duration") or video.get("duration") or 0)
    is_still = bool(video) and (container.endswith("_pipe") or container == "image2")
    is_image = is_still or (bool(video) and container == "gif")
    if not is_image and duration_s <= 0:
        return None
    return MediaFile(
        duration_ms=0 if is_still else round(duration_s * 1000),
        width=int(video.get("width") or 0),
        height=int(video.get("height") or 0),
        bitrate_kbps=int(found["format"].get("bit_rate") or 0) // 1000,
        frame_rate=_ratio(str(video.get("avg_frame_rate") or "0/1")),
        container=container,
        codec=_codec(video or streams[0]),
        is_image=is_image,
        is_still=is_still,
        has_video=bool(video),
    )


def _codec(stream: Mapping[str, Any]) -> str:
    """The four characters of a codec; its name where a container has none, which ffprobe shows as `[0][0][0][0]`."""
    tag = str(stream.get("codec_tag_string") or "")
    return tag if tag and "][" not in tag else str(stream.get("codec_name") or "")


def scaling(width: int, height: int, kind: int) -> str:
    """The ffmpeg filter for a thumbnail's size; `kind` is the API's crop type 1 to 5. Pure.

    1 fits inside, 2 fits and fills the rest, 3 and 4 fill and crop, 5 stretches; one side alone keeps the shape.
    """
    if not width or not height:
        return f"scale={width or -2}:{height or -2}"
    if kind == 2:
        fitted = f"scale={width}:{height}:force_original_aspect_ratio=decrease"
        return f"{fitted},pad={width}:{height}:(ow-iw)/2:(oh-ih)/2"
    if kind in (3, 4):
        return f"scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height}"
    if kind == 5:
        return f"scale={width}:{height}"
    return f"scale={width}:{height}:force_original_aspect_ratio=decrease"


async def frame(path: Path, second: float, scale: str, quality: int) -> bytes | None:
    """A JPEG of one frame; None when there is no such picture.

    Args:
        path: The video or picture.
        second: Where in the video; past its end means its beginning.
        scale: The filter that `scaling` gives.
        quality: 20 to 100.
    """
    grade = str(max(2, min(31, 31 - quality * 29 // 100)))
    for position in (second, 0.0):
        picture = await _run(
            "ffmpeg", "-v", "error", "-ss", f"{position:.3f}", "-i", str(path), "-frames:v", "1", "-vf", scale,
            "-q:v", grade, "-f", "mjpeg", "-",
        )  # fmt: skip
        if picture:
            return picture
    return None


async def segment(path: Path, folder: Path, every_s: int | None = None) -> bool:
    """Cut a file into an HLS playlist `index.m3u8` and its segments, unless that was done; whether they are there.

    Args:
        path: The video.
        folder: Where the playlist and the segments `seg-0.ts`, `seg-1.ts` … lie.
        every_s: Length of each segment in seconds: the picture is encoded anew, and what is left at its end is cut off.
            Without it the picture stays as it is, and a segment is as long as its key frames demand.
    """
    # Two players may ask at once for what is not cut yet.
    async with _CUTTING:
        if not (folder / "index.m3u8").exists():
            await _cut(path, folder, every_s)
    return (folder / "index.m3u8").exists()


async def _cut(path: Path, folder: Path, every_s: int | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    coding = ["-c", "copy"]
    if every_s is not None:
        found = await probe(path)
        if found is None or found.duration_ms < every_s * 1000:
            return
        length_s = found.duration_ms // 1000 // every_s * every_s
        coding = ["-t", str(length_s), "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy"]
        coding += ["-force_key_frames", f"expr:gte(t,n_forced*{every_s})", "-sc_threshold", "0"]
    output = await _run(
        "ffmpeg", "-v", "error", "-y", "-i", str(path), *coding, "-f", "hls", "-hls_time", str(every_s or 6),
        "-hls_playlist_type", "vod", "-hls_segment_filename", str(folder / "seg-%d.ts"),
        str(folder / "index.m3u8.part"),
    )  # fmt: skip
    if output is not None:
        (folder / "index.m3u8.part").replace(folder / "index.m3u8")


async def _run(*command: str) -> bytes | None:
    """Run a program; its output, or None when it failed or took too long."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return output if process.returncode == 0 else None


def _ratio(text: str) -> float:
    above, _, below = text.partition("/")
    return round(float(above) / float(below), 3) if below and float(below) else 0.0
