"""The audience port: in memory, and Kaltura as its simulator serves it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from emulator_tests.contract.accounts import Account
from shared.core.errors import Transient
from shared.ports import Admission, Attendee, EventSpec, ExternalIds

WISH = EventSpec("Opening lecture", None, None)
LIFETIME_S = 4200


@pytest.fixture
def account(lasting_account: Account) -> Account:
    """
    An empty account in which users are known.
    """
    return lasting_account


@pytest.fixture
def external_ids(account: Account) -> ExternalIds:
    """
    An event.
    """
    return account.events.create_event("session:s1:1", WISH).external_ids


def admit(account: Account, external_ids: ExternalIds, uid: str = "ada", *, force_refresh: bool = False) -> Admission:
    return account.audience.admit(
        external_ids, Attendee(uid, "Ada Lovelace", is_moderator=False), LIFETIME_S, force_refresh=force_refresh
    )


def test_new_user_costs_one_call_and_known_user_none(account: Account, external_ids: ExternalIds) -> None:
    before = account.calls()
    admit(account, external_ids)
    assert account.calls() == before + 1
    assert "ada" in account.people()

    admit(account, external_ids)
    assert account.calls() == before + 1


def test_user_is_created_once(account: Account, external_ids: ExternalIds) -> None:
    before = account.calls()
    for uid in ("ada", "grace", "ada", "grace"):
        admit(account, external_ids, uid)
    assert account.calls() == before + 2


def test_user_created_meanwhile_is_admitted(account: Account, external_ids: ExternalIds) -> None:
    account.welcome("ada")

    assert admit(account, external_ids).player.token


def test_a_forced_refresh_asks_for_the_user_and_the_account_once_more(
    account: Account, external_ids: ExternalIds
) -> None:
    admit(account, external_ids)
    for _ in range(61):
        account.later()
    before = account.calls()

    first = admit(account, external_ids, force_refresh=True)

    calls = account.calls() - before
    assert 1 <= calls <= 2
    assert first.refreshable_at is None

    again = admit(account, external_ids, force_refresh=True)

    assert account.calls() == before + calls, "nobody is asked again within a minute"
    assert again.refreshable_at is not None
    assert timedelta() < again.refreshable_at - account.clock() <= timedelta(seconds=60)
    assert admit(account, external_ids).refreshable_at is None


def test_tokens_last_as_stated_and_belong_to_one_user(account: Account, external_ids: ExternalIds) -> None:
    now = account.clock()
    ada, grace = admit(account, external_ids), admit(account, external_ids, "grace")

    assert timedelta() <= ada.player.expires_at - now - timedelta(seconds=LIFETIME_S) < timedelta(seconds=30)
    assert ada.player.token != grace.player.token
    assert ada.chat is not None
    assert grace.chat is not None
    assert ada.chat.token != grace.chat.token
    assert ada.player.token not in repr(ada)
    assert ada.chat.token not in repr(ada)


def test_forgotten_user_is_created_again(account: Account, external_ids: ExternalIds) -> None:
    for uid in ("ada", "grace"):
        admit(account, external_ids, uid)
    assert account.audience.knows("ada")

    assert account.audience.forget("ada")

    assert account.people() == {"grace"}
    assert (account.audience.knows("ada"), account.audience.knows("grace")) == (False, True)
    before = account.calls()
    admit(account, external_ids)
    assert account.calls() == before + 1
    assert account.people() == {"ada", "grace"}


def test_forgetting_an_absent_user_is_no_error(account: Account, external_ids: ExternalIds) -> None:
    admit(account, external_ids)
    for uid in ("ada", "ada", "nobody", "a b", "0"):
        assert account.audience.forget(uid)
    assert account.people() == set()


def test_all_users_can_be_forgotten(account: Account, external_ids: ExternalIds) -> None:
    for number in range(3):
        admit(account, external_ids, f"u{number}")
    while not account.audience.forget(None):
        pass
    assert account.people() == set()


@pytest.mark.parametrize("lose", ["lose_call", "lose_answer"])
def test_unreachable_service_is_a_transient_error(account: Account, external_ids: ExternalIds, lose: str) -> None:
    admit(account, external_ids)
    getattr(account, lose)("forget")
    with pytest.raises(Transient):
        account.audience.forget("ada")
    assert account.audience.forget("ada")
    assert account.people() == set()
