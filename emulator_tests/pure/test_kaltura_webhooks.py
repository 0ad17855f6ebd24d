"""Kaltura's notifications: which are believed to be Kaltura's, what is read of them, and what little comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from emulator_tests.memory import ManualClock, MemoryDocuments, MemoryQueue
from emulator_tests.pure.extension import extended
from shared.core.errors import BadRequest, NotAllowed
from shared.core.paths import RECONCILE_VIDEO
from shared.operations.webhooks import handle_webhook
from shared.ports import Task
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.webhooks import KalturaWebhook, references
from shared.registry import RESOURCES

SECRET = "b1946ac92492d2347c6235b4d2611184"
NAMESPACE = "demo-greenroom"
VIDEO = "0123456789abcdef0123"
REFERENCE = f"video:{VIDEO}:1"
REFERENCE_ID = f"{NAMESPACE}:{REFERENCE}"

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def notification(reference_id: object = REFERENCE_ID, **more: Any) -> dict[str, Any]:
    """
    What Kaltura's ready-made templates send.
    """
    entry = {"objectType": "KalturaMediaEntry", "id": "0_ab12cd34", "status": 2, "referenceId": reference_id}
    return {"objectType": "KalturaHttpNotification", "object": entry, "eventNotificationJobId": 7, **more}


def signed(body: bytes, content_type: str = JSON, algorithm: str = "sha256", secret: str = SECRET) -> dict[str, str]:
    """
    The headers with which Kaltura sends a body, by lower-case names.
    """
    signature = hashlib.new(algorithm, secret.encode() + body).hexdigest()
    return {"content-type": content_type, "x-kaltura-signature": signature, "x-kaltura-hash-algo": algorithm}


def read(headers: Mapping[str, str], body: bytes) -> list[str]:
    return list(references(headers, body, SECRET, NAMESPACE))


RAW = json.dumps(notification()).encode()


# --- whose it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_webhook_with_a_supported_algorithm_is_read(algorithm: str) -> None:
    assert read(signed(RAW, algorithm=algorithm), RAW) == [REFERENCE]


def test_the_signature_is_hexadecimal_of_either_case() -> None:
    headers = signed(RAW)
    headers["x-kaltura-signature"] = headers["x-kaltura-signature"].upper()
    headers["x-kaltura-hash-algo"] = "SHA256"
    assert read(headers, RAW) == [REFERENCE]


FORGERIES: dict[str, Callable[[], tuple[dict[str, str], bytes]]] = {
    "no signature": lambda: ({"content-type": JSON}, RAW),
    "empty signature": lambda: ({**signed(RAW), "x-kaltura-signature": ""}, RAW),
    "no algorithm": lambda: ({k: v for k, v in signed(RAW).items() if k != "x-kaltura-hash-algo"}, RAW),
    "an algorithm of its own": lambda: ({**signed(RAW, algorithm="md5")}, RAW),
    "no algorithm at all": lambda: ({**signed(RAW), "x-kaltura-hash-algo": "none"}, RAW),
    "another secret": lambda: (signed(RAW, secret="another"), RAW),
    "the secret of nobody": lambda: (signed(RAW, secret=""), RAW),
    "a body with one sign more": lambda: (signed(RAW), RAW + b" "),
    "another body": lambda: (signed(RAW), RAW.replace(b"0123456789", b"9876543210")),
    "an algorithm that was not used": lambda: ({**signed(RAW), "x-kaltura-hash-algo": "sha512"}, RAW),
    "SHA-1": lambda: (signed(RAW, algorithm="sha1"), RAW),
    "half a signature": lambda: ({**signed(RAW), "x-kaltura-signature": signed(RAW)["x-kaltura-signature"][:20]}, RAW),
    "signs that are no ASCII": lambda: ({**signed(RAW), "x-kaltura-signature": "é" * 64}, RAW),
    "an HMAC": lambda: (
        {**signed(RAW), "x-kaltura-signature": hashlib.sha256(RAW + SECRET.encode()).hexdigest()},
        RAW,
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_refused_and_says_nothing_of_the_secret(forgery: str) -> None:
    headers, body = FORGERIES[forgery]()
    with pytest.raises(NotAllowed) as raised:
        read(headers, body)
    assert SECRET not in str(raised.value)
    assert signed(RAW)["x-kaltura-signature"] not in str(raised.value)


def test_sha_1_signature_is_refused_with_advice() -> None:
    with pytest.raises(NotAllowed, match="Run install-hook again"):
        read(signed(RAW, algorithm="sha1"), RAW)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize(("content_type", "body"), [(JSON, RAW), (FORM, RAW), (FORM, b"entry_id=0_a")])
def test_length_extended_signature_has_no_effect(algorithm: str, content_type: str, body: bytes) -> None:
    # Somebody has seen one notification and its signature, and knows how long the secret is.
    seen = signed(body, content_type, algorithm)
    more = f"&entry_reference_id={NAMESPACE}:video:{'f' * 20}:1".encode()
    added, signature = extended(algorithm, seen["x-kaltura-signature"], len(SECRET) + len(body), more)
    forged = body + added
    headers = {**seen, "x-kaltura-signature": signature}
    assert headers == signed(forged, content_type, algorithm), "the secret's owner would sign it the same way"

    with pytest.raises((NotAllowed, BadRequest)) as raised:
        read(headers, forged)

    # SHA-1 is not believed at all. Behind the others is padding that is no UTF-8.
    expected = "NOTIFICATION_NOT_SIGNED" if algorithm == "sha1" else "NOTIFICATION_UNREADABLE"
    assert raised.value.reason == expected


# --- what is read of it ----------------------------------------------------------------------------------------------

XML = f"<notification><objectType>KalturaHttpNotification</objectType><object><id>0_a</id><referenceId>{REFERENCE_ID}"
XML += "</referenceId></object></notification>"

FORMS: dict[str, tuple[str, bytes]] = {
    "raw JSON": (JSON, RAW),
    "raw JSON, with a charset": ("application/json; charset=utf-8", RAW),
    "JSON in a form": (FORM, urlencode({"data": RAW.decode()}).encode()),
    "XML in a form": (FORM, urlencode({"data": XML}).encode()),
    "fields of a form": (FORM, urlencode({"entry_id": "0_a", "entry_reference_id": REFERENCE_ID}).encode()),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_kaltura_sends_is_read(form: str) -> None:
    content_type, body = FORMS[form]
    assert read(signed(body, content_type), body) == [REFERENCE]


@pytest.mark.parametrize(
    "reference_id", [None, "", "another:video:v1:1", f"{NAMESPACE}2:video:v1:1", "video:v1:1", 7, ["x"], {"a": 1}]
)
def test_foreign_notification_is_acknowledged_and_ignored(reference_id: object) -> None:
    body = json.dumps(notification(reference_id)).encode()
    assert read(signed(body), body) == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b""),
        (JSON, b"not json"),
        (JSON, b"[]"),
        (JSON, b"7"),
        (JSON, b"{}"),
        (JSON, b'{"object": null}'),
        (JSON, b'{"object": [1]}'),
        (JSON, b"\xff\xfe"),
        (JSON, b"[" * 100_000),
        (FORM, b""),
        (FORM, b"data"),
        (FORM, b"data=not+json"),
        (FORM, b"data=%3Cnot+closed"),
        (FORM, urlencode({"data": "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + XML}).encode()),
        (FORM, urlencode({f"f{number}": "x" for number in range(200)}).encode()),
        ("text/plain", b"hello"),
    ],
    ids=[
        "empty",
        "no JSON",
        "a list",
        "a number",
        "nothing in it",
        "no object",
        "another object",
        "no UTF-8",
        "deep",
        "empty form",
        "half a field",
        "no JSON in a form",
        "broken XML",
        "an entity",
        "many fields",
        "a text",
    ],
)
def test_malformed_signed_notification_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"could not be parsed"):
        read(signed(body, content_type), body)


# --- what it brings about --------------------------------------------------------------------------------------------


HOOK = KalturaWebhook(
    KalturaAccount("https://kaltura.example", 102, SECRET, NAMESPACE, None, MemoryDocuments(), ManualClock())
)


def test_it_leaves_a_task_for_the_video_and_the_same_again_merges() -> None:
    queue = MemoryQueue(ManualClock())
    for _ in range(5):
        handle_webhook("kaltura", HOOK, signed(RAW), RAW, queue, RESOURCES)
    (task,) = queue.waiting()
    assert (task.queue, task.key, task.at) == (RECONCILE_VIDEO, VIDEO, None)
    other = json.dumps(notification(eventNotificationJobId=8)).encode()
    handle_webhook("kaltura", HOOK, signed(other), other, queue, RESOURCES)
    assert [task.key for task in queue.waiting()] == [VIDEO, VIDEO]


def test_notification_of_a_live_event_enqueues_its_session() -> None:
    queue = MemoryQueue(ManualClock())
    body = json.dumps(notification(f"{NAMESPACE}:session:s1:1")).encode()
    handle_webhook("kaltura", HOOK, signed(body), body, queue, RESOURCES)
    ((queue_name, key),) = [(task.queue, task.key) for task in queue.waiting()]
    assert (queue_name, key) == ("reconcileSession", "s1")


@pytest.mark.parametrize("reference_id", [f"{NAMESPACE}:lamp:s1:1", "another:video:v1:1"])
def test_foreign_notification_enqueues_nothing(reference_id: str) -> None:
    queue = MemoryQueue(ManualClock())
    body = json.dumps(notification(reference_id)).encode()
    handle_webhook("kaltura", HOOK, signed(body), body, queue, RESOURCES)
    assert queue.waiting() == ()


def test_a_forgery_leaves_no_task() -> None:
    queue = MemoryQueue(ManualClock())
    with pytest.raises(NotAllowed):
        handle_webhook("kaltura", HOOK, signed(RAW, secret="another"), RAW, queue, RESOURCES)
    assert queue.waiting() == ()


def test_task_carries_nothing_of_the_body() -> None:
    queue = MemoryQueue(ManualClock())
    handle_webhook("kaltura", HOOK, signed(RAW), RAW, queue, RESOURCES)
    (task,) = queue.waiting()
    assert task == Task(RECONCILE_VIDEO, VIDEO, once=hashlib.sha256(RAW).hexdigest())
