"""A stand-in for Google's REST APIs: one project in which all is well, until a test changes it.

Called by the tests of `doctor --cloud` and of the secrets of commands. It knows the methods and the shapes of
`google_shapes.json`, and answers nothing else: another path, another parameter, or a field that Google's documents do
not have is an error of the test. It serves plain HTTP at `/API/…`, and, as a proxy, TLS for the hosts of Google, so
that the command runs unchanged.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cli.checkup import Kind
from cli.cloud.plan import Plan
from emulator_tests.pure.google_shapes import SHAPES

KNOWN: Final[Mapping[str, Any]] = json.loads(SHAPES.read_text())
HOSTS: Final = (*(f"{api}.googleapis.com" for api in KNOWN), "oauth2.googleapis.com")

LOCATIONS: Final = "iamcredentials.googleapis.com"
"""google-auth asks here by itself from where a service account may be used; it gets no answer."""

NUMBER: Final = "123456789012"
TOKEN: Final = "ya29.token-of-the-operator"

Answer = tuple[int, Any]
"""A status, and a JSON value or raw bytes."""


def denied(permission: str = "") -> Answer:
    """
    Return what Google says to somebody without a permission.

    Source: https://cloud.google.com/apis/design/errors#error_info
    """
    info = {"reason": "IAM_PERMISSION_DENIED", "domain": "iam.googleapis.com", "metadata": {"permission": permission}}
    return refused(403, "PERMISSION_DENIED", *([info] if permission else []))


def off(api: str) -> Answer:
    """
    Return what Google says while an API is off.
    """
    info = {"reason": "SERVICE_DISABLED", "domain": "googleapis.com", "metadata": {"service": f"{api}.googleapis.com"}}
    return refused(403, "PERMISSION_DENIED", info)


def refused(status: int, code: str, *infos: Mapping[str, Any]) -> Answer:
    """
    Return an error in Google's form.
    """
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **one} for one in infos]
    return status, {"error": {"code": status, "message": f"No. {TOKEN}", "status": code, "details": details}}


ABSENT: Final = refused(404, "NOT_FOUND")


@dataclass
class Google:
    """
    One project as Google's APIs show it.

    Attributes:
        answers: What each address answers, by `API/path`: a JSON object, a list of pages, or an `Answer`.
        url: Where it serves plain HTTP.
        asked: The addresses that were asked for.
        tokens: The tokens that came along.
        held: While it is not set, no answer is given to what `slow` names.
        slow: The addresses that wait.
        faults: What the tests' answers or our requests did that Google's documents do not have.
    """

    answers: dict[str, Any]
    url: str = ""
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    held: threading.Event = field(default_factory=threading.Event)
    slow: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def answer(self, verb: str, api: str, target: str, body: bytes) -> Answer:
        """
        Answer a request.
        """
        url = urlsplit(target)
        query, key = parse_qs(url.query), f"{api}/{url.path.lstrip('/')}"
        self.asked.append(key)
        if key == "oauth2/token":
            return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        if key in self.slow:
            self.held.wait(30)
        method = _method(verb, api, url.path.lstrip("/"))
        if method is None:
            self.faults.append(f"{verb} {key} is no method of {api}.")
            return ABSENT
        self.faults += [f"{key} has no parameter {name}." for name in query if name not in method["query"]]
        if verb == "POST" and json.loads(body) != {"options": {"requestedPolicyVersion": 3}}:
            self.faults.append(f"{key} got {body!r}.")
        found = self.answers.get(key, ABSENT)
        if isinstance(found, tuple):
            return found
        if isinstance(found, list):
            found = found[int(query.get("pageToken", ["0"])[0])]
        if method["answer"] == "BatchGetServicesResponse":
            found = {"services": [one for one in found["services"] if one["name"] in query["names"]]}
        self.faults += _unlike(found, f"#{method['answer']}", KNOWN[api]["schemas"], key)
        return 200, found


def _method(verb: str, api: str, path: str) -> Mapping[str, Any] | None:
    # A name may end as a method does that stands for itself, such as `:getIamPolicy`.
    for one in sorted(KNOWN.get(api, {}).get("methods", {}).values(), key=lambda one: -len(one["path"])):
        pattern = re.escape(one["path"])
        for name, of_it in one["pattern"].items():
            pattern = pattern.replace(re.escape(f"{{+{name}}}"), of_it.strip("^$"))
        if one["verb"] == verb and re.fullmatch(pattern, path):
            return one  # type: ignore[no-any-return]  # JSON
    return None


def _unlike(value: Any, kind: Any, schemas: Mapping[str, Any], where: str) -> list[str]:
    """
    Return what a value has that its shape does not. Pure.
    """
    match kind:
        case ["array", inner]:
            return [fault for one in value for fault in _unlike(one, inner, schemas, f"{where}[]")]
        case ["map", inner]:
            return [fault for name, one in value.items() for fault in _unlike(one, inner, schemas, f"{where}.{name}")]
        case ["enum", *texts]:
            return [] if value in texts else [f"{where} cannot be {value!r}."]
        case "object" | "any":
            return []
        case str() if kind.startswith("#"):
            fields = schemas[kind[1:]]
            return [
                fault
                for name, one in value.items()
                for fault in (
                    _unlike(one, fields[name], schemas, f"{where}.{name}")
                    if name in fields
                    else [f"{where} has no field {name}."]
                )
            ]
    types = {"string": str, "boolean": bool, "integer": int, "number": int | float}
    return [] if isinstance(value, types[kind]) else [f"{where} is no {kind}."]


@contextmanager
def serving(google: Google, certificate: Path | None = None) -> Iterator[Google]:
    """
    Serve, until the end of the `with`.

    Args:
        google: The project.
        certificate: A PEM file with the key and the certificate of `HOSTS`, to serve TLS as a proxy too.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        api = ""

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            google.tokens.add(self.headers.get("Authorization", ""))
            api, target = self.api, self.path
            if not api:
                api, _, target = self.path.lstrip("/").partition("/")
            status, said = google.answer(self.command, api, target, body)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                # The caller no longer waits.
                self.close_connection = True

        def do_POST(self) -> None:
            self.do_GET()

        def do_CONNECT(self) -> None:
            host = self.path.partition(":")[0]
            if certificate is None or host not in HOSTS:
                if host != LOCATIONS:
                    google.faults.append(f"{host} was asked.")
                self.send_error(403)
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.send_response(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
            self.api, self.close_connection = host.partition(".")[0], False

        def finish(self) -> None:
            super().finish()
            # If it became another, the server does not know it.
            self.connection.close()

        def log_message(self, format: str, *args: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        google.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield google
        finally:
            google.held.set()
            server.shutdown()
            thread.join()


# --- a project in which all is well -------------------------------------------------------------------------------


def text_of(at: datetime) -> str:
    """
    Return an instant as Google writes it.
    """
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond:06}123Z"


def policy(**members: Any) -> dict[str, Any]:
    """
    Return an IAM policy: the members of each role, in which `__` stands for a dot.
    """
    return {
        "version": 3,
        "etag": "BwXhqDVIPVE=",
        "bindings": [{"role": f"roles/{role.replace('__', '.')}", "members": of_it} for role, of_it in members.items()],
    }


def well(plan: Plan, secrets: Mapping[str, str]) -> dict[str, Any]:
    """
    Return the answers of a project in which everything is as planned.

    Args:
        plan: The plan.
        secrets: The values of its secrets.
    """
    project, place, database = plan.project, plan.place, plan.database_name
    account = plan.account or f"{NUMBER}-compute@developer.gserviceaccount.com"
    member = [f"serviceAccount:{account}"]
    own = f"iam/v1/projects/{project}/serviceAccounts/{account}"
    ruleset = f"projects/{project}/rulesets/8d5a9f2e-1111-4222-8333-944455556666"
    release = "cloud.firestore" if plan.database == "(default)" else f"cloud.firestore/{plan.database}"
    answers: dict[str, Any] = {
        f"serviceusage/v1/projects/{project}/services:batchGet": {"services": _Services(project)},
        f"cloudbilling/v1/projects/{project}/billingInfo": {
            "name": f"projects/{project}/billingInfo",
            "projectId": project,
            "billingAccountName": "billingAccounts/012345-567890-ABCDEF",
            "billingEnabled": True,
        },
        f"cloudresourcemanager/v3/projects/{project}": {
            "name": f"projects/{NUMBER}",
            "projectId": project,
            "state": "ACTIVE",
        },
        f"cloudresourcemanager/v3/projects/{project}:getIamPolicy": policy(
            datastore__user=member,
            cloudtasks__enqueuer=member,
            eventarc__eventReceiver=member,
            eventarc__publisher=member,
            run__invoker=member,
            firebaseauth__viewer=member,
        ),
        own: {"name": f"projects/{project}/serviceAccounts/{account}", "email": account, "projectId": project},
        f"{own}:getIamPolicy": policy(iam__serviceAccountUser=member, iam__serviceAccountTokenCreator=member),
        f"cloudfunctions/v2/{place}/functions": {"functions": [_function(plan, name) for name in plan.functions]},
        f"cloudtasks/v2/{place}/queues": {"queues": [_queue(plan, name) for name in plan.queues]},
        f"firestore/v1/{database}": {
            "name": database,
            "uid": "9a1d0b54-0000-4000-8000-000000000000",
            "type": "FIRESTORE_NATIVE",
            "locationId": "eur3",
            "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED",
            "deleteProtectionState": "DELETE_PROTECTION_ENABLED",
        },
        f"firestore/v1/{database}/collectionGroups/-/indexes": {
            "indexes": [
                {
                    "name": f"{database}/collectionGroups/{one['collectionGroup']}/indexes/CICAgOjXh{number}",
                    "queryScope": one["queryScope"],
                    "fields": [*one["fields"], {"fieldPath": "__name__", "order": "ASCENDING"}],
                    "state": "READY",
                    "density": "SPARSE_ALL",
                }
                for number, one in enumerate(plan.indexes["indexes"])
            ]
        },
        f"firestore/v1/{database}/collectionGroups/-/fields": {
            "fields": [_field(database, one) for one in plan.indexes["fieldOverrides"]]
        },
        f"firestore/v1/{database}/backupSchedules": {
            "backupSchedules": [
                {
                    "name": f"{database}/backupSchedules/b1",
                    "createTime": text_of(plan.now - timedelta(days=60)),
                    "retention": "1209600s",
                    "dailyRecurrence": {},
                }
            ]
        },
        f"firestore/v1/projects/{project}/locations/-/backups": {
            "backups": [
                {
                    "name": f"projects/{project}/locations/eur3/backups/k{days}",
                    "database": database,
                    "state": "READY",
                    "snapshotTime": text_of(plan.now - timedelta(days=days, hours=5)),
                }
                for days in (0, 1, 2)
            ]
        },
        f"firebaserules/v1/projects/{project}/releases/{release}": {
            "name": f"projects/{project}/releases/{release}",
            "rulesetName": ruleset,
        },
        f"firebaserules/v1/{ruleset}": {
            "name": ruleset,
            "source": {"files": [{"name": "firestore.rules", "content": plan.rules, "fingerprint": "c29tZQ=="}]},
        },
        f"artifactregistry/v1/{place}/repositories/gcf-artifacts": {
            "name": f"{place}/repositories/gcf-artifacts",
            "format": "DOCKER",
            "cleanupPolicies": {"firebase-functions-cleanup": {"id": "firebase-functions-cleanup", "action": "DELETE"}},
        },
        f"monitoring/v3/projects/{project}/alertPolicies": {"alertPolicies": _alert_policies(plan)},
        **{
            f"orgpolicy/v2/projects/{project}/policies/{constraint}:getEffectivePolicy": {
                "name": f"projects/{NUMBER}/policies/{constraint}",
                "spec": {"rules": [{"allowAll": True}]},
            }
            for constraint in ("iam.allowedPolicyMemberDomains", "iam.managed.allowedPolicyMembers")
        },
    }
    for name, declared in plan.functions.items():
        service = f"run/v2/{place}/services/{plan.id_of(name).lower()}"
        is_open = declared.kind in (Kind.CALLABLE, Kind.ENDPOINT)
        answers[service] = {"name": service.partition("/v2/")[2], "invokerIamDisabled": False}
        answers[f"{service}:getIamPolicy"] = policy(run__invoker=["allUsers"]) if is_open else policy()
        if declared.is_triggered:
            answers[f"eventarc/v1/{trigger_of(plan, name)}"] = {
                "name": trigger_of(plan, name),
                "eventFilters": [{"attribute": "database", "value": plan.database}],
            }
        if declared.schedule:
            answers[f"cloudscheduler/v1/{job_of(plan, name)}"] = {
                "name": job_of(plan, name),
                "state": "ENABLED",
                "schedule": declared.schedule,
                "lastAttemptTime": text_of(plan.now - timedelta(minutes=3)),
                "userUpdateTime": text_of(plan.now - timedelta(days=30)),
                "status": {},
            }
    for name, value in secrets.items():
        secret = f"projects/{NUMBER}/secrets/{name}/versions/2"
        path = f"secretmanager/v1/projects/{project}/secrets/{name}"
        answers[f"{path}/versions/latest"] = {"name": secret, "state": "ENABLED"}
        data = base64.b64encode(value.encode()).decode()
        answers[f"{path}/versions/latest:access"] = {"name": secret, "payload": {"data": data}}
        answers[f"{path}:getIamPolicy"] = policy(secretmanager__secretAccessor=member)
    return answers


class _Services(list[dict[str, str]]):
    """
    All services, which are on unless a test takes one out.
    """

    def __init__(self, project: str) -> None:
        apis = {
            *KNOWN,
            "cloudbuild",
            "eventarcpublishing",
            "iamcredentials",
            "identitytoolkit",
            "logging",
            "pubsub",
            "storage",
        }
        super().__init__(
            {"name": f"projects/{project}/services/{api}.googleapis.com", "state": "ENABLED"} for api in sorted(apis)
        )


def trigger_of(plan: Plan, name: str) -> str:
    return f"projects/{plan.project}/locations/eur3/triggers/{plan.id_of(name).lower()}-123456"


def job_of(plan: Plan, name: str) -> str:
    return f"{plan.place}/jobs/firebase-schedule-{plan.id_of(name)}-{plan.region}"


def _function(plan: Plan, name: str) -> dict[str, Any]:
    service = {
        "service": f"{plan.place}/services/{plan.id_of(name).lower()}",
        "serviceAccountEmail": plan.account or f"{NUMBER}-compute@developer.gserviceaccount.com",
        "secretEnvironmentVariables": [
            {"key": one, "projectId": plan.project, "secret": one, "version": "2"} for one in plan.secrets
        ],
    }
    found = {
        "name": f"{plan.place}/functions/{plan.id_of(name)}",
        "state": "ACTIVE",
        "environment": "GEN_2",
        "labels": {"deployment-tool": "cli-firebase", "firebase-functions-codebase": plan.codebase},
        "serviceConfig": service,
    }
    if plan.functions[name].is_triggered:
        found["eventTrigger"] = {"trigger": trigger_of(plan, name)}
    return found


def _queue(plan: Plan, name: str) -> dict[str, Any]:
    limits = plan.queues[name]
    return {
        "name": f"{plan.place}/queues/{plan.id_of(name)}",
        "state": "RUNNING",
        "rateLimits": {"maxConcurrentDispatches": limits.at_once, "maxDispatchesPerSecond": limits.per_second},
    }


def _field(database: str, override: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{database}/collectionGroups/{override['collectionGroup']}/fields/{override['fieldPath']}"
    ttl = {"ttlConfig": {"state": "ACTIVE"}} if override.get("ttl") else {}
    return {"name": name, "indexConfig": {"ancestorField": f"{database}/collectionGroups/__default__/fields/*"}, **ttl}


def _alert_policies(plan: Plan) -> list[dict[str, Any]]:
    channel = f"projects/{plan.project}/notificationChannels/1"
    return [
        {"displayName": name, "enabled": True, "combiner": "OR", "notificationChannels": [channel]}
        for name in plan.policies
    ]
