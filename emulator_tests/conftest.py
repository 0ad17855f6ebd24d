"""What every test may ask for: the running stack.

Called by pytest. The stack starts when the first test asks for it and stops when the last one is done; a run that asks
for none of it (`emulator_tests/pure`) starts nothing. Fixtures of one kind of test stand in that folder's own conftest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator_tests.folder_times import FolderTimes
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.network import free_ports
from emulator_tests.testbed.places import state_folder

SETTINGS = {
    # A test that does not ask for the grace period would only wait for it.
    "REAP_GRACE_S": "0",
    "FEED_INTERVAL_S": "1",
    # The simulator answers or it does not: nothing is committed long after its answer was lost.
    "LATE_COMMIT_S": "3",
    "STRAY_AGE_S": "3",
}

NEIGHBOUR = "another-school"
"""Another deployment on the same Cloudflare account, which a test may play; `CLOUDFLARE_PASS_ON` says where."""

RUNNING = pytest.StashKey[Testbed]()

LONG_FILE = "\npytestmark = pytest.mark.long\n"
"""The line that marks a file all of whose tests are long."""

SPLIT_FILE = "\nIS_IN_EVERY_SHARE = True\n"
"""The line that marks a file that is in every share, and chooses its tests by the share itself."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """
    Add the options of the Makefile.
    """
    parser.addoption("--fast", action="store_true", help="leave out what is marked long")
    parser.addoption("--share", metavar="K/N", help="of each folder only every Nth file, so that N runs have them all")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """
    Leave out files before they are imported, which takes as long as the quick tests: those of other shares, and those
    that are long as a whole.
    """
    if not collection_path.match("test_*.py"):
        return None
    if (share := config.getoption("share")) is not None:
        number, shares = map(int, share.split("/"))
        # By size, so that no share has all the large ones.
        if SPLIT_FILE in collection_path.read_text():
            return None
        files = sorted(collection_path.parent.glob("test_*.py"), key=lambda path: (path.stat().st_size, path.name))
        if files.index(collection_path) % shares != number - 1:
            return True
    return True if config.getoption("fast") and LONG_FILE in collection_path.read_text() else None


def pytest_configure(config: pytest.Config) -> None:
    """
    Have the time of each folder shown at the end.
    """
    config.pluginmanager.register(FolderTimes(), "folder times")
    if config.getoption("fast"):
        config.option.markexpr = "not long"


@pytest.fixture(scope="session")
def testbed(request: pytest.FixtureRequest) -> Iterator[Testbed]:
    """
    The stack, in a folder of its own: it runs beside one of `make up`. TESTBED_STATE names another folder, for a second
    run of the tests at the same time.
    """
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"  {line}", flush=True)

    say("")
    state = state_folder("test")
    neighbour = f"http://127.0.0.1:{free_ports(NEIGHBOUR)[NEIGHBOUR]}/cloudflareHook"
    with Testbed(state, SETTINGS | {"CLOUDFLARE_PASS_ON": f"{NEIGHBOUR}={neighbour}"}, say=say) as running:
        request.config.stash[RUNNING] = running
        yield running


def pytest_runtest_setup(item: pytest.Item) -> None:
    """
    End the run when the stack has ended by itself: every further test would fail for that one reason.
    """
    running = item.config.stash.get(RUNNING, None)
    if running is not None and running.failure is not None:
        pytest.exit(running.failure, returncode=1)
