"""The project itself: APIs and billing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cli.cloud.check import check
from cli.cloud.cloud import Cloud, advised, missing, short
from shared.ports import Finding

NEEDED: Final = (
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "cloudresourcemanager",
    "cloudscheduler",
    "cloudtasks",
    "eventarc",
    "firebaserules",
    "firestore",
    "iam",
    "identitytoolkit",
    "logging",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
)

OF_ALERTS: Final = "monitoring"
OF_SIGNING: Final = "iamcredentials"
OF_EVENTS: Final = "eventarcpublishing"


@check("APIs", "roles/serviceusage.serviceUsageViewer")
def check_apis(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that the APIs are on.

    Source: https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet
    """
    project = cloud.plan.project
    signing, events = [OF_SIGNING] * cloud.plan.signs, [OF_EVENTS] * cloud.plan.publishes
    needed = [*NEEDED, *signing, *events]
    names = [f"projects/{project}/services/{api}.googleapis.com" for api in (*needed, OF_ALERTS)]
    found = cloud.apis.get("serviceusage", f"v1/projects/{project}/services:batchGet", names=names)["services"]
    on = {short(one["name"]).partition(".")[0] for one in found if one["state"] == "ENABLED"}
    off = [api for api in needed if api not in on]
    if off:
        apis = " ".join(f"{api}.googleapis.com" for api in off)
        yield missing(
            "APIs",
            f"These are off, and what needs them fails: {', '.join(off)}. "
            f"Run `gcloud services enable {apis} --project={project}`.",
        )
    if OF_ALERTS not in on:
        yield advised(
            "APIs",
            f"{OF_ALERTS} is off, so nobody is told of alerts. "
            f"Run `gcloud services enable {OF_ALERTS}.googleapis.com --project={project}`.",
        )


@check("billing", "roles/browser")
def check_billing(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that somebody pays.

    Source: https://cloud.google.com/billing/docs/reference/rest/v1/projects/getBillingInfo
    """
    project = cloud.plan.project
    if cloud.apis.get("cloudbilling", f"v1/projects/{project}/billingInfo").get("billingEnabled") is not True:
        yield missing(
            "billing",
            "The project has no billing account, so functions, tasks and schedules stop. Name one that "
            "`gcloud billing accounts list` shows: "
            f"`gcloud billing projects link {project} --billing-account=ACCOUNT_ID`.",
        )


SHARING: Final = ("iam.allowedPolicyMemberDomains", "iam.managed.allowedPolicyMembers")
"""The constraints that keep roles from allUsers. Source:
https://cloud.google.com/resource-manager/docs/organization-policy/restricting-domains"""


@check("organisation policy", "roles/orgpolicy.policyViewer")
def check_sharing(cloud: Cloud) -> Iterable[Finding]:
    """
    Check whether the organisation lets functions be opened to clients in the usual way.

    Source: https://cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/projects.policies/getEffectivePolicy
    """
    project = cloud.plan.project
    for constraint in SHARING:
        path = f"v2/projects/{project}/policies/{constraint}:getEffectivePolicy"
        rules = cloud.apis.get("orgpolicy", path).get("spec", {}).get("rules", [])
        if any("values" in rule or rule.get("denyAll") or rule.get("enforce") for rule in rules):
            yield advised(
                "organisation policy",
                f"{constraint} forbids roles for allUsers, so a first deployment cannot open callables to clients. "
                "Afterwards run `gcloud run services update SERVICE --no-invoker-iam-check "
                f"--region={cloud.plan.region} --project={project}` for those under public access.",
            )
