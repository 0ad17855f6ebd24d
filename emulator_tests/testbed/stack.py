"""Start and stop the whole stack: emulators, queues, buckets, the simulators and the functions.

Called by `__main__.py` (`make up`), by the demo and by pytest's fixture `testbed`. `part.py` runs one program, and
`setup.py` installs all of them. Installed packages are imported only once the stack is up, because the set-up shares
this Python package.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from emulator_tests.testbed.converter import converter_command
from emulator_tests.testbed.firebase import write_project
from emulator_tests.testbed.lock import take_folder
from emulator_tests.testbed.network import ANSWER_WITHIN_S, HOST, ask, free_ports
from emulator_tests.testbed.part import Part, PartFailed, TestbedError
from emulator_tests.testbed.places import (
    FAKE_GCS_SERVER,
    FIREBASE,
    FORK_SERVER,
    HIDANE,
    PRELOADED,
    ROOT,
    TEST_PICTURE,
    VENV,
    VERSITYGW,
)
from emulator_tests.testbed.ports import FIXED_PORTS
from emulator_tests.testbed.prosody import Prosody
from emulator_tests.testbed.readiness import await_answers
from emulator_tests.testbed.servers import Server, servers_of
from emulator_tests.testbed.site import hosting, write_site
from emulator_tests.testbed.users import PASSWORD, STUDENT, User, create_user

PROJECT_ID = "demo-greenroom"
REGION = "us-central1"

READY_WITHIN_S = 180.0
"""Longer than the slowest start on a busy machine with two cores, so that only a start that hangs fails."""

COMMAND_WITHIN_S = 60.0

PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "USER")
"""The environment variables that the parts inherit: no credentials, and no address of another emulator."""

OWN_MBPS = 20
"""The bandwidth limit of the self-hosted S3 server."""


class Testbed:
    """
    The stack, running between `with Testbed(…) as testbed:` and the end of the block.

    Args:
        state: the folder for everything this stack writes; one stack at a time has it.
        settings: further environment of the functions, by name. SLIDES_BUCKET adds this bucket, and a converter;
            ARCHIVE_GCS_BUCKET adds this bucket.
        has_s3: adds a store that speaks S3, which functions use that have USE_HOSTS set.
        has_chat: adds a chat server, and the settings and secrets with which the functions talk to it.
        app: the built app to serve by the hosting emulator, beside callables and the REST API.
        users: who can sign in.
        ports: by name, those of `ports.FIXED_PORTS`; free ones unless given.
        source: the folder that holds the functions' main.py.
        prefix: `prefix` of the functions in firebase.json.
        database: the database that the functions use, and that has the rules.
        beside: the project folder of another app, whose functions and rules of `(default)` run beside these.
        apps: folders with the functions of other apps in the same project, each a codebase of its own.
        say: is told, line by line, what is being done.

    Raises:
        TestbedError: on entering: another stack has the folder, or a part does not start; its text says why.
    """

    # The name begins like a test class's, and pytest would try to collect it.
    __test__ = False

    def __init__(
        self,
        state: Path,
        settings: Mapping[str, str] | None = None,
        *,
        has_s3: bool = True,
        has_chat: bool = False,
        app: Path | None = None,
        users: Sequence[User] = (),
        ports: Mapping[str, int] | None = None,
        source: Path = ROOT,
        prefix: str = "",
        database: str = "(default)",
        beside: Path | None = None,
        apps: Sequence[Path] = (),
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._state = state.resolve()
        self._settings = dict(settings or {})
        self.has_s3 = has_s3
        """True if there is a store that speaks S3."""

        self._has_chat = has_chat
        self.prosody: Prosody | None = None
        """The chat server, if there is one; from the start of the stack."""

        self._app = app
        self.users = users
        """The users who can sign in."""

        self.uids: dict[str, str] = {}
        """The uids of the users, by name; filled when the stack has started."""

        self._source = source.resolve()
        self._prefix = prefix
        self.database = database
        """The database that the functions use."""

        self._beside = beside
        self._apps = apps
        self._say = say
        self._parts: list[Part] = []
        self._held = ExitStack()
        self._stop_watching = -1
        self._ended = threading.Event()
        self.failure: str | None = None
        """Why the stack ended without being stopped, as a sentence."""

        self.project_id = PROJECT_ID
        self.region = REGION
        self.kaltura_partner_id = 1_234_567
        self.kaltura_admin_secret = secrets.token_hex(16)
        self.kaltura_user_secret = secrets.token_hex(16)
        self.cloudflare_account_id = secrets.token_hex(16)
        self.cloudflare_api_token = secrets.token_hex(20)
        self.bunny_library_id = 133
        self.bunny_api_key = secrets.token_hex(20)
        self.bunny_token_key = secrets.token_hex(20)
        self.s3_bucket = "videos"
        self.s3_access_key = secrets.token_hex(8)
        self.s3_secret_key = secrets.token_hex(20)
        self.slides_token_secret = secrets.token_hex(20)
        self._cloudflare_signing_key = ""
        self._ports = dict(ports or free_ports(FIXED_PORTS))

    @property
    def auth_host(self) -> str:
        """The Auth emulator, host:port."""
        return f"{HOST}:{self._ports['auth']}"

    @property
    def firestore_host(self) -> str:
        """Firestore, host:port, over gRPC and REST."""
        return f"{HOST}:{self._ports['firestore']}"

    @property
    def functions_host(self) -> str:
        """The functions emulator, host:port."""
        return f"{HOST}:{self._ports['functions']}"

    @property
    def functions_url(self) -> str:
        """What the name of an HTTP function is appended to."""
        return f"http://{self.functions_host}/{PROJECT_ID}/{REGION}"

    def deployed_name(self, function: str) -> str:
        """Return the name that a function has in this stack."""
        return f"{self._prefix}-{function}" if self._prefix else function

    @property
    def functions_servers(self) -> list[Server]:
        """The Python processes that answer calls and do tasks at this moment."""
        fork_server, firebase = self._parts[-2:]
        return servers_of(fork_server.keeper_id, firebase.keeper_id)

    @property
    def rules(self) -> dict[str, str]:
        """The rules to load once Firestore runs, by database. If there is only one, firebase-tools loads its rules."""
        if self._beside is None:
            return {}
        own = (ROOT / "firestore.rules").read_text()
        return {"(default)": (self._beside / "firestore.rules").read_text(), self.database: own}

    def load_rules(self, database: str, rules: str) -> None:
        """
        Replace the rules of a database.

        Raises:
            TestbedError: Firestore did not take them.
        """
        url = f"http://{self.firestore_host}/emulator/v1/projects/{PROJECT_ID}/databases/{database}:securityRules"
        files = [{"name": "firestore.rules", "content": rules}]
        status, answer = ask(url, {"rules": {"files": files}}, method="PUT")
        if status != 200:
            raise TestbedError(f"Firestore did not load the rules of {database}: {answer.decode()}")

    @property
    def tasks_host(self) -> str:
        """Cloud Tasks, host:port, over gRPC without TLS."""
        return f"{HOST}:{self._ports['tasks']}"

    @property
    def storage_url(self) -> str:
        """Cloud Storage."""
        return f"http://{HOST}:{self._ports['storage']}"

    @property
    def kaltura_url(self) -> str:
        """The Kaltura simulator."""
        return f"http://{HOST}:{self._ports['kaltura']}"

    @property
    def cloudflare_url(self) -> str:
        """The Cloudflare simulator."""
        return f"http://{HOST}:{self._ports['cloudflare']}"

    @property
    def bunny_url(self) -> str:
        """The Bunny simulator: its API, and where its videos play."""
        return f"http://{HOST}:{self._ports['bunny']}"

    @property
    def s3_url(self) -> str:
        """The store that speaks S3."""
        return f"http://{HOST}:{self._ports['s3']}"

    @property
    def converter_url(self) -> str:
        """The service that converts shared documents, if there is a bucket for them."""
        return f"http://{HOST}:{self._ports['converter']}"

    @property
    def site_url(self) -> str:
        """The app, if one is served; below it callables at /call/ and the REST API at /api/."""
        return f"http://{HOST}:{self._ports['hosting']}"

    @property
    def has_site(self) -> bool:
        """True if an app is served."""
        return self._app is not None

    @property
    def slides_bucket(self) -> str:
        """The bucket for shared documents; empty if there is none."""
        return self._settings.get("SLIDES_BUCKET", "")

    @property
    def buckets(self) -> list[str]:
        """The buckets of Cloud Storage that the functions use."""
        return [name for name in (self.slides_bucket, self._settings.get("ARCHIVE_GCS_BUCKET", "")) if name]

    @property
    def logs(self) -> Path:
        """The folder with each part's log."""
        return self._state / "logs"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the functions by name, without secrets. A client in any process finds the stack with them."""
        return {
            "GCLOUD_PROJECT": PROJECT_ID,
            "FIREBASE_AUTH_EMULATOR_HOST": self.auth_host,
            "FIRESTORE_DATABASE": self.database,
            "FIRESTORE_EMULATOR_HOST": self.firestore_host,
            **({"FUNCTIONS_PREFIX": self.deployed_name("")} if self._prefix else {}),
            "FUNCTIONS_URL": self.functions_url,
            "CLOUDFLARE_ACCOUNT_ID": self.cloudflare_account_id,
            "CLOUDFLARE_PLAYBACK_URL": self.cloudflare_url,
            "CLOUDFLARE_URL": f"{self.cloudflare_url}/client/v4",
            "KALTURA_PARTNER_ID": str(self.kaltura_partner_id),
            "KALTURA_ROOM_URL": f"https://{self.kaltura_partner_id}.kaf.kaltura.com",
            "KALTURA_URL": self.kaltura_url,
            "STORAGE_EMULATOR_HOST": self.storage_url,
            "TASKS_EMULATOR_HOST": self.tasks_host,
            **({"SLIDES_CONVERTER_URL": self.converter_url} if self.slides_bucket else {}),
            **(self.prosody.settings if self.prosody else {}),
            **self._settings,
        }

    @property
    def secret_settings(self) -> dict[str, str]:
        """The secrets of the functions by name. `find` makes them look up the app token in the account."""
        return {
            "CLOUDFLARE_API_TOKEN": self.cloudflare_api_token,
            "CLOUDFLARE_SIGNING_KEY": self._cloudflare_signing_key,
            "HOSTS": json.dumps(self._hosts),
            "KALTURA_ADMIN_SECRET": self.kaltura_admin_secret,
            "KALTURA_CHAT_TOKEN": "find",
            "SLIDES_TOKEN_SECRET": self.slides_token_secret,
            **(self.prosody.secret_settings if self.prosody else {}),
        }

    @property
    def _hosts(self) -> list[dict[str, Any]]:
        """The table of hosts, used if USE_HOSTS is set. The self-hosted server is cheapest and has a limit."""
        own = {
            "name": "own",
            "kind": "s3",
            "pricePerGb": 0,
            "mbpsMax": OWN_MBPS,
            "url": self.s3_url,
            "bucket": self.s3_bucket,
            "accessKey": self.s3_access_key,
            "secretKey": self.s3_secret_key,
        }
        bunny = {
            "name": "bunny",
            "kind": "bunny",
            "pricePerGb": 0.005,
            "url": self.bunny_url,
            "libraryId": str(self.bunny_library_id),
            "apiKey": self.bunny_api_key,
            "playbackUrl": self.bunny_url,
            "tokenKey": self.bunny_token_key,
        }
        return [own, bunny, {"name": "cloudflare", "pricePerGb": 0.05}, {"name": "kaltura", "pricePerGb": 0.1}]

    @property
    def _told_to_the_app(self) -> dict[str, Any]:
        """The content of `stack.json`, which anybody can read: addresses, and users of the emulator."""
        return {
            "projectId": PROJECT_ID,
            "region": REGION,
            "authUrl": f"http://{self.auth_host}",
            "firestore": {"host": HOST, "port": self._ports["firestore"]},
            "callablesUrl": "/call/",
            "apiUrl": "/api/",
            "users": [user.shown for user in self.users],
        }

    @property
    def script_environment(self) -> dict[str, str]:
        """The environment of the demo's scripts: the addresses of the stack, who signs in, and the video to upload."""
        return (
            os.environ
            | self.environment
            | {
                "DEMO_PASSWORD": PASSWORD,
                "DEMO_REGION": self.region,
                "DEMO_STUDENT_UID": self.uids[STUDENT.name],
                "DEMO_VIDEO": str(TEST_PICTURE),
                "NODE_OPTIONS": "--no-deprecation",
            }
        )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an operator's command with the settings of the functions."""
        return subprocess.run(
            [VENV / "bin" / "python", "-m", "cli", *arguments],
            env=os.environ | self.environment | self.secret_settings,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_S,
            check=False,
        )

    def set_up_accounts(self) -> str:
        """
        Prepare the providers' accounts, as an operator does once.

        Returns:
            What the command printed.

        Raises:
            TestbedError: The command failed.
        """
        setup = self.command("setup")
        if setup.returncode != 0:
            raise TestbedError(f"`setup` failed: {setup.stderr}")
        return setup.stdout

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """The name and address of every service of the stack."""
        return [
            *([("app", self.site_url)] if self.has_site else []),
            ("Auth", f"http://{self.auth_host}"),
            ("Firestore", f"http://{self.firestore_host}"),
            ("functions", self.functions_url),
            ("Cloud Tasks", self.tasks_host),
            ("Cloud Storage", self.storage_url),
            ("Kaltura", self.kaltura_url),
            ("Cloudflare Stream", self.cloudflare_url),
            ("Bunny Stream", self.bunny_url),
            *([("S3", self.s3_url)] if self.has_s3 else []),
            *([("converter", self.converter_url)] if self.slides_bucket else []),
            *(self.prosody.addresses if self.prosody else []),
        ]

    def __enter__(self) -> Self:
        started_at = time.monotonic()
        try:
            self._held.enter_context(take_folder(self._state))
            self._parts = [self._tasks(), self._storage(), self._kaltura(), self._bunny(), self._cloudflare()]
            if self.has_s3:
                self._parts.append(self._s3())
            if self.slides_bucket:
                self._parts.append(self._converter())
            if self._has_chat:
                self.prosody = Prosody(self._state / "prosody", ports=self._ports, logs=self.logs)
                self._parts.append(self.prosody.part)
            for part in self._parts:
                part.start()
            # The functions are told its signing key, as they are in the cloud, before they start.
            self._cloudflare_signing_key = self._await_signing_key(started_at)
            for part in (self._fork_server(), self._firebase()):
                self._parts.append(part)
                part.start()
            await_answers(
                self,
                self._parts,
                started_at + READY_WITHIN_S,
                lambda line: self._say(f"{line} ({time.monotonic() - started_at:.1f} s)"),
            )
            self.uids = {user.name: create_user(self.auth_host, PROJECT_ID, user) for user in self.users}
            self._watch()
        except BaseException:
            self._stop()
            raise
        self._say(f"the stack is up ({time.monotonic() - started_at:.0f} s)")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def wait(self) -> None:
        """
        Wait for as long as the stack runs.

        Raises:
            TestbedError: a part ended; the others are stopped.
        """
        self._ended.wait()
        if self.failure is not None:
            raise TestbedError(self.failure)

    def _part(
        self, name: str, command: list[str | Path], grace_s: float, variables: Mapping[str, str] | None = None
    ) -> Part:
        passed_on = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        return Part(
            name=name,
            command=[os.fspath(word) for word in command],
            environment=passed_on
            | {
                "PATH": f"{HIDANE.parent}:{FIREBASE.parent}:{passed_on.get('PATH', os.defpath)}",
                "TMPDIR": str(self._state / "tmp"),
                "XDG_CONFIG_HOME": str(self._state / "config"),
                "CLOUDSDK_CONFIG": str(self._state / "config" / "gcloud"),
                # Seconds: on a busy machine it takes longer to import the functions than the ten that it waits for.
                "FUNCTIONS_DISCOVERY_TIMEOUT": "120",
                # Neither Node nor Python shall look for a Google machine around it.
                "METADATA_SERVER_DETECTION": "none",
                "NO_GCE_CHECK": "true",
                "NODE_OPTIONS": f'--require="{PRELOADED}"',
                "NO_COLOR": "1",
                "CI": "1",
                "PYTHONPATH": str(ROOT) if name != "firebase" else "",
                "PYTHONUNBUFFERED": "1",
                "PYTHONWARNINGS": "ignore::FutureWarning",
                **(variables or {}),
            },
            directory=self._state,
            log=self.logs / f"{name}.log",
            grace_s=grace_s,
        )

    def _tasks(self) -> Part:
        program = "emulator_tests.testbed.cloud_tasks"
        return self._part("tasks", [VENV / "bin" / "python", "-m", program, "--port", str(self._ports["tasks"])], 3)

    def _storage(self) -> Part:
        address = ["-scheme", "http", "-host", HOST, "-port", str(self._ports["storage"])]
        outside = ["-external-url", self.storage_url, "-public-host", f"{HOST}:{self._ports['storage']}"]
        # A bucket has CORS of its own, as docs/slides.md says; the emulator has them for all.
        cors = ["-cors-headers", "x-goog-if-generation-match,x-goog-resumable,x-upload-content-length"]
        return self._part("storage", [FAKE_GCS_SERVER, "-backend", "memory", *address, *outside, *cors], 3)

    def _kaltura(self) -> Part:
        address = ["--host", HOST, "--port", str(self._ports["kaltura"])]
        account = ["--partner-id", str(self.kaltura_partner_id)]
        keys = ["--admin-secret", self.kaltura_admin_secret, "--user-secret", self.kaltura_user_secret]
        program = "emulator_tests.simulators.kaltura"
        return self._part("kaltura", [VENV / "bin" / "python", "-m", program, *address, *account, *keys], 3)

    def _cloudflare(self) -> Part:
        address = ["--host", HOST, "--port", str(self._ports["cloudflare"])]
        account = ["--account-id", self.cloudflare_account_id, "--api-token", self.cloudflare_api_token]
        program = "emulator_tests.simulators.cloudflare"
        return self._part("cloudflare", [VENV / "bin" / "python", "-m", program, *address, *account], 3)

    def _bunny(self) -> Part:
        address = ["--host", HOST, "--port", str(self._ports["bunny"]), "--library-id", str(self.bunny_library_id)]
        keys = ["--api-key", self.bunny_api_key, "--token-key", self.bunny_token_key]
        program = "emulator_tests.simulators.bunny"
        return self._part("bunny", [VENV / "bin" / "python", "-m", program, *address, *keys], 3)

    def _converter(self) -> Part:
        # It reads documents from this stack's storage only.
        variables = {"SOURCE_ORIGIN": self.storage_url}
        return self._part("converter", [*converter_command(self._ports["converter"])], 3, variables)

    def _s3(self) -> Part:
        files, beside = self._state / "s3", self._state / "beside-s3"
        # A folder is a bucket. What else is known of it lies beside it: not every file system has attributes.
        (files / self.s3_bucket).mkdir(parents=True)
        beside.mkdir()
        keys = ["--access", self.s3_access_key, "--secret", self.s3_secret_key]
        address = ["--port", f"{HOST}:{self._ports['s3']}", "--quiet"]
        return self._part("s3", [VERSITYGW, *keys, *address, "posix", "--sidecar", beside, files], 3)

    def _await_signing_key(self, started_at: float) -> str:
        """
        Wait until the Cloudflare simulator answers, and return a new signing key as the functions read it.
        """
        cloudflare = next(part for part in self._parts if part.name == "cloudflare")
        cloudflare.wait_until("serve", lambda: cloudflare.has_said("ready on"), started_at + READY_WITHIN_S)
        url = f"{self.cloudflare_url}/client/v4/accounts/{self.cloudflare_account_id}/stream/keys"
        headers = {"Authorization": f"Bearer {self.cloudflare_api_token}"}
        request = urllib.request.Request(url, b"", headers, method="POST")
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:
            key = json.load(answer)["result"]
        self._say(f"cloudflare: make a signing key ({time.monotonic() - started_at:.1f} s)")
        return json.dumps({"id": key["id"], "pem": key["pem"]})

    def _fork_server(self) -> Part:
        command: list[str | Path] = [VENV / "bin" / "python", "-P", FORK_SERVER, self._state / "source"]
        # It becomes the functions' servers, which import from where they do in the cloud.
        return self._part("fork-server", command, 0, {"PYTHONPATH": ""})

    def _firebase(self) -> Part:
        emulated = ("GCLOUD_PROJECT", "FIREBASE_AUTH_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST")
        # The functions find their prefix themselves.
        settings = {
            name: value for name, value in self.environment.items() if name not in (*emulated, "FUNCTIONS_PREFIX")
        }
        site = hosting() if self.has_site else None
        write_project(
            self._state,
            self._source,
            self._ports,
            settings,
            self.secret_settings,
            site,
            prefix=self._prefix,
            database=self.database,
            beside=self._beside,
            apps=self._apps,
        )
        emulators = ["auth", "functions", "firestore", *(["eventarc"] if self._apps else [])]
        if self._app is not None:
            write_site(self._state, self._app, self._told_to_the_app)
            emulators.append("hosting")
        command = ["--project", PROJECT_ID, "emulators:start", "--only", ",".join(emulators)]
        # It has nothing to save, and asked politely it takes ten seconds and leaves the functions' servers behind.
        return self._part("firebase", [HIDANE, "exec", "--", FIREBASE, *command], 0)

    def _watch(self) -> None:
        """
        Start a thread that ends the stack when one of its parts ends by itself.
        """
        asked_to_end, self._stop_watching = os.pipe()
        watched = {os.pidfd_open(part.keeper_id): part for part in self._parts}

        def watch() -> None:
            ended, _, _ = select.select([asked_to_end, *watched], [], [])
            if asked_to_end not in ended:
                part = watched[ended[0]]
                self.failure = str(PartFailed(part, f"ended with exit code {part.returncode()}"))
                for other in self._parts:
                    other.let_go()
            for descriptor in (asked_to_end, *watched):
                os.close(descriptor)
            self._ended.set()

        threading.Thread(target=watch, name="testbed-watch", daemon=True).start()

    def _stop(self) -> None:
        if self._stop_watching >= 0:
            os.close(self._stop_watching)
            self._stop_watching = -1
            self._ended.wait()
        for part in self._parts:
            part.let_go()
        for part in self._parts:
            part.wait()
        self._held.close()
