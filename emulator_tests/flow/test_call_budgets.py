"""A6: somebody who calls far too often is refused for a while, and nobody else notices."""

from __future__ import annotations

import time
from typing import Final

import pytest

from emulator_tests.flow.school import Person, Refused, School
from shared.core.paths import CALL_BUDGETS, hashed_uid
from shared.limits.call_budgets import TABLE, Work

CALLS_MAX: Final = 500
"""More than a person may at once, whatever number of instances serves them, and however slowly."""

AGAIN_WITHIN_S: Final = 30.0


@pytest.fixture
def flooded(school: School) -> tuple[Person, Refused]:
    """
    Somebody who has asked for what only administrators may, until they were refused for asking too often.
    """
    person = school.person()
    return person, _flood(person)


def _flood(person: Person) -> Refused:
    for _ in range(CALLS_MAX):
        with pytest.raises(Refused) as refused:
            person.call("requeueDeletion", {"deletionId": "none"})
        if refused.value.reason != "ADMIN_ONLY":
            return refused.value
    raise AssertionError(f"{CALLS_MAX} calls were let pass")


def _reason(person: Person) -> str:
    with pytest.raises(Refused) as refused:
        person.call("requeueDeletion", {"deletionId": "none"})
    return refused.value.reason


def test_a_flood_is_refused_until_the_time_that_is_told_and_others_are_served(
    school: School, flooded: tuple[Person, Refused]
) -> None:
    """
    A6.
    """
    person, refused = flooded
    assert (refused.code, refused.reason, refused.is_retryable) == ("RESOURCE_EXHAUSTED", "CALLS_TOO_MANY", True)
    assert refused.retry_after_s is not None
    assert 1 <= refused.retry_after_s <= AGAIN_WITHIN_S
    assert refused.message.startswith("You made too many changes in a short time. Wait ")
    may_again_at = time.monotonic() + refused.retry_after_s

    assert _reason(school.person()) == "ADMIN_ONLY"
    with pytest.raises(Refused) as other_work:
        person.call("getKalturaSession", {"sessionId": "none"})
    assert other_work.value.reason == "SESSION_NOT_FOUND"

    school.await_provider("the flooder to be let pass", lambda: _reason(person) == "ADMIN_ONLY", AGAIN_WITHIN_S)
    # A clock of ours and the functions' are one; what is told is rounded up.
    assert time.monotonic() > may_again_at - 1.0 - 60 / TABLE[Work.CHANGE].budget.per_minute


def test_a_budget_is_kept_without_a_name_and_expires(school: School, flooded: tuple[Person, Refused]) -> None:
    """
    A6.
    """
    person, _ = flooded
    kept = school.document(f"{CALL_BUDGETS}/change-{hashed_uid(person.uid)}")
    assert kept is not None
    assert kept["expiresAt"] >= kept["fullAt"]
    assert all(person.uid not in one.id + str(one.to_dict()) for one in school.documents_of(CALL_BUDGETS))
