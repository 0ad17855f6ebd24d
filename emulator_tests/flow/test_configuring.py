"""A deployment as operators really configure it: line ends and slashes too many, claims with other names, a secret that
the provider rejects for a while, and what `doctor` says of all that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from emulator_tests.conftest import SETTINGS
from emulator_tests.flow.school import PASSWORD, Person, Refused, School, school_of
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.places import state_folder
from shared.providers.kaltura.account import UPLOAD_PATH

TUTOR = "greenroomTutor"
BOSS = "greenroomBoss"
ANOTHER_SECRET = "f" * 32


class Careless(Testbed):
    """
    The stack, configured by somebody who pipes secrets with `echo` and copies addresses out of a browser.
    """

    @property
    def environment(self) -> dict[str, str]:
        careless = {
            "KALTURA_URL": f"{self.kaltura_url}//api_v3/",
            "KALTURA_PARTNER_ID": f" {self.kaltura_partner_id}\n",
            "CLOUDFLARE_URL": f"{self.cloudflare_url}/client//v4/",
            "CLOUDFLARE_PLAYBACK_URL": f"{self.cloudflare_url}/ ",
            "CLAIM_TEACHER": TUTOR,
            "CLAIM_ADMIN": f"{BOSS}\n",
        }
        return super().environment | careless

    @property
    def secret_settings(self) -> dict[str, str]:
        return {name: f"{value}\r\n" for name, value in super().secret_settings.items()}


@pytest.fixture(scope="module")
def careless() -> Iterator[School]:
    """
    A school of its own with such a configuration.
    """
    shared_state = state_folder("test")
    with ExitStack() as held:
        state = shared_state.with_name(f"{shared_state.name}-careless")
        testbed = held.enter_context(Careless(state, SETTINGS))
        school = held.enter_context(school_of(testbed))
        for control in (school.simulator, school.cloudflare):
            control("POST", "clock", {"ready": "after_s:1"})
        yield school


@pytest.fixture
def tutor(careless: School) -> Person:
    """
    A teacher in the eyes of the functions and of the rules, which have the usual names here.
    """
    return careless.person(**{TUTOR: True, "teacher": True})


@pytest.fixture
def rejecting(careless: School) -> Iterator[School]:
    """
    The same school while Kaltura has another secret; it has the right one afterwards.
    """
    careless.simulator("POST", "secret", {"adminSecret": ANOTHER_SECRET})
    yield careless
    careless.simulator("POST", "secret", {"adminSecret": careless.testbed.kaltura_admin_secret})


def claims_of(school: School, uid: str) -> dict[str, Any]:
    account = _lookup(school, uid)
    claims: dict[str, Any] = json.loads(account.get("customAttributes") or "{}")
    return claims


def with_new_token(school: School, person: Person) -> Person:
    """
    The same person, signed in again.
    """
    url = f"http://{school.testbed.auth_host}/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=demo"
    account = {"email": _lookup(school, person.uid)["email"], "password": PASSWORD, "returnSecureToken": True}
    answer = school.http.post(url, json=account, timeout=30)
    answer.raise_for_status()
    return Person(school, person.uid, answer.json()["idToken"])


def _lookup(school: School, uid: str) -> dict[str, Any]:
    base = f"http://{school.testbed.auth_host}/identitytoolkit.googleapis.com/v1"
    url = f"{base}/projects/{school.testbed.project_id}/accounts:lookup"
    answer = school.http.post(url, json={"localId": [uid]}, headers={"Authorization": "Bearer owner"}, timeout=30)
    answer.raise_for_status()
    account: dict[str, Any] = answer.json()["users"][0]
    return account


def refusal(person: Person, function: str, **fields: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        person.call(function, fields)
    return refused.value.code, refused.value.message


def logged(school: School, message: str) -> list[dict[str, Any]]:
    lines = [line for log in school.testbed.logs.glob("firebase*") for line in log.read_text().splitlines()]
    found = [line[line.index('{"severity"') :] for line in lines if f'"message": "{message}"' in line]
    return [json.loads(line[: line.rindex("}") + 1]) for line in found]


# --- settings as they are written ---------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["kaltura", "cloudflare"])
def test_upload_and_playback_work_with_whitespace_around_settings(
    careless: School, tutor: Person, video_bytes: bytes, provider: str
) -> None:
    """B7: the upload address is the one that its own KS takes."""
    session_id = tutor.write_session(videoProvider=provider)
    token = tutor.ask_to_upload(session_id, len(video_bytes))
    if provider == "kaltura":
        assert urlsplit(token["upload"]["url"]).path == UPLOAD_PATH
    careless.upload(token, video_bytes)
    careless.await_video(session_id, token["videoId"], "ready")
    grant = tutor.call("issuePlayback", {"videoId": token["videoId"]})
    assert "//" not in grant["manifestUrl"].partition("://")[2]
    assert careless.http.get(grant["manifestUrl"], timeout=30).status_code == 200


def test_find_setting_may_end_with_a_newline(careless: School, tutor: Person) -> None:
    """B7: it is no secret that signs chat tokens."""
    assert careless.testbed.command("setup").returncode == 0
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"startsAt": now, "endsAt": now + timedelta(hours=1)}
    session_id = tutor.write_live_session(status="public", visibility="open", **times)
    careless.await_event(session_id)
    assert tutor.call("joinSession", {"sessionId": session_id})["chat"] is not None


# --- claims -------------------------------------------------------------------------------------------------------


def test_only_the_claims_that_are_set_give_roles(careless: School, tutor: Person) -> None:
    """C6: the app's own `teacher` and `admin` open nothing."""
    apps_own = careless.person(teacher=True, admin=True)
    session_id = tutor.write_session()
    request = {"sessionId": session_id, "requestId": "r1", "fileName": "film.mp4", "fileSizeBytes": 1000}
    assert refusal(apps_own, "issueUploadToken", **request)[0] == "PERMISSION_DENIED"
    assert refusal(apps_own, "requeueDeletion", deletionId="d1")[0] == "PERMISSION_DENIED"
    boss = careless.person(**{BOSS: True})
    assert refusal(boss, "requeueDeletion", deletionId="d1")[0] == "NOT_FOUND"
    assert tutor.call("issueUploadToken", request)["videoId"]


def test_a_role_is_granted_and_revoked_beside_the_claims_of_the_app(careless: School) -> None:
    """C6"""
    person = careless.person(plan="gold", admin=True)

    told = careless.testbed.command("grant", person.uid, "teacher")

    assert (told.returncode, told.stdout) == (
        0,
        f"{person.uid} now has the claim {TUTOR}, beside its other claims. The next ID token of the account has it.\n",
    )
    assert claims_of(careless, person.uid) == {"plan": "gold", "admin": True, TUTOR: True}
    again = careless.testbed.command("grant", person.uid, "teacher")
    assert (again.returncode, again.stdout) == (0, f"{person.uid} already has the claim {TUTOR}.\n")
    assert careless.testbed.command("grant", person.uid, "admin").returncode == 0
    boss = with_new_token(careless, person)
    assert refusal(boss, "requeueDeletion", deletionId="d1")[0] == "NOT_FOUND"

    for _ in range(2):
        assert careless.testbed.command("revoke", person.uid, "teacher").returncode == 0
    assert claims_of(careless, person.uid) == {"plan": "gold", "admin": True, BOSS: True}


def test_claims_that_would_be_too_long_are_refused_and_nothing_is_changed(careless: School) -> None:
    """C6"""
    before = {"own": "x" * 975}
    person = careless.person(**before)
    told = careless.testbed.command("grant", person.uid, "teacher")
    assert told.returncode == 1
    assert "bytes long, and Firebase allows 1000" in told.stderr
    assert claims_of(careless, person.uid) == before


@pytest.mark.parametrize("uid", ["nobody-here", "x" * 200])
def test_unknown_account_is_reported(careless: School, uid: str) -> None:
    told = careless.testbed.command("grant", uid, "admin")
    assert told.returncode == 1
    assert told.stderr.endswith(".\n")
    assert "Traceback" not in told.stderr


# --- a secret that is rejected ------------------------------------------------------------------------------------


def test_work_waits_while_a_secret_is_rejected_and_goes_on_by_itself(rejecting: School, tutor: Person) -> None:
    """B7"""
    live = tutor.write_live_session(status="public")
    troubled = rejecting.await_document(
        f"sessions/{live}", lambda fields: ((fields or {}).get("kaltura") or {}).get("failure") is not None
    )
    failure = troubled["kaltura"]["failure"]
    assert (failure["code"], failure["retryable"]) == ("INVALID_KS", True)
    assert failure["message"].startswith("Kaltura rejects the secret of this service.")
    last_error = (rejecting.document(f"kalturaSession/{live}") or {})["lastError"]
    assert last_error["retryAt"] - last_error["since"] >= timedelta(seconds=290)

    draft = tutor.write_session()
    code, sentence = refusal(
        tutor, "issueUploadToken", sessionId=draft, requestId="r1", fileName="film.mp4", fileSizeBytes=1000
    )
    assert code == "UNAVAILABLE"
    assert sentence.endswith(".")
    alerts = logged(rejecting, "provider rejects the secret")
    assert {(one["severity"], one["provider"], one["setting"]) for one in alerts} == {
        ("ALERT", "kaltura", "KALTURA_ADMIN_SECRET")
    }

    rejecting.simulator("POST", "secret", {"adminSecret": rejecting.testbed.kaltura_admin_secret})
    # As if the pause were over.
    due = datetime.now(UTC) - timedelta(seconds=1)
    rejecting.write(f"kalturaSession/{live}", lastError={**last_error, "retryAt": due}, dueAt=due)
    rejecting.sweep()
    assert "failure" not in rejecting.await_event(live)


# --- what doctor says ---------------------------------------------------------------------------------------------


def test_doctor_asks_what_is_deployed_as_a_stranger_and_compares_the_rules(
    careless: School, tutor: Person, video_bytes: bytes
) -> None:
    """C6: the rules have the usual names, the settings others."""
    assert careless.testbed.command("setup").returncode == 0
    # Whether it plays to strangers can be tried of a video that is ready alone.
    tutor.upload_video(tutor.write_session(), video_bytes)
    told = careless.testbed.command("doctor")
    lines = told.stdout.splitlines()
    assert told.returncode == 1
    assert [line for line in lines if line.startswith("missing")] == [
        line for line in lines if f"CLAIM_TEACHER and CLAIM_ADMIN are {TUTOR} and {BOSS}" in line
    ]
    assert [line.split()[0] for line in lines if " playback" in line] == ["ok", "ok"]
    (callables,) = [line for line in lines if " callables " in line]
    assert callables.startswith("ok")
    assert "refuses unauthorised calls" in callables
    (endpoints,) = [line for line in lines if " endpoints " in line]
    assert (endpoints.startswith("ok"), "All 3 refuse" in endpoints) == (True, True)


def test_doctor_says_that_a_secret_is_rejected_and_goes_on(rejecting: School) -> None:
    """B7"""
    listed = json.loads(rejecting.testbed.command("doctor", "--json").stdout)["findings"]
    assert "missing" in [one["health"] for one in listed if "KALTURA_ADMIN_SECRET is not" in one["sentence"]]
    told = rejecting.testbed.command("doctor")
    assert told.returncode == 1
    assert "KALTURA_ADMIN_SECRET is not the administrator secret of KALTURA_PARTNER_ID." in told.stdout
    assert "Cloudflare signing key" in told.stdout
    assert rejecting.testbed.kaltura_admin_secret not in told.stdout + told.stderr


def test_command_reports_an_invalid_setting(careless: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """B7"""
    monkeypatch.setenv("MAX_INSTANCES", "-5")
    told = careless.testbed.command("doctor")
    assert told.returncode == 1
    assert "MAX_INSTANCES must be a whole number from 1 to 1000; it is '-5'." in told.stderr
