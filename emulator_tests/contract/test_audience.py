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


def test_who_is_new_costs_one_call_and_who_is_known_none(site: Site, external_ids: ExternalIds) -> None:
    before = site.calls()
    admit(site, external_ids)
    assert site.calls() == before + 1
    assert "ada" in site.people()

    admit(site, external_ids)
    assert site.calls() == before + 1


def test_everybody_is_new_once(site: Site, external_ids: ExternalIds) -> None:
    before = site.calls()
    for uid in ("ada", "grace", "ada", "grace"):
        admit(site, external_ids, uid)
    assert site.calls() == before + 2


def test_whom_somebody_else_has_made_meanwhile_is_let_in(site: Site, external_ids: ExternalIds) -> None:
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


def test_what_is_given_lasts_as_long_as_was_said_and_is_for_him_alone(site: Site, external_ids: ExternalIds) -> None:
    now = site.clock()
    ada, grace = admit(site, external_ids), admit(site, external_ids, "grace")

    assert timedelta() <= ada.player.expires_at - now - timedelta(seconds=LIFETIME_S) < timedelta(seconds=30)
    assert ada.player.token != grace.player.token
    assert ada.chat is not None
    assert grace.chat is not None
    assert ada.chat.token != grace.chat.token
    assert ada.player.token not in repr(ada)
    assert ada.chat.token not in repr(ada)


def test_who_is_forgotten_is_new_again(site: Site, external_ids: ExternalIds) -> None:
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


def test_to_forget_somebody_twice_or_who_was_never_there_does_no_harm(site: Site, external_ids: ExternalIds) -> None:
    admit(site, external_ids)
    for uid in ("ada", "ada", "nobody", "a b", "0"):
        assert site.audience.forget(uid)
    assert site.people() == set()


def test_everybody_is_forgotten_in_the_end(site: Site, external_ids: ExternalIds) -> None:
    for number in range(3):
        admit(site, external_ids, f"u{number}")
    while not site.audience.forget(None):
        pass
    assert site.people() == set()


@pytest.mark.parametrize("lose", ["lose_call", "lose_answer"])
def test_where_nobody_answers_it_is_worth_another_try(site: Site, external_ids: ExternalIds, lose: str) -> None:
    admit(site, external_ids)
    getattr(site, lose)("forget")
    with pytest.raises(Transient):
        site.audience.forget("ada")
    assert site.audience.forget("ada")
    assert site.people() == set()
