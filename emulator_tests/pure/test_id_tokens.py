"""Sign-in as it is in the cloud: a deployed callable, with no emulator near, and the tokens that it must not believe.

The function runs under functions-framework as it does there. What stands for Google's servers, with a certificate of
our own and keys of our own, is reached through a proxy: nothing of ours or of the SDK is changed for it. The ids begin
with the number in the list of bad inputs; what the Auth emulator checks as well is in `flow/test_bad_calls.py` too.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from emulator_tests.pure.deployed import (
    ACCESS,
    ACCOUNTS,
    APP_CHECK_KEYS,
    CERTIFICATES,
    ID_HEADER,
    LOCATIONS,
    NUMBER,
    PROJECT,
    Cloud,
    Key,
    deployed,
    id_claims,
    signed,
    word,
)

# It starts two functions.
pytestmark = pytest.mark.long

WELCOME: Final = (400, "INVALID_ARGUMENT", "FIELD_MISSING")
REFUSED: Final = (401, "UNAUTHENTICATED", "SIGN_IN_INVALID")
UNKNOWN_APP: Final = (401, "UNAUTHENTICATED", "APP_CHECK_FAILED")
ASKED: Final = {ACCESS, ACCOUNTS, LOCATIONS}
"""Where the account of a teacher is looked up."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """
    The function as it is deployed by default.
    """
    with deployed(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """
    The function where only apps that App Check knows are answered.
    """
    with deployed(tmp_path_factory.mktemp("guarded"), settings={"ENFORCE_APP_CHECK": "true"}) as cloud:
        yield cloud


def _app_check_claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    return {
        "iss": f"https://firebaseappcheck.googleapis.com/{NUMBER}",
        "aud": [f"projects/{NUMBER}", f"projects/{PROJECT}"],
        "sub": f"1:{NUMBER}:web:0123456789abcdef",
        "iat": now - 60,
        "exp": now + 3540,
        **changes,
    }


APP_CHECK_HEADER: Final = {"alg": "RS256", "kid": "a1", "typ": "JWT"}


def _app_check(cloud: Cloud, **changes: object) -> str:
    return signed(cloud.app_check_key, APP_CHECK_HEADER, _app_check_claims(**changes))


def test_valid_token_is_accepted(cloud: Cloud) -> None:
    assert cloud.call(cloud.id_token()) == WELCOME
    assert {CERTIFICATES, ACCOUNTS} <= set(cloud.google.heard) <= {CERTIFICATES, *ASKED}


def test_a_token_that_nobody_can_check_now_may_be_good(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Google does not answer: the client comes again instead of signing its user out.
    settings = {"HTTPS_PROXY": "http://127.0.0.1:9"}
    with deployed(tmp_path_factory.mktemp("unreachable"), settings=settings) as cloud:
        assert cloud.call(cloud.id_token()) == (503, "UNAVAILABLE", "SIGN_IN_UNCHECKED")
        assert cloud.call("garbage") == REFUSED


def test_without_a_token_one_is_asked_to_sign_in(cloud: Cloud) -> None:
    assert cloud.call(None) == (401, "UNAUTHENTICATED", "SIGN_IN_REQUIRED")


EVIL_URL: Final = "https://evil.example/keys"


def _with_hmac(secret: str) -> str:
    """
    A token that is signed, as with a secret, with what everybody may know.
    """
    text = f"{word({'alg': 'HS256', 'kid': 'k1', 'typ': 'JWT'})}.{word(id_claims())}"
    return f"{text}.{word(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


def _by_stranger(**header: object) -> Callable[[Cloud], str]:
    """
    A token that is signed by somebody else, whose header says so or hides it.
    """
    return lambda cloud: signed(cloud.strangers_key, {**ID_HEADER, **header}, id_claims())


def _with_his_key(name: str, key: Callable[[Key], object]) -> Callable[[Cloud], str]:
    """
    The same with the key to verify it by in its header.
    """
    return lambda cloud: _by_stranger(**{name: key(cloud.strangers_key)})(cloud)


def _saying(**changes: object) -> Callable[[Cloud], str]:
    """
    A token that is signed by Google and says something else.
    """
    return lambda cloud: cloud.id_token(**changes)


def _changed(cloud: Cloud) -> str:
    """
    A good token whose claims were changed afterwards.
    """
    header, _, signature = cloud.id_token(teacher=False).split(".")
    return f"{header}.{word(id_claims(teacher=True))}.{signature}"


TOKENS: dict[str, Callable[[Cloud], str]] = {
    "16 garbage": lambda _: "garbage",
    "16 changed after it was signed": _changed,
    "16 signed by somebody else": _by_stranger(),
    "16 without its signature": lambda cloud: cloud.id_token().rpartition(".")[0] + ".",
    "17 alg none": lambda _: f"{word({**ID_HEADER, 'alg': 'none'})}.{word(id_claims())}.",
    "17 alg NONE": lambda _: f"{word({**ID_HEADER, 'alg': 'NONE'})}.{word(id_claims())}.",
    "17 no alg": lambda _: f"{word({'kid': 'k1'})}.{word(id_claims())}.",
    "17 alg none over a good signature": lambda cloud: (
        f"{word({**ID_HEADER, 'alg': 'none'})}." + cloud.id_token().partition(".")[2]
    ),
    "18 HS256 with the certificate": lambda cloud: _with_hmac(cloud.google_key.certificate),
    "18 HS256 with nothing": lambda _: _with_hmac(""),
    "19 an unknown kid": _by_stranger(kid="k2"),
    "19 a kid that is empty": _by_stranger(kid=""),
    "19 no kid": lambda cloud: signed(cloud.google_key, {"alg": "RS256"}, id_claims()),
    "19 a kid that is a list": _by_stranger(kid=["k1"]),
    "20 a kid that is a path": _by_stranger(kid="../x"),
    "20 a kid that is a file": _by_stranger(kid="/dev/null"),
    "20 a kid that is an address": _by_stranger(kid=EVIL_URL),
    "21 jku": _by_stranger(kid="e1", jku=EVIL_URL),
    "21 jku with our kid": _by_stranger(jku=EVIL_URL),
    "21 jwk": _with_his_key("jwk", lambda key: key.jwk("k1")),
    "21 x5u": _by_stranger(x5u=EVIL_URL),
    "21 x5c": _with_his_key("x5c", lambda key: [key.certificate]),
    "22 expired": lambda cloud: cloud.id_token(iat=int(time.time()) - 3700, exp=int(time.time()) - 100),
    "22 expired just now": lambda cloud: cloud.id_token(exp=int(time.time()) - 2),
    "23 given in the future": lambda cloud: cloud.id_token(iat=int(time.time()) + 600, exp=int(time.time()) + 4000),
    "23 given at no time": _saying(iat=None),
    "24 without an end": _saying(exp=None),
    "24 of an end that is a text": _saying(exp="never"),
    "25 for another audience": _saying(aud="another"),
    "25 for several": _saying(aud=[PROJECT, "another"]),
    "25 for nobody": _saying(aud=None),
    "26 of another issuer": _saying(iss="https://accounts.google.com"),
    "26 of an issuer that begins alike": _saying(iss=f"https://securetoken.google.com/{PROJECT}.evil.example"),
    "26 of no issuer": _saying(iss=None),
    "27 of another project": _saying(aud="another", iss="https://securetoken.google.com/another"),
    "28 an App Check token": lambda cloud: _app_check(cloud),
    "28 an App Check token of Google's other key": lambda cloud: signed(
        cloud.google_key, ID_HEADER, _app_check_claims()
    ),
    "29 a session cookie": _saying(iss=f"https://session.firebase.google.com/{PROJECT}"),
    "29 a custom token": _saying(
        aud="https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
    ),
    "30 an empty sub": _saying(sub=""),
    "30 no sub": _saying(sub=None),
    "30 a number for sub": _saying(sub=7),
    "31 a sub of 129 signs": _saying(sub="x" * 129),
    "36 of an emulator": lambda _: f"{word({'alg': 'none', 'typ': 'JWT'})}.{word(id_claims())}.",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_token_of_another_issuer_audience_or_time_is_refused(cloud: Cloud, token: Callable[[Cloud], str]) -> None:
    sent = token(cloud)

    assert cloud.call(sent) == REFUSED

    # Whatever a header says, keys come from one place alone.
    assert set(cloud.google.heard) <= {CERTIFICATES, *ASKED}
    # The log quotes nothing of it.
    log = cloud.log.read_text()
    assert all(word not in log for word in sent.split(".") if len(word) > 20)
    assert cloud.call(cloud.id_token()) == WELCOME


APP_CHECK_TOKENS: dict[str, Callable[[Cloud], str | None]] = {
    "37 no App Check token": lambda _: None,
    "37 an empty one": lambda _: "",
    "37 garbage": lambda _: "garbage",
    "37 one of alg none": lambda _: f"{word({**APP_CHECK_HEADER, 'alg': 'none'})}.{word(_app_check_claims())}.",
    "37 one signed by somebody else": lambda cloud: signed(cloud.strangers_key, APP_CHECK_HEADER, _app_check_claims()),
    "37 one that has expired": lambda cloud: _app_check(cloud, exp=int(time.time()) - 100),
    "37 an ID token in its place": lambda cloud: cloud.id_token(),
    "38 another project's app": lambda cloud: _app_check(
        cloud,
        iss="https://firebaseappcheck.googleapis.com/9876543210",
        aud=["projects/9876543210", "projects/another"],
        sub="1:9876543210:web:0123456789abcdef",
    ),
    "38 another issuer's app": lambda cloud: _app_check(cloud, iss="https://evil.example/"),
}


@pytest.mark.parametrize("token", APP_CHECK_TOKENS.values(), ids=APP_CHECK_TOKENS.keys())
def test_an_app_that_app_check_does_not_know_is_refused(guarded: Cloud, token: Callable[[Cloud], str | None]) -> None:
    assert guarded.call(guarded.id_token(), token(guarded)) == UNKNOWN_APP
    assert set(guarded.google.heard) <= {CERTIFICATES, APP_CHECK_KEYS, *ASKED}
    assert guarded.call(guarded.id_token(), _app_check(guarded)) == WELCOME


def test_an_app_that_app_check_knows_signs_nobody_in(guarded: Cloud) -> None:
    assert guarded.call(None, _app_check(guarded)) == (401, "UNAUTHENTICATED", "SIGN_IN_REQUIRED")
    assert guarded.call(_app_check(guarded), _app_check(guarded)) == REFUSED
