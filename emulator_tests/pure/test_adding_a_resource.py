"""A dry run: the lamp of docs/adding-a-resource.md is added to a copy of the project, and lives there.

What the page says is what is added: one folder, one word in the registry, one name in `main.py`, one block of rules.
Each test runs a script in a process of its own, because the project here is imported already.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from shared.reconcile.resource import Resource, registered, require_named
from shared.registry import RESOURCES

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/adding-a-resource.md").read_text()
FILES: Final = dict(re.findall(r"`(shared/lamps/\w+\.py)`:\n\n```python\n(.*?)```", PAGE, re.DOTALL))
RULES: Final = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0]
LEFT_OUT: Final = (
    "__pycache__",
    "node_modules",
    "simulators",
    "testbed",
    "flow",
    "rules",
    "crashes",
    "contract",
    "bench",
)

PREPARED: Final = """
from datetime import timedelta
from emulator_tests.pure.deployment import Deployment, TEACHER
from shared.core.errors import Doubtful
from shared.core.paths import ERASURES
from shared.erasure.commands import ask_erasure
from shared.ports import Create, Delete, Query, Task, Update
from shared.reconcile import AT_ONCE

LAMP = {
    "ownerUid": "teacher", "wish": {"deleted": False}, "state": "dark", "gone": False, "reference": None, "parts": {},
    "generation": 0, "triedAt": None, "claim": None, "lastError": None, "dueAt": AT_ONCE,
}
from dataclasses import replace
from shared.lamps.settings import LampSettings

deployment = Deployment()
deployment.app.settings = (*deployment.app.settings, LampSettings("Lamp"))
deployment.documents.commit(Create("lamps/l1", LAMP))

def lamp():
    return deployment.documents.read("lamps/l1")[0].fields

def sweep(times=1):
    for _ in range(times):
        deployment.sweep.run()
        deployment.run(300)

def lights():
    return [one.reference for one in deployment.media.alive()]
"""

LIVES: Final[Mapping[str, str]] = {
    "reconciled by its worker": """
deployment.app.work("reconcileLamp", "l1")
assert lamp()["state"] == "lit" and lamp()["dueAt"] is None, lamp()
assert lights() == ["lamp:l1:1"], lights()
""",
    "found by the sweep": """
sweep()
assert lamp()["state"] == "lit", lamp()
""",
    "found again after its answer was lost": """
def lose_answer(operation, do):
    done = do()
    if operation == "prepare_upload":
        deployment.disturb = lambda _, do: do()
        raise Doubtful("It took too long.", provider="memory", operation=operation, code="TIMEOUT")
    return done

deployment.disturb = lose_answer
sweep(8)
assert lamp()["state"] == "lit" and lights() == ["lamp:l1:1"], (lamp(), lights())
""",
    "deleted with its light": """
sweep()
deployment.documents.commit(Update("lamps/l1", {("wish", "deleted"): True, ("dueAt",): AT_ONCE}))
sweep(3)
assert lamp()["gone"] and lights() == [], (lamp(), lights())
""",
    "erased with its owner": """
sweep()
ask_erasure(TEACHER, "r1", "teacher", deployment.documents, deployment.queue, deployment.clock)
deployment.run(3600)
sweep(3)
assert lamp()["gone"] and lamp()["ownerUid"] == "" and lights() == [], (lamp(), lights())
(erasure,) = deployment.documents.select(Query(ERASURES))
assert erasure.fields["state"] == "done", erasure.fields
""",
    "exported": """
from shared.erasure.export import export_content
from shared.registry import TRACES
page = export_content(TEACHER, "teacher", None, deployment.documents, TRACES)
assert [one["path"] for one in page.things if one["section"] == "lamps"] == ["lamps/l1"]
""",
    "found as an orphan": """
sweep()
deployment.documents.commit(Delete("lamps/l1"))
deployment.clock.advance(7200)
report = deployment.orphans.find(clean_up=False)
assert [one.reference for one in report.orphans] == ["lamp:l1:1"], report
deployment.orphans.find(clean_up=True)
deployment.run(3600)
assert lights() == [], lights()
""",
    "set and documented": """
import os
os.environ |= {"GCLOUD_PROJECT": "demo-lamps", "LAMP_TITLE": "Hall"}
from functions import config
assert config.read(LampSettings) == LampSettings("Hall")
from emulator_tests.documentation.settings import settings_page
assert "LAMP_TITLE" in settings_page()
""",
    "checked by the doctor": """
from cli.checkup import check_resources

def findings():
    return [(one.what, one.health) for one in check_resources(deployment.app) if one.what == "lamp title"]

assert findings() == [("lamp title", "absent")], findings()
deployment.app.settings = (*deployment.app.settings[:-1], LampSettings("Hall"))
assert findings() == [("lamp title", "ok")], findings()
""",
    "listed as a function of its own queue": """
import os
os.environ.setdefault("GCLOUD_PROJECT", "demo-lamps")
import main
assert "reconcileLamp" in dir(main)
from functions import work
assert work.reconcileLamp.__firebase_endpoint__.taskQueueTrigger is not None
""",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A copy of the project with the lamp.
    """
    copy = tmp_path_factory.mktemp("project")
    for name in ("shared", "functions", "cli", "schema", "emulator_tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name, text in FILES.items():
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text(text)
    _add(ROOT / "shared/registry.py", copy / "shared/registry.py", "FOLDERS: Final = (\n", '    "lamps",\n')
    _add(ROOT / "main.py", copy / "main.py", "FUNCTIONS: Final = {\n", '    "reconcileLamp": "functions.work",\n')
    _add(ROOT / "firestore.rules", copy / "firestore.rules", "    match /videos/{videoId} {\n", RULES, is_before=True)
    return copy


def _add(source: Path, target: Path, beside: str, added: str, *, is_before: bool = False) -> None:
    text = source.read_text()
    assert text.count(beside) == 1
    target.write_text(text.replace(beside, added + beside if is_before else beside + added))


@pytest.mark.long
@pytest.mark.parametrize("script", LIVES.values(), ids=LIVES.keys())
def test_lamp_is(project: Path, script: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PREPARED + script], cwd=project, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]


def test_page_shows_every_file_of_the_folder() -> None:
    assert {Path(name).stem for name in FILES} == {"__init__", "model", "decide", "controller", "settings", "resource"}


# --- refused when the functions are listed -------------------------------------------------------------------------

COPIES: Final = next(one for one in RESOURCES if one.collection == "copies")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({}, "The queue reconcileCopy is registered twice", id="twice"),
        pytest.param(
            {"worker": replace(COPIES.worker, queue="reconcileLamp"), "kind": None, "traces": ()},
            "The collection of records copies is registered twice",
            id="the collection of another",
        ),
        pytest.param(
            {"worker": replace(COPIES.worker, queue="reconcileLamp"), "collection": "lamps", "traces": ()},
            "The kind of references copy is registered twice",
            id="the references of another",
        ),
        pytest.param(
            {"worker": replace(COPIES.worker, queue="reconcileLamp"), "collection": "lamps", "kind": None},
            "The section of an export copies is registered twice",
            id="the section of another",
        ),
        pytest.param(
            {
                "worker": replace(COPIES.worker, queue="reconcileLamp", timeout_s=1800),
                "collection": "lamps",
                "kind": None,
                "traces": (),
            },
            "may run for 1800 s, but the lease of its steps is 90 s",
            id="a lease shorter than its worker",
        ),
    ],
)
def test_refuses_a_resource_that_does_not_fit(changes: Mapping[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        registered([*RESOURCES, replace(COPIES, **changes)])


def test_refuses_a_resource_whose_worker_is_not_deployed() -> None:
    functions = [worker.queue for one in RESOURCES for worker in one.all_workers]
    rules = (ROOT / "firestore.rules").read_text()
    require_named(RESOURCES, functions, rules)
    with pytest.raises(ValueError, match='Add "checkHost" to main'):
        require_named(RESOURCES, [name for name in functions if name != "checkHost"], rules)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.collection)
def test_refuses_a_resource_without_a_block_of_rules(resource: Resource) -> None:
    functions = [worker.queue for worker in resource.all_workers]
    rules = (ROOT / "firestore.rules").read_text().replace(f"match /{resource.collection}/{{", "match /other/{")
    with pytest.raises(ValueError, match=f"does not say who may read {resource.collection}"):
        require_named([resource], functions, rules)
