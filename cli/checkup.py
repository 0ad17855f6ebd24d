"""Run the checks of `doctor`: those that providers and resources bring, that nothing deployed lets a stranger in, and
that the rules agree with the settings.

Called by `main.py`. A callable, a worker and a webhook are called without a token or a signature, with a body that
means nothing. Each must refuse, in its own form. Whatever they answer, the call changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

import requests
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

from cli.claims import names_in_rules
from cli.cloud import CREDENTIALS_REFUSED, NO_CREDENTIALS
from shared.app import App
from shared.core.callers import ClaimNames
from shared.core.errors import BackendError, ProviderError
from shared.core.paths import EPOCH
from shared.operations.kill_switch import SWITCH, Switch
from shared.ports import Clock, Document, Documents, Finding, Health, Setup
from shared.reconcile.epoch import DatabaseUid

ASK_WITHIN_S: Final = 30.0
"""A function that has not been called for long has to start first."""

ASKED_AT_ONCE: Final = 4

BODY_READ_MAX: Final = 10_000


class Kind(StrEnum):
    """
    The functions that can be reached from outside, as findings name them.
    """

    CALLABLE = "callables"
    WORKER = "workers"
    ENDPOINT = "endpoints"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A function's answer.

    Attributes:
        status: The HTTP status; `None` if there was no answer.
        is_html: Whether it is a web page. Our functions never answer with one, but what stands in front of them does.
        code: The code of a callable's error, such as `UNAUTHENTICATED`; `None` if there is none.
    """

    status: int | None
    is_html: bool = False
    code: str | None = None


def kind_of(function: Any) -> Kind | None:
    """
    Return the kind of a deployed function, by its declaration; `None` for those that only Google's own services call.
    Pure.
    """
    endpoint = function.__firebase_endpoint__
    if endpoint.callableTrigger is not None:
        return Kind.CALLABLE
    if endpoint.taskQueueTrigger is not None:
        return Kind.WORKER
    return Kind.ENDPOINT if endpoint.httpsTrigger is not None else None


def check_accounts(setups: Mapping[str, Setup]) -> Iterable[Finding]:
    """
    Check the account at each provider.

    Args:
        setups: The set-up of each account, by provider.
    """
    for name, setup in setups.items():
        yield from findings_of(f"{name} account", setup.check)


def check_resources(app: App) -> Iterable[Finding]:
    """
    Check what each resource needs from outside.
    """
    for resource in app.resources:
        if resource.findings is not None:
            yield from findings_of(resource.collection, partial(resource.findings, app))


def findings_of(
    what: str, check: Callable[[], Iterable[Finding]], hindrance: type[BackendError] = ProviderError
) -> Sequence[Finding]:
    """
    Return what a check finds, or the reason why it cannot be done, so that the others are still done.

    Args:
        what: What is checked, if it cannot be done.
        check: Does it.
        hindrance: The errors that are such a reason.
    """
    try:
        return list(check())
    except hindrance as error:
        return [Finding(what, Health.MISSING, str(error))]


def check_functions(url: str, functions: Mapping[str, Kind]) -> Sequence[Finding]:
    """
    Call deployed functions as a stranger.

    Args:
        url: The address of the functions; the name of each is appended.
        functions: Their kinds by their names.

    Returns:
        One finding for each kind if all is well, else one for each problem, with the names of its functions.
    """
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        answers = list(pool.map(lambda name: _ask(f"{url}/{name}"), functions))
    findings = []
    for kind in Kind:
        of_it = {name: one for (name, its), one in zip(functions.items(), answers, strict=True) if its is kind}
        wrong: dict[str, list[str]] = {}
        for name, answer in of_it.items():
            sentence = complaint(kind, answer)
            if sentence is not None:
                wrong.setdefault(sentence, []).append(name)
        if of_it and not wrong:
            told = f"All {len(of_it)} refuse" if len(of_it) > 1 else f"{next(iter(of_it))} refuses"
            findings.append(Finding(kind.value, Health.OK, f"{told} unauthorised calls."))
        findings += [
            Finding(kind.value, Health.MISSING, f"{', '.join(names)}: {sentence}") for sentence, names in wrong.items()
        ]
    return findings


def check_database(
    name: str, documents: Callable[[], Documents], clock: Clock, database_uid: DatabaseUid
) -> Sequence[Finding]:
    """
    Check that documents can be read and work is not stopped, and that the id of the database can be read, by which a
    restored database is recognised.

    Args:
        name: The name of the database.
        documents: Opens its documents.
        clock: Now, in UTC.
        database_uid: Reads its id.
    """
    what = "documents"
    try:
        switch, epoch = documents().read(SWITCH, EPOCH)
    except DefaultCredentialsError:
        return [Finding(what, Health.UNKNOWN, NO_CREDENTIALS)]
    except GoogleAuthError:
        return [Finding(what, Health.UNKNOWN, CREDENTIALS_REFUSED)]
    except ProviderError as error:
        return [Finding(what, Health.UNKNOWN, f"{name}, as FIRESTORE_DATABASE says, could not be read. {error}")]
    return [_of_documents(name, epoch), _of_switch(Switch.from_document(switch, clock())), _of_uid(database_uid())]


def _of_documents(name: str, epoch: Document | None) -> Finding:
    told = f"They are in the database {name}, as FIRESTORE_DATABASE says."
    if epoch is not None:
        return Finding("documents", Health.OK, told)
    sentence = f"{told} No sweep has run there yet. If another database has your documents, correct the setting."
    return Finding("documents", Health.ABSENT, sentence)


def _of_switch(switch: Switch) -> Finding:
    if not switch.stopped:
        return Finding("work", Health.OK)
    why = f" ({switch.why})" if switch.why else ""
    return Finding("work", Health.MISSING, f"All work is stopped{why}. `greenroom start` starts it again.")


def _of_uid(uid: str | None) -> Finding:
    if uid is not None:
        return Finding("database uid", Health.OK)
    sentence = (
        "The id of the database cannot be read, so a restore is noticed by other signs only. Check that the database "
        "in FIRESTORE_DATABASE exists, and give the service account of the functions the role Cloud Datastore User."
    )
    return Finding("database uid", Health.ABSENT, sentence)


def complaint(kind: Kind, answer: Answer) -> str | None:
    """
    Return what is wrong if a stranger gets this answer, and what to do; `None` if it is the expected refusal. Pure.
    """
    status = answer.status
    if status is None:
        return "cannot be reached. Check FUNCTIONS_URL, FUNCTIONS_REGION and the network of this machine."
    if status == 404 and kind is Kind.ENDPOINT and not answer.is_html:
        return "is deployed without an account at this provider. Deploy again with the current settings."
    if status == 404:
        return (
            "does not exist. Deploy it. If it is deployed, correct FUNCTIONS_REGION, FUNCTIONS_PREFIX or FUNCTIONS_URL."
        )
    if status >= 500:
        return f"fails with HTTP status {status}. Its log says why."
    if status == 429:
        return "has no free instance. Try again later, or raise MAX_INSTANCES."
    return _COMPLAINTS[kind](answer)


def _of_callable(answer: Answer) -> str | None:
    if answer.status == 401 and answer.code == "UNAUTHENTICATED":
        return None
    if answer.status in (401, 403) and answer.code is None:
        return (
            "is closed by Cloud Run, so no client can call it. Give allUsers the role Cloud Run "
            "Invoker. If the organisation forbids that, run `gcloud run services update NAME --no-invoker-iam-check`."
        )
    return f"answers a caller who is not signed in, with HTTP status {answer.status}. Something else is deployed there."


def _of_worker(answer: Answer) -> str | None:
    # Cloud Run refuses without a code. A code is from our own function, so a stranger could reach it.
    if answer.status in (401, 403) and answer.code is None:
        return None
    return (
        f"is open: it answers anybody, with HTTP status {answer.status}. Remove the role Cloud Run Invoker from "
        "allUsers: `gcloud run services remove-iam-policy-binding NAME --member=allUsers --role=roles/run.invoker`."
    )


def _of_endpoint(answer: Answer) -> str | None:
    if answer.is_html:
        return (
            "is closed by Cloud Run, so nobody can call it. Give allUsers the role Cloud Run "
            "Invoker, or deploy it again."
        )
    if answer.status is not None and 400 <= answer.status < 500:
        return None
    return f"accepts a request without a signature or a token, with HTTP status {answer.status}. Deploy it again."


_COMPLAINTS: Final = {Kind.CALLABLE: _of_callable, Kind.WORKER: _of_worker, Kind.ENDPOINT: _of_endpoint}


def check_rules(rules: Path, names: ClaimNames) -> Sequence[Finding]:
    """
    Compare the names of the claims in firestore.rules with the settings. Return nothing if the file is not here.
    """
    if not rules.exists():
        return []
    what, in_rules = "claims in firestore.rules", names_in_rules(rules.read_text())
    if in_rules == names:
        return [Finding(what, Health.OK)]
    told = "nothing" if in_rules is None else f"{in_rules.teacher} and {in_rules.admin}"
    sentence = (
        f"claimTeacher and claimAdmin there are {told}; CLAIM_TEACHER and CLAIM_ADMIN are {names.teacher} and "
        f"{names.admin}. Write the same names there and deploy the rules."
    )
    return [Finding(what, Health.MISSING, sentence)]


def _ask(url: str) -> Answer:
    try:
        answer = requests.post(url, json={"data": {}}, timeout=ASK_WITHIN_S, allow_redirects=False, stream=True)
        with answer:
            body = next(answer.iter_content(BODY_READ_MAX), b"")
    except requests.RequestException:
        return Answer(None)
    return Answer(answer.status_code, "html" in answer.headers.get("content-type", ""), _code(body))


def _code(body: bytes) -> str | None:
    """
    Return the code in a body of the form `{"error": {"status": …}}`; `None` if there is none. Pure.
    """
    try:
        code = json.loads(body)["error"]["status"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return code if isinstance(code, str) else None
