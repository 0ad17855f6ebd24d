"""The site that the hosting emulator serves: the built app, and a file that tells it where the stack is.

Called by `stack.py`. The rewrites and headers are those of the deployed site, in `firebase.json`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator_tests.testbed.network import HOST
from emulator_tests.testbed.part import TestbedError
from emulator_tests.testbed.places import ROOT
from emulator_tests.testbed.users import PASSWORD

if TYPE_CHECKING:
    from emulator_tests.testbed.stack import Testbed

TARGET = "school"
"""The site among those of `firebase.json`."""

FOLDER = "site"
"""In the folder of the stack."""

POLICY = "Content-Security-Policy"
REACHES_PROVIDERS = ("connect-src", "frame-src", "img-src", "media-src")
"""The directives of the policy that name Google and the providers."""


def write_site(folder: Path, app: Path, stack: Mapping[str, Any]) -> None:
    """
    Copy the app, so that building it again does not change a site that is being served, and add `stack.json`.

    Args:
        folder: Of the stack.
        app: Of the built app, with its index.html.
        stack: What the app has to know of the stack.

    Raises:
        TestbedError: The app is not built.
    """
    if not (app / "index.html").is_file():
        raise TestbedError(f"There is no app to serve: {app / 'index.html'} does not exist. Build it with `make app`.")
    shutil.copytree(app, folder / FOLDER)
    (folder / FOLDER / "stack.json").write_text(json.dumps(stack, indent=2) + "\n")


def hosting() -> dict[str, Any]:
    """
    Return the site's configuration for the emulator: as it is deployed, but from the folder of the stack, and its pages
    may also talk to this machine.
    """
    sites = json.loads((ROOT / "firebase.json").read_text())["hosting"]
    site: dict[str, Any] = next(one for one in sites if one["target"] == TARGET)
    del site["target"]
    for headers in site["headers"]:
        for header in headers["headers"]:
            if header["key"] == POLICY:
                header["value"] = with_this_machine(header["value"])
    return site | {"public": FOLDER}


def with_this_machine(policy: str) -> str:
    """
    Return the policy, with every port of this machine beside the providers. Pure.
    """
    return re.sub(rf"\b({'|'.join(REACHES_PROVIDERS)}) ", rf"\1 http://{HOST}:* ws://{HOST}:* ", policy)


def print_site(testbed: Testbed) -> None:
    """
    Print the app's address, and as whom somebody can sign in there.
    """
    print(f"\n  The app is at {testbed.site_url}. Sign in, with the password {PASSWORD}, as")
    for user in testbed.users:
        print(f"  {user.email:24}{user.role}", flush=True)
