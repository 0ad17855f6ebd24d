"""What is logged: one line of JSON for each sentence, and no secret in it whoever put it there."""

from __future__ import annotations

import base64
import hashlib
import inspect
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from shared.core import log
from shared.core.errors import Misconfigured, NotAllowed, Permanent, ProviderError, Refused, Transient
from shared.core.log_format import blanked
from shared.providers.kaltura.signing import KeyMint, Privilege, Word

UPLOAD = "/api_v3/service/uploadtoken/action/upload"
MINT = KeyMint(102, "b1946ac92492d2347c6235b4d2611184")
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def ks_of_version_1(user_id: str) -> str:
    """
    A KS as old clients make it: base64 of a hash and the plain fields.
    """
    fields = f"102;102;{int(NOW.timestamp())};0;7;{user_id};"
    return base64.b64encode(f"{hashlib.sha1(fields.encode()).hexdigest()}|{fields}".encode()).decode()


KS = MINT.mint("teacher", (Privilege(Word.VIEW, "0_ab12cd34"),), lifetime_s=60, now=NOW)
KS_V1 = ks_of_version_1("a teacher")
SHORTEST_KS = MINT.mint("u", lifetime_s=60, now=NOW)
ID_TOKEN = jwt.encode({"sub": "u1"}, "key" * 20, algorithm="HS256", headers={"kid": "k1"})
LONG_TOKEN = jwt.encode({"sub": "u" * 60}, "key" * 20, algorithm="HS256", headers={"kid": "k" * 40})
UNSIGNED = jwt.encode({"sub": "u1", "teacher": True}, "", algorithm="none")
LONG_PART = base64.urlsafe_b64encode(hashlib.shake_256(b"any").digest(256)).decode().rstrip("=")

SECRETS = {
    "KS": KS,
    "KS with every sign": "djJ8MTAyfA" + "-Zm9vYmFyYmF6_dGhl+cXVpY2sg/YnJvd24g" * 3 + "==",
    "shortest KS": SHORTEST_KS,
    "KS of version 1": KS_V1,
    "shortest KS of version 1": ks_of_version_1(""),
    "ID token": ID_TOKEN,
    "ID token as long as Firebase's": f"eyJ{LONG_PART}.eyJ{LONG_PART}.{LONG_PART}",
    "ID token with long parts and a short signature": LONG_TOKEN,
    "unsigned token": UNSIGNED,
    "signature": hashlib.sha256(b"x").hexdigest(),
}
SURROUNDINGS = {
    "alone": "{}",
    "in a sentence": "The token {} is not valid.",
    "in quotes": 'Cannot read "{}".',
    "in bytes": "Wrong number of segments in token: b'{}'",
    "in JSON": '{{"result": {{"ks": "{}", "objectType": "KalturaSession"}}}}',
    "in a form": "format=1&ks={}&clientTag=x",
    "in an upload URL": "https://www.kaltura.com" + UPLOAD + "?ks={}&uploadTokenId=0_abc",
    "in a manifest's URL": "https://cdn.example/p/102/sp/10200/playManifest/entryId/0_video1/ks/{}/a.m3u8",
    "over lines": "Traceback:\n  File\n{}\n",
}


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_every_secret_is_blanked_wherever_it_stands(surroundings: str) -> None:
    for secret in SECRETS.values():
        text = blanked(SURROUNDINGS[surroundings].format(secret))
        pieces = {secret[start : start + 12] for start in range(len(secret) - 11)}
        assert not [piece for piece in pieces if piece in text]


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_is_left_of_a_secret(secret: str) -> None:
    assert blanked(SECRETS[secret]) == "[secret]"


def test_two_secrets_in_one_text_are_both_blanked() -> None:
    assert blanked(f"{KS} and {KS_V1}, {ID_TOKEN}") == "[secret] and [secret], [secret]"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The session was published twice, and nothing happened.", id="sentence"),
        pytest.param("Zq3Yk0vT8bJc1mWnXe7R", id="Firestore's own id"),
        pytest.param("5f2d7c1e-8a34-4b0f-9a51-3d2e6c7b8a90", id="UUID"),
        pytest.param("xJ4kLm9Qp2RsTuVwXyZ012345678", id="uid of Firebase"),
        pytest.param("0_a1b2c3d4", id="entry id"),
        pytest.param("1_" + "0123456789abcdef" * 2, id="upload token id"),
        pytest.param("video:0123456789abcdef0123:12", id="reference of a video"),
        pytest.param("session:Zq3Yk0vT8bJc1mWnXe7R:1", id="reference of a session"),
        pytest.param("memory:17", id="tick"),
        pytest.param("a" * 63, id="long id of a session"),
        pytest.param("queues/reconcileVideo/tasks/abc, tasks=5", id="words that end in ks"),
        pytest.param("ENTRY_ID_NOT_FOUND", id="code"),
        pytest.param("https://www.kaltura.com" + UPLOAD, id="address without a KS"),
    ],
)
def test_ids_and_sentences_stay_as_they_are(text: str) -> None:
    assert blanked(text) == text


def refusal(secret: str) -> ProviderError:
    return Transient(f"No: {secret}", provider="kaltura", operation="media.add", code="HTTP_503")


def denial(sentence: str) -> Refused:
    return NotAllowed(sentence, reason="TEACHER_ONLY")


SENTENCES: dict[str, list[tuple[Callable[[str], None], str]]] = {
    "host_turned": [
        (lambda secret: log.host_turned(secret, is_healthy=False), "ERROR"),
        (lambda secret: log.host_turned(secret, is_healthy=True), "INFO"),
    ],
    "event_dropped": [
        (lambda secret: log.event_dropped("k", Misconfigured(f"No: {secret}")), "ERROR"),
    ],
    "host_open": [(lambda secret: log.host_open(secret), "ALERT")],
    "secret_rejected": [(lambda secret: log.secret_rejected("kaltura", "KALTURA_ADMIN_SECRET", secret, "C"), "ALERT")],
    "secret_accepted": [(lambda secret: log.secret_accepted("kaltura", secret), "INFO")],
    "originals_deleted": [(lambda secret: log.originals_deleted(secret, 2, 1.25), "INFO")],
    "step_done": [(lambda secret: log.step_done("reconcileSession", secret, "create"), "INFO")],
    "step_failed": [
        (lambda secret: log.step_failed("reconcileVideo", "v1", "observe", refusal(secret), 2, final=False), "WARNING"),
        (
            lambda secret: log.step_failed(
                "reconcileVideo",
                "v1",
                secret,
                Permanent("No.", provider="kaltura", operation=secret, code=secret),
                1,
                final=True,
            ),
            "ERROR",
        ),
    ],
    "step_misconfigured": [
        (lambda secret: log.step_misconfigured("reconcileSlides", "m1", "look", Misconfigured(secret)), "ERROR"),
        (lambda secret: log.step_misconfigured("reconcileSlides", secret, "look", Misconfigured("No.")), "ERROR"),
    ],
    "owner_changed": [(lambda secret: log.owner_changed(secret), "ALERT")],
    "conflict": [(lambda secret: log.conflict("reconcileVideo", secret, "create"), "INFO")],
    "refused": [
        (lambda secret: log.refused("getKalturaSession", "u1", denial(secret)), "INFO"),
        (lambda secret: log.refused(secret, None, denial("No.")), "INFO"),
    ],
    "unavailable": [(lambda secret: log.unavailable("reconcileVideo", secret, refusal(secret)), "WARNING")],
    "broken": [(lambda secret: log.broken("reconcileVideo", secret, ValueError(secret)), "ERROR")],
    "misconfigured": [(lambda secret: log.misconfigured("reconcileVideo", Misconfigured(secret)), "ERROR")],
    "sweep_hindered": [(lambda secret: log.sweep_hindered(refusal(secret)), "WARNING")],
    "swept": [(lambda _secret: log.swept(1, 2, 3), "INFO")],
    "step_stuck": [(lambda secret: log.step_stuck("q", secret, "delete", refusal(secret), 9, NOW), "ALERT")],
    "stray_given_up": [(lambda secret: log.stray_given_up("kaltura", secret), "WARNING")],
    "orphans_found": [
        (lambda _secret: log.orphans_found(0, 0, 0, 7, 8, cleaned_up=False), "INFO"),
        (lambda _secret: log.orphans_found(1, 1, 0, 7, 8, cleaned_up=True), "WARNING"),
        (lambda _secret: log.orphans_found(0, 0, 1, 7, 8, cleaned_up=False), "WARNING"),
    ],
    "orphan_reported": [(lambda secret: log.orphan_reported("kaltura", secret), "WARNING")],
    "orphan_spared": [(lambda secret: log.orphan_spared("kaltura", secret), "WARNING")],
    "orphan_adopted": [(lambda secret: log.orphan_adopted("kaltura", secret, "videos/v1"), "INFO")],
    "deletion_dropped": [(lambda secret: log.deletion_dropped("kaltura", secret), "WARNING")],
    "reference_unreadable": [(lambda secret: log.reference_unreadable("kaltura", secret), "WARNING")],
    "database_restored": [(lambda secret: log.database_restored("otherDatabase", secret, NOW), "ALERT")],
    "document_unreadable": [(lambda secret: log.document_unreadable("operations/epoch", secret, NOW), "ALERT")],
    "database_resumed": [(lambda _secret: log.database_resumed(), "WARNING")],
    "database_unidentified": [(lambda secret: log.database_unidentified(secret), "INFO")],
    "tasks_limit_reached": [(lambda _secret: log.tasks_limit_reached(100_001, NOW, "bulk"), "ALERT")],
    "left_to_sweep": [(lambda secret: log.left_to_sweep("u1", secret), "WARNING")],
    "stopped": [(lambda secret: log.stopped(secret), "WARNING")],
    "push_heard": [(lambda secret: log.push_heard("kaltura", secret), "INFO")],
    "push_refused": [(lambda secret: log.push_refused("kaltura", denial(secret)), "WARNING")],
    "feed_ticked": [(lambda secret: log.feed_ticked(secret, 1, 2), "INFO")],
    "feed_hindered": [(lambda secret: log.feed_hindered("kaltura", 1, refusal(secret)), "WARNING")],
    "feed_stuck": [(lambda secret: log.feed_stuck("kaltura", 1, refusal(secret), NOW), "ALERT")],
    "feed_ended": [(lambda secret: log.feed_ended("kaltura", 1, secret), "INFO")],
    "part_not_offered": [(lambda secret: log.part_not_offered("kaltura", secret, refusal(secret)), "WARNING")],
    "name_refused": [(lambda secret: log.name_refused("kaltura", refusal(secret)), "WARNING")],
    "part_vanished": [(lambda secret: log.part_vanished("kaltura", "session:s1:1", "eventId", secret), "WARNING")],
    "cache_was_wrong": [(lambda secret: log.cache_was_wrong("kaltura", "chatToken", refusal(secret)), "WARNING")],
    "chat_misconfigured": [(lambda secret: log.chat_misconfigured("kaltura", Misconfigured(secret)), "ERROR")],
    "role_refused": [(lambda secret: log.role_refused("GREENROOM_UPLOAD", secret, refusal(secret)), "WARNING")],
}


def test_the_table_has_every_sentence() -> None:
    said = {name for name, _ in inspect.getmembers(log, inspect.isfunction) if not name.startswith("_")}
    assert set(SENTENCES) == said - {"told_of", "write"}


@pytest.mark.parametrize(
    ("say", "severity"),
    [
        pytest.param(say, severity, id=f"{name} {severity}")
        for name, sayings in SENTENCES.items()
        for say, severity in sayings
    ],
)
def test_each_sentence_is_one_line_of_json_without_secrets(
    say: Callable[[str], None], severity: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say(f"first line\n{KS}")
    told = capsys.readouterr()
    line, other = (told.err, told.out) if severity in ("ERROR", "ALERT") else (told.out, told.err)
    assert other == ""
    assert line.endswith("\n")
    assert line.count("\n") == 1
    entry: dict[str, Any] = json.loads(line)
    assert entry["severity"] == severity
    assert entry["message"] == entry["message"].strip() != ""
    assert KS not in line


def test_failed_step_logs_provider_error_and_retry(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.step_failed("reconcileSession", "s1", "create", refusal("busy"), 3, final=False)
    assert json.loads(capsys.readouterr().out) == {
        "severity": "WARNING",
        "message": "step failed",
        "queue": "reconcileSession",
        "key": "s1",
        "step": "create",
        "provider": "kaltura",
        "operation": "media.add",
        "code": "HTTP_503",
        "sentence": "No: busy",
        "tries": 3,
        "final": False,
    }


def test_a_bug_is_told_by_its_type_and_where_it_happened(capsys: pytest.CaptureFixture[str]) -> None:
    def break_something() -> None:
        raise KeyError("the password of somebody")

    try:
        try:
            break_something()
        except KeyError:
            raise RuntimeError("the name of somebody") from None
    except RuntimeError as error:
        log.broken("reconcileSession", None, error)
    told = json.loads(capsys.readouterr().err)
    stack = told.pop("stack_trace").splitlines()
    assert told == {
        "severity": "ERROR",
        "message": "unexpected error",
        "function": "reconcileSession",
        "uid": None,
        "@type": "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent",
        "type": "RuntimeError",
    }
    # As Python writes a traceback and Error Reporting reads it, but for source and text.
    assert stack[0] == "Traceback (most recent call last):"
    assert all(re.fullmatch(r'  File "[^"]+", line [0-9]+, in \w+', line) for line in stack[1:-1])
    assert stack[-1] == "RuntimeError"


def test_a_bug_that_another_one_led_to_tells_both(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        try:
            raise KeyError("the password of somebody")
        except KeyError as error:
            raise ValueError("the name of somebody") from error
    except ValueError as error:
        log.broken("reconcileSession", None, error)
    stack = json.loads(capsys.readouterr().err)["stack_trace"]
    assert stack.index("\nKeyError\n") < stack.index("\nValueError")
    assert "somebody" not in stack


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('Caf\u00e9 "quoted" \\ \u4f60\u597d \U0001f600', id="any script"),
        pytest.param("a\n{}\r\0\x1b[2J\x7f\x85", id="A5 control characters"),
        pytest.param("a\u2028b\u2029c", id="A5 ends of lines that only some readers know"),
        pytest.param("a\u202eb\u2066c", id="A5 other direction"),
        pytest.param("a\ud800b", id="A5 half a character"),
    ],
)
def test_text_of_any_shape_stays_one_line_of_json_that_can_be_shown(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.refused("issueUploadToken", "u1", denial(text))
    line = capsys.readouterr().out
    assert line.isascii()
    told = json.loads(line)["sentence"]
    assert told.isprintable()
    assert told == "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)


def test_long_text_is_truncated(capsys: pytest.CaptureFixture[str]) -> None:
    log.refused("issueUploadToken", "u1", denial("a b " * 100_000))
    assert len(capsys.readouterr().out) < 10_000
