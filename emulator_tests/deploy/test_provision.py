"""`deploy/provision.sh` against a fake project: what it creates, what it leaves, and what it says when refused."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from emulator_tests.deploy.cloud import COMPUTE, REMOVE, SCRIPT, SHARED, Cloud, commands_in, serving
from emulator_tests.deploy.fake_cloud import HANDLERS, NUMBER, PROJECT, TOKEN
from emulator_tests.deploy.recorded import COMMANDS, NotAccepted, parsed
from emulator_tests.testbed.places import ROOT

pytestmark = pytest.mark.long

RUNTIME: Final = f"greenroom@{PROJECT}.iam.gserviceaccount.com"
PUBSUB: Final = f"service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com"
APP_ENGINE: Final = f"{PROJECT}@appspot.gserviceaccount.com"
DEPLOYER: Final = f"serviceAccount:ci@{PROJECT}.iam.gserviceaccount.com"
CHANNEL: Final = f"projects/{PROJECT}/notificationChannels/1"
POLICIES: Final = {path.stem for path in (ROOT / "deploy" / "monitoring" / "policies").glob("*.json")}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with serving(tmp_path) as made:
        made.project["accounts"].append(DEPLOYER.partition(":")[2])
        yield made


def roles_of(cloud: Cloud, member: str, resource: str = "project") -> set[str]:
    """The roles of a member that no condition limits."""
    return {
        role.removeprefix("roles/")
        for where, who, role, condition in cloud.project["bindings"]
        if (where, who, condition) == (resource, member, "None")
    }


# --- what it creates ----------------------------------------------------------------------------------------------


def test_new_project_gets_everything(cloud: Cloud) -> None:
    ran = cloud.prepare("--deployer", DEPLOYER, "--alert-channel", CHANNEL)
    assert (ran.status, ran.refused, list(ran.steps)) == (0, set(), list(range(1, 18)))
    assert ran.said.endswith(
        f"\nSERVICE_ACCOUNT={RUNTIME}\nFUNCTIONS_REGION=us-central1\nFUNCTIONS_PREFIX=\nFIRESTORE_DATABASE=(default)\n"
    )
    project = cloud.project
    assert roles_of(cloud, f"serviceAccount:{RUNTIME}") == {
        "datastore.user",
        "cloudtasks.enqueuer",
        "eventarc.eventReceiver",
        "run.invoker",
        "firebaseauth.viewer",
    }
    assert roles_of(cloud, f"serviceAccount:{COMPUTE}") == {
        "run.invoker",
        "eventarc.eventReceiver",
        "cloudbuild.builds.builder",
    }
    assert roles_of(cloud, f"serviceAccount:{PUBSUB}") == {"iam.serviceAccountTokenCreator"}
    assert {"cloudfunctions.admin", "run.admin", "firebaserules.admin"} <= roles_of(cloud, DEPLOYER)
    acting = [(where, who) for where, who, role, _ in project["bindings"] if role == "roles/iam.serviceAccountUser"]
    assert sorted(acting) == sorted([(RUNTIME, f"serviceAccount:{RUNTIME}"), (RUNTIME, DEPLOYER), (COMPUTE, DEPLOYER)])
    assert project["databases"] == {
        "(default)": {
            "location": "eur3",
            "type": "FIRESTORE_NATIVE",
            "protected": True,
            "recoverable": True,
            "schedules": [["", "14d"]],
        }
    }
    assert set(project["metrics"]) == {"greenroom-errors", "greenroom-sweeps"}
    assert {one["displayName"] for one in project["policies"]} == {f"Greenroom {name}" for name in POLICIES}
    assert {tuple(one["notificationChannels"]) for one in project["policies"]} == {(CHANNEL,)}
    assert [one["displayName"] for one in project["dashboards"]] == ["Greenroom overview"]


def test_second_run_changes_nothing(cloud: Cloud) -> None:
    options = ("--deployer", DEPLOYER, "--alert-channel", CHANNEL, "--prefix", "gr", "--database", "greenroom")
    cloud.prepare(*options)
    before = copy.deepcopy(cloud.project)
    ran = cloud.prepare(*options)
    assert (ran.status, cloud.project) == (0, before)


def test_without_deployer_and_channels_nobody_else_gets_a_role(cloud: Cloud) -> None:
    ran = cloud.prepare()
    assert (ran.status, list(ran.steps)) == (0, [*range(1, 10), *range(12, 18)])
    members = {who for _, who, _, _ in cloud.project["bindings"]}
    assert members == {f"serviceAccount:{one}" for one in (RUNTIME, COMPUTE, PUBSUB)}
    assert {tuple(one["notificationChannels"]) for one in cloud.project["policies"]} == {()}


def test_roles_in_named_database_hold_for_that_one_only(cloud: Cloud) -> None:
    assert cloud.prepare("--database=greenroom").status == 0
    conditions = [condition for _, _, role, condition in cloud.project["bindings"] if role == "roles/datastore.user"]
    assert conditions == [
        f'expression=resource.name=="projects/{PROJECT}/databases/greenroom",title=greenroom-greenroom'
    ]
    assert set(cloud.project["databases"]) == {"greenroom"}


def test_prefix_is_in_every_name_and_filter(cloud: Cloud) -> None:
    assert cloud.prepare("--prefix", "gr").status == 0
    assert set(cloud.project["metrics"]) == {"greenroom-gr-errors", "greenroom-gr-sweeps"}
    assert {one["displayName"] for one in cloud.project["policies"]} == {f"Greenroom gr-{name}" for name in POLICIES}
    written = json.dumps([cloud.project["metrics"], cloud.project["policies"], cloud.project["dashboards"]])
    assert "${" not in written
    assert '=~\\"^gr-\\"' in written
    assert 'regex.full_match(\\"gr-.*\\")' in written


def test_two_deployments_in_a_project_have_their_own_alerts(cloud: Cloud) -> None:
    cloud.prepare("--prefix", "one")
    cloud.prepare("--prefix", "two")
    assert len(cloud.project["policies"]) == 2 * len(POLICIES)
    assert len(cloud.project["dashboards"]) == 2


def test_app_engine_account_may_be_acted_as_where_it_exists(cloud: Cloud) -> None:
    cloud.project["accounts"].append(APP_ENGINE)
    assert cloud.prepare("--deployer", DEPLOYER).status == 0
    assert roles_of(cloud, DEPLOYER, APP_ENGINE) == {"iam.serviceAccountUser"}


def test_images_are_cleaned_up_after_the_first_deployment(cloud: Cloud) -> None:
    assert "not yet" in cloud.prepare().steps[17]
    cloud.project["repositories"]["us-central1/gcf-artifacts"] = {"policies": []}
    assert "not yet" not in cloud.prepare().steps[17]
    found = cloud.project["repositories"]["us-central1/gcf-artifacts"]
    assert found["acts"] is True
    assert [one["name"] for one in found["policies"]] == ["firebase-functions-cleanup"]


def test_own_cleanup_policy_is_kept(cloud: Cloud) -> None:
    cloud.project["repositories"]["us-central1/gcf-artifacts"] = kept = {"policies": [{"name": "ours"}]}
    assert "there already" in cloud.prepare().steps[17]
    assert kept == {"policies": [{"name": "ours"}]}


def test_database_that_exists_is_protected_and_kept(cloud: Cloud) -> None:
    cloud.project["databases"]["(default)"] = {
        "location": "eur3",
        "type": "FIRESTORE_NATIVE",
        "protected": False,
        "recoverable": False,
        "schedules": [["SUNDAY", "98d"]],
    }
    assert cloud.prepare().status == 0
    found = cloud.project["databases"]["(default)"]
    assert (found["protected"], found["recoverable"]) == (True, True)
    assert found["schedules"] == [["SUNDAY", "98d"], ["", "14d"]]


# --- policies after an upgrade ------------------------------------------------------------------------------------


def test_changed_policy_is_updated_and_keeps_what_an_operator_has_set(cloud: Cloud, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    cloud.prepare()
    (stopped,) = [one for one in cloud.project["policies"] if one["displayName"] == "Greenroom stopped"]
    stopped.update(enabled=False, notificationChannels=[CHANNEL])
    file = tmp_path / "deploy" / "monitoring" / "policies" / "stopped.json"
    file.write_text(file.read_text().replace("The switch is on", "Somebody has turned the switch on"))
    before = copy.deepcopy(cloud.project["policies"])
    ran = cloud.run("--project", PROJECT, "--location", "eur3", script=tmp_path / "deploy" / "provision.sh")
    assert ran.status == 0
    changed = [one for one in cloud.project["policies"] if one not in before]
    assert changed == [stopped]
    assert stopped["documentation"]["content"].startswith("Somebody has turned")
    assert (stopped["enabled"], stopped["notificationChannels"]) == (False, [CHANNEL])


def test_channel_that_is_given_later_reaches_every_policy(cloud: Cloud) -> None:
    cloud.prepare()
    cloud.prepare("--alert-channel", CHANNEL)
    assert {tuple(one["notificationChannels"]) for one in cloud.project["policies"]} == {(CHANNEL,)}


# --- refusals -----------------------------------------------------------------------------------------------------

POLICY: Final = "setIamPolicy] (or it may not exist): Policy update access denied."
DENIED: Final = "PERMISSION_DENIED: Permission denied on resource."
REFUSALS: Final[list[Any]] = [
    pytest.param("projects describe", DENIED, {1, 8, 9, 11}, "lacks a permission", id="project"),
    pytest.param(
        "services enable",
        "FAILED_PRECONDITION: Billing account for project '1' is not found.",
        None,
        "gcloud billing projects link my-school",
        id="APIs without billing",
    ),
    pytest.param("functions regions", DENIED, {3}, "lacks a permission", id="region"),
    pytest.param("services identity", DENIED, {4, 9}, "lacks a permission", id="agents"),
    pytest.param(
        "accounts create",
        "FAILED_PRECONDITION: constraints/iam.disableServiceAccountCreation",
        {5, 6, 7, 11},
        "forbids new service accounts",
        id="account",
    ),
    pytest.param("accounts describe greenroom", DENIED, {5, 6, 7, 11}, "lacks a permission", id="account unseen"),
    pytest.param(r"binding my-school .*greenroom@", POLICY, {6}, "projectIamAdmin", id="roles"),
    pytest.param("binding greenroom@.*=serviceAccount:greenroom@", POLICY, {7}, "serviceAccountAdmin", id="itself"),
    pytest.param("binding my-school .*compute@", POLICY, {8}, "projectIamAdmin", id="compute"),
    pytest.param("binding my-school .*gcp-sa-pubsub", POLICY, {9}, "projectIamAdmin", id="Pub/Sub"),
    pytest.param(
        "binding my-school .*ci@",
        "FAILED_PRECONDITION: One or more users named in the policy do not belong to a "
        "permitted customer, perhaps due to an organization policy.",
        {10},
        "domain-restricted sharing",
        id="deployer",
    ),
    pytest.param("binding .*compute@.*ci@", POLICY, {11}, "projectIamAdmin", id="acting"),
    pytest.param(
        "databases create",
        "INVALID_ARGUMENT: constraints/gcp.resourceLocations violated",
        {12, 13},
        "does not allow this location",
        id="database",
    ),
    pytest.param("databases describe", DENIED, {12, 13}, "lacks a permission", id="database unseen"),
    pytest.param("schedules create", DENIED, {13}, "lacks a permission", id="backups"),
    pytest.param("logging metrics", DENIED, {14, 15}, "lacks a permission", id="metrics"),
    pytest.param(
        "curl .*POST", '{"error": {"status": "PERMISSION_DENIED"}}', {15}, "lacks a permission", id="policies"
    ),
    pytest.param("print-access-token", "Please run: $ gcloud auth login", {15}, "not signed in", id="token"),
    pytest.param("dashboards create", DENIED, {16}, "lacks a permission", id="dashboard"),
    pytest.param("set-cleanup", DENIED, {17}, "lacks a permission", id="images"),
    pytest.param("services enable", "Something unheard of", None, "The lines above say why", id="unknown"),
]


@pytest.mark.parametrize(("call", "says", "refused", "sentence"), REFUSALS)
def test_refused_step_is_explained_and_the_others_go_on(
    cloud: Cloud, call: str, says: str, refused: set[int] | None, sentence: str
) -> None:
    cloud.project["repositories"]["us-central1/gcf-artifacts"] = {"policies": []}
    if refused is None:
        # What comes after needs nothing but the APIs, which are there from an earlier run.
        cloud.prepare("--deployer", DEPLOYER)
        refused = {2}
    cloud.refuse(call, says)
    ran = cloud.prepare("--deployer", DEPLOYER)
    assert (ran.status, ran.refused) == (1, refused)
    assert list(ran.steps) == list(range(1, 18))
    assert sentence in ran.steps[min(refused)]
    assert says in ran.steps[min(refused)]
    assert sentence in ran.missing
    assert len(re.findall(r"^      \S", ran.missing, re.MULTILINE)) >= len(refused)
    assert "Everything is there" not in ran.said


def test_refused_step_is_named_as_it_was_printed(cloud: Cloud) -> None:
    cloud.refuse("logging metrics", DENIED)
    assert "It needs the step 'Create the log metrics', which was refused." in cloud.prepare().missing


@pytest.mark.parametrize(
    "says", ["You do not currently have an active account selected.", "Please run: $ gcloud auth login"]
)
def test_account_that_is_not_signed_in_stops_after_the_first_step(cloud: Cloud, says: str) -> None:
    cloud.refuse("^gcloud ", says)
    ran = cloud.prepare()
    assert (ran.status, list(ran.steps), len(cloud.calls)) == (1, [1], 1)
    assert "gcloud is not signed in. Run: gcloud auth login." in ran.missing


def test_mended_project_is_completed_by_the_command_that_is_shown(cloud: Cloud) -> None:
    cloud.refuse("databases create", DENIED)
    ran = cloud.prepare()
    assert "      gcloud firestore databases create '--database=(default)' --location=eur3" in ran.missing
    assert f"      {SCRIPT} --project {PROJECT} --location eur3\n" in ran.missing
    cloud.refuse("", "", times=0)
    assert cloud.prepare().status == 0


def test_all_roles_that_are_missing_are_shown(cloud: Cloud) -> None:
    cloud.refuse("add-iam-policy-binding", POLICY)
    ran = cloud.prepare()
    assert ran.missing.count("--role=roles/") == 5 + 1 + 3 + 1


@pytest.mark.parametrize(
    "says",
    [
        f"PERMISSION_DENIED: Cloud Firestore API has not been used in project {NUMBER} before or it is disabled.",
        f"INVALID_ARGUMENT: Service account {RUNTIME} does not exist.",
        "NOT_FOUND: Cannot find metric that matches type",
        "ABORTED: There were concurrent policy changes.",
    ],
)
def test_what_is_not_known_everywhere_yet_is_tried_again(cloud: Cloud, says: str) -> None:
    cloud.refuse("binding my-school .*greenroom@|databases create|POST", says, times=5)
    ran = cloud.prepare()
    assert ran.status == 0
    assert cloud.calls.count(["sleep", "10"]) == 5


def test_api_that_stays_disabled_is_given_up(cloud: Cloud) -> None:
    cloud.refuse("firestore databases", "PERMISSION_DENIED: SERVICE_DISABLED")
    ran = cloud.prepare()
    assert ran.refused == {12, 13}
    assert "Run this script again in some minutes" in ran.missing
    assert cloud.calls.count(["sleep", "10"]) == 6


def test_missing_compute_account_is_explained(cloud: Cloud) -> None:
    cloud.project["accounts"].remove(COMPUTE)
    ran = cloud.prepare()
    assert ran.refused == {8}
    assert "gcloud services enable compute.googleapis.com" in ran.missing


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"location": "nam5", "type": "FIRESTORE_NATIVE"}, "is in nam5, and a database cannot be moved"),
        ({"location": "eur3", "type": "DATASTORE_MODE"}, "Datastore mode"),
    ],
)
def test_database_that_greenroom_cannot_use_is_left_alone(cloud: Cloud, found: dict[str, str], sentence: str) -> None:
    cloud.project["databases"]["(default)"] = kept = {
        **found,
        "protected": False,
        "recoverable": False,
        "schedules": [],
    }
    before = copy.deepcopy(kept)
    ran = cloud.prepare()
    assert (ran.status, ran.refused, kept) == (1, {12, 13}, before)
    assert sentence in ran.missing


@pytest.mark.parametrize("region", ["us-central2", "us-central"])
def test_region_without_a_service_is_refused(cloud: Cloud, region: str) -> None:
    if region == "us-central":
        assert cloud.prepare("--region", region).status == 2
        return
    ran = cloud.prepare("--region", region)
    assert (ran.status, ran.refused) == (1, {3})
    assert "us-central2 does not have: functions, tasks, scheduler" in ran.missing


def test_channel_that_does_not_exist_is_explained(cloud: Cloud) -> None:
    ran = cloud.prepare("--alert-channel", f"projects/{PROJECT}/notificationChannels/7")
    assert ran.refused == {15}
    assert "There is no such notification channel" in ran.missing


# --- options ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(["--location", "eur3"], "--project is missing", id="no project"),
        pytest.param(["--project", PROJECT], "--location is missing", id="no location"),
        pytest.param(["--project"], "--project needs a value", id="no value"),
        pytest.param(["--project", "My School", "--location", "eur3"], "--project must be", id="project"),
        pytest.param(["--project", PROJECT, "--location", "eur3;id"], "--location must be", id="A1 location"),
        pytest.param(["--project", PROJECT, "--location=eur3", "--region", "europe"], "--region must be", id="region"),
        pytest.param(["--database", "Greenroom"], "--database must be", id="database"),
        pytest.param(["--database", "$(id)"], "--database must be", id="A1 database"),
        pytest.param(["--prefix", "Gr"], "--prefix must be", id="prefix"),
        pytest.param(["--prefix", "a|e id"], "--prefix must be", id="A1 prefix"),
        pytest.param(["--prefix", "g" * 31], "--prefix must be", id="long prefix"),
        pytest.param(["--prefix", "gr-"], "--prefix must be", id="prefix with its hyphen"),
        pytest.param(
            ["--project", PROJECT, "--location=eur3", "--prefix", "greenroom"],
            "--prefix must not be 'greenroom'",
            id="prefix like the codebase",
        ),
        pytest.param(["--deployer", "a@b.org"], "--deployer must be", id="deployer"),
        pytest.param(["--deployer", "user:a@b.org --role=x"], "--deployer must be", id="A1 deployer"),
        pytest.param(["--deployer", "allUsers"], "--deployer must be", id="A1 everybody"),
        pytest.param(["--alert-channel", "a@b.org"], "--alert-channel must be", id="channel"),
        pytest.param(["--account", "me"], "--account must be", id="account"),
        pytest.param(["--force"], "--force is not an option", id="unknown"),
        pytest.param(["--force=1"], "--force is not an option", id="unknown with value"),
        pytest.param([PROJECT], "my-school is not an option", id="word"),
    ],
)
def test_wrong_option_is_refused_before_anything_is_done(cloud: Cloud, options: list[str], sentence: str) -> None:
    ran = cloud.run(*options)
    assert (ran.status, cloud.calls) == (2, [])
    assert ran.said.startswith(sentence)


def test_help_lists_every_option(cloud: Cloud) -> None:
    ran = cloud.run("--help")
    assert (ran.status, cloud.calls) == (0, [])
    code = SCRIPT.read_text() + SHARED.read_text()
    accepted = {"--dry-run", *re.findall(r"^    (--[a-z-]+)\)", code, re.MULTILINE)}
    assert accepted == set(re.findall(r"^  (--[a-z-]+)", ran.said, re.MULTILINE))


def test_every_call_is_made_as_the_account(cloud: Cloud) -> None:
    assert cloud.prepare("--account", "owner@school.org").status == 0
    assert [one for one in cloud.calls if one[0] == "gcloud" and "--account=owner@school.org" not in one] == []


def test_no_list_of_processes_shows_the_token(cloud: Cloud) -> None:
    assert cloud.prepare().status == 0
    assert [one for one in cloud.calls if TOKEN in " ".join(one)] == []
    assert list(cloud.home.glob("greenroom.*")) == []


# --- the dry run, and gcloud's grammar ----------------------------------------------------------------------------


def test_dry_run_prints_commands_that_gcloud_accepts_and_calls_nobody(cloud: Cloud) -> None:
    ran = cloud.prepare("--dry-run", "--deployer", DEPLOYER, "--prefix", "gr", "--database", "greenroom")
    assert (ran.status, cloud.calls) == (0, [])
    assert f"\nSERVICE_ACCOUNT={RUNTIME}\nFUNCTIONS_REGION=us-central1\nFUNCTIONS_PREFIX=gr-\n" in ran.said
    assert "Everything is there" not in ran.said
    commands = commands_in(ran.said)
    printed = {parsed(words).command for program, *words in commands if program == "gcloud"}
    # The rest is for what exists already, for the token, which is inside of another command, and for the removal.
    of_removal = {one for one in COMMANDS if f"gcloud {one} " in REMOVE.read_text()}
    assert set(COMMANDS) - printed - of_removal == {"logging metrics update", "auth print-access-token"}
    files = [Path(word.partition("=")[2]) for words in commands for word in words if "--config-from-file=" in word]
    assert [json.loads(file.read_text())["displayName"] for file in files if file.stem == "dashboard"] == [
        "Greenroom gr-overview"
    ]


def test_every_recorded_command_is_used() -> None:
    assert set(HANDLERS) == set(COMMANDS)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("firestore databases create --location=eur3 --pitr", "has no flag --pitr"),
        ("firestore databases create --database=x", "needs --location"),
        ("firestore databases create --location=eur3 --type=native", "is none of"),
        ("firestore databases create --location", "needs a value for --location"),
        ("firestore databases create --location=eur3 --enable-pitr=yes", "takes no value for --enable-pitr"),
        ("firestore databases create here --location=eur3", "takes 0 to 0 values"),
        ("firestore backups schedules create --database=x --retention=14d", "needs one of"),
        ("firestore backups schedules create --database=x --retention=1d --day-of-week=SUN", "needs --recurrence"),
        ("iam service-accounts create", "takes 1 to 1 values"),
        ("projects add-iam-policy-binding p --member=user:a@b.org", "needs --role"),
        (
            "projects add-iam-policy-binding p --member=m --role=r --condition=None --condition-from-file=f",
            "only one of",
        ),
        ("logging metrics create m", "needs one of"),
        ("logging metrics create m --config-from-file=f --log-filter=x --description=d", "only one of"),
        ("firestore databases make", "no such command"),
    ],
)
def test_grammar_refuses_what_gcloud_refuses(line: str, wrong: str) -> None:
    with pytest.raises(NotAccepted, match=re.escape(wrong)):
        parsed(line.split())


def test_wrong_flag_in_the_script_is_noticed(cloud: Cloud, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    script = tmp_path / "deploy" / "provision.sh"
    script.write_text(script.read_text().replace("--enable-pitr", "--enable-point-in-time-recovery"))
    ran = cloud.run("--project", PROJECT, "--location", "eur3", script=script)
    assert ran.status == 1
    assert "firestore databases create has no flag --enable-point-in-time-recovery" in ran.steps[12]
