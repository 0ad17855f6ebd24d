"""Test the sentences of `doctor --cloud`: all is well, or one thing is missing, hidden or garbled."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import requests

from cli.checkup import Kind
from cli.cloud.api import PAGES_MAX, Apis
from cli.cloud.check import check_cloud, checks
from cli.cloud.cloud import Cloud
from cli.cloud.plan import Declared, Limits, Plan
from emulator_tests.pure.google_apis import (
    ABSENT,
    TOKEN,
    Google,
    denied,
    job_of,
    off,
    policy,
    refused,
    serving,
    text_of,
    trigger_of,
    well,
)
from emulator_tests.testbed.places import ROOT
from shared.ports import Finding, Health

pytestmark = pytest.mark.long

NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
ACCOUNT: Final = "greenroom@my-school.iam.gserviceaccount.com"
MEMBER: Final = f"serviceAccount:{ACCOUNT}"
SECRETS: Final = {"KALTURA_ADMIN_SECRET": "5ec7e7-of-kaltura", "HOSTS": "[5ec7e7-of-hosts]"}

PLAN: Final = Plan(
    project="my-school",
    region="europe-west1",
    database="(default)",
    prefix="",
    codebase="greenroom",
    account=ACCOUNT,
    signs=False,
    publishes=False,
    functions={
        "joinSession": Declared(Kind.CALLABLE),
        "kalturaHook": Declared(Kind.ENDPOINT),
        "reconcileVideo": Declared(Kind.WORKER),
        "sweep": Declared(None, schedule="every 5 minutes"),
        "onSessionCreated": Declared(None, is_triggered=True),
    },
    queues={"reconcileVideo": Limits(50, 100)},
    secrets=tuple(SECRETS),
    rules=(ROOT / "firestore.rules").read_text(),
    indexes=json.loads((ROOT / "firestore.indexes.json").read_text()),
    policies=("Greenroom alert", "Greenroom no-sweep"),
    now=NOW,
)
CHECKS: Final = {one.what: one for one in checks()}
PLACE: Final = PLAN.place
DATABASE: Final = PLAN.database_name

FUNCTIONS: Final = f"cloudfunctions/v2/{PLACE}/functions"
QUEUES: Final = f"cloudtasks/v2/{PLACE}/queues"
SWEEP: Final = f"cloudscheduler/v1/{job_of(PLAN, 'sweep')}"
TRIGGER: Final = f"eventarc/v1/{trigger_of(PLAN, 'onSessionCreated')}"
PROJECT_POLICY: Final = "cloudresourcemanager/v3/projects/my-school:getIamPolicy"
OWN_ACCOUNT: Final = f"iam/v1/projects/my-school/serviceAccounts/{ACCOUNT}"
INDEXES: Final = f"firestore/v1/{DATABASE}/collectionGroups/-/indexes"
FIELDS: Final = f"firestore/v1/{DATABASE}/collectionGroups/-/fields"
SCHEDULES: Final = f"firestore/v1/{DATABASE}/backupSchedules"
BACKUPS: Final = "firestore/v1/projects/my-school/locations/-/backups"
RELEASE: Final = "firebaserules/v1/projects/my-school/releases/cloud.firestore"
RULESET: Final = "firebaserules/v1/projects/my-school/rulesets/8d5a9f2e-1111-4222-8333-944455556666"
SECRET: Final = "secretmanager/v1/projects/my-school/secrets/HOSTS"
IMAGES: Final = f"artifactregistry/v1/{PLACE}/repositories/gcf-artifacts"
ALERTS: Final = "monitoring/v3/projects/my-school/alertPolicies"
SHARING: Final = "orgpolicy/v2/projects/my-school/policies/iam.allowedPolicyMemberDomains:getEffectivePolicy"


@pytest.fixture
def google() -> Iterator[Google]:
    with serving(Google(well(PLAN, SECRETS))) as google:
        yield google
        assert google.faults == []


def findings(google: Google, plan: Plan = PLAN, what: str = "", answer_s: float = 10.0) -> list[Finding]:
    """
    Return what the checks find, or one of them.
    """
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        ends_at = time.monotonic() + 60
        apis = Apis(plan.project, session, lambda api: f"{google.url}/{api}", ends_at, answer_s)
        return check_cloud(Cloud(apis, plan), [CHECKS[what]] if what else list(CHECKS.values()))


def wrong(found: list[Finding]) -> list[tuple[str, Health]]:
    return [(one.what, one.health) for one in found if one.health is not Health.OK]


# --- all is well --------------------------------------------------------------------------------------------------


ELSEWHERE: Final = {
    "the default database": PLAN,
    "a database of its own, and a prefix": replace(PLAN, database="greenroom", prefix="gr-"),
    "the default account": replace(PLAN, account=None),
    "signed addresses": replace(PLAN, signs=True),
    "events on a channel": replace(PLAN, publishes=True),
}


@pytest.mark.parametrize("plan", ELSEWHERE.values(), ids=ELSEWHERE)
def test_all_is_well(google: Google, plan: Plan) -> None:
    google.answers = well(plan, SECRETS)
    found = findings(google, plan)
    assert wrong(found) == []
    assert [one.what for one in found] == list(CHECKS)
    assert google.tokens == {f"Bearer {TOKEN}"}


def test_checks_have_different_names_and_say_which_role_they_need() -> None:
    declared = checks()
    assert len(CHECKS) == len(declared) > 15
    assert [one.what for one in declared if not re.fullmatch(r"roles/[a-z]+(\.[a-zA-Z]+)?", one.role)] == []


def test_role_and_api_of_events_are_needed_with_a_channel_alone(google: Google) -> None:
    google.answers[PROJECT_POLICY] = without_role("eventarc.publisher")(google.answers[PROJECT_POLICY])
    services = "serviceusage/v1/projects/my-school/services:batchGet"
    google.answers[services] = off_in_list("eventarcpublishing")(google.answers[services])
    for plan, count in ((PLAN, 0), (replace(PLAN, publishes=True), 2)):
        said = [one.sentence for one in findings(google, plan) if one.health is not Health.OK]
        assert len([one for one in said if "eventarcpublishing" in one or "eventarc.publisher" in one]) == count


# --- one thing is missing -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """
    One thing that is wrong: what changes in the answer at an address, and what is said.
    """

    where: str
    change: Callable[[Any], Any]
    what: str
    says: str
    command: str = ""
    health: Health = Health.MISSING


def gone(_: Any) -> Any:
    return ABSENT


def with_fields(**fields: Any) -> Callable[[Any], Any]:
    return lambda answer: {**answer, **fields}


def with_first(name: str, **fields: Any) -> Callable[[Any], Any]:
    """
    The first element of a list has other fields.
    """
    return lambda answer: {**answer, name: [{**answer[name][0], **fields}, *answer[name][1:]]}


def without_first(name: str) -> Callable[[Any], Any]:
    return lambda answer: {**answer, name: answer[name][1:]}


def without_role(role: str) -> Callable[[Any], Any]:
    return lambda answer: {**answer, "bindings": [one for one in answer["bindings"] if one["role"] != f"roles/{role}"]}


def with_role(role: str, *members: str, **more: Any) -> Callable[[Any], Any]:
    added = {"role": f"roles/{role}", "members": list(members), **more}
    return lambda answer: {**answer, "bindings": [*without_role(role)(answer)["bindings"], added]}


def with_condition(expression: str) -> Callable[[Any], Any]:
    condition = {"title": "greenroom-only", "expression": expression}
    return with_role("datastore.user", MEMBER, condition=condition)


def off_in_list(api: str) -> Callable[[Any], Any]:
    return lambda answer: {
        "services": [
            {**one, "state": "DISABLED"} if one["name"].endswith(f"/{api}.googleapis.com") else one
            for one in answer["services"]
        ]
    }


def in_service(**fields: Any) -> Callable[[Any], Any]:
    def change(answer: Any) -> Any:
        changed = deepcopy(answer)
        changed["functions"][0]["serviceConfig"].update(fields)
        return changed

    return change


def at(days: float) -> str:
    return text_of(NOW - timedelta(days=days))


def old_backups(answer: Any) -> Any:
    return {"backups": [{**one, "snapshotTime": at(3)} for one in answer["backups"]]}


def other_rules(change: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda answer: {
        **answer, "source": {"files": [{"name": "firestore.rules", "content": change(PLAN.rules)}]}
    }  # fmt: skip


HERE: Final = "--project=my-school"
OLD_VERSION: Final = [{"key": "HOSTS", "projectId": "my-school", "secret": "HOSTS", "version": "1"}]
LEFT: Final = {
    "name": f"{PLACE}/functions/renewPlayback",
    "state": "ACTIVE",
    "labels": {"firebase-functions-codebase": "greenroom"},
}
DEPLOY: Final = "`firebase deploy --only functions:greenroom --project my-school`"
DEPLOY_FIRESTORE: Final = "`firebase deploy --only firestore --project my-school`"
DOMAINS: Final = {"spec": {"rules": [{"values": {"allowedValues": ["C0xxxxxxx"]}}]}}

WRONGS: Final = {
    "an API is off": Wrong(
        "serviceusage/v1/projects/my-school/services:batchGet",
        off_in_list("cloudtasks"),
        "APIs",
        "what needs them fails: cloudtasks.",
        f"gcloud services enable cloudtasks.googleapis.com {HERE}",
    ),
    "monitoring is off": Wrong(
        "serviceusage/v1/projects/my-school/services:batchGet",
        off_in_list("monitoring"),
        "APIs",
        "nobody is told of alerts",
        f"gcloud services enable monitoring.googleapis.com {HERE}",
        Health.ABSENT,
    ),
    "nobody pays": Wrong(
        "cloudbilling/v1/projects/my-school/billingInfo",
        lambda _: {"name": "projects/my-school/billingInfo", "projectId": "my-school"},
        "billing",
        "no billing account",
        "gcloud billing projects link my-school --billing-account=ACCOUNT_ID",
    ),
    "outsiders get no roles": Wrong(
        SHARING, lambda _: DOMAINS, "organisation policy", "allUsers", "--no-invoker-iam-check", Health.ABSENT
    ),
    "a role is missing": Wrong(
        PROJECT_POLICY,
        without_role("cloudtasks.enqueuer"),
        "roles of the functions' account",
        "no task can be enqueued",
        f"gcloud projects add-iam-policy-binding my-school --member={MEMBER} --role=roles/cloudtasks.enqueuer "
        "--condition=None",
    ),
    "a role for another database": Wrong(
        PROJECT_POLICY,
        with_condition("resource.name=='projects/my-school/databases/other'"),
        "roles of the functions' account",
        "only under a condition",
        "--role=roles/datastore.user --condition=None",
    ),
    "a role that allows too much": Wrong(
        PROJECT_POLICY,
        with_role("editor", MEMBER),
        "roles of the functions' account",
        "far more than the functions need",
        f"gcloud projects remove-iam-policy-binding my-school --member={MEMBER} --role=roles/editor --all",
        Health.ABSENT,
    ),
    "the account does not exist": Wrong(
        OWN_ACCOUNT,
        gone,
        "the functions' account",
        "does not exist",
        f"gcloud iam service-accounts create greenroom {HERE}",
    ),
    "the account is disabled": Wrong(
        OWN_ACCOUNT,
        with_fields(disabled=True),
        "the functions' account",
        "no function starts",
        f"gcloud iam service-accounts enable {ACCOUNT} {HERE}",
    ),
    "the account may not act as itself": Wrong(
        f"{OWN_ACCOUNT}:getIamPolicy",
        without_role("iam.serviceAccountUser"),
        "the functions' account",
        "no work is done",
        f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} {HERE} --member={MEMBER} "
        "--role=roles/iam.serviceAccountUser",
    ),
    "a function is missing": Wrong(
        FUNCTIONS,
        without_first("functions"),
        "deployed functions",
        "1 of 5 are not in europe-west1: joinSession.",
        DEPLOY,
    ),
    "a function has failed": Wrong(
        FUNCTIONS,
        with_first("functions", state="FAILED", stateMessages=[{"severity": "ERROR", "message": "Build failed"}]),
        "deployed functions",
        "joinSession is FAILED: Build failed.",
        DEPLOY,
    ),
    "a function of another codebase": Wrong(
        FUNCTIONS,
        with_first("functions", labels={"firebase-functions-codebase": "app"}),
        "deployed functions",
        "Another codebase has deployed functions of the same names: joinSession.",
    ),
    "a function of the default codebase": Wrong(
        FUNCTIONS, with_first("functions", labels={}), "deployed functions", "of the same names: joinSession."
    ),
    "a function runs as another account": Wrong(
        FUNCTIONS,
        in_service(serviceAccountEmail="other@my-school.iam.gserviceaccount.com"),
        "deployed functions",
        f"do not run as {ACCOUNT}",
        DEPLOY,
    ),
    "a function is left": Wrong(
        FUNCTIONS,
        lambda answer: {"functions": [*answer["functions"], LEFT]},
        "deployed functions",
        "left from an earlier release or other settings: renewPlayback.",
        "`firebase functions:delete renewPlayback --region europe-west1 --project my-school`",
        Health.ABSENT,
    ),
    "a callable is closed": Wrong(
        f"run/v2/{PLACE}/services/joinsession:getIamPolicy",
        lambda _: policy(),
        "public access",
        "Cloud Run refuses everybody at joinsession",
        f"gcloud run services add-iam-policy-binding joinsession --region=europe-west1 {HERE} --member=allUsers "
        "--role=roles/run.invoker",
    ),
    "a callable has no service": Wrong(
        f"run/v2/{PLACE}/services/joinsession:getIamPolicy", gone, "public access", "at joinsession"
    ),
    "a worker is open": Wrong(
        f"run/v2/{PLACE}/services/reconcilevideo:getIamPolicy",
        lambda _: policy(run__invoker=["allUsers"]),
        "public access",
        "Anybody's requests reach the workers reconcilevideo.",
        f"gcloud run services remove-iam-policy-binding reconcilevideo --region=europe-west1 {HERE} --member=allUsers",
    ),
    "a queue is missing": Wrong(QUEUES, lambda _: {}, "queues", "reconcileVideo do not exist", DEPLOY),
    "a queue is paused": Wrong(
        QUEUES,
        with_first("queues", state="PAUSED"),
        "queues",
        "reconcileVideo (PAUSED)",
        f"gcloud tasks queues resume reconcileVideo --location=europe-west1 {HERE}",
    ),
    "a queue has other limits": Wrong(
        QUEUES,
        with_first("queues", rateLimits={"maxConcurrentDispatches": 1000, "maxDispatchesPerSecond": 500}),
        "queues",
        "1000 tasks run at once and 500 begin in a second, not 50 and 100",
        f"gcloud tasks queues update reconcileVideo --location=europe-west1 {HERE} --max-concurrent-dispatches=50 "
        "--max-dispatches-per-second=100",
    ),
    "a queue has no limits": Wrong(
        QUEUES, with_first("queues", rateLimits={}), "queues", "lets None tasks run at once"
    ),
    "a schedule is missing": Wrong(SWEEP, gone, "schedules", "it never runs", DEPLOY),
    "a schedule is paused": Wrong(
        SWEEP,
        with_fields(state="PAUSED"),
        "schedules",
        "The schedule of sweep is PAUSED",
        f"gcloud scheduler jobs resume firebase-schedule-sweep-europe-west1 --location=europe-west1 {HERE}",
    ),
    "a schedule is late": Wrong(
        SWEEP,
        with_fields(lastAttemptTime=at(1)),
        "schedules",
        "sweep last ran at 2026-11-29T12:00",
        f"gcloud scheduler jobs run firebase-schedule-sweep-europe-west1 --location=europe-west1 {HERE}",
    ),
    "a schedule has never run": Wrong(
        SWEEP,
        lambda answer: {name: one for name, one in answer.items() if name != "lastAttemptTime"},
        "schedules",
        "sweep never ran",
    ),
    "the last run failed": Wrong(
        SWEEP,
        with_fields(status={"code": 13}),
        "schedules",
        "The last run of sweep failed (status 13)",
        f"gcloud functions logs read sweep --region=europe-west1 {HERE}",
    ),
    "a trigger is missing": Wrong(TRIGGER, gone, "triggers", "onSessionCreated is not called", DEPLOY),
    "a trigger has failed": Wrong(
        TRIGGER,
        with_fields(conditions={"service": {"code": "NOT_FOUND", "message": "The service is gone"}}),
        "triggers",
        "Its trigger has failed (The service is gone)",
        DEPLOY,
    ),
    "a trigger of another database": Wrong(
        TRIGGER,
        with_first("eventFilters", value="other"),
        "triggers",
        "follows the database other, not (default)",
        DEPLOY,
    ),
    "there is no database": Wrong(
        f"firestore/v1/{DATABASE}",
        gone,
        "database",
        "There is no database (default).",
        "gcloud firestore databases create --database='(default)' --location=eur3 --type=firestore-native "
        f"--delete-protection --enable-pitr {HERE}",
    ),
    "a database of the other kind": Wrong(
        f"firestore/v1/{DATABASE}",
        with_fields(type="DATASTORE_MODE"),
        "database",
        "without rules",
        f"gcloud firestore databases update --database='(default)' {HERE} --type=firestore-native",
    ),
    "a database far away": Wrong(
        f"firestore/v1/{DATABASE}",
        with_fields(locationId="nam5"),
        "database",
        "It is in nam5, and the functions are in europe-west1",
        health=Health.ABSENT,
    ),
    "no point-in-time recovery": Wrong(
        f"firestore/v1/{DATABASE}",
        with_fields(pointInTimeRecoveryEnablement="POINT_IN_TIME_RECOVERY_DISABLED"),
        "database",
        "a mistake of the last seven days is final",
        f"gcloud firestore databases update --database='(default)' {HERE} --enable-pitr",
        Health.ABSENT,
    ),
    "no delete protection": Wrong(
        f"firestore/v1/{DATABASE}",
        with_fields(deleteProtectionState="DELETE_PROTECTION_DISABLED"),
        "database",
        "One command could delete it",
        "--delete-protection",
        Health.ABSENT,
    ),
    "an index is missing": Wrong(
        INDEXES,
        without_first("indexes"),
        "indexes",
        "Queries of these fail: copies (ownerUid, begunAt).",
        DEPLOY_FIRESTORE,
    ),
    "an index is being built": Wrong(
        INDEXES, with_first("indexes", state="CREATING"), "indexes", "still builds copies (ownerUid, begunAt)"
    ),
    "an index is damaged": Wrong(
        INDEXES, with_first("indexes", state="NEEDS_REPAIR"), "indexes", "damaged: copies (ownerUid, begunAt)"
    ),
    "a TTL policy is missing": Wrong(
        FIELDS,
        with_first("fields", ttlConfig={}),
        "TTL policies",
        "Documents of admissions stay when expiresAt is over.",
        "gcloud firestore fields ttls update expiresAt --collection-group=admissions --enable-ttl "
        f"--database='(default)' {HERE}",
    ),
    "a TTL policy is being set up": Wrong(
        FIELDS,
        with_first("fields", ttlConfig={"state": "CREATING"}),
        "TTL policies",
        "still sets up admissions.expiresAt",
    ),
    "a field is indexed": Wrong(
        FIELDS,
        with_first("fields", indexConfig={"usesAncestorConfig": True}),
        "TTL policies",
        "refuses large documents for it: admissions.expiresAt",
        DEPLOY_FIRESTORE,
    ),
    "no backups": Wrong(
        SCHEDULES,
        lambda _: {},
        "backups",
        "a lost database cannot be restored",
        f"gcloud firestore backups schedules create --database='(default)' --recurrence=daily --retention=14d {HERE}",
        Health.ABSENT,
    ),
    "old backups": Wrong(BACKUPS, old_backups, "backups", "The newest is of 2026-11-27"),
    "no backup yet, for weeks": Wrong(
        BACKUPS, lambda _: {}, "backups", "There is none yet, although there is a schedule"
    ),
    "backups of another database alone": Wrong(
        BACKUPS,
        lambda answer: {"backups": [{**one, "database": f"{DATABASE}2"} for one in answer["backups"]]},
        "backups",
        "There is none yet",
    ),
    "no rules": Wrong(RELEASE, gone, "rules", "None are deployed", DEPLOY_FIRESTORE),
    "other rules": Wrong(
        RULESET,
        other_rules(lambda text: text.replace("return 'teacher';", "return 'tutor';")),
        "rules",
        "1 lines are missing and 1 are others",
        DEPLOY_FIRESTORE,
    ),
    "rules in another order": Wrong(
        RULESET,
        other_rules(lambda text: "\n".join(reversed(text.splitlines()))),
        "rules",
        "are not those of this checkout",
    ),
    "merged rules": Wrong(
        RULESET,
        other_rules(lambda text: f"{text}\nmatch /of/another {{\n}}"),
        "rules",
        "have ours and 2 further lines",
        DEPLOY_FIRESTORE,
        Health.ABSENT,
    ),
    "a secret has no value": Wrong(
        f"{SECRET}/versions/latest",
        gone,
        "secrets",
        "HOSTS has no value",
        "`firebase functions:secrets:set HOSTS --project my-school`",
    ),
    "a secret is disabled": Wrong(
        f"{SECRET}/versions/latest",
        with_fields(state="DISABLED"),
        "secrets",
        "Version 2 of HOSTS is DISABLED",
        f"gcloud secrets versions enable 2 --secret=HOSTS {HERE}",
    ),
    "a secret is closed": Wrong(
        f"{SECRET}:getIamPolicy",
        lambda _: policy(),
        "secrets",
        f"{ACCOUNT} may not read HOSTS",
        f"gcloud secrets add-iam-policy-binding HOSTS {HERE} --member={MEMBER} --role=roles/secretmanager.secret",
    ),
    "an old secret is used": Wrong(
        FUNCTIONS,
        in_service(secretEnvironmentVariables=OLD_VERSION),
        "versions of secrets",
        "an earlier value of HOSTS",
        DEPLOY,
        Health.ABSENT,
    ),
    "images stay": Wrong(
        IMAGES,
        with_fields(cleanupPolicies={}),
        "clean-up of images",
        "leaves images behind",
        "`firebase functions:artifacts:setpolicy --location europe-west1 --project my-school --force`",
        Health.ABSENT,
    ),
    "images would be deleted": Wrong(
        IMAGES, with_fields(cleanupPolicyDryRun=True), "clean-up of images", "leaves images", health=Health.ABSENT
    ),
    "a policy is missing": Wrong(
        ALERTS,
        without_first("alertPolicies"),
        "alerts",
        "nobody is told: Greenroom alert. Run",
        "`deploy/provision.sh --project my-school --location eur3 --region europe-west1`",
        Health.ABSENT,
    ),
    "a policy is off": Wrong(
        ALERTS,
        with_first("alertPolicies", enabled=False),
        "alerts",
        "These are off: Greenroom alert.",
        health=Health.ABSENT,
    ),
    "a policy tells nobody": Wrong(
        ALERTS,
        with_first("alertPolicies", notificationChannels=[]),
        "alerts",
        "no channel, so they tell nobody: Greenroom alert.",
        "--region europe-west1 --alert-channel CHANNEL`",
        Health.ABSENT,
    ),
}


@pytest.mark.parametrize("case", WRONGS.values(), ids=WRONGS)
def test_one_thing_that_is_wrong_is_said_with_what_mends_it(google: Google, case: Wrong) -> None:
    google.answers[case.where] = case.change(google.answers[case.where])
    found = [one for one in findings(google) if one.health is not Health.OK]
    assert {(one.what, one.health) for one in found} >= {(case.what, case.health)}
    (said,) = [one.sentence for one in found if one.what == case.what and case.says in one.sentence]
    assert case.command in said
    assert said.endswith(".")


def test_every_check_is_wrong_in_some_case() -> None:
    assert {case.what for case in WRONGS.values()} == set(CHECKS)


FINE: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "a role for this database": (
        PROJECT_POLICY,
        with_condition('resource.name == "projects/my-school/databases/(default)"'),
    ),
    "a larger role": (
        PROJECT_POLICY,
        lambda answer: with_role("run.admin", MEMBER)(without_role("run.invoker")(answer)),
    ),
    "rules with other blanks": (RULESET, other_rules(lambda text: text.replace("\n", "\r\n\n").replace("    ", "\t"))),
    "an index of another app": (
        INDEXES,
        lambda answer: {
            "indexes": [
                *answer["indexes"],
                {
                    "name": f"{DATABASE}/collectionGroups/theirs/indexes/x",
                    "queryScope": "COLLECTION",
                    "fields": [{"fieldPath": "tags", "arrayConfig": "CONTAINS"}],
                    "state": "CREATING",
                },
            ]
        },
    ),
    "a function of another app": (
        FUNCTIONS,
        lambda answer: {
            "functions": [*answer["functions"], {"name": f"{PLACE}/functions/theirs", "state": "FAILED", "labels": {}}]
        },
    ),
    "a list in pages": (
        FUNCTIONS,
        lambda answer: [
            {"functions": answer["functions"][:2], "nextPageToken": "1"},
            {"nextPageToken": "2"},
            {"functions": answer["functions"][2:]},
        ],
    ),
    "a new schedule of backups": (
        BACKUPS,
        lambda _: {},
    ),
    "no clean-up of images, by choice": (
        IMAGES,
        with_fields(cleanupPolicies={}, labels={"firebase-functions-cleanup-opted-out": "true"}),
    ),
    "nothing deployed that left images": (IMAGES, gone),
}


@pytest.mark.parametrize("case", FINE)
def test_what_is_fine_is_not_reported(google: Google, case: str) -> None:
    where, change = FINE[case]
    google.answers[where] = change(google.answers[where])
    if case == "a new schedule of backups":
        google.answers[SCHEDULES] = with_first("backupSchedules", createTime=at(0.5))(google.answers[SCHEDULES])
    assert wrong(findings(google)) == []


def test_a_service_without_an_invoker_check_is_open(google: Google) -> None:
    service = f"run/v2/{PLACE}/services/joinsession"
    google.answers[f"{service}:getIamPolicy"] = policy()
    google.answers[service] = {"invokerIamDisabled": True}
    assert wrong(findings(google, what="public access")) == []


def test_a_weekly_schedule_may_have_a_backup_of_last_week(google: Google) -> None:
    google.answers[SCHEDULES] = {
        "backupSchedules": [{"name": "w", "createTime": at(90), "weeklyRecurrence": {"day": "SUNDAY"}}]
    }
    google.answers[BACKUPS] = old_backups(google.answers[BACKUPS])
    assert wrong(findings(google, what="backups")) == []


def test_a_role_for_documents_is_for_a_database_of_its_own_alone(google: Google) -> None:
    plan = replace(PLAN, database="greenroom")
    google.answers = well(plan, SECRETS)
    google.answers[PROJECT_POLICY] = without_role("datastore.user")(google.answers[PROJECT_POLICY])
    (found,) = findings(google, plan, "roles of the functions' account")
    assert found.sentence.endswith(
        "--role=roles/datastore.user "
        "--condition='expression=resource.name==\"projects/my-school/databases/greenroom\",title=greenroom-greenroom'`."
    )


def test_policies_of_a_database_of_its_own_are_created_with_its_options(google: Google) -> None:
    plan = replace(PLAN, database="greenroom", prefix="gr-")
    google.answers = {**well(plan, SECRETS), ALERTS: {}}
    (found,) = findings(google, plan, "alerts")
    assert found.sentence.endswith("--location eur3 --region europe-west1 --database greenroom --prefix gr`.")
    google.answers[f"firestore/v1/{plan.database_name}"] = denied()
    (found,) = findings(google, plan, "alerts")
    assert "--location LOCATION" in found.sentence


def test_many_names_are_told_shortly(google: Google) -> None:
    plan = replace(PLAN, queues={f"queue{number:02}": Limits(1, 1) for number in range(40)})
    google.answers = well(plan, SECRETS)
    for queue in google.answers[QUEUES]["queues"]:
        queue["state"] = "PAUSED"
    (found,) = findings(google, plan, "queues")
    assert "queue00 (PAUSED), " in found.sentence
    assert "and 34 more" in found.sentence
    assert found.sentence.count("gcloud tasks queues resume") == 1


# --- Google does not say ------------------------------------------------------------------------------------------


def addresses_of(google: Google, what: str) -> list[str]:
    """
    The addresses that a check asks.
    """
    google.asked.clear()
    findings(google, what=what)
    return sorted(set(google.asked))


@pytest.mark.parametrize("what", CHECKS)
def test_a_missing_permission_names_the_role_and_hinders_no_other_check(google: Google, what: str) -> None:
    for where in addresses_of(google, what):
        google.answers[where] = denied("some.things.get")
    mine = [one for one in findings(google) if one.what == what]
    assert [one.health for one in mine] == [Health.UNKNOWN]
    assert f"Your account lacks the role {CHECKS[what].role} (permission some.things.get)." in mine[0].sentence
    assert "gcloud projects add-iam-policy-binding my-school --member=" in mine[0].sentence
    assert len(findings(google)) >= len(CHECKS)


def test_an_operator_without_any_permission_is_told_every_role(google: Google) -> None:
    google.answers = dict.fromkeys(google.answers, denied())
    found = findings(google)
    assert [(one.what, one.health) for one in found] == [(what, Health.UNKNOWN) for what in CHECKS]
    assert [one.what for one in found if CHECKS[one.what].role not in one.sentence] == []


GARBAGE: Final[dict[str, Any]] = {
    "a page of HTML": (200, b"<html>Sign in</html>"),
    "a list": (200, b"[1, 2]"),
    "null": (200, b"null"),
    "nothing": (200, b""),
    "other types": (
        200,
        json.dumps(
            dict.fromkeys(
                (
                    *("services", "billingEnabled", "bindings", "functions", "queues", "state", "name", "type"),
                    *("indexes", "fields", "backupSchedules", "backups", "rulesetName", "source", "spec"),
                    *("cleanupPolicies", "labels", "alertPolicies", "status", "conditions", "eventFilters"),
                ),
                7,
            )
        ).encode(),
    ),
    "deep nesting": (200, b"[" * 100_000),
    "an error that is no JSON": (403, b"<html>"),
    "an error in another form": (403, b'{"error": ["no"]}'),
    "a redirect": (302, b""),
    "too many requests": refused(429, "RESOURCE_EXHAUSTED"),
    "a breakdown": refused(503, "UNAVAILABLE"),
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_a_sentence_for_each_check(google: Google, answer: Any) -> None:
    google.answers = dict.fromkeys(google.answers, answer)
    found = findings(google)
    # What has another type than it should may count as missing, where nothing else follows from it.
    assert {one.what for one in found} == set(CHECKS)
    assert all(one.health is not Health.OK or answer[0] == 200 for one in found)
    assert all(one.sentence.endswith(".") for one in found if one.health is not Health.OK)


def test_an_api_that_is_off_is_said_with_the_command(google: Google) -> None:
    google.answers[QUEUES] = off("cloudtasks")
    (found,) = findings(google, what="queues")
    assert found.health is Health.UNKNOWN
    assert "`gcloud services enable cloudtasks.googleapis.com --project=my-school`" in found.sentence


def test_a_project_whose_apis_the_operator_may_not_call_is_said(google: Google) -> None:
    google.answers[QUEUES] = refused(403, "PERMISSION_DENIED", {"reason": "USER_PROJECT_DENIED"})
    (found,) = findings(google, what="queues")
    assert "--role=roles/serviceusage.serviceUsageConsumer" in found.sentence


def test_a_list_without_an_end_is_given_up(google: Google) -> None:
    google.answers[QUEUES] = [{"queues": [], "nextPageToken": "0"}]
    (found,) = findings(google, what="queues")
    assert (found.health, f"more than {PAGES_MAX} pages" in found.sentence) == (Health.UNKNOWN, True)
    assert google.asked.count(QUEUES) == PAGES_MAX


def test_a_server_that_does_not_answer_hinders_no_other_check(google: Google) -> None:
    google.slow.add(QUEUES)
    found = findings(google, answer_s=0.5)
    assert wrong(found) == [("queues", Health.UNKNOWN)]
    (said,) = [one.sentence for one in found if one.what == "queues"]
    assert "cloudtasks did not answer (ReadTimeout). Try again later." in said


def test_nobody_listens(google: Google) -> None:
    google.url = "http://127.0.0.1:9"
    assert {one.health for one in findings(google)} == {Health.UNKNOWN}


def test_no_request_is_begun_after_the_end(google: Google) -> None:
    with requests.Session() as session:
        apis = Apis("my-school", session, lambda api: f"{google.url}/{api}", time.monotonic() - 1)
        found = check_cloud(Cloud(apis, PLAN), list(CHECKS.values()))
    assert google.asked == []
    assert {one.health for one in found} == {Health.UNKNOWN}
    assert [one for one in found if "There was no time left. Run the command again." not in one.sentence] == []


def test_nothing_is_changed_and_no_secret_or_token_is_told(google: Google) -> None:
    told = [one.sentence for one in findings(google)]
    google.answers = dict.fromkeys(google.answers, refused(403, "PERMISSION_DENIED", {"reason": TOKEN}))
    told += [one.sentence for one in findings(google)]
    assert [one for one in google.asked if one.endswith(":access")] == []
    assert [one for one in told if TOKEN in one or any(value in one for value in SECRETS.values())] == []
