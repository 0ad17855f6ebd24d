"""Run the scripts of `deploy/` against `fake_cloud.py`."""

from __future__ import annotations

import copy
import os
import re
import shlex
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from emulator_tests.deploy.fake_cloud import NUMBER, PROJECT, answered, refusal
from emulator_tests.testbed.places import ROOT
from functions import config
from main import FUNCTIONS

SCRIPT: Final = ROOT / "deploy" / "provision.sh"
REMOVE: Final = ROOT / "deploy" / "remove.sh"
SHARED: Final = ROOT / "deploy" / "steps.sh"
SECRETS: Final = sorted(name for name, setting in config.SETTINGS.items() if setting.is_secret)
COMPUTE: Final = f"{NUMBER}-compute@developer.gserviceaccount.com"
NEW: Final[dict[str, Any]] = {
    "apis": ["iam.googleapis.com"],
    "accounts": [COMPUTE],
    "bindings": [],
    "databases": {},
    "metrics": {},
    "policies": [],
    "dashboards": [],
    "repositories": {},
    "functions": [],
    "queues": {},
    "jobs": [],
    "secrets": {},
    "documents": {},
    "channels": [f"projects/{PROJECT}/notificationChannels/1"],
}
"""A new project: it has its default compute account, and the one API that every project has."""

# Starts a fifth as fast as Python, and the script calls it some sixty times.
PROGRAM: Final = """#!/bin/bash
exec 3<>"/dev/tcp/127.0.0.1/$FAKE_CLOUD"
{ echo $#; printf '%s\\0' "${0##*/}" "$@"; } >&3
IFS= read -r -d '' out <&3
IFS= read -r -d '' err <&3
IFS= read -r -d '' status <&3
printf '%s' "$out"
printf '%s' "$err" >&2
exit "$status"
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """
    What a run of the script said.

    Attributes:
        status: Its exit status.
        said: Its output and its complaints, in their order.
    """

    status: int
    said: str

    @property
    def steps(self) -> dict[int, str]:
        """
        What was said in each step, by its number.
        """
        found = re.split(r"^\[ ?(\d+)/\d+\] ", self.said, flags=re.MULTILINE)
        return dict(zip(map(int, found[1::2]), found[2::2], strict=True))

    @property
    def refused(self) -> set[int]:
        """
        The numbers of the refused steps.
        """
        return {number for number, said in self.steps.items() if "\n      refused: " in said}

    @property
    def missing(self) -> str:
        """
        The list at the end.
        """
        return self.said.partition("\nMissing:\n")[2]

    @property
    def left(self) -> str:
        """
        The list of what a removal has left.
        """
        return self.said.partition("\nLeft:\n")[2]

    @property
    def kept(self) -> str:
        """
        The list of what a removal has kept.
        """
        return self.said.partition("\nKept:\n")[2].partition("\n\n")[0]


@dataclass(slots=True)
class Cloud:
    """
    A cloud with one project.

    Attributes:
        home: A folder for the programs that call it.
        port: Where they find it.
        project: What there is in the project.
        calls: The calls so far: the program and its words.
        after: What happens once after the first call that matches a regular expression; nothing if that is empty.
    """

    home: Path
    port: int = 0
    project: dict[str, Any] = field(default_factory=lambda: copy.deepcopy(NEW))
    calls: list[list[str]] = field(default_factory=list)
    after: tuple[str, Callable[[], object]] = ("", lambda: None)
    _refused: str = ""
    _says: str = ""
    _times: int = 0
    _counted: str = ""
    _allowed: int = 0

    def allow(self, call: str, times: int) -> None:
        """
        Accept so many calls that match a regular expression, and refuse all later ones.
        """
        self._counted, self._allowed = call, times

    def refuse(self, call: str, says: str, times: int = 999) -> None:
        """
        Refuse the calls that match a regular expression, so many times.
        """
        self._refused, self._says, self._times = call, says, times

    def answer(self, words: list[str]) -> tuple[int, str, str]:
        """
        Return the exit status, the output and the complaint of a call.
        """
        self.calls.append(words)
        program, *arguments = words
        if program == "sleep":
            return 0, "", ""
        if self._times and re.search(self._refused, " ".join(words)):
            self._times -= 1
            return refusal(program, self._says)
        if self._counted and re.search(self._counted, " ".join(words)):
            if not self._allowed:
                return refusal(program, "Something unheard of")
            self._allowed -= 1
        told = answered(self.project, program, arguments)
        call, happens = self.after
        if call and re.search(call, " ".join(words)):
            self.after = ("", lambda: None)
            happens()
        return told

    def run(self, *options: str, script: Path = SCRIPT, typed: str = "") -> Ran:
        """
        Run a script with options. What is typed ends with the end of the input.
        """
        done = subprocess.run(
            ["bash", str(script), *options],
            env={
                "PATH": f"{self.home}:{os.environ['PATH']}",
                "FAKE_CLOUD": str(self.port),
                "TMPDIR": str(self.home),
            },
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return Ran(done.returncode, done.stdout)

    def prepare(self, *options: str) -> Ran:
        """
        Run the script for the project, with further options.
        """
        return self.run("--project", PROJECT, "--location", "eur3", *options)

    def remove(self, *options: str, typed: str = "") -> Ran:
        """
        Run the removal for the project, with further options.
        """
        return self.run("--project", PROJECT, *options, script=REMOVE, typed=typed)

    def deploy(self, prefix: str = "", database: str = "(default)", codebase: str = "greenroom") -> None:
        """
        Do what a deployment to us-central1 does, after its secrets were set.
        """
        region, account = "us-central1", f"greenroom@{PROJECT}.iam.gserviceaccount.com"
        for name in FUNCTIONS:
            one = {"id": f"{prefix}{name}", "region": region, "codebase": codebase, "account": account}
            if name.startswith(("onSession", "onEnrolment")):
                one["database"] = database
            self.project["functions"].append(one)
            if FUNCTIONS[name] == "functions.work":
                self.project["queues"][f"{region}/{prefix}{name}"] = "RUNNING"
            if FUNCTIONS[name] == "functions.schedule":
                self.project["jobs"].append(f"{region}/firebase-schedule-{prefix}{name}-{region}")
        for secret in SECRETS:
            self.project["secrets"].setdefault(secret, []).append(f"serviceAccount:{account}")
        self.project["documents"][database] = {"operations": [{}], "videos": [{"gone": True}]}
        self.project["repositories"][f"{region}/gcf-artifacts"] = {"policies": []}


@contextmanager
def serving(home: Path) -> Iterator[Cloud]:
    """
    Serve a cloud with a new project until the end of the `with`.
    """
    cloud = Cloud(home)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            count = int(self.rfile.readline())
            status, out, err = cloud.answer([self._word() for _ in range(count + 1)])
            self.wfile.write(f"{out}\0{err}\0{status}\0".encode())

        def _word(self) -> str:
            word = b""
            while (byte := self.rfile.read(1)) != b"\0":
                word += byte
            return word.decode()

    for name in ("gcloud", "curl", "firebase", "sleep"):
        (home / name).write_text(PROGRAM)
        (home / name).chmod(0o755)
    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        cloud.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield cloud
        finally:
            server.shutdown()
            thread.join()


def commands_in(said: str) -> list[list[str]]:
    """
    Return the commands that a dry run printed.
    """
    return [shlex.split(line.strip()[2:]) for line in said.splitlines() if line.startswith("      $ ")]
