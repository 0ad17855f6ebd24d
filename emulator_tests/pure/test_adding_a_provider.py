"""A dry run of adding a provider: one folder and one line in the registry of a copy of the sources, and nothing else.

Also what is refused at the start. What a real provider needs besides is in docs/adding-a-provider.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from emulator_tests.testbed.places import ROOT
from functions import config
from functions.settings import Setting
from shared.core.errors import Misconfigured
from shared.core.reading import word
from shared.providers.kaltura.settings import Settings
from shared.providers.registry import CHATS, COLD_STORES, HOSTS, PROVIDERS, load
from shared.providers.settings import HostSettings, ProviderSettings

COPIED: Final = ("main.py", "cli", "functions", "shared", "emulator_tests/__init__.py", "emulator_tests/memory")
DOCUMENTATION: Final = "emulator_tests/documentation"
REGISTRY: Final = "shared/providers/registry.py"
WITHIN_S: Final = 60

ENVIRONMENT: Final = {
    "PATH": os.environ["PATH"],
    "GCLOUD_PROJECT": "demo-lamp",
    # Nothing is reached: the documents and the queue are in memory.
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:9",
    "TASKS_EMULATOR_HOST": "127.0.0.1:9",
}

SETTINGS: Final = """\
from dataclasses import dataclass

from shared.core import reading
from shared.providers.settings import ProviderSettings, optional, required


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ProviderSettings):
    title = "Lamp"

    room: str = required("LAMP_ROOM", reading.word, "Room of the lamp.", is_account=True)
    secret: str = required("LAMP_SECRET", reading.word, "Secret of the lamp.", is_secret=True)
    glow_s: int = optional("LAMP_GLOW_S", reading.whole(1, 7200), "Seconds for which it glows.", 3600)

    def open(self, deployment):
        from shared.providers.lamp.factory import open_account

        return open_account(self, deployment)
"""

FACTORY: Final = """\
from emulator_tests.memory import MemoryInventory, MemoryMedia
from shared.ports import Finding, Health, ProviderAccount
from shared.providers.settings import Provider


class LampSetup:
    def __init__(self, settings):
        self.settings = settings

    def check(self):
        return [Finding(f"lamp in {self.settings.room}", Health.OK, f"It glows for {self.settings.glow_s} s.")]


def open_account(settings, deployment):
    media = MemoryMedia(deployment.clock, name="lamp")
    provider_account = ProviderAccount(media, MemoryInventory(None, media), protection="the shade of the lamp")
    return Provider(provider_account, None, LampSetup(settings))
"""

USED: Final = """\
import json, os
from dataclasses import replace
from datetime import UTC, datetime

import main
from emulator_tests.documentation.settings import settings_page
from emulator_tests.memory import ManualClock, MemoryDocuments, MemoryQueue
from cli import checkup
from functions import config, wiring
from shared.core.callers import Caller
from shared.core.errors import Misconfigured
from shared.core.paths import session_path, video_path
from shared.ports import Create, MediaState, Observation, Update, UploadSpec
from shared.reconcile import AT_ONCE
from shared.videos.resource import upload_tokens
from shared.videos.upload_tokens import UploadRequest


def secrets(name):
    return sorted(one["key"] for one in getattr(main, name).__firebase_endpoint__.secretEnvironmentVariables or [])


def refusal():
    try:
        return str(wiring.app())
    except Misconfigured as error:
        return str(error)


told = {"page": settings_page(), "secrets": {name: secrets(name) for name in ("reconcileVideo", "onSessionUpdated")}}
told["without a secret"] = refusal()
room = os.environ.pop("LAMP_ROOM")
told["without an account"] = refusal()
os.environ |= {"LAMP_ROOM": room, "LAMP_SECRET": "bright"}

clock = ManualClock(datetime.now(UTC))
documents = MemoryDocuments()
app = replace(wiring.app(), clock=clock, documents=documents, queue=MemoryQueue(clock), plays=lambda url: True)
session = {"ownerUid": "teacher", "title": "A", "status": "public", "format": "onDemand", "visibility": "open"}
documents.commit(Create(session_path("s1"), {**session, "createdAt": clock(), "updatedAt": clock()}))
request = UploadRequest("s1", "r1", "a.mp4", 1000, "A", None)
issued = app.get(upload_tokens).issue_upload_token(Caller("teacher", is_teacher=True), request)
told["video"] = documents.read(video_path(issued.video_id))[0].fields["provider"]
media = app.provider_accounts["lamp"].media
media.prepare_upload("video:ghost:1", UploadSpec("Nobody's", "nobody.mp4", 1000))
told["at the lamp"] = len(media.alive())
clock.advance(7200)
told["orphans"] = [one.reference for one in app.orphans.find(clean_up=False).orphans]
told["doctor"] = [f"{one.what}: {one.sentence}" for one in checkup.check_accounts(wiring.setup())]
parts = documents.read(video_path(issued.video_id))[0].fields["parts"]
media.show(parts, Observation(MediaState.READY, duration_s=60, size_bytes=1000, media_type="video/mp4"))
documents.commit(Update(video_path(issued.video_id), {"dueAt": AT_ONCE}))
app.work("reconcileVideo", issued.video_id)
told["doctor"] += [f"{one.what}: {one.sentence}" for one in checkup.check_resources(app)]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A copy of the sources with a folder and a line for a lamp.
    """
    folder = tmp_path_factory.mktemp("sources")
    for name in (*COPIED, DOCUMENTATION):
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        # With their times, so that nothing is compiled again.
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, target)
    lamp = folder / "shared" / "providers" / "lamp"
    lamp.mkdir()
    (lamp / "__init__.py").touch()
    (lamp / "settings.py").write_text(SETTINGS)
    (lamp / "factory.py").write_text(FACTORY)
    register(folder)
    return folder


def register(folder: Path) -> None:
    """
    Add the one line.
    """
    text = (folder / REGISTRY).read_text()
    line = f'    "{PROVIDERS[-1]}",\n'
    assert text.count(line) == 1
    (folder / REGISTRY).write_text(text.replace(line, f'{line}    "lamp",\n'))


def run(folder: Path, program: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    environment = ENVIRONMENT | settings
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=WITHIN_S)


@pytest.fixture(scope="module")
def told(sources: Path) -> dict[str, Any]:
    """
    What a deployment tells that has an account at the lamp alone.
    """
    done = run(sources, USED, LAMP_ROOM="attic", LAMP_GLOW_S="60", VIDEO_PROVIDER="lamp")
    assert done.returncode == 0, done.stderr
    # The lines before it are the log.
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.long
def test_its_settings_are_documented(told: dict[str, Any]) -> None:
    section = told["page"].partition("\n## Lamp\n")[2].partition("\n## ")[0]
    assert "| `LAMP_GLOW_S` | `3600` (1 hour) | seconds |" in section
    assert "| `LAMP_SECRET` | secret |" in section
    assert "- `LAMP_GLOW_S`: Seconds for which it glows. It must be a whole number from 1 to 7200." in section
    assert "kaltura, cloudflare or lamp" in told["page"]


@pytest.mark.long
def test_its_secret_goes_to_the_functions_that_call_it(told: dict[str, Any]) -> None:
    assert told["secrets"] == {"reconcileVideo": ["LAMP_SECRET"], "onSessionUpdated": []}


@pytest.mark.long
def test_a_missing_setting_is_named(told: dict[str, Any]) -> None:
    assert told["without a secret"] == (
        "Set LAMP_SECRET. A secret is set with `firebase functions:secrets:set LAMP_SECRET`."
    )
    assert told["without an account"].endswith(", or LAMP_ROOM and LAMP_SECRET.")


@pytest.mark.long
def test_videos_and_orphans_are_found_there(told: dict[str, Any]) -> None:
    assert told["video"] == "lamp"
    assert told["at the lamp"] == 2
    assert told["orphans"] == ["video:ghost:1"]


@pytest.mark.long
def test_the_doctor_checks_its_account_and_tells_how_its_videos_are_protected(told: dict[str, Any]) -> None:
    account, playback = told["doctor"]
    assert account == "lamp in attic: It glows for 60 s."
    assert playback.startswith("lamp playback: Anybody who knows an id can play its videos.")
    assert playback.endswith("whether this was changed: the shade of the lamp.")


@pytest.mark.long
def test_a_second_line_is_refused_at_the_start(sources: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(sources, tmp_path / "twice")
    register(folder)
    done = run(folder, "import functions.config")
    assert "Misconfigured: lamp is registered twice in shared/providers/registry.py." in done.stderr


@pytest.mark.long
def test_a_name_that_another_provider_uses_is_refused_at_the_start(sources: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(sources, tmp_path / "same")
    (folder / "shared/providers/lamp/settings.py").write_text(SETTINGS.replace("LAMP_SECRET", "KALTURA_URL"))
    done = run(folder, "import functions.config")
    assert "Misconfigured: KALTURA_URL is a setting of both kaltura and lamp. Rename one of the two." in done.stderr


def test_a_name_that_the_deployment_uses_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"NAMESPACE is a setting of both .* and lamp"):
        config.by_name(config.OWN, {"lamp": [Setting("NAMESPACE", word, "", "The lamp's.")]})


@pytest.mark.parametrize(("name", "form"), [("s3", ProviderSettings), ("kaltura", HostSettings)])
def test_a_line_in_the_wrong_list_is_refused(name: str, form: type[Any]) -> None:
    with pytest.raises(Misconfigured, match=f"shared/providers/{name}/settings.py must have a class Settings"):
        load([name], form)


def test_a_secret_is_not_shown() -> None:
    shown = repr(Settings(partner_id=102, admin_secret="the secret", chat_secret="the other"))
    assert "102" in shown
    assert "the" not in shown


@pytest.mark.long
def test_settings_are_read_without_an_adapter() -> None:
    program = (
        "import sys; before = set(sys.modules); "
        "from shared.providers.registry import chats, cold_stores, hosts, providers; "
        "providers(); hosts(); chats(); cold_stores(); "
        "print(sorted(set(sys.modules) - before))"
    )
    done = run(ROOT, program)
    loaded = [name for name in re.findall(r"'([\w.]+)'", done.stdout) if name.startswith("shared.providers.")]
    folders = {f"shared.providers.{name}" for name in (*PROVIDERS, *HOSTS, *CHATS, *COLD_STORES)}
    assert set(loaded) == folders | {f"{name}.settings" for name in folders} | {
        "shared.providers.registry",
        *(f"shared.providers.{name}.classes" for name in COLD_STORES),
        "shared.providers.settings",
    }
    assert not re.search(r"'(requests|httpx|botocore|cloudflare|KalturaClient|google)", done.stdout)


def test_nothing_else_lists_the_providers() -> None:
    named = re.compile(f'"({"|".join((*PROVIDERS, *HOSTS, *CHATS, *COLD_STORES))})"')
    files = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "shared").rglob("*.py")]
    lists = {str(file.relative_to(ROOT)) for file in files if len(set(named.findall(file.read_text()))) > 1}
    assert lists == {REGISTRY, "functions/hooks.py"}


def test_the_rules_allow_the_registered_providers() -> None:
    found = re.search(r"'videoProvider', '(\w+)'\) in \[(.*)\]", (ROOT / "firestore.rules").read_text())
    assert found is not None
    assert re.findall(r"'(\w+)'", found[2]) == list(PROVIDERS)
    assert found[1] == PROVIDERS[0]
