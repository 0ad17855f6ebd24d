"""Tasks as they are in the cloud: a deployed worker, and the tokens of senders that it must not believe."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from emulator_tests.pure.deployed import (
    ID_HEADER,
    PROJECT,
    TASK_CERTIFICATES,
    TASKS_ACCOUNT,
    WORKERS_URL,
    Cloud,
    deployed,
    id_claims,
    signed,
    word,
)

# It starts functions.
pytestmark = pytest.mark.long

WORKER: Final = "reconcileErasure"
# A key that its worker refuses: so nothing is asked of Firestore, which is not there.
TASK: Final = json.dumps({"data": {"key": "__x__"}}).encode()
TRUSTED: Final = 200


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """
    A worker.
    """
    with deployed(tmp_path_factory.mktemp("worker"), WORKER) as cloud:
        yield cloud


def _claims(**changes: object) -> dict[str, object]:
    """
    Return what the token of a task says; a change to `None` leaves a claim out.
    """
    now = int(time.time())
    claims = {
        "iss": "https://accounts.google.com",
        "aud": f"{WORKERS_URL}/{WORKER}",
        "azp": "1234567890",
        "email": TASKS_ACCOUNT,
        "email_verified": True,
        "sub": "1234567890",
        "iat": now - 5,
        "exp": now + 3595,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _token(cloud: Cloud, **changes: object) -> str:
    return signed(cloud.google_key, ID_HEADER, _claims(**changes))


def _send(cloud: Cloud, token: str | None, body: bytes = TASK) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return cloud.send(body, headers).status


def test_task_of_the_queue_is_accepted(cloud: Cloud) -> None:
    for _ in range(3):
        assert _send(cloud, _token(cloud)) == TRUSTED
    assert json.loads(cloud.logged()[-1])["reason"] == "TASK_KEY_INVALID"
    # Certificates are kept for as long as Google says.
    assert cloud.google.heard.count(TASK_CERTIFICATES) == 1


def _with_hmac(secret: str) -> str:
    text = f"{word({'alg': 'HS256', 'kid': 'k1', 'typ': 'JWT'})}.{word(_claims())}"
    return f"{text}.{word(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


def _public_key(cloud: Cloud) -> str:
    from cryptography.hazmat.primitives import serialization

    public = cloud.google_key.private.public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _saying(**changes: object) -> Callable[[Cloud], str]:
    return lambda cloud: _token(cloud, **changes)


NOW: Final = int(time.time())
TOKENS: dict[str, Callable[[Cloud], str | None]] = {
    "no token": lambda _: None,
    "an empty one": lambda _: "",
    "garbage": lambda _: "garbage",
    "three words of garbage": lambda _: "a.b.c",
    "wrong audience: another worker": _saying(aud=f"{WORKERS_URL}/reconcileVideo"),
    "wrong audience: the same worker elsewhere": _saying(
        aud=f"https://us-central1-another.cloudfunctions.net/{WORKER}"
    ),
    "wrong audience: an address that begins alike": _saying(aud=f"{WORKERS_URL}/{WORKER}.evil.example"),
    "wrong audience: the project": _saying(aud=PROJECT),
    "no audience": _saying(aud=None),
    "several audiences": _saying(aud=[f"{WORKERS_URL}/{WORKER}", "another"]),
    "wrong account": _saying(email=f"somebody@{PROJECT}.iam.gserviceaccount.com"),
    "wrong account: the same name in another project": _saying(email="tasks@another.iam.gserviceaccount.com"),
    "no account": _saying(email=None),
    "a list of accounts": _saying(email=[TASKS_ACCOUNT]),
    "an account that is not verified": _saying(email_verified=False),
    "an account that is verified as a text": _saying(email_verified="true"),
    "an account of which nobody says": _saying(email_verified=None),
    "expired": lambda cloud: _token(cloud, iat=int(time.time()) - 3700, exp=int(time.time()) - 100),
    "expired a moment ago": lambda cloud: _token(cloud, exp=int(time.time()) - 15),
    "given in the future": lambda cloud: _token(cloud, iat=int(time.time()) + 600, exp=int(time.time()) + 4000),
    "without an end": _saying(exp=None),
    "of another issuer": _saying(iss=f"https://securetoken.google.com/{PROJECT}"),
    "of no issuer": _saying(iss=None),
    "alg none": lambda _: f"{word({**ID_HEADER, 'alg': 'none'})}.{word(_claims())}.",
    "alg none over a good signature": lambda cloud: (
        f"{word({**ID_HEADER, 'alg': 'none'})}." + _token(cloud).partition(".")[2]
    ),
    "HS256 with the certificate": lambda cloud: _with_hmac(cloud.google_key.certificate),
    "HS256 with the public key": lambda cloud: _with_hmac(_public_key(cloud)),
    "HS256 with nothing": lambda _: _with_hmac(""),
    "ES256 over a signature of RSA": lambda cloud: signed(cloud.google_key, {**ID_HEADER, "alg": "ES256"}, _claims()),
    "signed by somebody else": lambda cloud: signed(cloud.strangers_key, ID_HEADER, _claims()),
    "signed by somebody else, of an unknown kid": lambda cloud: signed(
        cloud.strangers_key, {**ID_HEADER, "kid": "k2"}, _claims()
    ),
    "with a key of its own": lambda cloud: signed(
        cloud.strangers_key, {**ID_HEADER, "jwk": cloud.strangers_key.jwk("k1")}, _claims()
    ),
    "without its signature": lambda cloud: _token(cloud).rpartition(".")[0] + ".",
    "claims that are a list": lambda cloud: signed(cloud.google_key, ID_HEADER, [_claims()]),
    "the ID token of a teacher": lambda cloud: signed(cloud.google_key, ID_HEADER, id_claims()),
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_caller_other_than_the_queue_is_refused_and_logged(cloud: Cloud, token: Callable[[Cloud], str | None]) -> None:
    before = len(cloud.logged())
    sent = token(cloud)

    assert _send(cloud, sent) == 403

    (line,) = cloud.logged()[before:]
    told = json.loads(line)
    assert (told["message"], told["function"], told["reason"]) == ("call refused", WORKER, "TASK_CALLER_REFUSED")
    assert all(part not in line for part in (sent or "").split(".") if len(part) > 20)


@pytest.mark.parametrize("scheme", ["Basic", "bearer", "Token", ""])
def test_a_token_that_is_not_borne_as_one_is_refused(cloud: Cloud, scheme: str) -> None:
    assert cloud.send(TASK, {"Authorization": f"{scheme} {_token(cloud)}".strip()}).status == 403


def test_headers_of_a_task_prove_nothing(cloud: Cloud) -> None:
    spoofed = {"X-CloudTasks-QueueName": WORKER, "X-CloudTasks-TaskName": "1", "User-Agent": "Google-Cloud-Tasks"}
    assert cloud.send(TASK, spoofed).status == 403


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"x" * 100_000, b"[" * 60_000, b'{"data": {"key": 1, "key": 2}}'],
    ids=lambda body: body[:9],
)
def test_a_task_that_cannot_be_read_is_refused_for_good(cloud: Cloud, body: bytes) -> None:
    assert _send(cloud, _token(cloud), body) == 200
    assert _send(cloud, None, body) == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_worker_refuses_other_requests(cloud: Cloud, method: str) -> None:
    assert cloud.send(TASK, method=method).status == 403


def test_a_token_that_nobody_can_check_now_is_checked_later(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Google does not answer: the task comes again.
    settings = {"HTTPS_PROXY": "http://127.0.0.1:9"}
    with deployed(tmp_path_factory.mktemp("unreachable"), WORKER, settings) as cloud:
        assert _send(cloud, _token(cloud)) == 503
        assert _send(cloud, None) == 403


def test_emulator_exceptions_are_off_in_the_cloud(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # In the emulator nobody signs tasks. In the cloud a setting that says so is not believed: somebody must sign, and
    # as there is no metadata server here, nobody can say who.
    settings = {"TASKS_EMULATOR_HOST": "127.0.0.1:9", "TASKS_SERVICE_ACCOUNT": ""}
    with deployed(tmp_path_factory.mktemp("misled"), WORKER, settings) as cloud:
        assert _send(cloud, None) == 503


def test_worker_with_a_prefix_accepts_only_the_tasks_of_its_own_queue(tmp_path: Path) -> None:
    name = f"gr-{WORKER}"
    settings = {
        "EVENTARC_CLOUD_EVENT_SOURCE": f"projects/{PROJECT}/locations/us-central1/services/{name}",
        # Cloud Run has no capitals.
        "K_SERVICE": name.lower(),
        "FUNCTION_TARGET": WORKER,
    }
    with deployed(tmp_path, WORKER, settings) as cloud:
        assert _send(cloud, _token(cloud, aud=f"{WORKERS_URL}/{name}")) == TRUSTED
        for other in (WORKER, name.lower(), f"kit-{name}", f"gr-{name}"):
            assert _send(cloud, _token(cloud, aud=f"{WORKERS_URL}/{other}")) == 403


def test_instance_whose_setting_contradicts_its_name_does_not_start(tmp_path: Path) -> None:
    settings = {
        "EVENTARC_CLOUD_EVENT_SOURCE": f"projects/{PROJECT}/locations/us-central1/services/gr-{WORKER}",
        "FUNCTION_TARGET": WORKER,
        "FUNCTIONS_PREFIX": "other-",
    }
    with pytest.raises(AssertionError) as refused, deployed(tmp_path, WORKER, settings):
        pass
    assert "FUNCTIONS_PREFIX must be the prefix that the functions are deployed with, 'gr-'" in str(refused.value)
