"""The queues and the schedules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from cli.cloud.api import Absent
from cli.cloud.check import check
from cli.cloud.cloud import Cloud, each, instant, missing, named, short
from shared.ports import Finding

LATE: Final = 3
"""The number of intervals after which a schedule is late."""

UNITS: Final = {"minutes": 60, "hours": 3600}


@check("queues", "roles/cloudtasks.viewer")
def check_queues(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that each worker's queue runs, with the limits of the registry.

    Source: https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues
    """
    what, plan = "queues", cloud.plan
    found = {
        short(one["name"]): one
        for one in cloud.apis.every("cloudtasks", f"v2/{plan.place}/queues", "queues", pageSize=1000)
    }
    at = f"--location={plan.region} --project={plan.project}"
    ids = {plan.id_of(name): limits for name, limits in plan.queues.items()}
    lacking = [name for name in ids if name not in found]
    if lacking:
        yield missing(
            what,
            f"{named(lacking)} do not exist, so their work is not done. Run {plan.deploy_functions}. The name of a "
            "deleted queue is refused for up to three days.",
        )
    stopped = {name: found[name]["state"] for name in ids if name in found and found[name]["state"] != "RUNNING"}
    if stopped:
        yield missing(
            what,
            f"These do not run, so their work waits: {named(f'{name} ({state})' for name, state in stopped.items())}. "
            + each(stopped, lambda one: f"gcloud tasks queues resume {one} {at}"),
        )
    for name, limits in ids.items():
        if name not in found:
            continue
        rates = found[name].get("rateLimits", {})
        is_, should = (
            (rates.get("maxConcurrentDispatches"), rates.get("maxDispatchesPerSecond")),
            (
                limits.at_once,
                limits.per_second,
            ),
        )
        if is_ != should:
            yield missing(
                what,
                f"{name} lets {is_[0]} tasks run at once and {is_[1]} begin in a second, not {should[0]} and "
                f"{should[1]}. Run `gcloud tasks queues update {name} {at} "
                f"--max-concurrent-dispatches={should[0]} --max-dispatches-per-second={should[1]}`.",
            )


@check("schedules", "roles/cloudscheduler.viewer")
def check_schedules(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that the schedules run, and have run.

    Source: https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs; their names:
    `scheduleIdForFunction` of firebase-tools 15.34.2, lib/deploy/functions/backend.js.
    """
    what, plan = "schedules", cloud.plan
    at = f"--location={plan.region} --project={plan.project}"
    for name, declared in plan.functions.items():
        if not declared.schedule:
            continue
        job = f"firebase-schedule-{plan.id_of(name)}-{plan.region}"
        try:
            found = cloud.apis.get("cloudscheduler", f"v1/{plan.place}/jobs/{job}")
        except Absent:
            yield missing(what, f"{name} has no schedule, so it never runs. Run {plan.deploy_functions}.")
            continue
        if found["state"] != "ENABLED":
            yield missing(
                what,
                f"The schedule of {name} is {found['state']}, so it does not run. "
                f"Run `gcloud scheduler jobs resume {job} {at}`.",
            )
            continue
        code = found.get("status", {}).get("code", 0)
        logs = f"`gcloud functions logs read {plan.id_of(name)} --region={plan.region} --project={plan.project}`"
        if code:
            yield missing(what, f"The last run of {name} failed (status {code}). Its log says why: {logs}.")
        late_s = LATE * _interval_s(declared.schedule)
        # A new schedule has not run yet; it counts from the deployment.
        known = found.get("lastAttemptTime") or found.get("userUpdateTime")
        if known is None or plan.now - instant(known) > timedelta(seconds=late_s):
            since = "never ran" if not found.get("lastAttemptTime") else f"last ran at {found['lastAttemptTime']}"
            yield missing(
                what,
                f"{name} {since}, and should run {declared.schedule}. Run `gcloud scheduler jobs run {job} {at}`, and "
                f"read its log: {logs}.",
            )


def _interval_s(schedule: str) -> int:
    """
    Return the seconds between two runs of a schedule of `functions/schedule.py`. Pure.

    Raises:
        ValueError: It has another form (never).
    """
    found = re.fullmatch("every ([0-9]+) (minutes|hours)", schedule)
    if found is None:
        raise ValueError(f"{schedule} is not `every N minutes` or `every N hours`.")
    return int(found[1]) * UNITS[found[2]]
