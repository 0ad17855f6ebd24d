"""A project in the cloud, as far as `gcloud`, `firebase` and `curl` of the scripts in `deploy/` show it.

It accepts only what gcloud and firebase accept (`recorded.py`, `firebase.cjs`), and what the API behind it can do at
that moment: nothing before its API is enabled, no role for an account that does not exist. The texts of its refusals
are like Google's. `cloud.py` serves it to the scripts.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from google.cloud.firestore_v1.types import ListCollectionIdsRequest, RunAggregationQueryRequest, StructuredQuery

from emulator_tests.deploy.recorded import Call, NotAccepted, check_message, parsed

PROJECT: Final = "my-school"
NUMBER: Final = "123456789012"
TOKEN: Final = "ya29.fake"
FIREBASE: Final = Path(__file__).with_name("firebase.cjs")
MONITORING: Final = "https://monitoring.googleapis.com/v3/"
FIRESTORE: Final = "https://firestore.googleapis.com/v1/"

API_OF: Final = {
    "artifacts": "artifactregistry",
    "firestore": "firestore",
    "functions": "cloudfunctions",
    "iam": "iam",
    "logging": "logging",
    "monitoring": "monitoring",
    "scheduler": "cloudscheduler",
    "secrets": "secretmanager",
    "tasks": "cloudtasks",
}
"""The API behind each group of commands, where it has to be enabled first."""


class Refused(Exception):
    """The API refuses a call. The text is what gcloud prints."""


def not_found(what: str) -> Refused:
    return Refused(f"NOT_FOUND: {what} was not found.")


def need_api(project: dict[str, Any], name: str) -> None:
    if f"{name}.googleapis.com" not in project["apis"]:
        raise Refused(
            f"PERMISSION_DENIED: {name} API has not been used in project {NUMBER} before or it is disabled. "
            "reason: SERVICE_DISABLED"
        )


def bind(project: dict[str, Any], resource: str, call: Call) -> None:
    member = str(call.flags["--member"])
    address = member.removeprefix("serviceAccount:")
    if member.startswith("serviceAccount:") and address not in project["accounts"]:
        raise Refused(f"INVALID_ARGUMENT: Service account {address} does not exist.")
    binding = [resource, member, call.flags["--role"], call.flags.get("--condition", "None")]
    if binding not in project["bindings"]:
        project["bindings"].append(binding)


def bind_project(project: dict[str, Any], call: Call) -> None:
    bind(project, "project", call)


def bind_account(project: dict[str, Any], call: Call) -> None:
    account = call.positionals[0]
    if account not in project["accounts"]:
        raise not_found(f"Unknown service account {account}")
    bind(project, account, call)


def describe_project(_project: dict[str, Any], call: Call) -> str:
    if call.positionals[0] != PROJECT:
        raise Refused(f"PERMISSION_DENIED: The caller does not have permission on {call.positionals[0]}")
    return NUMBER


def enable(project: dict[str, Any], call: Call) -> None:
    project["apis"] = sorted({*project["apis"], *call.positionals})


def create_agent(project: dict[str, Any], call: Call) -> None:
    service = str(call.flags["--service"])
    need_api(project, service.partition(".")[0])
    agent = f"service-{NUMBER}@gcp-sa-{service.partition('.')[0]}.iam.gserviceaccount.com"
    project["accounts"] = sorted({*project["accounts"], agent})


def describe_account(project: dict[str, Any], call: Call) -> str:
    if call.positionals[0] not in project["accounts"]:
        raise not_found(f"Unknown service account {call.positionals[0]}")
    return call.positionals[0]


def create_account(project: dict[str, Any], call: Call) -> None:
    address = f"{call.positionals[0]}@{PROJECT}.iam.gserviceaccount.com"
    project["accounts"] = sorted({*project["accounts"], address})


def locations(_project: dict[str, Any], _call: Call) -> str:
    return "\n".join(f"projects/{PROJECT}/locations/{one}" for one in ("europe-west1", "us-central1", "us-central10"))


def database_of(project: dict[str, Any], call: Call) -> dict[str, Any]:
    found: dict[str, Any] | None = project["databases"].get(call.flags["--database"])
    if found is None:
        raise not_found(f"The database {call.flags['--database']} does not exist")
    return found


def describe_database(project: dict[str, Any], call: Call) -> str:
    found = database_of(project, call)
    if call.flags["--format"] == "value(deleteProtectionState)":
        return protection(found)
    return f"{found['location']},{found['type']},{protection(found)},{recovery(found)}"


def protection(found: dict[str, Any]) -> str:
    return f"DELETE_PROTECTION_{'ENABLED' if found['protected'] else 'DISABLED'}"


def recovery(found: dict[str, Any]) -> str:
    return f"POINT_IN_TIME_RECOVERY_{'ENABLED' if found['recoverable'] else 'DISABLED'}"


def create_database(project: dict[str, Any], call: Call) -> None:
    flags = call.flags
    if flags["--location"] not in ("eur3", "nam5", "europe-west1"):
        raise Refused(f"INVALID_ARGUMENT: Invalid location {flags['--location']}")
    project["databases"][flags["--database"]] = {
        "location": flags["--location"],
        "type": str(flags["--type"]).upper().replace("-", "_"),
        "protected": flags.get("--delete-protection") is True,
        "recoverable": flags.get("--enable-pitr") is True,
        "schedules": [],
    }


def update_database(project: dict[str, Any], call: Call) -> None:
    found = database_of(project, call)
    found["protected"] = call.flags.get("--delete-protection", found["protected"])
    found["recoverable"] = call.flags.get("--enable-pitr", found["recoverable"])


def delete_database(project: dict[str, Any], call: Call) -> None:
    if database_of(project, call)["protected"]:
        raise Refused("FAILED_PRECONDITION: Database deletion protection is enabled.")
    del project["databases"][call.flags["--database"]]
    project["documents"].pop(call.flags["--database"], None)


def list_schedules(project: dict[str, Any], call: Call) -> str:
    return "\n".join(
        f"schedules/{number},{day}" for number, (day, _) in enumerate(database_of(project, call)["schedules"])
    )


def create_schedule(project: dict[str, Any], call: Call) -> None:
    schedules = database_of(project, call)["schedules"]
    day = call.flags.get("--day-of-week", "")
    if any(one == day for one, _ in schedules):
        raise Refused("ALREADY_EXISTS: A schedule of this recurrence exists.")
    schedules.append([day, call.flags["--retention"]])


def file_of(call: Call, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(str(call.flags["--config-from-file"])).read_text())
    check_message(kind, found)
    return found


def describe_metric(project: dict[str, Any], call: Call) -> str:
    if call.positionals[0] not in project["metrics"]:
        raise not_found(f"Metric {call.positionals[0]} does not exist")
    return call.positionals[0]


def write_metric(project: dict[str, Any], call: Call) -> None:
    (name,) = call.positionals
    metric = file_of(call, "LogMetric")
    if metric["name"] != name or (name in project["metrics"]) != call.command.endswith("update"):
        raise Refused(f"INVALID_ARGUMENT: {metric['name']} is not {name}, or exists, or does not")
    project["metrics"][name] = metric


def delete_metric(project: dict[str, Any], call: Call) -> None:
    name = describe_metric(project, call)
    if any(f"user/{name}" in json.dumps(one["conditions"]) for one in project["policies"]):
        raise Refused(f"FAILED_PRECONDITION: {name} is used by an alert policy")
    del project["metrics"][name]


def list_dashboards(project: dict[str, Any], call: Call) -> str:
    wanted = re.fullmatch(r'displayName="(.*)"', str(call.flags["--filter"]))
    assert wanted is not None
    shown = [one["displayName"] == wanted[1] for one in project["dashboards"]]
    return "\n".join(f"projects/{NUMBER}/dashboards/{number}" for number, is_it in enumerate(shown) if is_it)


def create_dashboard(project: dict[str, Any], call: Call) -> None:
    project["dashboards"].append(file_of(call, "Dashboard"))


def delete_dashboard(project: dict[str, Any], call: Call) -> None:
    del project["dashboards"][int(call.positionals[0].rpartition("/")[2])]


def delete_account(project: dict[str, Any], call: Call) -> None:
    account = describe_account(project, call)
    project["accounts"].remove(account)
    member = f"serviceAccount:{account}"
    # What was granted on it goes with it. What was granted to it stays, with another name.
    kept = [one for one in project["bindings"] if one[0] != account]
    project["bindings"] = [[one[0], f"deleted:{member}", *one[2:]] if one[1] == member else one for one in kept]
    for secret in project["secrets"].values():
        secret[:] = [f"deleted:{member}" if one == member else one for one in secret]


def show_policy(project: dict[str, Any], call: Call) -> str:
    assert call.flags["--flatten"] == "bindings[].members"
    _, _, member = str(call.flags["--filter"]).partition("bindings.members=")
    mine = [(role, how) for where, who, role, how in project["bindings"] if (where, who) == ("project", member)]
    if call.flags["--format"] == "value(bindings.role)":
        return "\n".join(role for role, _ in mine)
    assert call.flags["--format"] == "csv[no-heading](bindings.role,bindings.condition.title)"
    return "\n".join(f"{role},{how.partition(',title=')[2]}" for role, how in mine)


def unbind_project(project: dict[str, Any], call: Call) -> None:
    gone = ["project", call.flags["--member"], call.flags["--role"]]
    assert call.flags["--all"] is True
    kept = [one for one in project["bindings"] if one[:3] != gone]
    if kept == project["bindings"]:
        raise not_found("Policy binding with the specified member and role")
    project["bindings"] = kept


def list_functions(project: dict[str, Any], call: Call) -> str:
    # gcloud's own printer answers so to this format; a function of the first generation has a resource.
    assert str(call.flags["--format"]).endswith(
        ',eventTrigger.eventFilters.filter("attribute=database").extract(value).flatten(),eventTrigger.resource)'
    )
    return "\n".join(
        f"projects/{PROJECT}/locations/{one['region']}/functions/{one['id']},"
        f"{one.get('codebase', '')},{one['account']},,{one.get('database', '')},{one.get('resource', '')}"
        for one in project["functions"]
    )


def in_location(names: Sequence[str], call: Call) -> str:
    region = str(call.flags["--location"])
    return "\n".join(name.partition("/")[2] for name in names if name.startswith(f"{region}/"))


def delete_queue(project: dict[str, Any], call: Call) -> None:
    del project["queues"][f"{call.flags['--location']}/{call.positionals[0]}"]


def delete_job(project: dict[str, Any], call: Call) -> None:
    project["jobs"].remove(f"{call.flags['--location']}/{call.positionals[0]}")


def show_secret_policy(project: dict[str, Any], call: Call) -> str:
    assert call.flags["--flatten"] == "bindings[].members"
    return "\n".join(f"roles/secretmanager.secretAccessor,{one}" for one in project["secrets"][call.positionals[0]])


def unbind_secret(project: dict[str, Any], call: Call) -> None:
    assert call.flags["--role"] == "roles/secretmanager.secretAccessor"
    project["secrets"][call.positionals[0]].remove(call.flags["--member"])


def delete_secret(project: dict[str, Any], call: Call) -> None:
    del project["secrets"][call.positionals[0]]


def repository_of(project: dict[str, Any], call: Call) -> dict[str, Any]:
    found: dict[str, Any] | None = project["repositories"].get(f"{call.flags['--location']}/{call.positionals[0]}")
    if found is None:
        raise not_found("Requested entity")
    return found


def describe_repository(project: dict[str, Any], call: Call) -> str:
    return ";".join(one["name"] for one in repository_of(project, call)["policies"])


def set_cleanup(project: dict[str, Any], call: Call) -> None:
    found = repository_of(project, call)
    found.update(
        policies=json.loads(Path(str(call.flags["--policy"])).read_text()), acts=call.flags["--dry-run"] is False
    )


HANDLERS: Final[dict[str, Callable[[dict[str, Any], Call], str | None]]] = {
    "artifacts repositories describe": describe_repository,
    "artifacts repositories set-cleanup-policies": set_cleanup,
    "auth print-access-token": lambda _project, _call: TOKEN,
    "beta services identity create": create_agent,
    "firestore backups schedules create": create_schedule,
    "firestore backups schedules list": list_schedules,
    "firestore databases create": create_database,
    "firestore databases delete": delete_database,
    "firestore databases describe": describe_database,
    "firestore databases update": update_database,
    "functions list": list_functions,
    "functions regions list": locations,
    "iam service-accounts add-iam-policy-binding": bind_account,
    "iam service-accounts create": create_account,
    "iam service-accounts delete": delete_account,
    "iam service-accounts describe": describe_account,
    "logging metrics create": write_metric,
    "logging metrics delete": delete_metric,
    "logging metrics describe": describe_metric,
    "logging metrics update": write_metric,
    "monitoring dashboards create": create_dashboard,
    "monitoring dashboards delete": delete_dashboard,
    "monitoring dashboards list": list_dashboards,
    "projects add-iam-policy-binding": bind_project,
    "projects describe": describe_project,
    "projects get-iam-policy": show_policy,
    "projects remove-iam-policy-binding": unbind_project,
    "scheduler jobs delete": delete_job,
    "scheduler jobs list": lambda project, call: in_location(project["jobs"], call),
    "scheduler locations list": locations,
    "secrets delete": delete_secret,
    "secrets get-iam-policy": show_secret_policy,
    "secrets list": lambda project, _call: "\n".join(project["secrets"]),
    "secrets remove-iam-policy-binding": unbind_secret,
    "services enable": enable,
    "tasks locations list": locations,
    "tasks queues delete": delete_queue,
    "tasks queues list": lambda project, call: in_location(list(project["queues"]), call),
}


def gcloud(project: dict[str, Any], words: Sequence[str]) -> str | None:
    call = parsed(words)
    if call.flags.get("--quiet") is not True:
        raise NotAccepted("Without --quiet gcloud asks questions.")
    api = API_OF.get(call.command.partition(" ")[0])
    if api is not None:
        need_api(project, api)
    return HANDLERS[call.command](project, call)


def curl(project: dict[str, Any], words: Sequence[str]) -> str:
    method, url, headers, body, query = "GET", "", [], "", []
    rest = iter(words)
    for word in rest:
        match word:
            case "--silent" | "--show-error" | "--fail-with-body" | "--get":
                pass
            case "--header":
                header = next(rest)
                headers.append(Path(header[1:]).read_text().strip() if header.startswith("@") else header)
                if "Bearer" in header:
                    raise NotAccepted("A list of processes would show the token.")
            case "--request":
                method = next(rest)
            case "--data-binary":
                body = Path(next(rest).removeprefix("@")).read_text()
            case "--data-urlencode":
                query.append(next(rest))
            case _ if word.startswith((MONITORING, FIRESTORE)):
                url = word
            case _:
                raise NotAccepted(f"curl: option {word}: is unknown")
    if f"Authorization: Bearer {TOKEN}" not in headers:
        raise Refused('{"error": {"code": 401, "status": "UNAUTHENTICATED"}}')
    if url.startswith(FIRESTORE):
        need_api(project, "firestore")
        return json.dumps(documents(project, url.removeprefix(FIRESTORE), body), indent=2)
    need_api(project, "monitoring")
    return json.dumps(policies(project, method, url.removeprefix(MONITORING), body, query), indent=2)


def documents(project: dict[str, Any], path: str, body: str) -> Any:
    """Answer a call of Firestore."""
    parent, _, verb = path.rpartition(":")
    found = re.fullmatch(rf"projects/{PROJECT}/databases/(.*)/documents", parent)
    assert found is not None
    if found[1] not in project["databases"]:
        raise Refused(json.dumps([{"error": {"code": 404, "status": "NOT_FOUND"}}], indent=2))
    collections: dict[str, list[dict[str, Any]]] = project["documents"].get(found[1], {})
    if verb == "listCollectionIds":
        ListCollectionIdsRequest.from_json(body)
        return {"collectionIds": sorted(collections)} if collections else {}
    assert verb == "runAggregationQuery"
    query = RunAggregationQueryRequest.from_json(body).structured_aggregation_query
    (aggregation,) = query.aggregations
    (origin,) = query.structured_query.from_
    where = query.structured_query.where.field_filter
    alive = [one for one in collections.get(origin.collection_id, []) if matches(where, one)]
    number = str(min(len(alive), aggregation.count.up_to))
    fields = {aggregation.alias: {"integerValue": number}}
    return [{"result": {"aggregateFields": fields}, "readTime": "2026-11-30T10:00:00Z"}]


def matches(where: StructuredQuery.FieldFilter, fields: dict[str, Any]) -> bool:
    """Return whether a document passes a filter; every one passes an empty one."""
    if not where.field.field_path:
        return True
    operators = StructuredQuery.FieldFilter.Operator
    value = fields.get(where.field.field_path)
    if where.op == operators.EQUAL:
        return value is not None and bool(value == where.value.boolean_value)
    assert where.op == operators.IN
    return value in [one.string_value for one in where.value.array_value.values]


def firebase(project: dict[str, Any], words: Sequence[str]) -> None:
    """Delete functions, as firebase-tools does: their schedules too, and it disables their queues."""
    endpoints = [{**one, "project": PROJECT} for one in project["functions"]]
    command = ["node", str(FIREBASE), json.dumps(words), json.dumps(endpoints)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
    if "error" in told:
        raise NotAccepted(told["error"])
    if not told["sure"] or told["project"] != PROJECT:
        raise NotAccepted("Without --force and --non-interactive firebase asks questions.")
    if not told["selected"]:
        raise Refused("The specified filters do not match any existing functions.")
    for name in told["selected"]:
        delete_function(project, name)


def delete_function(project: dict[str, Any], name: str) -> None:
    _, _, _, region, _, identity = name.split("/")
    project["functions"] = [one for one in project["functions"] if (one["region"], one["id"]) != (region, identity)]
    job = f"{region}/firebase-schedule-{identity}-{region}"
    project["jobs"] = [one for one in project["jobs"] if one != job]
    if f"{region}/{identity}" in project["queues"]:
        project["queues"][f"{region}/{identity}"] = "DISABLED"


def policies(project: dict[str, Any], method: str, url: str, body: str, query: Sequence[str]) -> dict[str, Any]:
    """Answer a call of `alertPolicies`."""
    path, _, mask = url.partition("?updateMask=")
    if method == "GET" and path == f"projects/{PROJECT}/alertPolicies":
        (wanted,) = [found[1] for one in query if (found := re.fullmatch(r'filter=display_name="(.*)"', one))]
        found_ones = [one for one in project["policies"] if one["displayName"] == wanted]
        return (
            {"alertPolicies": [{name: one[name] for name in ("name", "userLabels")} for one in found_ones]}
            if found_ones
            else {}
        )
    if method == "DELETE":
        (gone,) = [one for one in project["policies"] if one["name"] == path]
        project["policies"].remove(gone)
        return {}
    policy: dict[str, Any] = json.loads(body)
    check_message("AlertPolicy", policy)
    for condition in policy["conditions"]:
        check_condition(project, policy, condition)
    if method == "POST" and path == f"projects/{PROJECT}/alertPolicies":
        taken = [int(one["name"].rpartition("/")[2]) for one in project["policies"]]
        policy["name"] = f"projects/{PROJECT}/alertPolicies/{max(taken, default=0) + 1}"
        project["policies"].append(policy)
        return policy
    (kept,) = [one for one in project["policies"] if method == "PATCH" and one["name"] == path]
    kept.update({name: policy[name] for name in mask.split(",")})
    return dict(kept)


def check_condition(project: dict[str, Any], policy: dict[str, Any], condition: dict[str, Any]) -> None:
    """Check what the API says of alert policies beside the types of their fields."""
    is_logged = "conditionMatchedLog" in condition
    if is_logged != ("notificationRateLimit" in policy["alertStrategy"]):
        raise Refused("INVALID_ARGUMENT: a notification rate limit goes with a matched log, and with nothing else")
    for metric in re.findall(r"logging\.googleapis\.com/user/([\w.-]+)", json.dumps(condition)):
        if metric not in project["metrics"]:
            raise Refused(f"NOT_FOUND: Cannot find metric that matches type = {metric}")
    for channel in policy["notificationChannels"]:
        if channel not in project["channels"]:
            raise Refused(f"NOT_FOUND: Notification channel {channel} does not exist")


def answered(project: dict[str, Any], program: str, words: Sequence[str]) -> tuple[int, str, str]:
    """
    Return the exit status, the output and the complaint of a call of a program, and change the project.
    """
    programs: dict[str, Callable[[dict[str, Any], Sequence[str]], str | None]] = {
        "gcloud": gcloud,
        "curl": curl,
        "firebase": firebase,
    }
    try:
        told = programs[program](project, words)
    except Refused as refused:
        return refusal(program, str(refused))
    except NotAccepted as wrong:
        return 2, "", f"ERROR: ({program}) not accepted: {wrong}\n"
    return 0, f"{told}\n" if told else "", ""


def refusal(program: str, says: str) -> tuple[int, str, str]:
    """
    Return what a program answers when the API has refused its call: curl shows the API's answer as its output.
    """
    if program == "curl":
        return 22, f"{says}\n", "curl: (22) The requested URL returned error: 403\n"
    return 1, "", f"Error: {says}\n" if program == "firebase" else f"ERROR: (gcloud) {says}\n"
