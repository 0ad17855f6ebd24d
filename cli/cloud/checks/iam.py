"""The account that the functions run as, and its roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cli.cloud.api import Absent
from cli.cloud.check import check
from cli.cloud.cloud import Cloud, advised, missing, roles_of
from cli.cloud.plan import DATABASE
from shared.ports import Finding

ROLES: Final[Mapping[str, tuple[str, str]]] = {
    "roles/datastore.user": ("documents cannot be read or written", "roles/datastore.owner"),
    "roles/cloudtasks.enqueuer": ("no task can be enqueued, so no work is done", "roles/cloudtasks.admin"),
    "roles/eventarc.eventReceiver": ("no trigger is called", "roles/eventarc.admin"),
    "roles/run.invoker": ("workers, schedules and triggers are refused", "roles/run.admin"),
    "roles/firebaseauth.viewer": ("nobody is admitted, because accounts cannot be checked", "roles/firebaseauth.admin"),
}
"""The roles of docs/deploying.md on the project: what follows without each, and another role that includes it."""

PUBLISHES: Final[Mapping[str, tuple[str, str]]] = {
    "roles/eventarc.publisher": ("no event is published on EVENTARC_CHANNEL", "roles/eventarc.admin"),
}
"""The role that publishing events needs."""

ACTS_AS: Final = "roles/iam.serviceAccountUser"
SIGNS: Final = "roles/iam.serviceAccountTokenCreator"

TOO_MANY: Final = ("roles/owner", "roles/editor")
"""Roles that include all or most of the others, and much more."""


@check("roles of the functions' account", "roles/iam.securityReviewer")
def check_roles(cloud: Cloud) -> Iterable[Finding]:
    """
    Check the roles on the project. Roles that a folder, the organisation or a group gives are not seen.

    Source: https://cloud.google.com/resource-manager/reference/rest/v3/projects/getIamPolicy
    """
    what, project = "roles of the functions' account", cloud.plan.project
    member = f"serviceAccount:{cloud.account}"
    given = roles_of(cloud.policy, member)
    needed = {**ROLES, **(PUBLISHES if cloud.plan.publishes else {})}
    for role, (sentence, larger) in needed.items():
        conditions = [one for name in (role, larger, *TOO_MANY) for one in given.get(name, [])]
        command = (
            f"`gcloud projects add-iam-policy-binding {project} --member={member} --role={role} "
            f"--condition={_condition(role, cloud)}`"
        )
        if not conditions:
            yield missing(what, f"{cloud.account} lacks {role}: {sentence}. Run {command}.")
        elif not any(_holds(one, cloud) for one in conditions):
            yield missing(
                what,
                f"{cloud.account} has {role} only under a condition that does not name the database "
                f"{cloud.plan.database}: {sentence}. Run {command}.",
            )
    for role in TOO_MANY:
        if role in given:
            yield advised(
                what,
                f"{cloud.account} has {role}, which allows far more than the functions need. Give it the roles of "
                f"docs/deploying.md, then run `gcloud projects remove-iam-policy-binding {project} "
                f"--member={member} --role={role} --all`.",
            )


def _condition(role: str, cloud: Cloud) -> str:
    """
    Return the condition to grant a role with: with a database of its own, Greenroom cannot read that of the app. Pure.
    """
    plan = cloud.plan
    if role != "roles/datastore.user" or plan.database == DATABASE:
        return "None"
    return f"'expression=resource.name==\"{plan.database_name}\",title=greenroom-{plan.database}'"


def _holds(condition: str, cloud: Cloud) -> bool:
    """
    Tell whether a condition may hold for our database. Pure.
    """
    name = cloud.plan.database_name
    return not condition or f"'{name}'" in condition or f'"{name}"' in condition


@check("the functions' account", "roles/iam.securityReviewer")
def check_account(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that the account exists, and what it may do with itself.

    Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/getIamPolicy; the caller of
    Cloud Tasks needs `iam.serviceAccounts.actAs`: https://cloud.google.com/tasks/docs/reference/rest/v2/OidcToken
    """
    what, project, account = "the functions' account", cloud.plan.project, cloud.account
    member = f"serviceAccount:{account}"
    path = f"v1/projects/{project}/serviceAccounts/{account}"
    try:
        if cloud.apis.get("iam", path).get("disabled") is True:
            yield missing(
                what,
                f"{account} is disabled, so no function starts. Run "
                f"`gcloud iam service-accounts enable {account} --project={project}`.",
            )
        own = roles_of(cloud.apis.policy("iam", path, posted=True), member)
    except Absent:
        name = account.partition("@")[0]
        yield missing(
            what,
            f"{account} does not exist, so no function can be deployed. Run "
            f"`gcloud iam service-accounts create {name} --project={project}`, or correct SERVICE_ACCOUNT.",
        )
        return
    needed = {ACTS_AS: "tasks cannot be made to call workers as this account, so no work is done"}
    if cloud.plan.signs:
        needed[SIGNS] = "addresses of files cannot be signed"
    for role, sentence in needed.items():
        if not {role, "roles/owner"} & (own.keys() | roles_of(cloud.policy, member).keys()):
            yield missing(
                what,
                f"{account} lacks {role} on itself: {sentence}. Run `gcloud iam service-accounts "
                f"add-iam-policy-binding {account} --project={project} --member={member} --role={role}`.",
            )
