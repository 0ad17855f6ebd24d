"""The stack serves the app, its callables and its API on one port, tells the app where it is, and tells no secret."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from emulator_tests.testbed import Testbed, TestbedError
from emulator_tests.testbed.__main__ import create_samples
from emulator_tests.testbed.network import ask
from emulator_tests.testbed.places import ROOT
from emulator_tests.testbed.site import with_this_machine
from emulator_tests.testbed.users import PASSWORD, TEACHER, USERS, User

PAGE = "<!doctype html><title>The app</title>"
CALLABLES: list[str] = json.loads((ROOT / "schema" / "callables.json").read_text())["required"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """
    A stack with a small app of its own.
    """
    app = tmp_path_factory.mktemp("app")
    (app / "index.html").write_text(PAGE)
    (app / "main-ABCD2345.js").write_text("0;")
    settings = {"SLIDES_BUCKET": "slides", "FEED_INTERVAL_S": "1"}
    with Testbed(
        tmp_path_factory.mktemp("state"), settings, has_s3=False, has_chat=True, app=app, users=USERS
    ) as testbed:
        yield testbed


def fetched(url: str) -> tuple[int, dict[str, str], str]:
    """
    Status, headers and body of an answer.
    """
    try:
        answer = urllib.request.urlopen(url, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read().decode()


def told(stack: Testbed) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(fetched(f"{stack.site_url}/stack.json")[2])
    return fields


def test_every_page_is_the_app_and_a_missing_file_is_missing(stack: Testbed) -> None:
    for path in ("/", "/sessions", "/sessions/fractions-1"):
        status, headers, body = fetched(stack.site_url + path)
        assert (status, body, headers["cache-control"]) == (200, PAGE, "no-cache")
        assert "connect-src http://127.0.0.1:* ws://127.0.0.1:* 'self'" in headers["content-security-policy"]
    assert fetched(f"{stack.site_url}/main-ABCD2345.js")[1]["cache-control"] == "public, max-age=31536000, immutable"
    assert fetched(f"{stack.site_url}/main-ZZZZ2345.js")[0] == 404


@pytest.mark.parametrize("name", CALLABLES)
def test_callable_answers_through_the_site_as_it_does_directly(stack: Testbed, name: str) -> None:
    through = ask(f"{stack.site_url}{told(stack)['callablesUrl']}{name}", {"data": {}})
    assert through == ask(f"{stack.functions_url}/{name}", {"data": {}})
    assert json.loads(through[1])["error"]["details"]["code"] == "SIGN_IN_REQUIRED"


def test_other_functions_are_not_reached_through_the_site(stack: Testbed) -> None:
    for path in ("/call/sweep", "/call/kalturaHook", "/call/reconcileVideo", "/sweep"):
        assert fetched(stack.site_url + path)[2] == PAGE


def test_api_answers_through_the_site(stack: Testbed) -> None:
    status, _, body = fetched(f"{stack.site_url}{told(stack)['apiUrl']}openapi.json")
    assert (status, "openapi" in json.loads(body)) == (200, True)
    assert fetched(f"{stack.site_url}/api/sharedlivemedias/")[0] == 401


def test_app_is_told_the_addresses_of_the_stack_and_users_who_can_sign_in(stack: Testbed) -> None:
    fields = told(stack)
    assert fields["projectId"] == stack.project_id
    assert fields["authUrl"] == f"http://{stack.auth_host}"
    assert "{host}:{port}".format(**fields["firestore"]) == stack.firestore_host
    claims = {}
    for user in fields["users"]:
        url = f"{fields['authUrl']}/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=any"
        status, body = ask(url, {"email": user["email"], "password": user["password"], "returnSecureToken": True})
        assert status == 200, body
        signed_in = json.loads(body)
        assert signed_in["localId"] == stack.uids[user["name"]]
        looked_up = ask(
            f"{fields['authUrl']}/identitytoolkit.googleapis.com/v1/accounts:lookup?key=any",
            {"idToken": signed_in["idToken"]},
        )
        (account,) = json.loads(looked_up[1])["users"]
        claims[user["name"]] = json.loads(account.get("customAttributes", "{}"))
    assert claims == {"teacher": {"teacher": True}, "student": {}, "stranger": {}, "admin": {"admin": True}}


def test_nothing_that_is_served_has_a_secret(stack: Testbed) -> None:
    site = stack.logs.parent / "site"
    served = "".join(path.read_text() for path in site.rglob("*") if path.is_file())
    secrets = [value for name, value in stack.secret_settings.items() if name not in ("HOSTS", "KALTURA_CHAT_TOKEN")]
    secrets += [stack.kaltura_user_secret, stack.bunny_api_key, stack.bunny_token_key, stack.s3_secret_key]
    assert len(secrets) > 8
    assert [secret for secret in secrets if secret in served] == []
    assert set(told(stack)) == {"projectId", "region", "authUrl", "firestore", "callablesUrl", "apiUrl", "users"}


def test_sample_sessions_are_a_ready_video_a_live_session_and_a_draft_seen_by_those_who_may(stack: Testbed) -> None:
    stack.set_up_accounts()
    told_of = create_samples(stack)
    assert [line.split("  ")[1] for line in told_of.splitlines()] == [
        "Fractions",
        "Questions and answers",
        "Percentages",
    ]
    seen = {
        user.name: {name: read(stack, user, f"sessions/{name}") for name in ("fractions", "questions", "percentages")}
        for user in USERS
    }
    fractions, questions, percentages = seen[TEACHER.name].values()
    (video,) = fractions["videos"]["mapValue"]["fields"].values()
    assert video["mapValue"]["fields"]["state"] == {"stringValue": "ready"}
    assert questions["kaltura"]["mapValue"]["fields"]["state"] == {"stringValue": "ready"}
    starts_at = datetime.fromisoformat(questions["startsAt"]["timestampValue"])
    assert abs((datetime.now(UTC) - starts_at).total_seconds()) < 120
    assert percentages["status"] == {"stringValue": "draft"}
    may_read = {name: [id for id, fields in sessions.items() if fields] for name, sessions in seen.items()}
    assert may_read == {
        "teacher": ["fractions", "questions", "percentages"],
        "student": ["fractions", "questions"],
        "stranger": [],
        "admin": ["fractions", "questions", "percentages"],
    }


def read(stack: Testbed, user: User, path: str) -> dict[str, Any]:
    """
    The fields of a document as a user may read it; none if they may not.
    """
    documents = f"http://{stack.firestore_host}/v1/projects/{stack.project_id}/databases/(default)/documents"
    sign_in = f"http://{stack.auth_host}/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=any"
    signed_in = json.loads(ask(sign_in, {"email": user.email, "password": PASSWORD, "returnSecureToken": True})[1])
    status, body = ask(f"{documents}/{path}", token=signed_in["idToken"])
    assert status in (200, 403), body
    fields: dict[str, Any] = json.loads(body)["fields"] if status == 200 else {}
    return fields


def test_app_that_is_not_built_is_refused_with_what_builds_it(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match=r"index\.html does not exist\. Build it with `make app`\."):
        Testbed(tmp_path / "state", app=tmp_path / "nothing").__enter__()


def test_policy_reaches_this_machine_only_where_it_reaches_the_providers() -> None:
    policy = "default-src 'self'; connect-src 'self' https://a; img-src 'self'; script-src 'self'"
    assert with_this_machine(policy) == (
        "default-src 'self'; connect-src http://127.0.0.1:* ws://127.0.0.1:* 'self' https://a; "
        "img-src http://127.0.0.1:* ws://127.0.0.1:* 'self'; script-src 'self'"
    )
