"""What a browser does with a grant to upload: it sends chunks, as Kaltura's own client does.

Called by `world` and by the tests of grants. It knows the grant and nothing else of ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlsplit

from shared.ports import UploadGrant

UNREACHABLE: Final = "UNREACHABLE"

_TIMEOUT_S: Final = 30
_BOUNDARY: Final = "----greenroom"


def send_chunk(grant: UploadGrant, chunk: bytes, begin: int, *, last: bool) -> str | None:
    """
    Send bytes: the first chunk alone, each later one from where it belongs.

    Args:
        grant: As `issueUploadToken` gave it.
        chunk: The bytes.
        begin: Where in the file they belong.
        last: Whether the file ends with them.

    Returns:
        `None` where they arrived, else why not.
    """
    fields = {
        "uploadTokenId": str(grant.values["uploadTokenId"]),
        "resume": str(begin > 0).lower(),
        "finalChunk": str(last).lower(),
        "resumeAt": str(begin),
    }
    return ask(grant.url, str(grant.values["ks"]), fields, chunk)


def ask(url: str, ks: str, fields: Mapping[str, str], file: bytes | None = None) -> str | None:
    """
    Ask anything of Kaltura, with a form as browsers send it.

    Returns:
        `None` where it was done, else the refusal's code, or why there is no answer.
    """
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in {"ks": ks, "format": "1", **fields}.items()
    ]
    if file is not None:
        head = 'Content-Disposition: form-data; name="fileData"; filename="lecture.mp4"\r\nContent-Type: video/mp4'
        parts.append(f"{head}\r\n\r\n".encode() + file + b"\r\n")
    body = b"".join(f"--{_BOUNDARY}\r\n".encode() + part for part in parts) + f"--{_BOUNDARY}--\r\n".encode()
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", address.path, body, {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"})
        answer = connection.getresponse()
        told = answer.read()
    except (OSError, HTTPException):
        return UNREACHABLE
    finally:
        connection.close()
    if answer.status != 200:
        return f"HTTP_{answer.status}"
    said = json.loads(told)
    refused = isinstance(said, dict) and said.get("objectType") == "KalturaAPIException"
    return str(said["code"]) if refused else None
