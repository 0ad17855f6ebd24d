"""The whole stack as one thing to start and stop: emulators, queues, buckets, the simulators and the functions.

Called by `__main__.py` (`make up`), by the demo and by pytest's fixture `testbed`. It leaves the running of one program
to `part.py` and the installing to `setup.py`, and imports nothing that has to be installed until the stack is up,
because the set-up shares its package.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import select
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from emulator_tests.testbed.part import Part, PartFailed, TestbedError
from emulator_tests.testbed.places import FAKE_GCS_SERVER, FIREBASE, HIDANE, PRELOADED, ROOT, VENV, VERSITYGW
from emulator_tests.testbed.servers import Server, servers_of

PROJECT_ID = "demo-greenroom"
REGION = "us-central1"
HOST = "127.0.0.1"

READY_WITHIN_S = 180.0
"""Longer than the slowest start on a busy machine with two cores: a start that hangs is to be told from a slow one."""

ANSWER_WITHIN_S = 60.0
COMMAND_WITHIN_S = 60.0

PORTS = range(20_000, 32_768)[int(os.environ.get("TESTBED_LANE", "0")) :: 4]
"""Below the ports the system gives to outgoing connections, one of which could take a port before its program does.
TESTBED_LANE, 0 to 3, keeps stacks that start at the same time from choosing the same."""

PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "USER")
"""What the parts see of the environment of whoever starts the stack: no credentials, no other emulator's address."""

SOURCE = ("main.py", "functions", "shared", "requirements.txt")
"""What of the project the functions are made of."""

OWN_MBPS = 20
"""What one's own server may send at once."""

CONCURRENT_DISPATCHES = 4
"""The functions emulator starts one more Python server for each call that comes while the others are busy: a second of
a core each, so that more than a few only wait for each other."""


class Testbed:
    """
    The stack, running between `with Testbed(…) as testbed:` and the end of the block.

    Args:
        state: the folder for everything this stack writes; one stack at a time has it.
        settings: further environment of the functions, by name.
        source: the folder that holds the functions' main.py.
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
        source: Path = ROOT,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._state = state.resolve()
        self._settings = dict(settings or {})
        self._source = source.resolve()
        self._say = say
        self._parts: list[Part] = []
        self._held = ExitStack()
        self._stop_watching = -1
        self._ended = threading.Event()
        self.failure: str | None = None
        """Why the stack ended although nobody stopped it, in a sentence."""

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
        self._cloudflare_signing_key = ""
        self._ports = free_ports(
            "auth functions firestore websocket hub logging eventarc queues tasks storage kaltura cloudflare bunny s3"
        )

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

    @property
    def functions_servers(self) -> list[Server]:
        """The Python processes that answer calls and do tasks at this moment."""
        return servers_of(self._parts[-1].keeper_id)

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
    def logs(self) -> Path:
        """The folder with each part's log."""
        return self._state / "logs"

    @property
    def environment(self) -> dict[str, str]:
        """The settings the functions see, secrets apart, by name: with them a client in any process finds the stack."""
        return {
            "GCLOUD_PROJECT": PROJECT_ID,
            "FIREBASE_AUTH_EMULATOR_HOST": self.auth_host,
            "FIRESTORE_EMULATOR_HOST": self.firestore_host,
            "FUNCTIONS_URL": self.functions_url,
            "CLOUDFLARE_ACCOUNT_ID": self.cloudflare_account_id,
            "CLOUDFLARE_PLAYBACK_URL": self.cloudflare_url,
            "CLOUDFLARE_URL": f"{self.cloudflare_url}/client/v4",
            "KALTURA_PARTNER_ID": str(self.kaltura_partner_id),
            "KALTURA_ROOM_URL": f"https://{self.kaltura_partner_id}.kaf.kaltura.com",
            "KALTURA_URL": self.kaltura_url,
            "STORAGE_EMULATOR_HOST": self.storage_url,
            "TASKS_EMULATOR_HOST": self.tasks_host,
            **self._settings,
        }

    @property
    def secret_settings(self) -> dict[str, str]:
        """The secrets the functions see, by name; `find` has the app token looked for in the account."""
        return {
            "CLOUDFLARE_API_TOKEN": self.cloudflare_api_token,
            "CLOUDFLARE_SIGNING_KEY": self._cloudflare_signing_key,
            "HOSTS": json.dumps(self._hosts),
            "KALTURA_ADMIN_SECRET": self.kaltura_admin_secret,
            "KALTURA_CHAT_TOKEN": "find",
        }

    @property
    def _hosts(self) -> list[dict[str, Any]]:
        """The table of hosts, which counts where USE_HOSTS is set: one's own server is cheapest, and has a limit."""
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

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What an operator does from his own machine, with the settings that the functions see."""
        return subprocess.run(
            [VENV / "bin" / "python", "-m", "functions.commands", *arguments],
            env=os.environ | self.environment | self.secret_settings,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_S,
            check=False,
        )

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """Name and address of everything there is to talk to."""
        return [
            ("Auth", f"http://{self.auth_host}"),
            ("Firestore", f"http://{self.firestore_host}"),
            ("functions", self.functions_url),
            ("Cloud Tasks", self.tasks_host),
            ("Cloud Storage", self.storage_url),
            ("Kaltura", self.kaltura_url),
            ("Cloudflare Stream", self.cloudflare_url),
            ("Bunny Stream", self.bunny_url),
            ("S3", self.s3_url),
        ]

    def __enter__(self) -> Self:
        started_at = time.monotonic()
        try:
            self._take_folder()
            self._parts = [self._tasks(), self._storage(), self._kaltura(), self._bunny(), self._s3()]
            self._parts.append(self._cloudflare())
            for part in self._parts:
                part.start()
            # The functions are told its signing key, as they are in the cloud, before they start.
            self._cloudflare_signing_key = self._await_signing_key(started_at)
            self._parts.append(self._firebase())
            self._parts[-1].start()
            self._await_answers(started_at)
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

    def _take_folder(self) -> None:
        self._state.mkdir(parents=True, exist_ok=True)
        lock = self._held.enter_context((self._state / "lock").open("a+"))
        try:
            # The system lets go of it when this process ends, however it ends: no lock outlives its stack.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise TestbedError(
                f"A stack is running already in {self._state} (process {lock.read().strip()}): stop it first."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        for leftover in self._state.iterdir():
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            elif leftover.name != "lock":
                leftover.unlink()
        for folder in ("logs", "tmp", "config", "source"):
            (self._state / folder).mkdir()

    def _part(self, name: str, command: list[str | Path], grace_s: float) -> Part:
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
                # Neither Node nor Python shall look for a Google machine around it.
                "METADATA_SERVER_DETECTION": "none",
                "NO_GCE_CHECK": "true",
                "NODE_OPTIONS": f'--require="{PRELOADED}"',
                "NO_COLOR": "1",
                "CI": "1",
                "PYTHONPATH": str(ROOT) if name != "firebase" else "",
                "PYTHONUNBUFFERED": "1",
                "PYTHONWARNINGS": "ignore::FutureWarning",
            },
            directory=self._state,
            log=self.logs / f"{name}.log",
            grace_s=grace_s,
        )

    def _tasks(self) -> Part:
        program = "emulator_tests.testbed.cloud_tasks.queues"
        return self._part("tasks", [VENV / "bin" / "python", "-m", program, "--port", str(self._ports["tasks"])], 3)

    def _storage(self) -> Part:
        address = ["-scheme", "http", "-host", HOST, "-port", str(self._ports["storage"])]
        outside = ["-external-url", self.storage_url, "-public-host", f"{HOST}:{self._ports['storage']}"]
        return self._part("storage", [FAKE_GCS_SERVER, "-backend", "memory", *address, *outside], 3)

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
        A new signing key of the Cloudflare account, once that answers, in the form in which the functions read it.
        """
        cloudflare = self._parts[-1]
        cloudflare.wait_until("serve", lambda: cloudflare.has_said("ready on"), started_at + READY_WITHIN_S)
        url = f"{self.cloudflare_url}/client/v4/accounts/{self.cloudflare_account_id}/stream/keys"
        headers = {"Authorization": f"Bearer {self.cloudflare_api_token}"}
        request = urllib.request.Request(url, b"", headers, method="POST")
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:
            key = json.load(answer)["result"]
        self._say(f"cloudflare: make a signing key ({time.monotonic() - started_at:.1f} s)")
        return json.dumps({"id": key["id"], "pem": key["pem"]})

    def _firebase(self) -> Part:
        """
        Auth, functions and Firestore, with a configuration and a source folder of this run: firebase-tools reads
        settings and secrets from files beside the source, and two stacks must not share them.
        """
        source = self._state / "source"
        if not (self._source / "main.py").exists():
            raise TestbedError(f"There are no functions to run: {self._source / 'main.py'} does not exist.")
        for name in SOURCE:
            if (self._source / name).exists():
                (source / name).symlink_to(self._source / name)
        # Without a file of this name firebase-tools does not see that the functions are Python.
        if not (source / "requirements.txt").exists():
            (source / "requirements.txt").touch()
        (source / "venv").symlink_to(VENV)
        emulated = ("GCLOUD_PROJECT", "FIREBASE_AUTH_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST")
        settings = {name: value for name, value in self.environment.items() if name not in emulated}
        (source / ".env.local").write_text(dotenv(settings))
        (source / ".secret.local").write_text(dotenv(self.secret_settings))
        (self._state / "firestore.rules").symlink_to(ROOT / "firestore.rules")
        (self._state / "firestore.indexes.json").symlink_to(ROOT / "firestore.indexes.json")
        configuration = json.loads((ROOT / "firebase.json").read_text())
        configuration["functions"] = [
            {"source": "source", "codebase": "greenroom", "runtime": f"python{python_version(VENV).replace('.', '')}"}
        ]
        ports = {"auth": "auth", "functions": "functions", "hub": "hub", "logging": "logging", "eventarc": "eventarc"}
        configuration["emulators"] = {
            # firebase-tools' own queues start with the functions whether they are wanted or not; nothing is sent there.
            **{name: {"host": HOST, "port": self._ports[port]} for name, port in {**ports, "tasks": "queues"}.items()},
            "firestore": {"host": HOST, "port": self._ports["firestore"], "websocketPort": self._ports["websocket"]},
            "ui": {"enabled": False},
            "singleProjectMode": True,
        }
        (self._state / "firebase.json").write_text(json.dumps(configuration, indent=2))
        command = ["--project", PROJECT_ID, "emulators:start", "--only", "auth,functions,firestore"]
        # It has nothing to save, and asked politely it takes ten seconds and leaves the functions' servers behind.
        return self._part("firebase", [HIDANE, "exec", "--", FIREBASE, *command], 0)

    def _await_answers(self, started_at: float) -> None:
        """
        Wait until each part does what it is there for: that a port is open says nothing.
        """
        tasks, storage, kaltura, bunny, s3, _, firebase = self._parts
        deadline_at = started_at + READY_WITHIN_S

        def answered(part: Part, what: str, holds: Callable[[], bool]) -> None:
            part.wait_until(what, holds, deadline_at)
            self._say(f"{part.name}: {what} ({time.monotonic() - started_at:.1f} s)")

        answered(storage, "list buckets", self._buckets_listed)
        answered(kaltura, "answer a ping", self._kaltura_pinged)
        answered(bunny, "serve", lambda: bunny.has_said("ready on"))
        answered(s3, "refuse who has no key", self._store_refuses)
        answered(tasks, "serve", lambda: tasks.has_said("ready on"))
        answered(firebase, "start its emulators", self._emulators_started)
        answered(firebase, "sign a user up", self._user_signed_up)
        answered(firebase, "read a document", self._document_read)
        triggers = self._triggers()
        queues = {trigger["name"]: trigger["taskQueueTrigger"] for trigger in triggers if "taskQueueTrigger" in trigger}
        create_queues(self.tasks_host, queues)
        self._say(f"tasks: create queues: {', '.join(queues) or 'none'} ({time.monotonic() - started_at:.1f} s)")
        callables = [trigger["name"] for trigger in triggers if trigger["labels"].get("deployment-callable") == "true"]
        if callables:
            answered(firebase, f"answer a call of {callables[0]}", lambda: self._callable_answered(callables[0]))

    def _buckets_listed(self) -> bool:
        status, body = ask(f"{self.storage_url}/storage/v1/b?project={PROJECT_ID}")
        return status == 200 and "kind" in json.loads(body)

    def _kaltura_pinged(self) -> bool:
        status, body = ask(f"{self.kaltura_url}/api_v3/service/system/action/ping?format=1")
        return status == 200 and json.loads(body) is True

    def _store_refuses(self) -> bool:
        return ask(f"{self.s3_url}/{self.s3_bucket}")[0] == 403

    def _emulators_started(self) -> bool:
        firebase = self._parts[-1]
        if firebase.has_said("Failed to load function definition from source"):
            raise PartFailed(firebase, "could not load the functions")
        return firebase.has_said("All emulators ready!")

    def _user_signed_up(self) -> bool:
        accounts = f"http://{self.auth_host}/identitytoolkit.googleapis.com/v1/accounts"
        status, body = ask(f"{accounts}:signUp?key=any", {"returnSecureToken": True})
        if status != 200:
            return False
        return ask(f"{accounts}:delete?key=any", {"idToken": json.loads(body)["idToken"]})[0] == 200

    def _document_read(self) -> bool:
        documents = f"http://{self.firestore_host}/v1/projects/{PROJECT_ID}/databases/(default)/documents"
        status, body = ask(f"{documents}/nothing/here", token="owner")
        return status == 404 and json.loads(body)["error"]["status"] == "NOT_FOUND"

    def _triggers(self) -> list[dict[str, Any]]:
        backends = json.loads(ask(f"http://{self.functions_host}/backends")[1])["backends"]
        return [trigger for backend in backends for trigger in backend["functionTriggers"]]

    def _callable_answered(self, name: str) -> bool:
        # Whatever it thinks of an anonymous call without data, it says so in the form of a callable.
        body = json.loads(ask(f"{self.functions_url}/{name}", {"data": None})[1])
        return "error" in body or "result" in body

    def _watch(self) -> None:
        """
        Notice, from a thread, when a part ends that nobody stopped, and end the others.
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


def free_ports(names: str) -> dict[str, int]:
    """
    Returns:
        A port for each of the names, free at this moment and different from each other.
    """
    wanted = names.split()
    with ExitStack() as held:
        found: list[int] = []
        for port in random.sample(PORTS, len(PORTS)):
            candidate = held.enter_context(socket.socket())
            try:
                candidate.bind((HOST, port))
            except OSError:
                continue
            found.append(port)
            if len(found) == len(wanted):
                return dict(zip(wanted, found, strict=True))
    raise TestbedError(f"No {len(wanted)} ports are free between {PORTS[0]} and {PORTS[-1]}.")


def dotenv(settings: Mapping[str, str]) -> str:
    """
    Returns:
        The settings as firebase-tools reads them, each value in double quotes with its escapes. Pure.
    """
    escapes = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
    return "".join(f'{name}="{value.translate(escapes)}"\n' for name, value in settings.items())


def python_version(venv: Path) -> str:
    """
    Returns:
        The version of the virtual environment's Python, as "3.11".
    """
    lines = dict(line.split(" = ", 1) for line in (venv / "pyvenv.cfg").read_text().splitlines())
    return ".".join(lines["version"].split(".")[:2])


def ask(url: str, body: object = None, token: str | None = None) -> tuple[int, bytes]:
    """
    Send one request, JSON if there is a body.

    Returns:
        The status and the answer, whatever the status.

    Raises:
        OSError: nobody answers.
    """
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    if token is not None:
        request.add_header("authorization", f"Bearer {token}")
    # A proxy of the surrounding environment has no business between programs of one machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=ANSWER_WITHIN_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def create_queues(host: str, queues: Mapping[str, Mapping[str, Any]]) -> None:
    """
    Create what the cloud creates when a task queue function is deployed: a queue of its name, with its limits.

    Args:
        host: Cloud Tasks, host:port.
        queues: by function, `rateLimits` and `retryConfig` as the functions emulator lists them.
    """
    # Installed packages: only imported once there is a stack, see the head of this module.
    import grpc
    from google.cloud import tasks_v2
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

    with grpc.insecure_channel(host) as channel:
        client = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
        parent = f"projects/{PROJECT_ID}/locations/{REGION}"
        for name, asked in queues.items():
            limits, retry = asked.get("rateLimits", {}), asked.get("retryConfig", {})
            concurrent = limits.get("maxConcurrentDispatches") or CONCURRENT_DISPATCHES
            waits = {
                field: timedelta(seconds=retry[asked_as])
                for field, asked_as in (
                    ("max_retry_duration", "maxRetrySeconds"),
                    ("min_backoff", "minBackoffSeconds"),
                    ("max_backoff", "maxBackoffSeconds"),
                )
                if retry.get(asked_as) is not None
            }
            client.create_queue(
                parent=parent,
                queue=tasks_v2.Queue(
                    name=f"{parent}/queues/{name}",
                    rate_limits=tasks_v2.RateLimits(
                        max_concurrent_dispatches=min(concurrent, CONCURRENT_DISPATCHES),
                        max_dispatches_per_second=limits.get("maxDispatchesPerSecond"),
                    ),
                    retry_config=tasks_v2.RetryConfig(
                        max_attempts=retry.get("maxAttempts"), max_doublings=retry.get("maxDoublings"), **waits
                    ),
                ),
            )
