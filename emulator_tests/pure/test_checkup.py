"""What `doctor` makes of the answers that a stranger gets, from a server that answers as the cloud does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from google.auth.exceptions import DefaultCredentialsError, RefreshError

from cli.checkup import Answer, Kind, check_database, check_functions, complaint
from cli.settings import check_settings, require_spelling
from emulator_tests.pure.deployment import Deployment, refusal
from shared.core.errors import Misconfigured
from shared.core.paths import EPOCH
from shared.operations.kill_switch import KillSwitch
from shared.ports import Create, Documents, Finding, Health
from shared.registry import BULK_QUEUES

HTML = "text/html; charset=UTF-8"
JSON = "application/json"
TEXT = "text/plain"

UNAUTHENTICATED = (401, JSON, json.dumps({"error": {"status": "UNAUTHENTICATED", "message": "Sign in first."}}))
PAGE_401 = (401, HTML, "<html>Your client does not have permission</html>")
PAGE_403 = (403, HTML, "<html>Your client does not have permission to get URL from this server.</html>")
PAGE_404 = (404, HTML, "<html>Page not found</html>")
NO_SIGNATURE = (403, TEXT, "This is not signed.")
NO_ACCOUNT = (404, TEXT, "This deployment has no account at this provider.")
DONE = (200, JSON, '{"result": null}')
DENIED = (403, JSON, json.dumps({"error": {"status": "PERMISSION_DENIED", "message": "no"}}))
INVALID = (400, JSON, json.dumps({"error": {"status": "INVALID_ARGUMENT", "message": "no"}}))
BROKEN = (500, TEXT, "Internal Server Error")
MOVED = (302, HTML, "<html>Sign in</html>")

Reply = tuple[int, str, str]


@contextmanager
def cloud(replies: dict[str, Reply]) -> Iterator[tuple[str, dict[str, tuple[str, bytes]]]]:
    """
    The address of a project whose functions answer like this, and what each was asked.
    """
    asked: dict[str, tuple[str, bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = self.path.rpartition("/")[2]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked[name] = (self.headers.get("Authorization", ""), body)
            status, kind, said = replies.get(name, PAGE_404)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/my-school", asked
        finally:
            server.shutdown()
            thread.join()


def test_checkup_passes_if_unauthenticated_calls_are_refused() -> None:
    functions = {"joinSession": Kind.CALLABLE, "getErasure": Kind.CALLABLE, "reconcileVideo": Kind.WORKER}
    functions["kalturaHook"] = Kind.ENDPOINT
    replies = {"joinSession": UNAUTHENTICATED, "getErasure": UNAUTHENTICATED, "reconcileVideo": PAGE_403}
    with cloud(replies | {"kalturaHook": NO_SIGNATURE}) as (url, asked):
        findings = check_functions(url, functions)
    assert [(one.what, one.health) for one in findings] == [
        ("callables", Health.OK),
        ("workers", Health.OK),
        ("endpoints", Health.OK),
    ]
    assert findings[0].sentence == "All 2 refuse unauthorised calls."
    assert set(asked) == set(functions)
    # Without a token, and with nothing that could make work.
    assert set(asked.values()) == {("", b'{"data": {}}')}


WRONG: dict[str, tuple[Kind, Reply, str]] = {
    "a callable that is not deployed": (Kind.CALLABLE, PAGE_404, "does not exist. Deploy it"),
    "a callable that Cloud Run closes": (Kind.CALLABLE, PAGE_403, "no client can call it"),
    "a callable behind a sign-in of Google's": (Kind.CALLABLE, PAGE_401, "no client can call it"),
    "a callable that answers": (Kind.CALLABLE, DONE, "answers a caller who is not signed in"),
    "a callable that reads before it asks who": (Kind.CALLABLE, INVALID, "answers a caller who is not signed in"),
    "a callable that breaks": (Kind.CALLABLE, BROKEN, "fails with HTTP status 500"),
    "a callable that leads elsewhere": (Kind.CALLABLE, MOVED, "Something else is deployed"),
    "a worker that is open": (Kind.WORKER, DONE, "is open: it answers anybody, with HTTP status 200"),
    "a worker that is open and complains": (Kind.WORKER, INVALID, "is open"),
    "a worker that its code alone closes": (Kind.WORKER, DENIED, "is open"),
    "a worker that is not deployed": (Kind.WORKER, PAGE_404, "FUNCTIONS_REGION"),
    "a webhook that takes anything": (Kind.ENDPOINT, (204, TEXT, ""), "accepts a request without a signature"),
    "a webhook that Cloud Run closes": (Kind.ENDPOINT, PAGE_403, "nobody can call it"),
    "a webhook without an account": (Kind.ENDPOINT, NO_ACCOUNT, "without an account at this provider"),
    "a webhook that is not deployed": (Kind.ENDPOINT, PAGE_404, "does not exist"),
}


@pytest.mark.parametrize(("kind", "reply", "sentence"), WRONG.values(), ids=WRONG)
def test_each_other_answer_is_told_in_words(kind: Kind, reply: Reply, sentence: str) -> None:
    with cloud({"aFunction": reply}) as (url, _):
        (finding,) = check_functions(url, {"aFunction": kind})
    assert (finding.what, finding.health) == (kind.value, Health.MISSING)
    assert finding.sentence.startswith("aFunction: ")
    assert sentence in finding.sentence
    assert finding.sentence.endswith(".")


def test_a_single_function_is_named() -> None:
    with cloud({"kalturaHook": NO_SIGNATURE}) as (url, _):
        (finding,) = check_functions(url, {"kalturaHook": Kind.ENDPOINT})
    assert finding.sentence == "kalturaHook refuses unauthorised calls."


def test_what_is_wrong_with_several_is_said_once() -> None:
    functions = {"a": Kind.CALLABLE, "b": Kind.CALLABLE, "c": Kind.CALLABLE}
    with cloud({"c": UNAUTHENTICATED}) as (url, _):
        (finding,) = check_functions(url, functions)
    assert finding.sentence.startswith("a, b: does not exist.")


def test_checkup_reports_an_unreachable_address() -> None:
    (finding,) = check_functions("http://127.0.0.1:9/my-school", {"joinSession": Kind.CALLABLE})
    assert (finding.health, "cannot be reached" in finding.sentence) == (Health.MISSING, True)


@pytest.mark.parametrize("status", [400, 401, 403, 405, 411, 413, 415])
def test_a_webhook_may_refuse_in_any_way(status: int) -> None:
    assert complaint(Kind.ENDPOINT, Answer(status)) is None


# --- settings and database ----------------------------------------------------------------------------------------

KNOWN = ("KALTURA_PARTNER_ID", "FUNCTIONS_REGION", "FIRESTORE_DATABASE")


def test_a_file_of_settings_is_named_first(tmp_path: Path) -> None:
    (tmp_path / ".env.my-school").write_text("KALTURA_PARTNER_ID=102\n# A comment\n")
    assert check_settings(tmp_path, "my-school", KNOWN) == [
        Finding("settings", Health.OK, f"{tmp_path}/.env.my-school")
    ]


def test_a_missing_file_of_settings_is_said_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / ".env.my-scool").write_text("KALTURA_PARTNER_ID=102")
    (finding,) = check_settings(tmp_path, "my-school", KNOWN)
    assert finding.health is Health.ABSENT
    assert finding.sentence.startswith(f"There is no .env.my-school in {tmp_path}.")


@pytest.mark.parametrize("file", [".env", ".env.my-school"])
def test_a_misspelled_setting_is_said(tmp_path: Path, file: str) -> None:
    (tmp_path / ".env.my-school").touch()
    (tmp_path / file).write_text("KALTURA_PARTNERID=102\nHTTPS_PROXY=http://proxy\n")
    _, other, misspelled = check_settings(tmp_path, "my-school", KNOWN)
    assert other == Finding("settings", Health.ABSENT, f"{file} sets HTTPS_PROXY, which is no setting of Greenroom.")
    assert misspelled == Finding(
        "settings", Health.MISSING, f"{file} sets KALTURA_PARTNERID, which is unknown. Is it KALTURA_PARTNER_ID?"
    )


def test_commands_refuse_a_misspelled_setting(tmp_path: Path) -> None:
    """Without it, `stop` stopped nothing, and wrote into the database of the app."""
    (tmp_path / ".env.my-school").write_text("FIRESTORE_DATABSE=greenroom\nHTTPS_PROXY=http://proxy\n")
    with pytest.raises(Misconfigured, match=r"FIRESTORE_DATABSE, which is unknown\. Is it FIRESTORE_DATABASE\?"):
        require_spelling(tmp_path, "my-school", KNOWN)
    (tmp_path / ".env.my-school").write_text("FIRESTORE_DATABASE=greenroom\nHTTPS_PROXY=http://proxy\n")
    require_spelling(tmp_path, "my-school", KNOWN)


def test_a_broken_file_of_settings_is_no_stack(tmp_path: Path) -> None:
    (tmp_path / ".env.my-school").write_bytes(b"\x00=\n= \n'\"\n")
    assert check_settings(tmp_path, "my-school", KNOWN)[0].health is Health.OK


def of_database(deployment: Deployment, uid: str | None = "u-1") -> dict[str, Finding]:
    found = check_database("school", lambda: deployment.documents, deployment.clock, lambda: uid)
    return {one.what: one for one in found}


def test_the_database_that_is_read_is_named() -> None:
    deployment = Deployment()
    told = "They are in the database school, as FIRESTORE_DATABASE says."
    found = of_database(deployment)["documents"]
    assert found.health is Health.ABSENT, "no sweep has run in a wrong database"
    assert found.sentence.startswith(told)
    deployment.documents.commit(Create(EPOCH, {"sweptAt": deployment.clock()}))
    assert of_database(deployment)["documents"] == Finding("documents", Health.OK, told)


def test_work_that_is_stopped_is_said() -> None:
    deployment = Deployment()
    assert of_database(deployment)["work"] == Finding("work", Health.OK)
    KillSwitch(deployment.documents, deployment.queue, deployment.clock, 1_000, BULK_QUEUES).stop("upgrade")
    sentence = "All work is stopped (upgrade). `greenroom start` starts it again."
    assert of_database(deployment)["work"] == Finding("work", Health.MISSING, sentence)


def test_a_database_that_cannot_be_identified_is_said() -> None:
    assert of_database(Deployment(), None)["database uid"].health is Health.ABSENT


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (DefaultCredentialsError, "There are no credentials for Google."),
        (RefreshError, "Google did not accept your credentials."),
        (lambda _: refusal("read"), "school, as FIRESTORE_DATABASE says, could not be read. Try again later."),
    ],
    ids=["none", "refused", "no answer"],
)
def test_a_database_that_cannot_be_read_is_one_finding(error: Callable[[str], Exception], says: str) -> None:
    def opened() -> Documents:
        raise error("secret")

    (finding,) = check_database("school", opened, Deployment().clock, lambda: "u-1")
    assert (finding.what, finding.health) == ("documents", Health.UNKNOWN)
    assert finding.sentence.startswith(says)
    assert "secret" not in finding.sentence
