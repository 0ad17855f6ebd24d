"""Wait until each part of the stack does what it is there for: an open port proves nothing. Called by `stack.py`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from emulator_tests.testbed.fork_server import READY
from emulator_tests.testbed.network import ask
from emulator_tests.testbed.part import Part, PartFailed
from emulator_tests.testbed.queues import create_queues, queues_of, triggers_of

if TYPE_CHECKING:
    from emulator_tests.testbed.stack import Testbed


def await_answers(testbed: Testbed, parts: Sequence[Part], deadline_at: float, say: Callable[[str], None]) -> None:
    """
    Wait until every part answers, and create the queues of the functions.

    Args:
        testbed: The stack.
        parts: Its parts.
        deadline_at: When to give up, on the monotonic clock.
        say: Receives a line for each part that is ready.

    Raises:
        PartFailed: A part ended, or was not ready by the deadline.
    """
    named = {part.name: part for part in parts}

    def answered(name: str, what: str, is_met: Callable[[Part], bool]) -> None:
        named[name].wait_until(what, lambda: is_met(named[name]), deadline_at)
        say(f"{name}: {what}")

    answered("storage", "list buckets", lambda _: _lists_buckets(testbed))
    for bucket in testbed.buckets:
        answered("storage", f"create the bucket {bucket}", partial(_creates_bucket, testbed, bucket))
    answered("kaltura", "answer a ping", lambda _: _answers_ping(testbed))
    answered("bunny", "serve", lambda bunny: bunny.has_said("ready on"))
    if testbed.has_s3:
        answered("s3", "refuse requests without a key", lambda _: _refuses_without_key(testbed))
    answered("tasks", "serve", lambda tasks: tasks.has_said("ready on"))
    if testbed.slides_bucket:
        answered("converter", "run", lambda _: ask(testbed.converter_url)[0] == 200)
    if (prosody := testbed.prosody) is not None:
        answered("prosody", "take connections", lambda _: prosody.takes_connections())
    answered("fork-server", "import the libraries", lambda fork_server: fork_server.has_said(READY))
    answered("firebase", "start its emulators", _has_started)
    answered("firebase", "sign a user up", lambda _: _signs_up(testbed))
    for database, rules in testbed.rules.items():
        testbed.load_rules(database, rules)
        say(f"firebase: load the rules of {database}")
    answered("firebase", "read a document", lambda _: _reads_document(testbed))
    triggers = triggers_of(testbed.functions_host)
    queues = queues_of(triggers)
    create_queues(testbed.tasks_host, testbed.project_id, queues)
    say(f"tasks: create queues: {', '.join(queue['name'] for queue in queues) or 'none'}")
    callables = [trigger["name"] for trigger in triggers if trigger["labels"].get("deployment-callable") == "true"]
    if callables:
        answered("firebase", f"answer a call of {callables[0]}", lambda _: _answers_call(testbed, callables[0]))
    if testbed.has_site:
        answered("firebase", "serve the app", lambda _: ask(f"{testbed.site_url}/stack.json")[0] == 200)


def _lists_buckets(testbed: Testbed) -> bool:
    status, body = ask(f"{testbed.storage_url}/storage/v1/b?project={testbed.project_id}")
    return status == 200 and "kind" in json.loads(body)


def _creates_bucket(testbed: Testbed, bucket: str, _storage: Part) -> bool:
    buckets = f"{testbed.storage_url}/storage/v1/b?project={testbed.project_id}"
    return ask(buckets, {"name": bucket})[0] == 200


def _answers_ping(testbed: Testbed) -> bool:
    status, body = ask(f"{testbed.kaltura_url}/api_v3/service/system/action/ping?format=1")
    return status == 200 and json.loads(body) is True


def _refuses_without_key(testbed: Testbed) -> bool:
    return ask(f"{testbed.s3_url}/{testbed.s3_bucket}")[0] == 403


def _has_started(firebase: Part) -> bool:
    if firebase.has_said("Failed to load function definition from source"):
        raise PartFailed(firebase, "could not load the functions")
    return firebase.has_said("All emulators ready!")


def _signs_up(testbed: Testbed) -> bool:
    accounts = f"http://{testbed.auth_host}/identitytoolkit.googleapis.com/v1/accounts"
    status, body = ask(f"{accounts}:signUp?key=any", {"returnSecureToken": True})
    if status != 200:
        return False
    return ask(f"{accounts}:delete?key=any", {"idToken": json.loads(body)["idToken"]})[0] == 200


def _reads_document(testbed: Testbed) -> bool:
    database = f"projects/{testbed.project_id}/databases/{testbed.database}"
    documents = f"http://{testbed.firestore_host}/v1/{database}/documents"
    status, body = ask(f"{documents}/nothing/here", token="owner")
    return status == 404 and json.loads(body)["error"]["status"] == "NOT_FOUND"


def _answers_call(testbed: Testbed, name: str) -> bool:
    # The callable refuses an anonymous call without data, or answers it. Both have the form of a callable's answer.
    body = json.loads(ask(f"{testbed.functions_url}/{name}", {"data": None})[1])
    return "error" in body or "result" in body
