"""The check of an account's setup, with each thing missing in turn, and the creation of what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest
from KalturaClient.Plugins.Core import KalturaAppToken, KalturaFilterPager, KalturaPermission, KalturaSessionType

from emulator_tests.contract.accounts import KalturaServer, KalturaTestAccount
from emulator_tests.contract.conftest import ROOM_URL
from shared.ports import Finding, Health, UploadSpec
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.audience import KalturaAudience
from shared.providers.kaltura.chat import CHAT_PRIVILEGES
from shared.providers.kaltura.setup import KalturaSetup
from shared.providers.kaltura.webhooks import KalturaWebhook

EVERYTHING = [
    "account",
    "clock",
    "uploads",
    "live streaming",
    "scheduling",
    "virtual events",
    "groups",
    "rooms",
    "live conversion profile",
    "chat token",
    "access-control profile",
    "upload role",
    "addresses role",
    "player role",
    "other entries",
    "notification templates",
    "notifications",
]
UNTRIED = "other entries"
"""A check that needs two private entries that are ready."""


@dataclass(frozen=True, slots=True)
class Place:
    """
    An account, and its setup.
    """

    server: KalturaServer
    test_account: KalturaTestAccount

    @property
    def account(self) -> KalturaAccount:
        return self.test_account.audience.account

    def setup(self, chat_secret: str | None = None) -> KalturaSetup:
        return KalturaSetup(self.account, KalturaAudience(self.account, 3600, chat_secret))

    def found(self) -> dict[str, Finding]:
        return {finding.what: finding for finding in self.setup().check()}

    def whole(self) -> None:
        """
        Create everything.
        """
        self.setup().make()
        KalturaWebhook(self.account).install("https://example.com/kalturaHook", "sha256")

    def administrator(self) -> Any:
        return self.test_account.administrator()

    def forbid(self, *services: str) -> None:
        self.server.control("POST", "settings", {"forbidden_services": list(services)})


@pytest.fixture
def place(kaltura: KalturaServer) -> Iterator[Place]:
    """
    An account with rooms, in which this project has created nothing yet.
    """
    kaltura.control("POST", "reset")
    test_account = KalturaTestAccount(kaltura, room_url=ROOM_URL)
    with closing(test_account):
        yield Place(kaltura, test_account)


def test_check_passes_for_an_account_that_is_set_up(place: Place) -> None:
    place.whole()
    found = place.found()
    assert list(found) == EVERYTHING
    untried = found.pop(UNTRIED)
    assert {finding.health for finding in found.values()} == {Health.OK}
    assert {finding.sentence for finding in found.values()} == {""}
    assert (untried.health, "once there are two" in untried.sentence) == (Health.ABSENT, True)


def test_checking_changes_nothing_and_takes_two_requests(place: Place) -> None:
    place.whole()
    things = place.server.control("GET", "things")
    place.server.control("DELETE", "requests")
    place.setup().check()
    assert len(place.server.control("GET", "requests")) == 2
    assert place.server.control("GET", "things") == things


def test_check_of_a_new_account_names_what_is_missing(place: Place) -> None:
    lacks = {what: finding for what, finding in place.found().items() if finding.health is not Health.OK}
    assert {what: finding.health for what, finding in lacks.items()} == {
        "chat token": Health.ABSENT,
        "access-control profile": Health.MISSING,
        "upload role": Health.MISSING,
        "addresses role": Health.MISSING,
        "player role": Health.MISSING,
        UNTRIED: Health.ABSENT,
        "notifications": Health.ABSENT,
    }
    for what in ("access-control profile", "upload role", "addresses role", "player role"):
        assert "`setup` creates it" in lacks[what].sentence
    assert "`setup` makes it" in lacks["chat token"].sentence
    assert "`install-hook` creates them" in lacks["notifications"].sentence


MISSING: dict[str, tuple[Callable[[Place], object], Health, str]] = {
    "uploads": (lambda place: place.forbid("uploadtoken"), Health.MISSING, "SERVICE_FORBIDDEN to uploadtoken.list"),
    "live streaming": (lambda place: place.forbid("livestream"), Health.MISSING, "No session can be live"),
    "scheduling": (lambda place: place.forbid("schedule_scheduleevent"), Health.ABSENT, "Live events work without it"),
    "rooms": (lambda place: place.forbid("schedule_scheduleresource"), Health.MISSING, "KALTURA_ROOM_URL"),
    "virtual events": (lambda place: place.forbid("virtualevent_virtualevent"), Health.ABSENT, "Ask Kaltura"),
    "groups": (lambda place: place.forbid("group_group"), Health.ABSENT, "Chats have no moderators"),
    "live conversion profile": (
        lambda place: place.forbid("conversionprofile"),
        Health.ABSENT,
        "Live pictures are not converted",
    ),
    "chat token": (
        lambda place: [place.administrator().appToken.delete(token.id) for token in _tokens(place)],
        Health.ABSENT,
        "no active app token with the privileges cncAuth:true: the command `setup` makes it",
    ),
    "access-control profile": (
        lambda place: place.administrator().accessControlProfile.delete(place.account.access_control_id()),
        Health.MISSING,
        "`setup` creates it",
    ),
    "upload role": (
        lambda place: place.administrator().userRole.delete(int(place.account.upload_role_name())),
        Health.MISSING,
        "`setup` creates it",
    ),
    "addresses role": (
        lambda place: place.administrator().userRole.delete(int(place.account.addresses_role_name())),
        Health.MISSING,
        "`setup` creates it",
    ),
    "player role": (
        lambda place: place.administrator().userRole.delete(int(place.account.player_role_name() or 0)),
        Health.MISSING,
        "`setup` creates it",
    ),
    "notification templates": (
        lambda place: place.forbid("eventnotification_eventnotificationtemplate"),
        Health.ABSENT,
        "Only the feed finds changes",
    ),
    "notifications": (
        lambda place: KalturaWebhook(place.account).remove(),
        Health.ABSENT,
        "`install-hook` creates them",
    ),
}


def _tokens(place: Place) -> list[Any]:
    found: list[Any] = place.administrator().appToken.list().objects
    return found


def test_each_missing_part_is_reported() -> None:
    assert set(MISSING) | {"account", "clock", UNTRIED} == set(EVERYTHING)


@pytest.mark.parametrize("what", MISSING)
def test_missing_part_is_reported_with_effect_and_remedy(place: Place, what: str) -> None:
    take_away, health, sentence = MISSING[what]
    place.whole()
    take_away(place)

    found = place.found()

    assert found[what].health is health
    assert sentence in found[what].sentence
    assert found[what].sentence.endswith(".")
    others = {name for name, finding in found.items() if finding.health is not Health.OK} - {what, UNTRIED}
    # Without the service of templates, no template can be installed either.
    assert others <= ({"notifications"} if what == "notification templates" else set())


def test_wrong_secret_is_the_only_report(place: Place) -> None:
    wrong = replace(place.account, admin_secret="0" * 32, _built={})
    try:
        (finding,) = KalturaSetup(wrong, KalturaAudience(wrong, 3600)).check()
    finally:
        wrong.client.close()
    assert (finding.what, finding.health) == ("account", Health.MISSING)
    assert finding.sentence == "KALTURA_ADMIN_SECRET is not the administrator secret of KALTURA_PARTNER_ID."


def test_clock_skew_of_ten_minutes_is_reported(place: Place) -> None:
    place.whole()
    place.server.control("POST", "clock", {"advance_s": 600})
    clock = place.found()["clock"]
    assert clock.health is Health.ABSENT
    assert re.match(r"Kaltura's clock is (599|600|601) s ahead of the one here\.", clock.sentence)


def test_setup_creates_each_part_once(place: Place) -> None:
    made = {finding.what: finding.health for finding in place.setup().make()}
    assert made == dict.fromkeys(
        ("access-control profile", "upload role", "addresses role", "player role", "chat token"), Health.MADE
    )
    things = place.server.control("GET", "things")
    again = {finding.what: finding.health for finding in place.setup().make()}
    assert set(again.values()) == {Health.OK}
    assert place.server.control("GET", "things") == things
    (token,) = _tokens(place)
    assert (token.sessionPrivileges, token.sessionType.getValue()) == (CHAT_PRIVILEGES, KalturaSessionType.USER)


def test_setup_recreates_deleted_parts_despite_the_cache(place: Place) -> None:
    place.whole()
    client = place.administrator()
    client.accessControlProfile.delete(place.account.access_control_id())
    client.userRole.delete(place.account.upload_role_name())
    made = {finding.what: finding.health for finding in place.setup().make()}
    assert (made["access-control profile"], made["upload role"]) == (Health.MADE, Health.MADE)
    assert {what for what, finding in place.found().items() if finding.health is not Health.OK} == {UNTRIED}


def test_setup_makes_no_second_chat_token_and_no_third(place: Place) -> None:
    for _ in range(2):
        place.administrator().appToken.add(KalturaAppToken(sessionPrivileges=CHAT_PRIVILEGES))
    found = {finding.what: finding for finding in place.setup().make()}
    assert found["chat token"].health is Health.ABSENT
    assert "2 active app tokens" in found["chat token"].sentence
    assert len(_tokens(place)) == 2


def test_chat_secret_of_the_account_needs_no_token(place: Place) -> None:
    place.whole()
    (token,) = _tokens(place)
    setup = place.setup(chat_secret=token.token)
    assert {finding.what: finding.health for finding in setup.check()}["chat token"] is Health.OK
    assert {finding.what: finding.health for finding in setup.make()}["chat token"] is Health.OK
    assert [one.id for one in _tokens(place)] == [token.id]


def test_a_chat_secret_that_the_account_does_not_know_is_told(place: Place) -> None:
    """`doctor` reports a rejected secret."""
    place.whole()
    setup = place.setup(chat_secret="s" * 32)
    for findings in (setup.check(), setup.make()):
        chat = {finding.what: finding for finding in findings}["chat token"]
        assert chat.health is Health.MISSING
        assert chat.sentence.startswith("KALTURA_CHAT_TOKEN is not the secret of an active app token")
        assert "s" * 32 not in chat.sentence


def test_a_clock_that_is_an_hour_behind_is_told_and_not_taken_for_a_wrong_secret(place: Place) -> None:
    """The secret is right, so the operator is not asked for another one."""
    place.server.control("POST", "clock", {"advance_s": 3600})
    (finding,) = place.setup().check()
    assert (finding.what, finding.health) == ("clock", Health.MISSING)
    assert "clock of this machine" in finding.sentence


def test_an_account_that_lets_nobody_make_roles_does_with_kalturas_own(place: Place) -> None:
    place.forbid("permission")
    found = {finding.what: finding for finding in place.setup().make()}
    for what, follows in (
        ("upload role", mapping.UPLOAD_BASE_ROLE),
        ("addresses role", mapping.PLAYBACK_BASE_ROLE),
        ("player role", "no KS for Kaltura's player is issued"),
    ):
        assert found[what].health is Health.ABSENT
        assert follows in found[what].sentence


@pytest.mark.parametrize(
    ("settings", "health", "sentence"),
    [
        ({"metadata_access_control": False}, Health.ABSENT, "restrictEntryByMetadata"),
        ({"metadata_access_control": True}, Health.OK, ""),
        ({"metadata_access_control": True, "moderation": True}, Health.OK, ""),
    ],
    ids=[
        "A7 as accounts come",
        "A7 with metadata behind access control",
        "A7, B2 under content moderation",
    ],
)
def test_check_tries_what_a_player_ks_can_read(
    place: Place, settings: dict[str, bool], health: Health, sentence: str
) -> None:
    place.whole()
    place.server.control("POST", "settings", settings)
    for number in (1, 2):
        external_ids = place.test_account.media.prepare_upload(f"video:v{number}:1", UploadSpec("", "lecture.mp4", 1))
        place.server.control(
            "POST", "change", {"kind": "entries", "id": external_ids["entryId"], "fields": {"status": 2}}
        )

    tried = place.found()[UNTRIED]

    assert tried.health is health
    assert sentence in tried.sentence


def test_a_player_role_that_was_widened_is_told(place: Place) -> None:
    place.whole()
    for number in (1, 2):
        external_ids = place.test_account.media.prepare_upload(f"video:v{number}:1", UploadSpec("", "lecture.mp4", 1))
        place.server.control(
            "POST", "change", {"kind": "entries", "id": external_ids["entryId"], "fields": {"status": 2}}
        )
    items = place.administrator().permissionItem.list(None, KalturaFilterPager(pageSize=500)).objects
    wide = [str(one.id) for one in items if getattr(one, "service", "").lower() == "baseentry"]
    place.administrator().permission.update("GREENROOM_PLAYBACK", KalturaPermission(permissionItemsIds=",".join(wide)))

    tried = place.found()[UNTRIED]

    assert tried.health is Health.ABSENT
    assert "holds more than the player needs" in tried.sentence
