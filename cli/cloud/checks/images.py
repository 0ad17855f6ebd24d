"""The container images that deployments leave behind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cli.cloud.api import Absent
from cli.cloud.check import check
from cli.cloud.cloud import Cloud, advised
from shared.ports import Finding

REPOSITORY: Final = "gcf-artifacts"
OPTED_OUT: Final = "firebase-functions-cleanup-opted-out"
"""Source: firebase-tools 15.34.2, lib/functions/artifacts.js."""


@check("clean-up of images", "roles/artifactregistry.reader")
def check_images(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that old images are deleted.

    Source: https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
    """
    plan = cloud.plan
    try:
        found = cloud.apis.get("artifactregistry", f"v1/{plan.place}/repositories/{REPOSITORY}")
    except Absent:
        # Nothing was deployed yet; the check of the functions says so.
        return
    has_policy = bool(found.get("cleanupPolicies")) and found.get("cleanupPolicyDryRun") is not True
    if not has_policy and OPTED_OUT not in found.get("labels", {}):
        yield advised(
            "clean-up of images",
            "Each deployment leaves images behind, which cost money, and a deployment without a terminal ends with "
            "an error because of that. Run "
            f"`firebase functions:artifacts:setpolicy --location {plan.region} --project {plan.project} --force`.",
        )
