"""Live inputs (`/stream/live_inputs`): created, read, changed, deleted. Nothing is ever streamed to them.

Called by `urls`.
"""

from __future__ import annotations

import secrets
from typing import Any

from starlette.requests import Request

from emulator_tests.simulators.cloudflare.errors import not_found
from emulator_tests.simulators.cloudflare.models.account import Account
from emulator_tests.simulators.cloudflare.responses import fields


async def live_inputs(account: Account, request: Request, rest: list[str]) -> Any:
    """Answer a request to the live inputs; `rest` is the path after `live_inputs`."""
    match (request.method, rest):
        case ("GET", []):
            return {"liveInputs": list(account.live_inputs.values()), "total": len(account.live_inputs)}
        case ("POST", []):
            return _create(account, await fields.body(request))
        case (_, [uid, *_]) if uid not in account.live_inputs:
            raise not_found()
        case ("GET", [uid]):
            return account.live_inputs[uid]
        case ("GET", [_, "videos"]):
            return []
        case ("PUT", [uid]):
            sent = await fields.body(request)
            for name in ("meta", "recording", "defaultCreator", "enabled"):
                if name in sent:
                    account.live_inputs[uid][name] = sent[name]
            account.live_inputs[uid]["modified"] = account.instant(account.clock.now())
            return account.live_inputs[uid]
        case ("DELETE", [uid]):
            del account.live_inputs[uid]
            return ""
    raise not_found()


def _create(account: Account, sent: dict[str, Any]) -> dict[str, Any]:
    uid, key, now = account.new_uid(), secrets.token_hex(24), account.instant(account.clock.now())
    recording = {"mode": "off", "requireSignedURLs": False, "allowedOrigins": None, **(sent.get("recording") or {})}
    made = {
        "uid": uid,
        "created": now,
        "modified": now,
        "meta": sent.get("meta") or {},
        "defaultCreator": sent.get("defaultCreator"),
        "enabled": sent.get("enabled", True),
        "recording": recording,
        "deleteRecordingAfterDays": sent.get("deleteRecordingAfterDays"),
        "status": None,
        "rtmps": {"url": "rtmps://live.cloudflare.com:443/live/", "streamKey": key},
        "rtmpsPlayback": {"url": "rtmps://live.cloudflare.com:443/live/", "streamKey": key},
        "srt": {"url": "srt://live.cloudflare.com:778", "streamId": uid, "passphrase": secrets.token_hex(24)},
        "webRTC": {"url": f"{account.base_url}/{uid}/webRTC/publish"},
        "webRTCPlayback": {"url": f"{account.base_url}/{uid}/webRTC/play"},
    }
    account.live_inputs[uid] = made
    return made
