"""uploadToken: files in one piece or in chunks, in order, in parallel, resumed.

The rules are those of kaltura/server, UploadTokenService and kUploadTokenMgr: a chunk that continues the file is
appended, one that comes early waits aside, and the final one waits for those before it.
"""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from starlette.datastructures import UploadFile

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import content
from emulator_tests.simulators.kaltura.models.account import Account, Call
from emulator_tests.simulators.kaltura.models.entry_state import TokenStatus
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.rows import ensure_user, equal, insertable, listed, stamped

_MAX_RESUME_S = 7 * 86400
_OPEN = (TokenStatus.PENDING, TokenStatus.PARTIAL)


@action("uploadToken.add", "uploadToken: KalturaUploadToken = null", roles="UL")
def upload_token_add(call: Call, upload_token: Record | None) -> Record:
    fields = insertable(call, upload_token or {"objectType": "KalturaUploadToken"})
    if fields.get("autoFinalize") == 1 and not fields.get("fileSize"):
        raise ApiError("UPLOAD_TOKEN_MISSING_FILE_SIZE")
    ensure_user(call, call.user_id)
    row = {**fields, "id": call.store.new_token_id(), "userId": call.user_id, "status": TokenStatus.PENDING}
    return call.store.put(call.store.upload_tokens, stamped(call, row))


@action("uploadToken.get", "uploadTokenId: str", roles="UWL")
def upload_token_get(call: Call, upload_token_id: str) -> Record:
    return _own_token(call, upload_token_id)


@action("uploadToken.list", "filter: KalturaUploadTokenFilter = null, pager: pager = null", roles="UWL")
def upload_token_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    own = [] if call.is_admin else [equal("userId", call.user_id)]
    return listed(call, call.store.upload_tokens, "KalturaUploadToken", filter, pager, *own)


@action("uploadToken.delete", "uploadTokenId: str", roles="UL")
def upload_token_delete(call: Call, upload_token_id: str) -> None:
    token = _own_token(call, upload_token_id)
    content.detach_token(call.account, token, failed=False)
    discard_token(call.account, token)


def discard_token(account: Account, token: Record) -> None:
    """Delete a token and what was uploaded to it."""
    store = account.store
    now = int(account.clock.now())
    store.bury(store.upload_tokens, token["id"], status=TokenStatus.DELETED, updatedAt=now)
    file = _file_of(account, token)
    file.unlink(missing_ok=True)
    shutil.rmtree(_waiting_room(file), ignore_errors=True)


@action(
    "uploadToken.upload",
    "uploadTokenId: str, fileData: file, resume: bool = false, finalChunk: bool = true, resumeAt: float = -1",
    roles="UL",
)
async def upload_token_upload(
    call: Call, upload_token_id: str, file_data: UploadFile, resume: bool, final_chunk: bool, resume_at: float
) -> Record:
    account, store = call.account, call.store
    _check_open(call, _own_token(call, upload_token_id))
    part = store.files / f"{upload_token_id}.part.{uuid.uuid4().hex}"
    await asyncio.to_thread(_save, file_data, part)
    try:
        token = _own_token(call, upload_token_id)
        _check_open(call, token)
        if not token.get("fileName"):
            token = store.change(store.upload_tokens, upload_token_id, fileName=file_data.filename)
        if not file_data.filename:
            if not resume and final_chunk:
                content.detach_token(account, token, failed=True)
                discard_token(account, token)
            raise ApiError("UPLOAD_ERROR")
        size_bytes = part.stat().st_size
        if size_bytes == 0 and not final_chunk and resume_at > 0:
            return token
        if resume:
            uploaded, is_final = await _resume(account, token, part, int(resume_at), final_chunk)
        else:
            part.replace(_file_of(account, token))
            uploaded, is_final = size_bytes, final_chunk
    finally:
        part.unlink(missing_ok=True)
    return await _settle(account, upload_token_id, uploaded, is_final)


async def _settle(account: Account, token_id: str, uploaded_bytes: int, is_final: bool) -> Record:
    """Record how far a file has come; a complete one goes where its token is attached."""
    store = account.store
    token = store.upload_tokens.rows[token_id]
    if is_final and token["status"] not in _OPEN:
        raise ApiError("UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD")
    extension = PurePosixPath(str(token.get("fileName") or "")).suffix.lstrip(".").lower()
    if is_final and extension in account.settings.restricted_extensions:
        content.detach_token(account, token, failed=True)
        discard_token(account, token)
        raise ApiError("UPLOAD_TOKEN_FILE_TYPE_RESTRICTED_FOR_UPLOAD")
    token = store.change(
        store.upload_tokens,
        token_id,
        uploadedFileSize=uploaded_bytes,
        status=TokenStatus.FULL if is_final else TokenStatus.PARTIAL,
        updatedAt=int(account.clock.now()),
    )
    await account.stir()
    if is_final:
        await content.token_complete(account, token)
    return store.upload_tokens.rows[token_id]


async def _resume(account: Account, token: Record, part: Path, resume_at: int, final_chunk: bool) -> tuple[int, bool]:
    """Add a later chunk to a file; how many bytes are contiguous now, and whether the file is complete."""
    target = _file_of(account, token)
    if not target.exists():
        raise ApiError("UPLOAD_TOKEN_CANNOT_RESUME")
    size_bytes = part.stat().st_size
    expected = _bytes_of_final(account, token, resume_at, size_bytes, final_chunk)
    if resume_at == -1:
        _write(target, part, target.stat().st_size)
        total = target.stat().st_size
        finished = bool(token.get("autoFinalize") == 1 and total >= int(token.get("fileSize") or 0))
        return total, final_chunk or finished
    if expected is not None:
        part.replace(_aside(target, resume_at))
        await _assemble(account, target, expected)
        return expected, True
    # As on the real server, chunks waiting aside are taken in before this one, not after it.
    total = _take_in(target)
    if resume_at <= total < resume_at + size_bytes:
        _write(target, part, resume_at)
        total = target.stat().st_size
    elif resume_at > total:
        part.replace(_aside(target, resume_at))
    # `finalChunk` at offset 0 overwrites the file and closes it, an old client's habit.
    return total, final_chunk


def _bytes_of_final(account: Account, token: Record, resume_at: int, size_bytes: int, final_chunk: bool) -> int | None:
    """The size a file must reach with this chunk if it is the final one; None if it is not."""
    if final_chunk and resume_at > 0:
        return resume_at + size_bytes
    if token.get("autoFinalize") == 1 and resume_at >= 0:
        target = _file_of(account, token)
        waiting = sum(file.stat().st_size for file in _waiting_room(target).glob("*"))
        if target.stat().st_size + waiting + size_bytes >= int(token["fileSize"]):
            return int(token["fileSize"])
    return None


async def _assemble(account: Account, target: Path, expected: int) -> None:
    """Wait until the chunks before the final one are there.

    Raises:
        ApiError: UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE when they do not come in time; the chunk may be sent again.
    """
    try:
        async with asyncio.timeout(account.settings.final_chunk_wait_s), account.stirred:
            while _take_in(target, expected) != expected:
                await account.stirred.wait()
    except TimeoutError:
        raise ApiError("UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE") from None
    shutil.rmtree(_waiting_room(target), ignore_errors=True)


def _take_in(target: Path, expected: int | None = None) -> int:
    """Append every waiting chunk that continues the file; its size then."""
    while True:
        total = target.stat().st_size
        waiting = _waiting_room(target) / str(total)
        if total == expected or not waiting.exists() or waiting.stat().st_size == 0:
            return total
        _write(target, waiting, total)
        waiting.unlink()


def _write(target: Path, part: Path, offset: int) -> None:
    with target.open("r+b") as out, part.open("rb") as source:
        out.seek(offset)
        shutil.copyfileobj(source, out)


def _save(file_data: UploadFile, part: Path) -> None:
    file_data.file.seek(0)
    with part.open("wb") as out:
        shutil.copyfileobj(file_data.file, out)


def _waiting_room(target: Path) -> Path:
    return target.with_name(f"{target.name}.chunks")


def _aside(target: Path, offset: int) -> Path:
    room = _waiting_room(target)
    room.mkdir(exist_ok=True)
    return room / str(offset)


def _file_of(account: Account, token: Record) -> Path:
    return account.store.files / str(token["id"])


def _own_token(call: Call, token_id: str) -> Record:
    token = call.store.upload_tokens.get(token_id)
    if token is None or not (call.is_admin or token["userId"] == call.user_id):
        raise ApiError("UPLOAD_TOKEN_NOT_FOUND")
    return token


def _check_open(call: Call, token: Record) -> None:
    if token["status"] == TokenStatus.PARTIAL and token["updatedAt"] < call.now - _MAX_RESUME_S:
        raise ApiError("UPLOAD_PASSED_MAX_RESUME_TIME_ALLOWED", _MAX_RESUME_S)
    if token["status"] not in _OPEN:
        raise ApiError("UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD")
