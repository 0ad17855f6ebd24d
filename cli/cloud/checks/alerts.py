"""The alert policies of Cloud Monitoring."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cli.cloud.check import check
from cli.cloud.cloud import Cloud, advised, named
from cli.cloud.plan import Plan
from shared.ports import Finding

LOGGED: Final = {
    "displayName": "Greenroom: log line of severity ALERT",
    "combiner": "OR",
    "conditions": [
        {
            "displayName": "log line of severity ALERT",
            "conditionMatchedLog": {"filter": 'resource.type="cloud_run_revision" severity>=ALERT'},
        }
    ],
    "alertStrategy": {"notificationRateLimit": {"period": "3600s"}},
}
"""Source: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies: a policy on log lines needs
`notificationRateLimit`."""

ENDED: Final = {
    "displayName": "Greenroom: no sweep",
    "combiner": "OR",
    "conditions": [
        {
            "displayName": "no sweep for 20 minutes",
            "conditionAbsent": {
                "filter": 'metric.type="logging.googleapis.com/user/greenroom-sweeps" '
                'resource.type="cloud_run_revision"',
                "duration": "1200s",
                "aggregations": [
                    {
                        "alignmentPeriod": "300s",
                        "perSeriesAligner": "ALIGN_COUNT",
                        "crossSeriesReducer": "REDUCE_SUM",
                    }
                ],
            },
        }
    ],
}
"""All revisions of the sweep count as one. Source: the same, MetricAbsence."""


@check("alerts", "roles/monitoring.alertPolicyViewer")
def check_alerts(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that somebody is told of log lines of severity ALERT, and of a sweep that no longer runs.
    """
    what, plan = "alerts", cloud.plan
    found = [
        one
        for one in cloud.apis.every("monitoring", f"v3/projects/{plan.project}/alertPolicies", "alertPolicies")
        if one.get("enabled") is not False
    ]
    logged = [one for one in found if any("ALERT" in text for text in _filters(one, "conditionMatchedLog"))]
    if not logged:
        yield advised(
            what,
            f"Nobody is told of log lines of severity ALERT. Run {_create(plan, LOGGED)}, with a channel of "
            f"`gcloud beta monitoring channels list --project={plan.project}`.",
        )
    ended = ("conditionAbsent", "conditionThreshold")
    swept = [one for one in found if any("sweep" in text.lower() for kind in ended for text in _filters(one, kind))]
    if not swept:
        yield advised(
            what,
            "Nobody is told if the sweep stops. Count its log lines with `gcloud logging metrics create "
            f"greenroom-sweeps --project={plan.project} --description='Runs of the sweep' "
            f"--log-filter='jsonPayload.message=\"sweep finished\"'`, then run {_create(plan, ENDED)}.",
        )
    silent = [str(one["displayName"]) for one in (*logged, *swept) if not one.get("notificationChannels")]
    if silent:
        yield advised(
            what,
            f"These have no channel, so they tell nobody: {named(set(silent))}. Add one in the console, under "
            "Monitoring, Alerting.",
        )


def _create(plan: Plan, policy: Mapping[str, Any]) -> str:
    return (
        f"`gcloud alpha monitoring policies create --project={plan.project} --policy='{json.dumps(policy)}' "
        "--notification-channels=CHANNEL`"
    )


def _filters(policy: Any, kind: str) -> Sequence[str]:
    return [str(one[kind].get("filter", "")) for one in policy.get("conditions", []) if kind in one]
