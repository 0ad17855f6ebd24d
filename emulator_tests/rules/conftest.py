"""What every test of the rules is given: the database, its callers, and ids that no other test uses.

Called by pytest. The emulator itself comes from the test bed's fixture `testbed`, which loads the firestore.rules of
the project's root.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from emulator_tests.rules.callers import Cast, cast
from emulator_tests.rules.firestore import Firestore

if TYPE_CHECKING:
    from emulator_tests.testbed import Testbed

RULES = Path(__file__).parents[2] / "firestore.rules"

# The functions watch the default database. In one of its own, under the same rules, the many writes of these tests
# set nothing off, and find nothing that other tests left.
DATABASE_ID = "rules"


@pytest.fixture(scope="session")
def firestore(testbed: Testbed) -> Iterator[Firestore]:
    """
    The emulated database, with the rules on.
    """
    database = Firestore(testbed.firestore_host, testbed.project_id, DATABASE_ID)
    yield database
    database.close()


@pytest.fixture(scope="session")
def named_collections() -> set[str]:
    """
    The collections that have a statement in firestore.rules.
    """
    named = set(re.findall(r"match /(\w+)/\{\w+\} \{", RULES.read_text()))
    assert "sessions" in named
    return named


@pytest.fixture
def session_id() -> str:
    """
    A session's id, new in each test.
    """
    return f"s-{uuid.uuid4().hex}"


@pytest.fixture(name="cast")
def new_cast(session_id: str) -> Cast:
    """
    The callers of this test alone.
    """
    return cast(session_id)
