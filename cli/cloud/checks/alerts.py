"""The alert policies of Cloud Monitoring, those of `deploy/monitoring/policies`."""

from __future__ import annotations

from collections.abc import Iterable

from cli.cloud.api import Absent, Unknown
from cli.cloud.check import check
from cli.cloud.cloud import Cloud, advised, named
from cli.cloud.plan import DATABASE
from shared.ports import Finding


@check("alerts", "roles/monitoring.alertPolicyViewer")
def check_alerts(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that somebody is told of what needs a person, such as a sweep that no longer runs.

    Source: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies
    """
    what, plan = "alerts", cloud.plan
    path = f"v3/projects/{plan.project}/alertPolicies"
    found = {str(one["displayName"]): one for one in cloud.apis.every("monitoring", path, "alertPolicies")}
    lacking = [name for name in plan.policies if name not in found]
    if lacking:
        yield advised(
            what, f"These policies do not exist, so nobody is told: {named(lacking)}. Run `{_provision(cloud)}`."
        )
    ours = {name: found[name] for name in plan.policies if name in found}
    off = [name for name, one in ours.items() if one.get("enabled") is False]
    if off:
        yield advised(what, f"These are off: {named(off)}. Enable them in the console, under Monitoring, Alerting.")
    silent = [name for name, one in ours.items() if not one.get("notificationChannels")]
    if silent:
        yield advised(
            what,
            f"These have no channel, so they tell nobody: {named(silent)}. Run `{_provision(cloud)} "
            "--alert-channel CHANNEL`, with a name of "
            f"`gcloud beta monitoring channels list --project={plan.project}`.",
        )


def _provision(cloud: Cloud) -> str:
    """
    Return the command that creates what is missing around a deployment.
    """
    plan = cloud.plan
    try:
        location = str(cloud.database["locationId"])
    except (Absent, Unknown):
        location = "LOCATION"
    database = "" if plan.database == DATABASE else f" --database {plan.database}"
    prefix = f" --prefix {plan.prefix.removesuffix('-')}" if plan.prefix else ""
    return (
        f"deploy/provision.sh --project {plan.project} --location {location} --region {plan.region}{database}{prefix}"
    )
