"""Greenroom is added to the app of examples/existing-app, which has the same names, and changes nothing of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from google.cloud.firestore import Client
from google.cloud.firestore_v1.base_query import FieldFilter

from emulator_tests.conftest import SETTINGS
from emulator_tests.flow.school import Person, Refused, School, await_any, school_of
from emulator_tests.rules.callers import SERVER
from emulator_tests.rules.firestore import Denied, Firestore, create
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.network import HOST, free_ports
from emulator_tests.testbed.part import Part
from emulator_tests.testbed.places import EXISTING_APP, FIREBASE, HIDANE, PRELOADED, ROOT, WEB, state_folder
from functions.listing import OF_BUCKET
from main import FUNCTIONS

SCRIPT: Final = Path(__file__).with_name("deploying_beside.cjs")
PROJECT: Final = "my-school"
WITHIN_S: Final = 120
NOTIFY: Final = ROOT / "examples" / "notify-node"

TEACHER: Final = "greenroomTeacher"
ADMIN: Final = "greenroomAdmin"
SECRETS: Final = ("KALTURA_ADMIN_SECRET", "KALTURA_CHAT_TOKEN")
DATABASES: Final = ("(default)", "greenroom")

Resources = dict[str, dict[str, Any]]


# Deployments


@dataclass(frozen=True)
class Deployed:
    """
    The resources of the project after a deployment, each with the number of its last write, and the error if it failed.
    """

    resources: Resources
    error: str

    def functions(self) -> set[str]:
        return {name.rpartition("/")[2] for name in self.resources if "/functions/" in name}


def lay_out(folder: Path, configuration: Mapping[str, Any], settings: Mapping[str, str], settings_in: str) -> Path:
    """
    Return a new project folder: the app, Greenroom's checkout in `greenroom`, and a firebase.json.
    """
    app, checkout = folder, folder / "greenroom"
    shutil.copytree(EXISTING_APP, app, symlinks=True, ignore=shutil.ignore_patterns("node_modules", "greenroom"))
    (app / "functions" / "node_modules").symlink_to(EXISTING_APP / "functions" / "node_modules")
    checkout.mkdir()
    for part in ROOT.iterdir():
        if not part.name.startswith("."):
            (checkout / part.name).symlink_to(part)
    (folder / "firebase.json").write_text(json.dumps(configuration))
    (folder / settings_in).mkdir(exist_ok=True)
    dotenv = "".join(f"{name}={value}\n" for name, value in settings.items())
    (folder / settings_in / f".env.{PROJECT}").write_text(dotenv)
    return folder


def configuration_of(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((EXISTING_APP / name).read_text())
    return read


OWN_SPACE: Final = {"KALTURA_PARTNER_ID": "102", "FIRESTORE_DATABASE": "greenroom", "FUNCTIONS_PREFIX": "gr-"}


def app_alone(folder: Path) -> Path:
    return lay_out(folder, configuration_of("firebase.app.json"), OWN_SPACE, "greenroom")


def both(folder: Path) -> Path:
    return lay_out(folder, configuration_of("firebase.json"), OWN_SPACE, "greenroom")


def deploy(
    home: Path,
    *deployments: tuple[Path, str | None, bool],
    databases: tuple[str, ...] = DATABASES,
    secrets: tuple[str, ...] = SECRETS,
) -> list[Deployed]:
    """
    Deploy to one project again and again: from a folder, `--only`, with `--force`.
    """
    asked = [
        {"folder": str(folder), "force": force, **({"only": only} if only else {})}
        for folder, only, force in deployments
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "IS_FIREBASE_CLI": "true",
        "FUNCTIONS_DISCOVERY_TIMEOUT": str(WITHIN_S // 2),
    }
    command = ["node", str(SCRIPT), PROJECT, json.dumps(asked), json.dumps(databases), json.dumps(secrets)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=True)
    assert "not known:" not in done.stderr, done.stderr
    return [Deployed(**told) for told in json.loads(done.stdout.rpartition("\n")[2])]


def unchanged(before: Resources, after: Resources) -> bool:
    """
    Return True if all that was there is there, and nothing of it was written again, not even as it was.
    """
    return {name: after.get(name) for name in before} == before


ONLY_GREENROOM: Final = "functions:greenroom,firestore:greenroom"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployed]:
    """
    One project, after the app was deployed, then Greenroom, Greenroom by force, and the app by somebody who has not
    heard of it, by force.
    """
    home = tmp_path_factory.mktemp("deployments")
    alone, beside = app_alone(home / "alone"), both(home / "beside")
    steps = {
        "app": (alone, None, False),
        "greenroom": (beside, ONLY_GREENROOM, False),
        "greenroom by force": (beside, ONLY_GREENROOM, True),
        "app by force": (alone, None, True),
    }
    found = dict(zip(steps, deploy(home, *steps.values()), strict=True))
    assert {name: one.error for name, one in found.items()} == dict.fromkeys(steps, "")
    return found


def documented_configuration() -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Return what docs/deploying.md recommends: a firebase.json, and a function kit.
    """
    page = (ROOT / "docs" / "deploying.md").read_text()
    configuration, kit = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    return configuration, kit


def test_example_is_what_the_documentation_recommends() -> None:
    documented, _ = documented_configuration()
    own = json.loads((ROOT / "firebase.json").read_text())
    assert {**documented["functions"][1], "source": "."} == {**own["functions"][0], "prefix": "gr"}
    files = {name: f"greenroom/{file}" for name, file in own["firestore"].items()}
    assert files.items() <= documented["firestore"][1].items()
    example = configuration_of("firebase.json")
    assert {name: example[name] for name in documented} == documented
    # Nothing of the app's configuration is another one than before.
    before = configuration_of("firebase.app.json")
    assert example["functions"][:1] == before["functions"]
    assert example["firestore"][:1] == before["firestore"]
    assert example["hosting"] == before["hosting"]
    assert example["emulators"] == before["emulators"]


def test_deployment_of_greenroom_changes_nothing_of_the_app(deployed: dict[str, Deployed]) -> None:
    before, after = deployed["app"].resources, deployed["greenroom"].resources
    databases = "databases/(default)/collectionGroups"
    assert {"releases/cloud.firestore", f"{databases}/videos/fields/expiresAt", f"sites/{PROJECT}/release"} <= set(
        before
    )
    assert any(name.startswith(f"{databases}/sessions/indexes/") for name in before)
    assert deployed["app"].functions() == {"deleteVideo", "onSessionWritten"}
    assert unchanged(before, after)


def test_greenroom_has_only_names_of_its_own(deployed: dict[str, Deployed]) -> None:
    new = set(deployed["greenroom"].resources) - set(deployed["app"].resources)
    assert {name.rpartition("/")[2] for name in new if "/functions/" in name} == {
        f"gr-{name}" for name in set(FUNCTIONS) - OF_BUCKET
    }
    own = re.compile(
        r"databases/greenroom/.*|releases/cloud\.firestore/greenroom|rulesets/\d+|secrets/KALTURA_.*/policy"
        r"|locations/[^/]+/(functions|services|queues)/gr-.*|locations/[^/]+/jobs/firebase-schedule-gr-.*"
    )
    assert [name for name in new if not own.fullmatch(name)] == []


def test_deployment_of_greenroom_by_force_changes_nothing_of_the_app(deployed: dict[str, Deployed]) -> None:
    """C3: `--force` deletes functions, and resets indexes and policies that the files do not have."""
    assert unchanged(deployed["app"].resources, deployed["greenroom by force"].resources)
    assert set(deployed["greenroom by force"].resources) == set(deployed["greenroom"].resources)


def test_deployment_of_the_app_changes_nothing_of_greenroom(deployed: dict[str, Deployed]) -> None:
    before, after = deployed["greenroom by force"].resources, deployed["app by force"].resources
    of_greenroom = {name: content for name, content in before.items() if name not in deployed["app"].resources}
    assert of_greenroom
    assert unchanged(of_greenroom, after)


def test_without_a_prefix_the_app_would_lose_its_function(tmp_path: Path) -> None:
    """The reason for the prefix, and the proof that these tests would notice."""
    configuration = configuration_of("firebase.json")
    del configuration["functions"][1]["prefix"]
    alone = app_alone(tmp_path / "alone")
    settings = {name: value for name, value in OWN_SPACE.items() if name != "FUNCTIONS_PREFIX"}
    beside = lay_out(tmp_path / "beside", configuration, settings, "greenroom")
    before, after = deploy(tmp_path, (alone, "functions", False), (beside, "functions:greenroom", True))
    assert (before.error, after.error) == ("", "")
    assert not unchanged(before.resources, after.resources)
    (lost,) = (content for name, content in after.resources.items() if name.endswith("/functions/deleteVideo"))
    assert lost["labels"]["firebase-functions-codebase"] == "greenroom"


def test_deployment_creates_no_database_beside_the_first(tmp_path: Path) -> None:
    (done,) = deploy(tmp_path, (both(tmp_path / "both"), "firestore:greenroom", False), databases=("(default)",))
    assert done.error
    assert [name for name in done.resources if "greenroom" in name] == []


def kit_configuration() -> dict[str, Any]:
    """
    The example's configuration with the function kit of docs/deploying.md in place of a codebase.
    """
    _, kit = documented_configuration()
    example = configuration_of("firebase.json")
    app, codebase = example["functions"]
    return {**example, "functions": [app, {**kit, "ignore": codebase["ignore"]}]}


def test_function_kit_changes_nothing_of_the_app(tmp_path: Path) -> None:
    configuration = kit_configuration()
    ((instance, settings_in),) = configuration["functions"][1]["instances"].items()
    prefix = f"kit-{instance}-"
    beside = lay_out(tmp_path / "kit", configuration, OWN_SPACE | {"FUNCTIONS_PREFIX": prefix}, settings_in)
    secrets = tuple(f"{prefix}{name}" for name in SECRETS)
    only = f"functions:{instance},firestore:greenroom"
    before, after = deploy(
        tmp_path, (app_alone(tmp_path / "alone"), None, False), (beside, only, True), secrets=secrets
    )
    assert (before.error, after.error) == ("", "")
    assert unchanged(before.resources, after.resources)
    assert after.functions() - before.functions() == {f"{prefix}{name}" for name in set(FUNCTIONS) - OF_BUCKET}


# On the emulators


def test_app_passes_its_tests_without_greenroom(tmp_path: Path) -> None:
    configuration = configuration_of("firebase.app.json")
    ports = free_ports("auth functions firestore websocket hub logging eventarc tasks")
    own = {name: {"host": HOST, "port": port} for name, port in ports.items() if name != "websocket"}
    own["firestore"]["websocketPort"] = ports["websocket"]
    configuration["emulators"] = {**own, "ui": {"enabled": False}, "singleProjectMode": True}
    folder = lay_out(tmp_path / "alone", configuration, {}, "greenroom")
    environment = {
        "PATH": f"{HIDANE.parent}:{FIREBASE.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "NODE_OPTIONS": f'--require="{PRELOADED}"',
        "METADATA_SERVER_DETECTION": "none",
        "CI": "1",
        "FUNCTIONS_EMULATOR_HOST": f"{HOST}:{ports['functions']}",
    }
    emulators = ["--project", "demo-school", "emulators:exec", "--only", "auth,functions,firestore"]
    command = [str(HIDANE), "exec", "--", str(FIREBASE), *emulators, "npm --prefix functions test"]
    # Whatever happens, it leaves no emulator behind.
    part = Part("app", command, environment, folder, tmp_path / "app.log", grace_s=0)
    part.start()
    try:
        deadline_at = time.monotonic() + WITHIN_S
        part.wait_until("pass its tests", lambda: part.has_said("Script exited successfully"), deadline_at)
    finally:
        part.let_go()
        part.wait()
    assert part.has_said("# pass 4")


def rules_with_other_claims() -> str:
    """
    Greenroom's rules, as a school edits them whose app uses the names of both claims.
    """
    rules = (ROOT / "firestore.rules").read_text()
    for was, name in ("teacher", TEACHER), ("admin", ADMIN):
        assert rules.count(f"return '{was}';") == 1
        rules = rules.replace(f"return '{was}';", f"return '{name}';")
    return rules


@pytest.fixture(scope="module")
def school() -> Iterator[School]:
    """
    A school of its own beside the app.
    """
    shared_state = state_folder("test")
    state = shared_state.with_name(f"{shared_state.name}-existing-app")
    settings = SETTINGS | {"CLAIM_TEACHER": TEACHER, "CLAIM_ADMIN": ADMIN}
    with (
        Testbed(
            state, settings, has_s3=False, prefix="gr", database="greenroom", beside=EXISTING_APP, apps=[NOTIFY]
        ) as testbed,
        school_of(testbed) as school,
    ):
        testbed.load_rules("greenroom", rules_with_other_claims())
        school.simulator("POST", "clock", {"ready": "after_s:1"})
        yield school


@pytest.fixture
def teacher(school: School) -> Person:
    return school.person(**{TEACHER: True})


@pytest.fixture
def app(school: School) -> Iterator[Firestore]:
    """
    The database of the app.
    """
    firestore = Firestore(school.testbed.firestore_host, school.testbed.project_id, "(default)")
    yield firestore
    firestore.close()


DENY_EVERYTHING: Final = """
rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents/{path=**} {
    allow read, write: if false;
  }
}
"""

LESSON: Final = {"subject": "Physics", "room": "B12", "period": 3}


def run_app_tests(school: School) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "GCLOUD_PROJECT": school.testbed.project_id,
        "FIREBASE_AUTH_EMULATOR_HOST": school.testbed.auth_host,
        "FIRESTORE_EMULATOR_HOST": school.testbed.firestore_host,
        "FUNCTIONS_EMULATOR_HOST": school.testbed.functions_host,
        "METADATA_SERVER_DETECTION": "none",
    }
    done = subprocess.run(
        ["node", "--test", "test/"],
        cwd=EXISTING_APP / "functions",
        env=environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 4" in done.stdout


def call_app(school: School, person: Person, data: object) -> dict[str, Any]:
    """
    Return what the app's own `deleteVideo` answers.
    """
    url, headers = f"{school.testbed.functions_url}/deleteVideo", {"Authorization": f"Bearer {person.id_token}"}
    answer: dict[str, Any] = school.http.post(url, json={"data": data}, headers=headers, timeout=60).json()
    return answer


def test_app_passes_its_tests_beside_greenroom(school: School) -> None:
    run_app_tests(school)


def test_both_work_side_by_side(school: School, teacher: Person, app: Firestore, video_bytes: bytes) -> None:
    session_id = teacher.write_live_session()
    teacher.change_session(session_id, status="public")
    school.await_event(session_id)
    video_id = teacher.upload_video(session_id, video_bytes)
    # Under the same id each `deleteVideo` deletes the video of its own database.
    app.commit(SERVER, create(f"videos/{video_id}", {"owner": teacher.uid}))
    assert call_app(school, teacher, {"clipId": video_id}) == {"result": {"deleted": True}}
    assert app.get(SERVER, f"videos/{video_id}") is None
    assert school.document(f"videos/{video_id}") is not None

    app.commit(SERVER, create(f"videos/{video_id}", {"owner": teacher.uid}))
    teacher.call("deleteVideo", {"videoId": video_id})
    school.await_document(f"sessions/{session_id}", lambda fields: video_id not in (fields or {}).get("videos", {}))
    assert app.get(SERVER, f"videos/{video_id}") == {"owner": teacher.uid}


def test_trigger_in_node_queues_one_mail_to_the_teacher(school: School, teacher: Person, video_bytes: bytes) -> None:
    session_id = teacher.write_session(title="Optics")
    video_id = teacher.upload_video(session_id, video_bytes, title="Lenses")
    school.await_video(session_id, video_id, "ready")
    client = Client(project=school.testbed.project_id, database="(default)")
    (mail,) = await_any(client.collection("mail").where(filter=FieldFilter("videoId", "==", video_id)))
    client.close()  # type: ignore[no-untyped-call]
    assert mail.to_dict() == {
        "to": [teacher.email],
        "message": {"subject": "Your video is ready", "text": "“Lenses” of “Optics” can be watched now."},
        "sessionId": session_id,
        "videoId": video_id,
    }


def test_session_of_the_app_causes_nothing_in_greenroom(school: School, teacher: Person, app: Firestore) -> None:
    before = school.every_document()
    lessons = [f"sessions/{uuid.uuid4().hex}" for _ in range(2)]
    app.commit(SERVER, create(lessons[0], LESSON))
    # It looks as if it were one of Greenroom's.
    fields = {"status": "public", "format": "liveStreaming", "visibility": "open", "ownerUid": teacher.uid}
    app.commit(SERVER, create(lessons[1], {**LESSON, **fields}))
    await_booked(school, *lessons)
    # Whatever Greenroom had been told would be done with this session, which came later.
    session_id = teacher.write_live_session(status="public")
    school.await_event(session_id)
    new = {path for path in school.every_document() if path not in before}
    assert [path for path in new for lesson in lessons if lesson.rpartition("/")[2] in path] == []
    assert {path for path in new if path.startswith("kalturaSession/")} == {f"kalturaSession/{session_id}"}


def await_booked(school: School, *lessons: str) -> None:
    """
    Wait until the app's trigger has booked the rooms of lessons.
    """
    client = Client(project=school.testbed.project_id, database="(default)")
    for lesson in lessons:
        booked = f"rooms/{LESSON['room']}/lessons/{lesson.rpartition('/')[2]}"
        school.await_document(booked, lambda fields: fields is not None, client=client)
    client.close()  # type: ignore[no-untyped-call]


def test_session_of_greenroom_causes_nothing_in_the_app(school: School, teacher: Person, app: Firestore) -> None:
    session_id = teacher.write_live_session(status="public")
    school.await_event(session_id)
    lesson = f"sessions/{uuid.uuid4().hex}"
    app.commit(SERVER, create(lesson, LESSON))
    await_booked(school, lesson)
    assert app.get(SERVER, f"sessions/{session_id}") is None
    assert [path for path in app.find(SERVER, "lessons", in_all_of_the_name=True) if session_id in path] == []


def test_claims_of_the_app_give_no_right_in_greenroom(school: School, teacher: Person, app: Firestore) -> None:
    office = school.person(admin=True, teacher=True)
    with pytest.raises(Denied):
        office.write_session()
    with pytest.raises(Refused) as refused:
        office.call("exportContent", {"uid": teacher.uid})
    assert refused.value.code == "PERMISSION_DENIED"
    # And the other way round.
    greenroom = school.person(**{ADMIN: True, TEACHER: True})
    with pytest.raises(Denied):
        app.commit(greenroom.caller, create(f"sessions/{uuid.uuid4().hex}", LESSON))
    app.commit(office.caller, create(f"sessions/{uuid.uuid4().hex}", LESSON))
    assert greenroom.call("exportContent", {"uid": teacher.uid})


def test_greenroom_works_while_the_rules_of_the_app_deny_everything(
    school: School, teacher: Person, app: Firestore
) -> None:
    session_id = teacher.write_session()
    lesson = f"sessions/{uuid.uuid4().hex}"
    app.commit(SERVER, create(lesson, LESSON))
    assert app.get(teacher.caller, lesson) == LESSON
    school.testbed.load_rules("(default)", DENY_EVERYTHING)
    try:
        with pytest.raises(Denied):
            app.get(teacher.caller, lesson)
        teacher.change_session(session_id, title="Open")
        assert (school.firestore.get(teacher.caller, f"sessions/{session_id}") or {})["title"] == "Open"
    finally:
        school.testbed.load_rules("(default)", school.testbed.rules["(default)"])
    with pytest.raises(Denied):
        app.commit(teacher.caller, create(f"kalturaSession/{session_id}", {}))


# The page


def test_page_of_the_app_is_typed_and_bundled_with_the_client(tmp_path: Path) -> None:
    page = str(EXISTING_APP / "web" / "main.ts")
    options = json.loads((WEB / "tsconfig.json").read_text())["compilerOptions"]
    paths = {name: [str(WEB / path) for path in found] for name, found in options["paths"].items()}
    # As `npm install greenroom firebase` would put them.
    paths["firebase/*"] = [str(WEB / "node_modules" / "firebase" / "*")]
    (tmp_path / "tsconfig.json").write_text(
        json.dumps(
            {
                "compilerOptions": {**options, "paths": paths, "noEmit": True, "typeRoots": [], "importHelpers": False},
                "files": [page],
            }
        )
    )
    tools = WEB / "node_modules" / ".bin"
    checked = subprocess.run(
        [tools / "tsc", "--project", tmp_path], capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert checked.returncode == 0, checked.stdout
    bundle = tmp_path / "main.js"
    command = [str(tools / "esbuild"), page, "--bundle", "--format=esm", f"--outfile={bundle}"]
    bundled = subprocess.run(
        [*command, f"--tsconfig={tmp_path / 'tsconfig.json'}"],
        env=os.environ | {"NODE_PATH": str(WEB / "node_modules")},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert bundled.returncode == 0, bundled.stderr
    assert 'functionsPrefix: "gr-", databaseId: "greenroom"' in bundle.read_text()
