"""`deploy/remove.sh` against a fake project: what it removes, what it keeps, and what it asks."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from emulator_tests.deploy.cloud import COMPUTE, REMOVE, SECRETS, SHARED, Cloud, commands_in, serving
from emulator_tests.deploy.fake_cloud import FIREBASE, NUMBER, PROJECT, TOKEN
from emulator_tests.deploy.recorded import parsed
from emulator_tests.testbed.places import ROOT
from main import FUNCTIONS
from shared.core import paths

pytestmark = pytest.mark.long

RUNTIME: Final = f"serviceAccount:greenroom@{PROJECT}.iam.gserviceaccount.com"
APP: Final = f"serviceAccount:{PROJECT}@appspot.gserviceaccount.com"
PUBSUB: Final = f"service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com"
BESIDE: Final = ("--prefix", "gr", "--database", "greenroom")
DENIED: Final = "PERMISSION_DENIED: Permission denied on resource."


def app_of(cloud: Cloud) -> None:
    """Put an app into the project, with names and things like ours."""
    project = cloud.project
    assert cloud.prepare("--prefix", "app", "--database", "lessons").status == 0
    project["bindings"] = [one for one in project["bindings"] if one[1] != RUNTIME]
    project["accounts"].remove(RUNTIME.partition(":")[2])
    project["accounts"].append(APP.partition(":")[2])
    project["bindings"].append(["project", APP, "roles/datastore.user", "None"])
    region = "us-central1"
    for name in ("greenroom", "greenroom-mailer", "gr", "gr-report"):
        project["functions"].append({"id": name, "region": region, "account": COMPUTE})
    project["functions"].append({"id": "gr-mail", "region": region, "codebase": "mail", "account": COMPUTE})
    project["queues"] = {f"{region}/gr-mail": "RUNNING", f"{region}/greenroom": "PAUSED"}
    project["jobs"] = [f"{region}/firebase-schedule-gr-report-{region}"]
    project["secrets"] = {"STRIPE_KEY": [APP]}
    project["databases"]["(default)"] = {
        "location": "eur3",
        "type": "FIRESTORE_NATIVE",
        "protected": False,
        "recoverable": False,
        "schedules": [],
    }
    project["documents"]["(default)"] = {"courses": [{}], "videos": [{"gone": False}]}
    project["repositories"][f"{region}/gcf-artifacts"] = {"policies": []}
    project["accounts"].sort()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with serving(tmp_path) as made:
        yield made


def deployed(cloud: Cloud, *options: str) -> dict[str, Any]:
    """Prepare and deploy; return what there was before."""
    before = copy.deepcopy(cloud.project)
    assert cloud.prepare(*options).status == 0
    given = dict(zip(options[::2], options[1::2], strict=True))
    prefix = f"{given['--prefix']}-" if "--prefix" in given else ""
    cloud.deploy(prefix, given.get("--database", "(default)"))
    before["repositories"] = copy.deepcopy(cloud.project["repositories"])
    return before


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """The project of an app, and the same with Greenroom. Made once, because that takes a hundred calls."""
    with serving(tmp_path_factory.mktemp("made")) as cloud:
        app_of(cloud)
        return deployed(cloud, *BESIDE), cloud.project


@pytest.fixture
def before(made: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    return made[0]


@pytest.fixture
def beside(cloud: Cloud, made: tuple[dict[str, Any], dict[str, Any]]) -> Cloud:
    """Greenroom beside an app, which has what `before` shows."""
    cloud.project = copy.deepcopy(made[1])
    return cloud


# --- the whole way ------------------------------------------------------------------------------------------------


def test_removal_leaves_the_project_of_an_app_as_it_was(beside: Cloud, before: dict[str, Any]) -> None:
    assert beside.project != before
    ran = beside.remove(*BESIDE, "--yes")
    assert (ran.status, ran.refused, list(ran.steps)) == (0, set(), list(range(1, 14)))
    assert beside.project == before
    assert "Greenroom is removed." in ran.said


def test_removal_from_a_project_of_its_own_leaves_what_google_needs(cloud: Cloud) -> None:
    deployed(cloud)
    assert cloud.remove("--database", "(default)", "--yes", typed="(default)\n").status == 0
    project = cloud.project
    empty = ("functions", "queues", "jobs", "secrets", "metrics", "policies", "dashboards", "databases", "documents")
    assert [name for name in empty if project[name]] == []
    assert {who for _, who, _, _ in project["bindings"]} == {f"serviceAccount:{one}" for one in (COMPUTE, PUBSUB)}
    assert RUNTIME.partition(":")[2] not in project["accounts"]
    assert len(project["apis"]) > 10
    assert list(project["repositories"]) == ["us-central1/gcf-artifacts"]


def test_second_removal_finds_nothing(beside: Cloud) -> None:
    beside.remove(*BESIDE, "--yes")
    before = copy.deepcopy(beside.project)
    ran = beside.remove(*BESIDE, "--yes")
    assert (ran.status, beside.project) == (0, before)
    assert commands_in(ran.said) == []
    assert ran.said.count("nothing there") == 2 * 10


def test_removal_from_a_project_that_never_had_an_api_works(cloud: Cloud) -> None:
    before = copy.deepcopy(cloud.project)
    assert cloud.remove("--database", "greenroom", "--yes").status == 0
    assert cloud.project == before


def test_everything_is_prepared_and_deployed_again_after_a_removal(beside: Cloud) -> None:
    first = copy.deepcopy(beside.project)
    beside.remove(*BESIDE, "--yes")
    deployed(beside, *BESIDE)
    assert {**beside.project, "bindings": 0, "secrets": 0, "accounts": 0} == {
        **first, "bindings": 0, "secrets": 0, "accounts": 0
    }  # fmt: skip
    assert sorted(map(str, beside.project["bindings"])) == sorted(map(str, first["bindings"]))


# --- what is asked ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["", "yes\n", "my-school2\nyes\ngreenroom\n"])
def test_another_id_than_the_projects_removes_nothing(beside: Cloud, typed: str) -> None:
    before = copy.deepcopy(beside.project)
    ran = beside.remove(*BESIDE, typed=typed)
    assert (ran.status, beside.project) == (1, before)
    assert ran.said.endswith("\nThat is not my-school. Nothing was removed.\n")
    assert "$ gcloud firestore databases delete --database=greenroom" in ran.said


def test_answers_remove_everything(beside: Cloud, before: dict[str, Any]) -> None:
    ran = beside.remove(*BESIDE, typed="my-school\nyes\ngreenroom\n")
    assert (ran.status, beside.project, ran.kept) == (0, before, "")


@pytest.mark.parametrize("answer", ["", "y"])
def test_secrets_stay_unless_the_answer_is_yes(beside: Cloud, answer: str) -> None:
    ran = beside.remove(*BESIDE, typed=f"my-school\n{answer}\ngreenroom\n")
    assert ran.status == 0
    assert set(beside.project["secrets"]) == {"STRIPE_KEY", *SECRETS}
    assert ran.kept.count("as you said") == len(SECRETS)
    assert "greenroom" not in beside.project["databases"]


@pytest.mark.parametrize("answer", ["", "yes"])
def test_database_stays_unless_its_id_is_typed(beside: Cloud, answer: str) -> None:
    ran = beside.remove(*BESIDE, typed=f"my-school\nyes\n{answer}\n")
    assert ran.status == 0
    assert beside.project["databases"]["greenroom"]["protected"] is True
    assert beside.project["documents"]["greenroom"]["operations"]
    assert "the database greenroom, because its id was not typed" in ran.kept


def test_kept_database_is_not_asked_for(beside: Cloud) -> None:
    ran = beside.remove(*BESIDE, "--keep-database", typed="my-school\nyes\n")
    assert ran.status == 0
    assert "Type its id" not in ran.said
    assert beside.project["databases"]["greenroom"]["protected"] is True


def test_dry_run_changes_nothing_and_prints_what_the_programs_accept(beside: Cloud) -> None:
    before = copy.deepcopy(beside.project)
    beside.calls.clear()
    ran = beside.remove(*BESIDE, "--dry-run", "--yes")
    assert (ran.status, beside.project) == (0, before)
    assert ran.said.endswith("\nNothing was removed.\n")
    called = {parsed(words).command.rpartition(" ")[2] for program, *words in beside.calls if program == "gcloud"}
    assert called == {"list", "describe", "get-iam-policy", "print-access-token"}
    printed = commands_in(ran.said)
    assert {words[0] for words in printed} == {"gcloud", "firebase", "curl"}
    removing = {parsed(words).command for program, *words in printed if program == "gcloud"}
    assert "firestore databases delete" in removing
    assert {one.rpartition(" ")[2] for one in removing} == {"delete", "update", "remove-iam-policy-binding"}
    assert list(beside.home.glob("greenroom.*")) == []


# --- content ------------------------------------------------------------------------------------------------------

CONTENT: Final = [
    ("videos", {"gone": False}, "1 videos"),
    ("kalturaSession", {"state": "ready"}, "1 live events"),
    ("copies", {"state": "failed"}, "1 copies"),
    ("archive", {"gone": False, "state": "place_holder"}, "1 archived originals"),
    ("pendingDeletions", {"state": "dead"}, "1 pending deletions"),
]


@pytest.mark.parametrize(("collection", "fields", "said"), CONTENT, ids=[one[0] for one in CONTENT])
def test_nothing_is_begun_while_content_is_at_a_provider(
    beside: Cloud, collection: str, fields: dict[str, Any], said: str
) -> None:
    beside.project["documents"]["greenroom"][collection] = [fields]
    before = copy.deepcopy(beside.project)
    ran = beside.remove(*BESIDE, "--yes")
    assert (ran.status, ran.refused, beside.project) == (1, {3}, before)
    assert f"There is content at a provider: {said}. Erase it first" in ran.said
    assert list(ran.steps) == [1, 2, 3]
    assert beside.remove(*BESIDE, "--yes", "--keep-content").status == 0
    assert "greenroom" not in beside.project["databases"]


@pytest.mark.parametrize(
    ("collection", "fields"),
    [("kalturaSession", {"state": "gone"}), ("archive", {"gone": True})],
)
def test_records_of_what_is_gone_do_not_hold_the_removal(
    beside: Cloud, before: dict[str, Any], collection: str, fields: dict[str, Any]
) -> None:
    beside.project["documents"]["greenroom"][collection] = [fields]
    assert beside.remove(*BESIDE, "--yes").status == 0
    assert beside.project == before


def test_nothing_is_begun_when_documents_cannot_be_read(beside: Cloud) -> None:
    before = copy.deepcopy(beside.project)
    beside.refuse("runAggregationQuery", '{"error": {"status": "PERMISSION_DENIED"}}')
    ran = beside.remove(*BESIDE, "--yes")
    assert (ran.status, ran.refused, beside.project) == (1, {3}, before)


def test_content_that_comes_while_the_question_waits_stops_the_removal(beside: Cloud) -> None:
    before = copy.deepcopy(beside.project)
    beside.after = ("databases describe", lambda: beside.project["documents"]["greenroom"].update(copies=[{}]))
    ran = beside.remove(*BESIDE, typed="my-school\nyes\ngreenroom\n")
    before["documents"]["greenroom"]["copies"] = [{}]
    assert (ran.status, beside.project) == (1, before)
    assert "1 copies" in ran.said


# --- what others have ---------------------------------------------------------------------------------------------


def test_secret_that_somebody_else_may_read_stays(beside: Cloud) -> None:
    beside.project["secrets"]["HOSTS"].insert(0, APP)
    beside.project["secrets"]["XMPP_PASSWORD"].append(APP)
    ran = beside.remove(*BESIDE, "--yes")
    assert ran.status == 0
    assert beside.project["secrets"] == {"STRIPE_KEY": [APP], "HOSTS": [APP], "XMPP_PASSWORD": [APP]}
    assert f"the secret HOSTS, because {APP} may read it too" in ran.kept


def test_database_with_other_collections_stays(cloud: Cloud) -> None:
    deployed(cloud)
    cloud.project["documents"]["(default)"]["courses"] = [{}]
    ran = cloud.remove("--database", "(default)", "--yes", typed="(default)\n")
    assert ran.status == 0
    assert cloud.project["databases"]["(default)"]["protected"] is True
    assert "the database (default), because it has other collections too: courses" in ran.kept


def test_second_deployment_in_the_project_is_left_alone(cloud: Cloud) -> None:
    options = ("--prefix", "two", "--database", "other")
    cloud.prepare(*options)
    cloud.deploy("two-", "other", "second")
    before = copy.deepcopy(cloud.project)
    deployed(cloud, *BESIDE)
    ran = cloud.remove(*BESIDE, "--yes")
    assert ran.status == 0
    assert "because other functions have it: two-api" in ran.kept
    for name in ("functions", "queues", "jobs", "policies", "metrics", "dashboards", "databases", "documents"):
        assert cloud.project[name] == before[name], name
    assert set(cloud.project["secrets"]) == set(SECRETS)
    assert [one for one in before["bindings"] if one not in cloud.project["bindings"]] == []
    assert cloud.remove(*options, "--codebase", "second", "--yes").status == 0
    assert (cloud.project["functions"], cloud.project["secrets"]) == ([], {})
    assert [one for one in cloud.project["bindings"] if "greenroom@" in one[1]] == []


def test_queue_and_schedule_of_an_apps_function_with_the_name_of_ours_stay(cloud: Cloud) -> None:
    deployed(cloud)
    for one in cloud.project["functions"]:
        if one["id"] in ("reconcileVideo", "sweep"):
            one.update(codebase="theirs", account=COMPUTE)
    assert cloud.remove("--yes").status == 0
    assert list(cloud.project["queues"].items()) == [("us-central1/reconcileVideo", "RUNNING")]
    assert cloud.project["jobs"] == ["us-central1/firebase-schedule-sweep-us-central1"]
    assert [one["id"] for one in cloud.project["functions"]] == ["reconcileVideo", "sweep"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(("--database", "greenroom"), "Take the --prefix that firebase.json has", id="no prefix"),
        pytest.param(
            ("--prefix", "g", "--database", "greenroom"),
            "Take the --prefix that firebase.json has",
            id="another prefix",
        ),
        pytest.param((*BESIDE, "--region", "europe-west1"), "Take --region us-central1", id="another region"),
    ],
)
def test_options_that_are_not_those_of_the_deployment_are_noticed(
    beside: Cloud, options: tuple[str, ...], sentence: str
) -> None:
    before = copy.deepcopy(beside.project)
    ran = beside.remove(*options, "--yes")
    assert (ran.status, ran.refused, beside.project) == (1, {2, 3}, before)
    assert sentence in ran.said


@pytest.mark.parametrize("codebase", ["gr", "greenroom"])
def test_prefix_that_is_the_codebases_name_is_not_mistaken(cloud: Cloud, codebase: str) -> None:
    app_of(cloud)
    before = deployed(cloud, *BESIDE)
    for one in cloud.project["functions"]:
        if one.get("codebase") == "greenroom":
            one["codebase"] = codebase
    assert cloud.remove(*BESIDE, "--codebase", codebase, "--yes").status == 0
    assert cloud.project == before


# --- whose database it is -----------------------------------------------------------------------------------------

APPS_OWN: Final[dict[str, Any]] = {"sessions": [{}], "videos": [{"gone": True}]}
"""The collections of examples/existing-app: names that Greenroom has too."""
DEFAULT: Final = ("--database", "(default)")
NAMED: Final = "Take --database greenroom"


@pytest.fixture
def alike(beside: Cloud) -> Cloud:
    """Greenroom beside an app whose database has only collections with the names of ours."""
    beside.project["documents"]["(default)"] = copy.deepcopy(APPS_OWN)
    return beside


def half_done(cloud: Cloud, *, with_roles: bool = False) -> None:
    """Leave what an interrupted removal may leave: the functions are gone, the database is there."""
    cloud.project["functions"] = [one for one in cloud.project["functions"] if one.get("codebase") != "greenroom"]
    if not with_roles:
        cloud.project["bindings"] = [one for one in cloud.project["bindings"] if one[1] != RUNTIME]
        cloud.project["accounts"].remove(RUNTIME.partition(":")[2])


@pytest.mark.parametrize("options", [(), DEFAULT], ids=["not given", "given"])
@pytest.mark.parametrize("how", [("--dry-run",), ("--yes",), ("--yes", "--keep-content")], ids=" ".join)
def test_database_of_the_app_is_not_taken_for_greenrooms(
    alike: Cloud, options: tuple[str, ...], how: tuple[str, ...]
) -> None:
    before = copy.deepcopy(alike.project)
    ran = alike.remove("--prefix", "gr", *options, *how)
    assert (ran.status, ran.refused, alike.project) == (1, {2, 3}, before)
    assert NAMED in ran.said
    assert "gcloud firestore databases" not in ran.said
    assert [one for one in alike.calls if "databases/(default)" in " ".join(one)] == []


@pytest.mark.parametrize("with_roles", [True, False])
def test_half_done_removal_without_a_database_removes_nothing(alike: Cloud, with_roles: bool) -> None:
    half_done(alike, with_roles=with_roles)
    before = copy.deepcopy(alike.project)
    ran = alike.remove("--prefix", "gr", "--yes")
    assert (ran.status, ran.refused, alike.project) == (1, {2, 3}, before)
    assert (NAMED if with_roles else "Name the database of the deployment: --database") in ran.said


def test_half_done_removal_goes_on_with_the_named_database(alike: Cloud) -> None:
    half_done(alike)
    assert alike.remove(*BESIDE, "--yes").status == 0
    assert set(alike.project["databases"]) == {"(default)", "lessons"}
    assert alike.project["queues"].keys() == {"us-central1/gr-mail", "us-central1/greenroom"}


def test_half_done_removal_keeps_a_named_database_that_nothing_proves(alike: Cloud) -> None:
    half_done(alike)
    ran = alike.remove("--prefix", "gr", *DEFAULT, typed="my-school\nyes\n(default)\n")
    assert ran.status == 0
    assert alike.project["documents"]["(default)"] == APPS_OWN
    assert "the database (default), because nothing proves that it is Greenroom's" in ran.kept
    assert "gcloud firestore databases" not in ran.said.replace("databases describe", "")


def test_role_of_the_account_proves_another_database_than_the_named_one(alike: Cloud) -> None:
    half_done(alike, with_roles=True)
    before = copy.deepcopy(alike.project)
    ran = alike.remove("--prefix", "gr", "--database", "lessons", "--yes")
    assert (ran.status, ran.refused, alike.project) == (1, {2, 3}, before)
    assert NAMED in ran.said


def test_role_of_the_account_proves_a_database_that_no_trigger_names(beside: Cloud) -> None:
    for one in beside.project["functions"]:
        one.pop("database", None)
    beside.project["documents"]["greenroom"] = {}
    assert beside.remove(*BESIDE, "--yes").status == 0
    assert "greenroom" not in beside.project["databases"]


@pytest.mark.parametrize(
    "trigger",
    [{"database": "greenroom"}, {"resource": f"projects/{PROJECT}/databases/greenroom/documents/courses/{{id}}"}],
    ids=["second generation", "first generation"],
)
def test_database_that_a_function_of_the_app_follows_stays(beside: Cloud, trigger: dict[str, str]) -> None:
    beside.project["functions"].append({"id": "count", "region": "us-central1", "account": COMPUTE, **trigger})
    ran = beside.remove(*BESIDE, "--yes")
    assert ran.status == 0
    assert "the database greenroom, because other functions follow it: count" in ran.kept
    assert beside.project["databases"]["greenroom"]["protected"] is True


def test_nothing_is_begun_when_the_roles_of_the_account_cannot_be_read(alike: Cloud) -> None:
    half_done(alike, with_roles=True)
    before = copy.deepcopy(alike.project)
    alike.refuse("get-iam-policy my-school", DENIED)
    ran = alike.remove(*BESIDE, "--yes")
    assert (ran.status, ran.refused, alike.project) == (1, {2, 3}, before)


@pytest.mark.parametrize(
    ("options", "typed", "is_there"),
    [
        pytest.param((), "my-school\nyes\n(default)\n", True, id="not named"),
        pytest.param(("--yes",), "(default)\n", True, id="not named, without questions"),
        pytest.param((*DEFAULT, "--yes"), "", True, id="named, not typed"),
        pytest.param((*DEFAULT, "--yes"), "yes\n", True, id="named, another word"),
        pytest.param((*DEFAULT, "--yes"), "(default)\n", False, id="named and typed, without other questions"),
        pytest.param(DEFAULT, "my-school\nyes\n(default)\n", False, id="named and typed"),
    ],
)
def test_default_database_goes_only_if_it_is_named_and_typed(
    cloud: Cloud, options: tuple[str, ...], typed: str, is_there: bool
) -> None:
    deployed(cloud)
    ran = cloud.remove(*options, typed=typed)
    assert (ran.status, "(default)" in cloud.project["databases"]) == (0, is_there)
    assert ("the database (default)" in ran.kept) is is_there
    assert cloud.project["functions"] == []
    assert is_there is (cloud.project["documents"] != {})


# --- refusals, and what is half done ------------------------------------------------------------------------------

AFTER_FUNCTIONS: Final = set(range(4, 14))
REFUSALS: Final[list[Any]] = [
    pytest.param("^firebase ", "Failed to authenticate, have you run firebase login?", AFTER_FUNCTIONS, id="functions"),
    pytest.param("scheduler jobs list", DENIED, {5}, id="schedules unseen"),
    pytest.param("queues delete gr-reconcileVideo", DENIED, {6}, id="one queue"),
    pytest.param("secrets delete", DENIED, {7}, id="secrets"),
    pytest.param("secrets get-iam-policy", DENIED, {7}, id="readers of secrets unseen"),
    pytest.param("curl .*DELETE", '{"error": {"status": "PERMISSION_DENIED"}}', {8, 9}, id="policies"),
    pytest.param("(metrics|dashboards) delete", DENIED, {9, 10}, id="metrics and dashboard"),
    pytest.param("projects remove-iam", DENIED, {11, 12}, id="roles"),
    pytest.param("service-accounts delete", DENIED, {12}, id="account"),
    pytest.param("databases update", DENIED, {13}, id="protection"),
    pytest.param("databases delete", DENIED, {13}, id="database"),
    pytest.param("listCollectionIds", '{"error": {"status": "PERMISSION_DENIED"}}', {13}, id="collections unseen"),
]


@pytest.mark.parametrize(("call", "says", "refused"), REFUSALS)
def test_refused_step_leaves_the_others_and_the_next_run_removes_the_rest(
    beside: Cloud, before: dict[str, Any], call: str, says: str, refused: set[int]
) -> None:
    beside.refuse(call, says)
    ran = beside.remove(*BESIDE, "--yes")
    assert (ran.status, ran.refused) == (1, refused)
    assert list(ran.steps) == list(range(1, 14))
    assert says in ran.said
    assert len(re.findall(r"^      \S", ran.left, re.MULTILINE)) >= len(refused)
    assert "Greenroom is removed" not in ran.said
    beside.refuse("", "", times=0)
    assert beside.remove(*BESIDE, "--yes").status == 0
    assert beside.project == before


def test_commands_that_are_left_remove_the_rest(beside: Cloud, before: dict[str, Any]) -> None:
    beside.refuse("queues delete|secrets delete|databases delete", DENIED)
    ran = beside.remove(*BESIDE, "--yes")
    beside.refuse("", "", times=0)
    commands = [line.strip() for line in ran.left.splitlines() if line.startswith("      gcloud")]
    assert len(commands) == len(list_of("WORKERS")) + len(SECRETS) + 1
    for command in commands:
        assert beside.answer(command.split())[0] == 0
    assert beside.project == before


@pytest.mark.parametrize("calls", [1, 6, 11])
def test_interrupted_removal_is_completed_by_the_next(beside: Cloud, before: dict[str, Any], calls: int) -> None:
    beside.allow("firebase .*delete|gcloud .*(delete|remove-iam)|curl .*DELETE", calls)
    assert beside.remove(*BESIDE, "--yes").status == 1
    beside.allow("", 0)
    assert beside.remove(*BESIDE, "--yes").status == 0
    assert beside.project == before


def test_missing_program_is_explained(beside: Cloud) -> None:
    (beside.home / "firebase").unlink()
    ran = beside.remove(*BESIDE, "--yes")
    assert (ran.status, ran.refused) == (1, AFTER_FUNCTIONS)
    assert "A program is missing" in ran.left


def test_project_that_cannot_be_seen_is_left_alone(beside: Cloud) -> None:
    beside.refuse("projects describe", DENIED)
    ran = beside.remove("--yes")
    assert (ran.status, list(ran.steps)) == (1, [1, 2, 3])
    assert ran.said.endswith("\nNothing was removed.\n")


# --- options ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param([], "--project is missing", id="no project"),
        pytest.param(["--project"], "--project needs a value", id="no value"),
        pytest.param(["--project", "my-school;id"], "--project must be", id="A1 project"),
        pytest.param(["--database", "$(id)"], "--database must be", id="A1 database"),
        pytest.param(["--prefix", "a|e id"], "--prefix must be", id="A1 prefix"),
        pytest.param(["--prefix", ".*"], "--prefix must be", id="A1 pattern"),
        pytest.param(["--prefix", "gr-"], "--prefix must be", id="prefix with its hyphen"),
        pytest.param(["--codebase", "default"], "--codebase must be Greenroom's own", id="codebase of the app"),
        pytest.param(["--codebase", "a:b"], "--codebase must be", id="A1 codebase"),
        pytest.param(["--codebase="], "--codebase must be", id="no codebase"),
        pytest.param(["--location", "eur3"], "--location is not an option", id="of the preparation"),
        pytest.param(["--yes=1"], "--yes is not an option", id="switch with a value"),
        pytest.param(["--codebase --region", "x"], "--codebase --region is not an option", id="two options in one"),
        pytest.param([PROJECT], "my-school is not an option", id="word"),
    ],
)
def test_wrong_option_is_refused_before_anything_is_done(cloud: Cloud, options: list[str], sentence: str) -> None:
    ran = cloud.run(*options, script=REMOVE)
    assert (ran.status, cloud.calls) == (2, [])
    assert ran.said.startswith(sentence)


def test_help_lists_every_option(cloud: Cloud) -> None:
    ran = cloud.run("--help", script=REMOVE)
    assert (ran.status, cloud.calls) == (0, [])
    code = REMOVE.read_text() + SHARED.read_text()
    accepted = set(re.findall(r"^    (--[a-z-]+)\)", code, re.MULTILINE)) | {"--dry-run"}
    assert accepted == set(re.findall(r"^  +(--[a-z-]+)", ran.said.replace("#", " "), re.MULTILINE))


def test_every_call_is_made_as_the_account(beside: Cloud) -> None:
    beside.calls.clear()
    assert beside.remove(*BESIDE, "--yes", "--account", "owner@school.org").status == 0
    called = [one for one in beside.calls if one[0] in ("gcloud", "firebase")]
    assert [one for one in called if "--account=owner@school.org" not in one] == []
    assert [one for one in beside.calls if TOKEN in " ".join(one)] == []


# --- the lists of the script, and the code ------------------------------------------------------------------------


def list_of(name: str) -> set[str]:
    """A list of words in the script."""
    found = re.search(rf'^{name}="([^"]*)"$', REMOVE.read_text(), re.MULTILINE)
    assert found is not None
    return set(found[1].split())


def test_lists_of_the_script_are_those_of_the_code() -> None:
    assert list_of("WORKERS") == {name for name, module in FUNCTIONS.items() if module == "functions.work"}
    assert list_of("SCHEDULES") == {name for name, module in FUNCTIONS.items() if module == "functions.schedule"}
    assert list_of("SECRETS") == set(SECRETS)
    written = set(re.findall(r"^    match /(\w+)/", (ROOT / "firestore.rules").read_text(), re.MULTILINE))
    written |= {getattr(paths, name) for name in re.findall(r'f"\{([A-Z_]+)\}/', Path(paths.__file__).read_text())}
    assert list_of("COLLECTIONS") == {*written, paths.REMOVALS}


def test_wrong_flag_in_the_script_is_noticed(beside: Cloud, tmp_path: Path) -> None:
    assert FIREBASE.exists()
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    script = tmp_path / "deploy" / "remove.sh"
    script.write_text(script.read_text().replace('"--region=$REGION" --force', '"--regions=$REGION" --force'))
    ran = beside.run("--project", PROJECT, *BESIDE, "--yes", script=script)
    assert ran.refused == AFTER_FUNCTIONS
    assert "unknown option '--regions=us-central1'" in ran.said
