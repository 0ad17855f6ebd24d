"""The Firestore database: what it is, and its backups."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from cli.cloud.api import Absent, Unknown
from cli.cloud.check import check
from cli.cloud.cloud import Cloud, advised, instant, missing
from shared.ports import Finding

NEAR: Final = {"nam5": "us-", "nam7": "us-", "eur3": "europe-"}
"""The multi-regions, and how the names of the regions near them begin. Source:
https://cloud.google.com/firestore/docs/locations"""

DAY: Final = timedelta(days=1)


@check("database", "roles/datastore.viewer")
def check_database(cloud: Cloud) -> Iterable[Finding]:
    """
    Check type, place and protection.

    Source: https://cloud.google.com/firestore/docs/reference/rest/v1/projects.databases
    """
    what, plan = "database", cloud.plan
    update = f"gcloud firestore databases update --database='{plan.database}' --project={plan.project}"
    try:
        found = cloud.database
    except Absent:
        near = next((name for name, begins in NEAR.items() if plan.region.startswith(begins)), plan.region)
        yield missing(
            what,
            f"There is no database {plan.database}. Run `gcloud firestore databases create "
            f"--database='{plan.database}' --location={near} --type=firestore-native --delete-protection "
            f"--enable-pitr --project={plan.project}`.",
        )
        return
    if found["type"] != "FIRESTORE_NATIVE":
        yield missing(
            what,
            f"{plan.database} is in {found['type']}, without rules and listeners. An empty one can be changed: "
            f"`{update} --type=firestore-native`.",
        )
    location = found["locationId"]
    if location != plan.region and not plan.region.startswith(NEAR.get(location, "-")):
        yield advised(
            what,
            f"It is in {location}, and the functions are in {plan.region}, so every document takes long. Set "
            "FUNCTIONS_REGION to a region near the database before anybody uses the functions.",
        )
    if found.get("pointInTimeRecoveryEnablement") != "POINT_IN_TIME_RECOVERY_ENABLED":
        yield advised(
            what,
            f"Point-in-time recovery is off: a mistake of the last seven days is final. Run `{update} --enable-pitr`.",
        )
    if found.get("deleteProtectionState") != "DELETE_PROTECTION_ENABLED":
        yield advised(what, f"One command could delete it. Run `{update} --delete-protection`.")


@check("backups", "roles/datastore.backupsViewer")
def check_backups(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that there is a schedule of backups, and a backup.

    Source: https://cloud.google.com/firestore/docs/reference/rest/v1/projects.databases.backupSchedules,
    https://cloud.google.com/firestore/docs/reference/rest/v1/projects.locations.backups
    """
    what, plan = "backups", cloud.plan
    try:
        schedules = cloud.apis.get("firestore", f"v1/{plan.database_name}/backupSchedules").get("backupSchedules", [])
    except Absent:
        # The check of the database says so.
        return
    create = (
        f"`gcloud firestore backups schedules create --database='{plan.database}' --recurrence=daily "
        f"--retention=14d --project={plan.project}`"
    )
    if not schedules:
        yield advised(what, f"There is no schedule, so a lost database cannot be restored. Run {create}.")
        return
    answer = cloud.apis.get("firestore", f"v1/projects/{plan.project}/locations/-/backups")
    if answer.get("unreachable"):
        raise Unknown("Some places with backups did not answer. Try again later.")
    ready = [
        instant(one["snapshotTime"])
        for one in answer.get("backups", [])
        if one["database"] == plan.database_name and one["state"] == "READY"
    ]
    # Two intervals; Google promises no time of the day.
    within = 2 * (DAY if any("dailyRecurrence" in one for one in schedules) else 7 * DAY)
    known = max([*ready, *([] if ready else (instant(one["createTime"]) for one in schedules))])
    if plan.now - known > within:
        newest = f"The newest is of {max(ready):%Y-%m-%d}" if ready else "There is none yet"
        yield missing(
            what,
            f"{newest}, although there is a schedule. See "
            f"`gcloud firestore backups schedules list --database='{plan.database}' --project={plan.project}`.",
        )
