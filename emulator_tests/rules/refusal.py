"""What it means that a write is refused: the rules say so, and nothing has changed.

Called by the tests of the rules, except the table, which asks the same of reads as well.
"""

from __future__ import annotations

import pytest

from emulator_tests.rules.callers import SERVER, Caller
from emulator_tests.rules.firestore import Denied, Firestore, Write


def assert_refused(firestore: Firestore, caller: Caller, *writes: Write) -> None:
    """
    Asserts that the rules deny this commit, and that every document it names stays as it was.
    """
    before = [firestore.get(SERVER, write.path) for write in writes]
    with pytest.raises(Denied):
        firestore.commit(caller, *writes)
    assert [firestore.get(SERVER, write.path) for write in writes] == before
