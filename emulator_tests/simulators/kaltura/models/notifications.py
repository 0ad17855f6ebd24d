"""HTTP notifications: what leaves when an entry changes, signed on the exact body, sent again until it is taken.

`entry_state` reports every change; `processing` lets deliveries go when they are due. Jobs are rows like all others, so
one that was not delivered before a restart is delivered after it. Source: kaltura/server, event_notification plugin.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from emulator_tests.simulators.kaltura.models import formats
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.schema import Record

ACTIVE = 2
ENTRY_OBJECT = "1"
_OBJECT_CHANGED = "3"
_HASHES = {1: "sha1", 2: "sha256", 3: "sha512"}
_METHODS = {1: "GET", 2: "POST", 3: "PUT", 4: "DELETE"}
_TAKEN = (200, 204)
_TIMEOUT_S = 10.0


def entry_changed(account: Account, old: Record, new: Record) -> None:
    """Schedule a delivery for every active template that this change triggers."""
    if old.get("status") == new.get("status"):
        return
    for template in account.store.notification_templates:
        if template.get("status") == ACTIVE and template.get("url") and _triggers(template, new):
            _enqueue(account, template, new)


def deliver_due(account: Account) -> None:
    """Start every delivery whose time has come."""
    for job in list(account.store.notification_jobs):
        if job["dueAt"] <= account.clock.now() and job["id"] not in account.delivering:
            account.delivering.add(job["id"])
            account.spawn(_deliver(account, job))


def sign(secret: str, body: bytes, algorithm: str) -> str:
    """The signature a receiver checks: the hash of the admin secret followed by the body. Pure."""
    return hashlib.new(algorithm, secret.encode() + body).hexdigest()


def _triggers(template: Record, entry: Record) -> bool:
    if str(template.get("eventObjectType")) != ENTRY_OBJECT:
        return False
    if template.get("_trigger") == "status_changed":
        return True
    for each in template.get("userParameters") or []:
        if each.get("key") == "trigger_status":
            return str((each.get("value") or {}).get("value")) == str(int(entry["status"]))
    return False


def _enqueue(account: Account, template: Record, entry: Record) -> None:
    store = account.store
    job_id = store.next_number(store.notification_jobs)
    content_type, body = _body(template, entry, job_id)
    algorithm = _HASHES.get(template.get("secureHashingAlgo") or 1, "sha1")
    headers = {
        "Content-Type": content_type,
        "X-KALTURA-SIGNATURE": sign(account.admin_secret, body, algorithm),
        "X-KALTURA-HASH-ALGO": algorithm,
    }
    for each in template.get("customHeaders") or []:
        headers[str(each.get("key"))] = str(each.get("value") or "")
    if template.get("username"):
        pair = f"{template['username']}:{template.get('password') or ''}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    store.put(
        store.notification_jobs,
        {
            "id": job_id,
            "templateId": template["id"],
            "entryId": entry["id"],
            "status": entry["status"],
            "method": _METHODS.get(template.get("method") or 2, "POST"),
            "url": template["url"],
            "headers": headers,
            "body": body.decode(),
            "attempts": 0,
            "dueAt": account.clock.now(),
        },
    )


def _body(template: Record, entry: Record, job_id: int) -> tuple[str, bytes]:
    notification: Record = {
        "objectType": "KalturaHttpNotification",
        "object": entry,
        "eventObjectType": int(ENTRY_OBJECT),
        "eventNotificationJobId": job_id,
        "templateId": template["id"],
        "templateName": template.get("name"),
        "templateSystemName": template.get("systemName"),
        "eventType": int(_OBJECT_CHANGED),
    }
    data = template.get("data") or {}
    kind = data.get("objectType")
    form = "application/x-www-form-urlencoded"
    if kind == "KalturaHttpNotificationDataFields":
        return form, urlencode(_fields(template, entry)).encode()
    if kind == "KalturaHttpNotificationDataText":
        text = str((data.get("content") or {}).get("value") or "")
        for key, value in _fields(template, entry).items():
            text = text.replace(f"{{{key}}}", value)
        return str(data.get("contentType") or "text/plain"), text.encode()
    if kind == "KalturaHttpNotificationObjectData" and data.get("format") == formats.XML:
        xml, _ = formats.write(notification, formats.XML, seconds=0)
        inner = xml.split("<result>", 1)[1].rsplit("</result>", 1)[0]
        return form, urlencode({"data": f"<notification>{inner}</notification>"}).encode()
    return "application/json", json.dumps(formats.plain(notification)).encode()


def _fields(template: Record, entry: Record) -> dict[str, str]:
    """The content parameters of a template, filled in for an entry."""
    known = {
        "entry_id": entry["id"],
        "entry_name": entry.get("name"),
        "entry_status": int(entry["status"]),
        "entry_reference_id": entry.get("referenceId"),
    }
    asked = [str(each.get("key")) for each in template.get("contentParameters") or []]
    return {key: "" if known.get(key) is None else str(known[key]) for key in asked or known}


async def _deliver(account: Account, job: Record) -> None:
    store = account.store
    attempts = job["attempts"] + 1
    status = await asyncio.to_thread(_send, job)
    account.delivering.discard(job["id"])
    if status in _TAKEN:
        store.bury(store.notification_jobs, job["id"], attempts=attempts, outcome=status)
    elif attempts >= account.settings.notification_attempts:
        store.bury(store.notification_jobs, job["id"], attempts=attempts, outcome=status or "unreachable")
    else:
        due_at = account.clock.now() + account.settings.notification_retry_s
        store.change(store.notification_jobs, job["id"], attempts=attempts, dueAt=due_at)
    store.flush()


def _send(job: Record) -> int:
    """Send a notification; the HTTP status, or 0 when nobody answered."""
    url = urlsplit(job["url"])
    connect: Any = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = connect(url.netloc, timeout=_TIMEOUT_S)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.request(job["method"], target, job["body"].encode(), job["headers"])
        return int(connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
