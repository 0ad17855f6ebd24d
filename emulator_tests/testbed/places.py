"""Where things of the test bed lie on disk.

Called by `setup.py`, which puts them there, and by `stack.py`, which runs them. It knows no more than the paths.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The project's root: the functions' source."""

HOME = ROOT / ".testbed"
"""Everything the test bed installs or writes, apart from the folders whose names its tools prescribe."""

VENV = ROOT / "venv"
"""The virtual environment; firebase-tools looks for this name."""

NODE = ROOT / "emulator_tests"
"""Where package.json lies: not in the root, or firebase-tools would take the functions for Node's."""
CLIENTS = ROOT / "emulator_tests" / "simulators" / "tests" / "node"

EXISTING_APP = ROOT / "examples" / "existing-app"
"""The app that Greenroom is added to as an example."""

WEB = ROOT / "web"
APP = WEB / "dist" / "school" / "browser"
"""The built reference app."""

HIDANE = HOME / "hidane" / "bin" / "hidane"
FAKE_GCS_SERVER = HOME / "bin" / "fake-gcs-server"
VERSITYGW = HOME / "bin" / "versitygw"
GOOGLE_PROVIDER = HOME / "google-provider" / "terraform-provider-google"
"""The stand-in of Terraform's google provider, under the name that Terraform looks for."""
CHROMIUM = Path("/usr/bin/chromium")
"""Where Debian's package puts it."""

STAMPS = HOME / "stamps"
FIREBASE = NODE / "node_modules" / ".bin" / "firebase"
FORK_CLIENT = Path(__file__).with_name("fork_client.py")
FORK_SERVER = Path(__file__).with_name("fork_server.py")
PRELOADED = Path(__file__).with_name("firebase-tools.cjs")
TEST_PICTURE = Path(__file__).with_name("test-picture.mp4")


def state_folder(name: str) -> Path:
    """
    Return the folder that a stack writes to; TESTBED_STATE names another one, for a second stack at the same time.
    """
    return Path(os.environ.get("TESTBED_STATE", HOME / name))
