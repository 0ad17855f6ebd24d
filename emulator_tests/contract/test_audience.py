"""The audience port: in memory, and Kaltura as its simulator serves it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from emulator_tests.contract.accounts import Site
from shared.core.errors import Transient
from shared.ports import Admission, Attendee, EventSpec, ExternalIds

WISH = EventSpec("Opening lecture", None, None)
LIFETIME_S = 4200


@pytest.fixture
def site(lasting_site: Site) -> Site:
    """
    An empty account in which users are known.
    """
    return lasting_site


@pytest.fixture
def external_ids(site: Site) -> ExternalIds:
    """
    An event.
    """
    return site.events.create_event("session:s1:1", WISH).external_ids


def admit(site: Site, external_ids: ExternalIds, uid: str = "ada", *, force_refresh: bool = False) -> Admission:
    return site.audience.admit(
        external_ids, Attendee(uid, "Ada Lovelace", is_moderator=False), LIFETIME_S, force_refresh=force_refresh
    )


def test_new_user_costs_one_call_and_known_user_none(site: Site, external_ids: ExternalIds) -> None:
    before = site.calls()
    admit(site, external_ids)
    assert site.calls() == before + 1
    assert "ada" in site.people()

    admit(site, external_ids)
    assert site.calls() == before + 1


def test_user_is_created_once(site: Site, external_ids: ExternalIds) -> None:
    before = site.calls()
    for uid in ("ada", "grace", "ada", "grace"):
        admit(site, external_ids, uid)
    assert site.calls() == before + 2


def test_user_created_meanwhile_is_admitted(site: Site, external_ids: ExternalIds) -> None:
    site.welcome("ada")

    assert admit(site, external_ids).player.token


def test_a_forced_refresh_asks_for_the_user_and_the_account_once_more(site: Site, external_ids: ExternalIds) -> None:
    admit(site, external_ids)
    for _ in range(61):
        site.later()
    before = site.calls()

    first = admit(site, external_ids, force_refresh=True)

    calls = site.calls() - before
    assert 1 <= calls <= 2
    assert first.refreshable_at is None

    again = admit(site, external_ids, force_refresh=True)

    assert site.calls() == before + calls, "nobody is asked again within a minute"
    assert again.refreshable_at is not None
    assert timedelta() < again.refreshable_at - site.clock() <= timedelta(seconds=60)
    assert admit(site, external_ids).refreshable_at is None


def test_tokens_last_as_stated_and_belong_to_one_user(site: Site, external_ids: ExternalIds) -> None:
    now = site.clock()
    ada, grace = admit(site, external_ids), admit(site, external_ids, "grace")

    assert timedelta() <= ada.player.expires_at - now - timedelta(seconds=LIFETIME_S) < timedelta(seconds=30)
    assert ada.player.token != grace.player.token
    assert ada.chat is not None
    assert grace.chat is not None
    assert ada.chat.token != grace.chat.token
    assert ada.player.token not in repr(ada)
    assert ada.chat.token not in repr(ada)


def test_forgotten_user_is_created_again(site: Site, external_ids: ExternalIds) -> None:
    for uid in ("ada", "grace"):
        admit(site, external_ids, uid)
    assert site.audience.knows("ada")

    assert site.audience.forget("ada")

    assert site.people() == {"grace"}
    assert (site.audience.knows("ada"), site.audience.knows("grace")) == (False, True)
    before = site.calls()
    admit(site, external_ids)
    assert site.calls() == before + 1
    assert site.people() == {"ada", "grace"}


def test_forgetting_an_absent_user_is_no_error(site: Site, external_ids: ExternalIds) -> None:
    admit(site, external_ids)
    for uid in ("ada", "ada", "nobody", "a b", "0"):
        assert site.audience.forget(uid)
    assert site.people() == set()


def test_all_users_can_be_forgotten(site: Site, external_ids: ExternalIds) -> None:
    for number in range(3):
        admit(site, external_ids, f"u{number}")
    while not site.audience.forget(None):
        pass
    assert site.people() == set()


@pytest.mark.parametrize("lose", ["lose_call", "lose_answer"])
def test_unreachable_service_is_a_transient_error(site: Site, external_ids: ExternalIds, lose: str) -> None:
    admit(site, external_ids)
    getattr(site, lose)("forget")
    with pytest.raises(Transient):
        site.audience.forget("ada")
    assert site.audience.forget("ada")
    assert site.people() == set()
