"""Calls of Kaltura's Python client that the tests of several subjects make."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import (
    KalturaMediaEntry,
    KalturaMediaType,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
)

EVERY_STATUS = "-2,-1,0,1,2,3,4,7"


def video_entry(**fields: Any) -> Any:
    return KalturaMediaEntry(**{"name": "a lesson", "mediaType": KalturaMediaType.VIDEO, **fields})


def resource(token_id: str) -> Any:
    return KalturaUploadedFileTokenResource(token=token_id)


def send(client: Any, token_id: str, chunk: bytes, **how: Any) -> Any:
    return client.uploadToken.upload(token_id, ("lesson.mp4", io.BytesIO(chunk), "video/mp4"), **how)


def error_of(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(KalturaException) as caught:
        call(*arguments, **named)
    return str(caught.value.code)


def uploaded_entry(client: Any, file: Path) -> Any:
    entry = client.media.add(video_entry())
    token = client.uploadToken.add(KalturaUploadToken())
    client.media.addContent(entry.id, resource(token.id))
    send(client, token.id, file.read_bytes())
    return client.media.get(entry.id)
