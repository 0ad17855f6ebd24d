"""The fixtures of every flow: the school, a teacher, a video. Afterwards Kaltura has no faults."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from emulator_tests.conftest import SETTINGS
from emulator_tests.flow.provider import PROVIDERS, Provider
from emulator_tests.flow.school import Person, School, school_of
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.places import TEST_PICTURE, state_folder

OTHER_BYTES: Final = b"sizefree" + bytes(range(256)) * 4


@pytest.fixture(scope="session")
def _school(testbed: Testbed) -> Iterator[School]:
    # The library that listens takes the emulator's address from the environment alone.
    os.environ["FIRESTORE_EMULATOR_HOST"] = testbed.firestore_host
    school = School(testbed)
    # Before anybody joins: an instance that finds none remembers that for a minute.
    school.make_chat_token()
    yield school
    school.close()
    del os.environ["FIRESTORE_EMULATOR_HOST"]


@pytest.fixture
def school(_school: School) -> Iterator[School]:
    """
    The world, without faults and with videos that are ready soon, when the story begins and when it has ended: what a
    module is given is made before its first story begins.
    """
    _behave(_school)
    yield _school
    _behave(_school)
    for control in (_school.simulator, _school.cloudflare):
        control("DELETE", "faults")


def _behave(school: School) -> None:
    for control in (school.simulator, school.cloudflare):
        control("POST", "clock", {"ready": "after_s:1"})


@pytest.fixture(scope="module")
def hosting() -> Iterator[School]:
    """
    A school of its own: elsewhere videos play from their providers.
    """
    shared_state = state_folder("test")
    with ExitStack() as held:
        state = shared_state.with_name(f"{shared_state.name}-hosts")
        testbed = held.enter_context(Testbed(state, SETTINGS | {"USE_HOSTS": "true"}))
        school = held.enter_context(school_of(testbed))
        _behave(school)
        # What it fetches is there at the first look, or at the second.
        school.bunny("POST", "clock", {"ready": "at_once"})
        yield school


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest, school: School) -> Provider:
    """
    Where the videos of a story are: it is told once for each provider.
    """
    return PROVIDERS[request.param](school)


@pytest.fixture
def teacher(school: School) -> Person:
    """
    A teacher of this story alone.
    """
    return school.teacher()


@pytest.fixture(scope="session")
def video_bytes() -> bytes:
    """
    A real video with sound, 12 s long.
    """
    return TEST_PICTURE.read_bytes()


@pytest.fixture(scope="session")
def other_video_bytes(video_bytes: bytes) -> bytes:
    """
    The same video with other bytes: a box at its end that players skip.
    """
    return video_bytes + len(OTHER_BYTES).to_bytes(4, "big") + OTHER_BYTES[4:]
