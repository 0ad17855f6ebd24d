"""The functions: whether they are deployed, and who may call them."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from cli.checkup import Kind
from cli.cloud.api import Absent, Fields
from cli.cloud.check import check
from cli.cloud.cloud import CODEBASE, Cloud, advised, each, missing, named, roles_of, short
from shared.ports import Finding

ASKED_AT_ONCE: Final = 4
OPEN: Final = frozenset({Kind.CALLABLE, Kind.ENDPOINT})
INVOKES: Final = ("roles/run.invoker", "roles/run.admin")


@check("deployed functions", "roles/cloudfunctions.viewer")
def check_functions(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that each function is deployed as this checkout and its settings say.

    Source: https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions
    """
    what, plan, found = "deployed functions", cloud.plan, cloud.own_functions
    lacking = [plan.id_of(name) for name in plan.functions if name not in found]
    if lacking:
        yield missing(
            what,
            f"{len(lacking)} of {len(plan.functions)} are not in {plan.region}: {named(lacking)}. "
            f"Run {plan.deploy_functions}, or correct FUNCTIONS_REGION.",
        )
    ours = {name: one for name, one in found.items() if _codebase(one) == plan.codebase}
    foreign = [plan.id_of(name) for name in found if name not in ours]
    if foreign:
        yield missing(
            what,
            f"Another codebase has deployed functions of the same names: {named(foreign)}. Deploying ours would "
            "replace them. Use another project.",
        )
    broken = {plan.id_of(name): one for name, one in ours.items() if one["state"] != "ACTIVE"}
    for name, one in broken.items():
        said = "; ".join(str(message.get("message", "")) for message in one.get("stateMessages", []))
        yield missing(what, f"{name} is {one['state']}{f': {said}' if said else ''}. Run {plan.deploy_functions}.")
    others = [plan.id_of(name) for name, one in ours.items() if _account(one) not in ("", cloud.account)]
    if others:
        yield missing(
            what,
            f"Some do not run as {cloud.account}, and may lack its roles: {named(others)}. Run "
            f"{plan.deploy_functions}, or correct SERVICE_ACCOUNT.",
        )
    expected = {plan.id_of(name) for name in plan.functions}
    left = [name for name, one in cloud.functions.items() if _codebase(one) == plan.codebase and name not in expected]
    if left:
        yield advised(
            what,
            f"Some are left from an earlier release or other settings: {named(left)}. "
            + each(
                left, lambda one: f"firebase functions:delete {one} --region {plan.region} --project {plan.project}"
            ),
        )


def _codebase(function: Fields) -> str:
    # Source: DEFAULT_CODEBASE of firebase-tools, lib/functions/projectConfig.js.
    return str(function.get("labels", {}).get(CODEBASE, "default"))


def _account(function: Fields) -> str:
    return str(function.get("serviceConfig", {}).get("serviceAccountEmail", ""))


@check("public access", "roles/run.viewer")
def check_public(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that clients and providers reach callables and endpoints, and that nobody else's request reaches a worker.

    Source: https://cloud.google.com/run/docs/authenticating/public
    """
    what, plan = "public access", cloud.plan
    services = {
        name: short(one["serviceConfig"]["service"])
        for name, one in cloud.own_functions.items()
        if plan.functions[name].kind is not None
    }
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        are_open = dict(zip(services, pool.map(lambda one: _is_open(cloud, one), services.values()), strict=True))
    at = f"--region={plan.region} --project={plan.project}"
    closed = [services[name] for name, is_open in are_open.items() if not is_open and plan.functions[name].kind in OPEN]
    if closed:
        yield missing(
            what,
            f"Cloud Run refuses everybody at {named(closed)}, so no client can call them. "
            + each(
                closed,
                lambda one: (
                    f"gcloud run services add-iam-policy-binding {one} {at} --member=allUsers --role=roles/run.invoker"
                ),
            )
            + f" If the organisation forbids that, run `gcloud run services update {min(closed)} {at} "
            "--no-invoker-iam-check` instead, for each.",
        )
    exposed = [
        services[name] for name, is_open in are_open.items() if is_open and plan.functions[name].kind is Kind.WORKER
    ]
    if exposed:
        yield missing(
            what,
            f"Anybody's requests reach the workers {named(exposed)}. "
            + each(
                exposed,
                lambda one: (
                    f"gcloud run services remove-iam-policy-binding {one} {at} --member=allUsers "
                    "--role=roles/run.invoker"
                ),
            ),
        )


def _is_open(cloud: Cloud, service: str) -> bool:
    path = f"v2/{cloud.plan.place}/services/{service}"
    try:
        given = roles_of(cloud.apis.policy("run", path), "allUsers")
        if any(role in given for role in INVOKES):
            return True
        return cloud.apis.get("run", path).get("invokerIamDisabled") is True
    except Absent:
        return False


@check("triggers", "roles/eventarc.viewer")
def check_triggers(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that Eventarc calls the functions that follow events.

    Source: https://cloud.google.com/eventarc/docs/reference/rest/v1/projects.locations.triggers
    """
    what, plan = "triggers", cloud.plan
    for name, one in cloud.own_functions.items():
        if not plan.functions[name].is_triggered:
            continue
        lost = f"{plan.id_of(name)} is not called, so changes are noticed minutes later, by the sweep, or not at all"
        trigger = one.get("eventTrigger", {}).get("trigger", "")
        try:
            found = cloud.apis.get("eventarc", f"v1/{trigger}") if trigger else None
        except Absent:
            found = None
        if found is None:
            yield missing(what, f"It has no trigger: {lost}. Run {plan.deploy_functions}.")
            continue
        conditions = found.get("conditions", {})
        if conditions:
            said = "; ".join(str(one.get("message") or name) for name, one in sorted(conditions.items()))
            yield missing(what, f"Its trigger has failed ({said}): {lost}. Run {plan.deploy_functions}.")
        databases = {one["value"] for one in found.get("eventFilters", []) if one.get("attribute") == "database"}
        if databases - {plan.database}:
            yield missing(
                what,
                f"Its trigger follows the database {named(databases)}, not {plan.database}: {lost}. "
                f"Run {plan.deploy_functions}.",
            )
