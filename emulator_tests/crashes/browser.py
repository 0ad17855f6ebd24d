"""A browser that uploads with a grant: it sends chunks, as Kaltura's own client does.

`world` and the tests of grants call it. It uses nothing of this project but the grant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlsplit

from shared.ports import UploadGrant

UNREACHABLE: Final = "UNREACHABLE"

_BOUNDARY: Final = "----greenroom"


def send_chunk(grant: UploadGrant, chunk: bytes, begin: int, *, last: bool, connection: HTTPConnection) -> str | None:
    """
    Send one chunk. The first chunk is sent without an offset, each later one with its offset.

    Args:
        grant: As returned by `issueUploadToken`.
        chunk: The bytes.
        begin: Their offset in the file.
        last: Whether the file ends with them.
        connection: A new connection to the address of the grant.

    Returns:
        `None` if they arrived, else the reason why not.
    """
    fields = {
        "uploadTokenId": str(grant.values["uploadTokenId"]),
        "resume": str(begin > 0).lower(),
        "finalChunk": str(last).lower(),
        "resumeAt": str(begin),
    }
    return ask(connection, grant.url, str(grant.values["ks"]), fields, chunk)


def ask(
    connection: HTTPConnection, url: str, ks: str, fields: Mapping[str, str], file: bytes | None = None
) -> str | None:
    """
    Send any request to Kaltura, as a form like those of browsers.

    Returns:
        `None` if it succeeded, else the error code, or the reason why there is no answer.
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
