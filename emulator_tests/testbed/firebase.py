"""The project folder that firebase-tools runs the functions and its emulators from. Called by `stack.py`.

firebase-tools reads settings and secrets from files beside the source. Each stack therefore has a folder of its own.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emulator_tests.testbed.fork_server import ADDRESS
from emulator_tests.testbed.network import HOST
from emulator_tests.testbed.part import TestbedError
from emulator_tests.testbed.places import EXISTING_APP, FORK_CLIENT, ROOT, VENV

SOURCE = ("main.py", "functions", "shared", "requirements.txt")
"""What of the project the functions are made of."""

NODE_PACKAGE = "package.json"
"""The file of a codebase in Node, and of no other."""

BESIDE = "beside"
"""The link to the project folder of an app, in the folder of the stack."""


def write_project(
    folder: Path,
    source: Path,
    ports: Mapping[str, int],
    settings: Mapping[str, str],
    secrets: Mapping[str, str],
    site: Mapping[str, Any] | None = None,
    *,
    prefix: str = "",
    database: str = "(default)",
    beside: Path | None = None,
    apps: Sequence[Path] = (),
) -> None:
    """
    Write the configuration, and link the functions' source.

    Args:
        folder: Where firebase-tools will run. Its subfolder `source` exists and is empty.
        source: The folder with the functions' main.py.
        ports: By emulator.
        settings: Environment of the functions, by name.
        secrets: Secrets of the functions, by name.
        site: The configuration of the site, if there is one.
        prefix: Of the names of the functions.
        database: The only one that there are rules for, but for that of an app.
        beside: The project folder of an app, if there is one. Its functions and its database are added.
        apps: Folders with the functions of other apps, each a codebase of its own.

    Raises:
        TestbedError: There is no main.py.
    """
    linked = folder / "source"
    if not (source / "main.py").exists():
        raise TestbedError(f"There are no functions to run: {source / 'main.py'} does not exist.")
    for name in SOURCE:
        if (source / name).exists():
            (linked / name).symlink_to(source / name)
    # Without a file of this name firebase-tools does not see that the functions are Python.
    if not (linked / "requirements.txt").exists():
        (linked / "requirements.txt").touch()
    write_environment(linked / "venv")
    (linked / ".env.local").write_text(dotenv(settings))
    (linked / ".secret.local").write_text(dotenv(secrets))
    (folder / "firestore.rules").symlink_to(ROOT / "firestore.rules")
    (folder / "firestore.indexes.json").symlink_to(ROOT / "firestore.indexes.json")
    configuration = json.loads((ROOT / "firebase.json").read_text())
    runtime = f"python{python_version(VENV).replace('.', '')}"
    functions = {"source": "source", "codebase": "greenroom", "runtime": runtime}
    others = [
        {"source": app.name, "codebase": app.name, **({} if (app / NODE_PACKAGE).exists() else {"runtime": runtime})}
        for app in apps
    ]
    configuration["functions"] = [{**functions, "prefix": prefix} if prefix else functions, *others]
    for app in apps:
        write_app(folder / app.name, app, {"GREENROOM_DATABASE": database, **settings})
    configuration["firestore"] = [{"database": database, **configuration["firestore"]}]
    if beside is not None:
        (folder / BESIDE).symlink_to(beside)
        add_existing_app(configuration, json.loads((beside / "firebase.json").read_text()))
    emulators = {name: name for name in ("auth", "functions", "hub", "logging", "eventarc")}
    configuration["emulators"] = {
        # firebase-tools' own queues start with the functions whether they are wanted or not; nothing is sent there.
        **{name: {"host": HOST, "port": ports[port]} for name, port in {**emulators, "tasks": "queues"}.items()},
        "firestore": {"host": HOST, "port": ports["firestore"], "websocketPort": ports["websocket"]},
        "ui": {"enabled": False},
        "singleProjectMode": True,
    }
    del configuration["hosting"]
    if site is not None:
        configuration["hosting"] = site
        configuration["emulators"]["hosting"] = {"host": HOST, "port": ports["hosting"]}
    (folder / "firebase.json").write_text(json.dumps(configuration, indent=2))


def add_existing_app(configuration: dict[str, Any], app: Mapping[str, Any]) -> None:
    """
    Add the functions and the database of an app to the configuration of Greenroom. Each is the first of its list.
    """
    functions, database = app["functions"][0], app["firestore"][0]
    configuration["functions"].insert(0, {**functions, "source": f"{BESIDE}/{functions['source']}"})
    files = {name: f"{BESIDE}/{database[name]}" for name in ("rules", "indexes")}
    configuration["firestore"].insert(0, {**database, **files})


def write_app(folder: Path, source: Path, settings: Mapping[str, str]) -> None:
    """
    Write the codebase of another app, in Node or on functions-framework itself, with those of these settings that it
    names.
    """
    is_node = (source / NODE_PACKAGE).exists()
    files = ("index.js", NODE_PACKAGE) if is_node else ("main.py", "requirements.txt")
    program = (source / files[0]).read_text()
    named = {name: value for name, value in settings.items() if re.search(rf"\b{name}\b", program)}
    folder.mkdir()
    # Not linked: Node looks for packages beside the file itself.
    for name in files:
        shutil.copy(source / name, folder)
    if is_node:
        (folder / "node_modules").symlink_to(EXISTING_APP / "functions" / "node_modules")
    else:
        programs = folder / "venv" / "bin"
        programs.mkdir(parents=True)
        (programs / "activate").write_text(f". {shlex.quote(str(VENV / 'bin' / 'activate'))}\n")
    (folder / ".env").write_text(dotenv(named))


def write_environment(folder: Path) -> None:
    """
    Write the virtual environment that firebase-tools activates: ours, with the client of the fork server in place of
    `functions-framework`.
    """
    programs = folder / "bin"
    programs.mkdir(parents=True)
    activate, python, client, first = (
        shlex.quote(str(path)) for path in (VENV / "bin" / "activate", VENV / "bin" / "python", FORK_CLIENT, programs)
    )
    (programs / "activate").write_text(f". {activate}\nPATH={first}:$PATH\n")
    # firebase-tools starts it in the folder of the source, which is in the folder of the stack.
    (programs / "functions-framework").write_text(f"#!/bin/sh\nexec {python} -I -S {client} ../{ADDRESS}\n")
    (programs / "functions-framework").chmod(0o755)


def dotenv(settings: Mapping[str, str]) -> str:
    """
    Return the settings as firebase-tools reads them, each value in double quotes with its escapes. Pure.
    """
    escapes = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
    return "".join(f'{name}="{value.translate(escapes)}"\n' for name, value in settings.items())


def python_version(venv: Path) -> str:
    """
    Return the version of the virtual environment's Python, as "3.11".
    """
    lines = dict(line.split(" = ", 1) for line in (venv / "pyvenv.cfg").read_text().splitlines())
    return ".".join(lines["version"].split(".")[:2])
