"""A video of any size that lies nowhere, and the client that uploads it.

Called by `test_long_upload.py`, which also runs it as a program: the client is a process of its own, so that its memory
can be told, and imports little. It knows what `issueUploadToken` and `renewUploadToken` answer, and nothing else of
ours. `testbed/line.py` breaks its connections.
"""

from __future__ import annotations

import http.client
import json
import re
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK_BYTES: Final = 256 * 1024
"""What is in memory at once of a chunk."""

ANSWER_WITHIN_S: Final = 60.0
RENEWALS_MAX: Final = 10
PAUSE_S: Final = 0.5

_AES_BLOCK_BYTES: Final = 16
_BOX_HEAD_BYTES: Final = 16
_BOUNDARY: Final = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


@dataclass(frozen=True, slots=True)
class LongFilm:
    """
    A playable video of any size: a small video, then a box with pseudo-random bytes, which players skip. The same seed
    gives the same bytes.

    Attributes:
        path: The video that it begins with.
        size_bytes: In all.
        seed: Of the bytes behind it.
    """

    path: str
    size_bytes: int
    seed: int

    def blocks(self, begin: int, end: int) -> Iterator[bytes]:
        """
        Its bytes from `begin` to `end`, a block at a time.
        """
        video_bytes = Path(self.path).read_bytes()
        # Of a box of the size 1, the true size follows its name: four bytes tell no more than 4 GiB.
        filled_from = len(video_bytes) + _BOX_HEAD_BYTES
        front = video_bytes + struct.pack(">I4sQ", 1, b"free", self.size_bytes - len(video_bytes))
        while begin < end:
            until = min(end, begin + BLOCK_BYTES, filled_from if begin < filled_from else end)
            yield front[begin:until] if begin < filled_from else self._filler(begin - filled_from, until - filled_from)
            begin = until

    def _filler(self, begin: int, end: int) -> bytes:
        counter, skipped = divmod(begin, _AES_BLOCK_BYTES)
        key = self.seed.to_bytes(_AES_BLOCK_BYTES, "big")
        stream = Cipher(algorithms.AES(key), modes.CTR(counter.to_bytes(_AES_BLOCK_BYTES, "big"))).encryptor()
        return stream.update(bytes(skipped + end - begin))[skipped:]


@dataclass(frozen=True, slots=True)
class Errand:
    """
    What the client is told when it starts.

    Attributes:
        video: What to send.
        token: The answer of `issueUploadToken`.
        functions_url: Where `renewUploadToken` is called.
        id_token: Of the teacher.
        line: Host and port of the line to Kaltura, whatever address the token names.
    """

    video: LongFilm
    token: dict[str, Any]
    functions_url: str
    id_token: str
    line: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """
    What the client tells when all has arrived.

    Attributes:
        interruptions: How often it had to begin a chunk again, or did not hear what became of one.
        peak_bytes: The most memory that it had at once.
        warning: Why the upload may not succeed, as it was told meanwhile; `None` where it may.
    """

    interruptions: int
    peak_bytes: int
    warning: str | None = None


def send_film(errand: Errand) -> Report:
    """
    Send a video chunk by chunk; after an interruption go on where `renewUploadToken` says.
    """
    video_bytes, token = errand.video, errand.token
    interruptions, received_bytes = 0, token["receivedBytes"]
    warning, began_at, first_byte = None, time.monotonic(), received_bytes
    line = http.client.HTTPConnection(*errand.line, timeout=ANSWER_WITHIN_S)
    while received_bytes < video_bytes.size_bytes:
        end = min(video_bytes.size_bytes, received_bytes + token["upload"]["chunkSizeBytes"])
        try:
            received_bytes = _send_chunk(line, video_bytes, token["upload"], received_bytes, end)
        except (OSError, http.client.HTTPException):
            interruptions += 1
            line.close()
            renewed = _renew(errand)
            if renewed is None:
                break
            token, received_bytes = renewed, renewed["receivedBytes"]
        # A line that breaks before a first chunk has arrived has not shown yet how fast it is.
        if warning is None and received_bytes > first_byte:
            warning = too_slow(token, received_bytes - first_byte, time.monotonic() - began_at)
            if warning is not None:
                print(warning, file=sys.stderr)
    line.close()
    return Report(interruptions, _peak_bytes(), warning)


def too_slow(token: dict[str, Any], sent_bytes: int, seconds: float) -> str | None:
    """
    What to tell somebody whose line is too slow for an upload; `None` where it is fast enough.

    Args:
        token: The last answer of `issueUploadToken` or `renewUploadToken`.
        sent_bytes: How many bytes have arrived since sending began.
        seconds: For how long they were sent.
    """
    kbps = sent_bytes * 8 / 1000 / max(seconds, 0.001)
    if kbps >= token["minKbps"]:
        return None
    return (
        f"At {kbps:.0f} kbit/s this upload is not finished by {token['uploadUntil']}: it needs {token['minKbps']} "
        "kbit/s. Use a faster line, or upload a smaller file."
    )


def _send_chunk(
    line: http.client.HTTPConnection, video_bytes: LongFilm, upload: dict[str, Any], begin: int, end: int
) -> int:
    """
    Send a chunk as a browser sends a form.

    Args:
        line: To Kaltura.
        video: What is sent.
        upload: What it takes, as the answer of `issueUploadToken` has it.
        begin: Where in the file the chunk begins.
        end: Where it ends.

    Returns:
        How many bytes of the file have arrived without a gap.
    """
    fields = {
        "ks": upload["ks"],
        "format": "1",
        "uploadTokenId": upload["uploadTokenId"],
        "resume": str(begin > 0).lower(),
        "resumeAt": str(begin),
        "finalChunk": str(end == video_bytes.size_bytes).lower(),
    }
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    file = 'Content-Disposition: form-data; name="fileData"; filename="film.mp4"\r\nContent-Type: video/mp4'
    head = ("".join(parts) + f"--{_BOUNDARY}\r\n{file}\r\n\r\n").encode()
    tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
    line.putrequest("POST", urlsplit(upload["url"]).path)
    line.putheader("Content-Type", f"multipart/form-data; boundary={_BOUNDARY}")
    line.putheader("Content-Length", str(len(head) + end - begin + len(tail)))
    line.endheaders(head)
    for block in video_bytes.blocks(begin, end):
        line.send(block)
    line.send(tail)
    answer = json.loads(line.getresponse().read())
    if "uploadedFileSize" not in answer:
        raise RuntimeError(f"Kaltura refused the bytes from {begin} to {end}: {answer}")
    return int(answer["uploadedFileSize"])


def _renew(errand: Errand) -> dict[str, Any] | None:
    """
    What `issueUploadToken` answered, as it is now; `None` where nothing is left to send.
    """
    place = urlsplit(f"{errand.functions_url}/renewUploadToken")
    body = json.dumps({"data": {"videoId": errand.token["videoId"]}})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {errand.id_token}"}
    for _ in range(RENEWALS_MAX):
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=ANSWER_WITHIN_S)
        connection.request("POST", place.path, body, headers)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        if "error" not in answer:
            renewed: dict[str, Any] = answer["result"]
            return renewed
        details = answer["error"]["details"]
        if details["code"] == "UPLOAD_COMPLETE":
            return None
        if not details["retryable"]:
            break
        time.sleep(PAUSE_S)
    raise RuntimeError(f"The token was not renewed: {answer['error']}")


def _peak_bytes() -> int:
    """
    The most memory that this program had. What getrusage(2) tells begins with that of the process which started it.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def written(errand: Errand) -> str:
    """
    An errand as the client reads it.
    """
    return json.dumps(asdict(errand))


def read_report(text: str) -> Report:
    """
    What the client wrote.
    """
    return Report(**json.loads(text))


def main() -> int:
    """
    Read an errand from the standard input, run it, and write the report to the standard output.
    """
    read = json.load(sys.stdin)
    video, line = LongFilm(**read.pop("video")), tuple(read.pop("line"))
    json.dump(asdict(send_film(Errand(video, line=(line[0], line[1]), **read))), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
