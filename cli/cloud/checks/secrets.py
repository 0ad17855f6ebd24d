"""The secrets that the functions need. Their values are not read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cli.cloud.api import Absent, Unknown
from cli.cloud.check import check
from cli.cloud.cloud import Cloud, advised, missing, named, roles_of, short
from shared.ports import Finding

READS: Final = "roles/secretmanager.secretAccessor"
READS_TOO: Final = ("roles/secretmanager.admin", "roles/owner")


@check("secrets", "roles/secretmanager.viewer")
def check_secrets(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that each secret has a value, and that the functions may read it.

    Source: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions
    """
    what, plan = "secrets", cloud.plan
    member = f"serviceAccount:{cloud.account}"
    for name in plan.secrets:
        path = f"v1/projects/{plan.project}/secrets/{name}"
        try:
            version = cloud.apis.get("secretmanager", f"{path}/versions/latest")
        except Absent:
            yield missing(
                what,
                f"{name} has no value, so no function that needs it can be deployed. "
                f"Run `firebase functions:secrets:set {name} --project {plan.project}`.",
            )
            continue
        number = short(version["name"])
        if version["state"] != "ENABLED":
            yield missing(
                what,
                f"Version {number} of {name} is {version['state']}, so no function that needs it starts. "
                f"Run `gcloud secrets versions enable {number} --secret={name} --project={plan.project}`, or "
                f"`firebase functions:secrets:set {name} --project {plan.project}`.",
            )
        if not {READS, *READS_TOO} & (
            roles_of(cloud.apis.policy("secretmanager", path), member).keys() | _roles(cloud)
        ):
            yield missing(
                what,
                f"{cloud.account} may not read {name}, so no function that needs it starts. Run `gcloud secrets "
                f"add-iam-policy-binding {name} --project={plan.project} --member={member} --role={READS}`.",
            )


def _roles(cloud: Cloud) -> Iterable[str]:
    """
    Return the roles of the functions' account on the project, as far as the operator may read them.
    """
    try:
        return roles_of(cloud.policy, f"serviceAccount:{cloud.account}").keys()
    except Unknown:
        return ()


@check("versions of secrets", "roles/secretmanager.viewer")
def check_versions(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that the functions use the newest version of each secret: a deployment writes its number down.

    Source: https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions#SecretEnvVar
    """
    plan = cloud.plan
    used: dict[str, set[str]] = {}
    for one in cloud.own_functions.values():
        for secret in one.get("serviceConfig", {}).get("secretEnvironmentVariables", []):
            used.setdefault(secret["key"], set()).add(secret["version"])
    old = []
    for name in plan.secrets:
        try:
            latest = cloud.apis.get("secretmanager", f"v1/projects/{plan.project}/secrets/{name}/versions/latest")
        except Absent:
            continue
        if used.get(name, set()) - {short(latest["name"]), "latest"}:
            old.append(name)
    if old:
        yield advised(
            "versions of secrets",
            f"The functions still use an earlier value of {named(old)}. Run {plan.deploy_functions}.",
        )
