"""Admissions to live events at Kaltura, and how remembered facts about the account are found and corrected."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from KalturaClient import KalturaClient
from KalturaClient.Plugins.Core import KalturaAppToken, KalturaSessionType

from emulator_tests.contract.accounts import CHAT_LIFETIME_S, KalturaServer, KalturaTestAccount
from emulator_tests.contract.conftest import ROOM_URL
from emulator_tests.simulators.kaltura.models.keys import Session
from emulator_tests.simulators.kaltura.models.keys import decode as decode_ks
from shared.core.errors import Permanent
from shared.ports import Admission, Attendee, EventSpec, ExternalIds
from shared.providers.kaltura.account import KalturaAccount, KnownFor
from shared.providers.kaltura.account_cache import DOUBT_PAUSE_S
from shared.providers.kaltura.audience import FORGOTTEN_AT_ONCE, KalturaAudience
from shared.providers.kaltura.chat import CHAT_PRIVILEGES, NO_CHAT_KNOWN_S
from shared.providers.kaltura.playback import KalturaViewerKeys

LIFETIME_S = 4200
STUDENT = Attendee("ada", "Ada Lovelace", is_moderator=False)
MODERATOR = replace(STUDENT, is_moderator=True)


class Place:
    """
    An account, and instances of this deployment that begin with nothing remembered.
    """

    def __init__(self, server: KalturaServer, room_url: str | None = ROOM_URL) -> None:
        self.server = server
        self.account = KalturaTestAccount(server, room_url=room_url)
        starts_at = self.account.clock()
        self.spec = EventSpec("Opening lecture", starts_at, starts_at + timedelta(hours=1))
        self._accounts: list[KalturaAccount] = []

    def instance(self, *, chat_secret: str | None = None) -> KalturaAudience:
        """
        Return a new instance. It shares only the documents with the others.
        """
        account = replace(self.account.audience.account, _built={})
        self._accounts.append(account)
        return KalturaAudience(account, CHAT_LIFETIME_S, chat_secret)

    def close(self) -> None:
        """
        Close the connections.
        """
        self.account.close()
        for account in self._accounts:
            account.client.close()

    def event(self) -> ExternalIds:
        return self.account.events.create_event("session:s1:1", self.spec).external_ids

    def administrator(self) -> Any:
        client = self.account.administrator()
        assert isinstance(client, KalturaClient)
        return client

    def make_token(self, privileges: str = CHAT_PRIVILEGES) -> Any:
        """
        Create an app token, as if from outside this project.
        """
        token = KalturaAppToken(sessionType=KalturaSessionType.USER, sessionPrivileges=privileges)
        return self.administrator().appToken.add(token)

    def asked(self) -> list[str]:
        """
        Return the requests to Kaltura since the last call, one text for each.
        """
        told = self.server.control("GET", "requests")
        self.server.control("DELETE", "requests")
        return ["+".join(f"{one['service']}.{one['action']}" for one in request["parts"]) for request in told]

    def read(self, ks: str) -> Session:
        session = decode_ks(ks, self.server.partner_id, [self.server.admin_secret])
        assert session is not None
        return session


@pytest.fixture
def place(kaltura: KalturaServer) -> Iterator[Place]:
    """
    An empty account with rooms.
    """
    kaltura.control("POST", "reset")
    place = Place(kaltura)
    with closing(place):
        yield place


def admit(audience: KalturaAudience, external_ids: ExternalIds, attendee: Attendee = STUDENT) -> Admission:
    return audience.admit(external_ids, attendee, LIFETIME_S)


def chat_of(admission: Admission) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Return header and claims of a chat token, unverified.
    """
    assert admission.chat is not None
    token = admission.chat.token
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})


def secret_signs(admission: Admission, secret: str) -> bool:
    """
    Tell whether a chat token was signed with that secret.
    """
    assert admission.chat is not None
    try:
        jwt.decode(admission.chat.token, secret, algorithms=["HS256"])
    except jwt.InvalidSignatureError:
        return False
    return True


@pytest.mark.parametrize(("attendee", "moderates"), [(STUDENT, False), (MODERATOR, True)], ids=["student", "moderator"])
def test_a_chat_token_is_what_the_chat_service_reads(place: Place, attendee: Attendee, moderates: bool) -> None:
    token, external_ids = place.make_token(), place.event()

    admission = admit(place.instance(), external_ids, attendee)

    header, claims = chat_of(admission)
    assert header == {"alg": "HS256", "typ": "JWT", "kid": str(place.server.partner_id)}
    assert admission.chat is not None
    assert claims == {
        "partnerId": str(place.server.partner_id),
        "uid": "ada",
        "contextId": external_ids["entryId"],
        "groups": [f"{external_ids['entryId']}_moderators"] if moderates else [],
        "exp": int(admission.chat.expires_at.timestamp()),
        "isAdmin": False,
        "isScopedUser": True,
        "virtualEventId": external_ids["virtualEventId"],
    }
    assert jwt.decode(admission.chat.token, token.token, algorithms=["HS256"]) == claims


def test_every_component_gets_the_virtual_event(place: Place) -> None:
    place.make_token()
    external_ids = place.event()
    admission = admit(place.instance(), external_ids)
    assert admission.chat is not None
    assert admission.room is not None
    virtual_event_id = external_ids["virtualEventId"]
    key = KalturaViewerKeys(place.account.audience.account).player_key(external_ids, "ada", LIFETIME_S, "an-id")
    assert place.read(key.token).values("virtualeventid") == [virtual_event_id]
    assert place.read(admission.room.token).values("virtualeventid") == [virtual_event_id]
    assert chat_of(admission)[1]["virtualEventId"] == virtual_event_id


@pytest.mark.parametrize(
    ("attendee", "role", "contextual"),
    [(STUDENT, "viewerRole", "3"), (MODERATOR, "adminRole", "0")],
    ids=["guest", "host"],
)
def test_a_room_is_entered_at_its_address_by_the_schedule_event(
    place: Place, attendee: Attendee, role: str, contextual: str
) -> None:
    external_ids = place.event()
    room = admit(place.instance(chat_secret="x" * 32), external_ids, attendee).room
    assert room is not None
    address = urlsplit(room.url)
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{ROOM_URL}/virtualEvent/launch"
    session = place.read(parse_qs(address.query)["ks"][0])
    assert session.values("eventId") == [external_ids["eventId"]]
    assert session.values("role") == [role]
    assert session.values("userContextualRole") == [contextual]
    assert session.values("actionslimit") == ["-1"], "in an address it must be good for nothing else"
    assert (session.user_id, session.is_admin) == ("ada", False)
    lifetime_s = 600 if attendee.is_moderator else LIFETIME_S
    assert timedelta() <= room.expires_at - place.account.clock() + timedelta(seconds=30) - timedelta(
        seconds=lifetime_s
    )
    assert room.expires_at <= place.account.clock() + timedelta(seconds=lifetime_s), "A8: a host's is for using at once"


@pytest.mark.parametrize(
    ("attendee", "lifetime_s"), [(STUDENT, CHAT_LIFETIME_S), (MODERATOR, 3600)], ids=["student", "moderator"]
)
def test_a_moderators_chat_token_lasts_an_hour(place: Place, attendee: Attendee, lifetime_s: int) -> None:
    """A moderator's chat token names the group of moderators, and cannot be ended."""
    chat = admit(place.instance(chat_secret="x" * 32), place.event(), attendee).chat
    assert chat is not None
    assert lifetime_s - 30 < (chat.expires_at - place.account.clock()).total_seconds() <= lifetime_s


def test_every_token_carries_its_revocation_id(place: Place) -> None:
    admission = place.instance(chat_secret="x" * 32).admit(place.event(), STUDENT, LIFETIME_S, revocation_id="an-id")
    assert admission.room is not None
    for token in (admission.player.token, admission.room.token):
        assert place.read(token).values("sessionid") == ["an-id"]


def test_where_there_are_no_rooms_none_is_entered(kaltura: KalturaServer) -> None:
    kaltura.control("POST", "reset")
    place = Place(kaltura, room_url=None)
    with closing(place):
        assert admit(place.instance(chat_secret="x" * 32), place.event()).room is None


def test_a_cold_instance_asks_once_for_a_new_user_and_for_the_token_together(place: Place) -> None:
    place.make_token()
    external_ids, instance = place.event(), place.instance()
    place.asked()
    admit(instance, external_ids)
    assert place.asked() == ["user.add+apptoken.list"]
    admit(instance, external_ids)
    admit(instance, external_ids, MODERATOR)
    assert place.asked() == []


def test_another_instance_asks_for_the_token_by_its_id_and_not_for_the_user(place: Place) -> None:
    place.make_token()
    external_ids = place.event()
    admit(place.instance(), external_ids)
    place.asked()
    other = place.instance()
    admit(other, external_ids)
    assert place.asked() == ["apptoken.get"]
    admit(other, external_ids)
    assert place.asked() == []


def test_with_the_secret_as_a_setting_no_token_is_asked_for(place: Place) -> None:
    external_ids, instance = place.event(), place.instance(chat_secret="s" * 32)
    place.asked()
    admission = admit(instance, external_ids)
    assert place.asked() == ["user.add"]
    assert admission.chat is not None
    assert jwt.decode(admission.chat.token, "s" * 32, algorithms=["HS256"])["uid"] == "ada"


@pytest.mark.parametrize("others", [30, 31, 501], ids=str)
def test_the_token_is_found_among_however_many(place: Place, others: int) -> None:
    token = place.make_token()
    client = place.administrator()
    for first in range(0, others, 100):
        client.startMultiRequest()
        for _ in range(first, min(first + 100, others)):
            client.appToken.add(KalturaAppToken(sessionPrivileges="cncAuth:true,view:*"))
        client.doMultiRequest()
    admission = admit(place.instance(), place.event())
    assert admission.chat is not None
    assert jwt.decode(admission.chat.token, token.token, algorithms=["HS256"])


@pytest.mark.parametrize("count", [0, 2])
def test_missing_chat_token_disables_chat_and_is_logged(
    place: Place, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = [place.make_token() for _ in range(count)]
    place.make_token("list:*")
    external_ids, instance = place.event(), place.instance()
    place.asked()
    capsys.readouterr()

    assert admit(instance, external_ids).chat is None
    told = capsys.readouterr().err
    assert '"severity": "ERROR", "message": "chat misconfigured"' in told
    assert all(token.id in told for token in tokens)
    assert all(token.token not in told for token in tokens)
    admit(instance, external_ids)
    assert place.asked() == ["user.add+apptoken.list"], "not every student has it asked again"

    if not tokens:
        place.make_token()
    else:
        place.administrator().appToken.delete(tokens[0].id)
    for _ in range(NO_CHAT_KNOWN_S):
        place.account.later()
    assert admit(instance, external_ids).chat is not None


@pytest.mark.parametrize("how", ["deleted", "changed"])
def test_cached_token_that_no_longer_signs_is_looked_up_again_once(place: Place, how: str) -> None:
    old, external_ids = place.make_token(), place.event()
    admit(place.instance(), external_ids)
    client = place.administrator()
    if how == "deleted":
        client.appToken.delete(old.id)
    else:
        client.appToken.update(old.id, KalturaAppToken(sessionPrivileges="list:*"))
    new = place.make_token()
    place.asked()

    admission = admit(place.instance(), external_ids)

    assert place.asked() == ["apptoken.get", "apptoken.list"]
    assert admission.chat is not None
    assert jwt.decode(admission.chat.token, new.token, algorithms=["HS256"])
    admit(place.instance(), external_ids)
    assert place.asked() == ["apptoken.get"]


def test_a_remembered_user_who_was_deleted_is_made_again_by_a_forced_refresh(place: Place) -> None:
    external_ids, instances = place.event(), [place.instance(chat_secret="x" * 32) for _ in range(2)]
    admit(instances[0], external_ids)
    place.administrator().user.delete("ada")
    place.account.go_ahead(DOUBT_PAUSE_S)

    admit(instances[0], external_ids)
    assert "ada" not in place.account.people(), "nobody asks while all is well"
    place.asked()
    instances[0].admit(external_ids, STUDENT, LIFETIME_S, force_refresh=True)
    assert "ada" in place.account.people()

    for instance in instances:
        instance.admit(external_ids, STUDENT, LIFETIME_S, force_refresh=True)
    account = "accesscontrolprofile.list+userrole.list"
    assert place.asked() == [account, "user.add"], "that they are there is known to all of them now"


def test_refreshes_at_several_instances_call_kaltura_once_a_minute(place: Place) -> None:
    """Each instance has known the user and the token for long."""
    place.make_token()
    external_ids, instances = place.event(), [place.instance() for _ in range(3)]
    for instance in instances:
        admit(instance, external_ids)
    place.account.go_ahead(DOUBT_PAUSE_S)
    place.asked()
    told = [
        instance.admit(external_ids, STUDENT, LIFETIME_S, force_refresh=True).refreshable_at
        for instance in instances * 2
    ]

    account = "accesscontrolprofile.list+userrole.list"
    assert place.asked() == [account, "user.add+apptoken.get"]
    assert told[0] is None
    for at in told[1:]:
        assert at is not None
        assert DOUBT_PAUSE_S - 30 < (at - place.account.clock()).total_seconds() <= DOUBT_PAUSE_S
    place.account.go_ahead(DOUBT_PAUSE_S)
    assert instances[1].admit(external_ids, STUDENT, LIFETIME_S, force_refresh=True).refreshable_at is None
    assert place.asked() == [account, "user.add+apptoken.get"]


def test_refresh_observes_after_the_cache_time_was_shortened(place: Place) -> None:
    """The operator has shortened the time since these were learned."""
    place.make_token()
    external_ids, instance = place.event(), place.instance()
    admit(instance, external_ids)
    place.account.go_ahead(DOUBT_PAUSE_S)
    place.asked()
    hours = KnownFor(users_s=3600, profiles_s=3600, chat_token_s=3600)
    since = KalturaAudience(replace(instance.account, known_s=hours, _built={}), CHAT_LIFETIME_S)

    with closing(since.account.client):
        assert since.admit(external_ids, STUDENT, LIFETIME_S, force_refresh=True).refreshable_at is None

    assert place.asked() == ["accesscontrolprofile.list+userrole.list", "user.add+apptoken.get"]


def test_replaced_chat_token_signs_after_forced_refresh(place: Place) -> None:
    """Without a refresh, the old token's secret would sign for up to 30 days per instance."""
    old, external_ids, instances = place.make_token(), place.event(), [place.instance() for _ in range(2)]
    for instance in instances:
        assert secret_signs(admit(instance, external_ids), old.token)
    place.administrator().appToken.delete(old.id)
    new = place.make_token()
    place.account.go_ahead(DOUBT_PAUSE_S)

    refreshed = instances[0].admit(external_ids, STUDENT, LIFETIME_S, force_refresh=True)

    assert secret_signs(refreshed, new.token)
    assert refreshed.refreshable_at is None
    assert secret_signs(admit(instances[1], external_ids), new.token), "the others see it in the document"
    place.asked()
    for instance in instances:
        admit(instance, external_ids)
    assert place.asked() == []


def test_recent_observation_says_when_the_next_is_possible(place: Place) -> None:
    """An answer within that time may be stale, and says so."""
    place.make_token()
    external_ids, instance = place.event(), place.instance()
    admit(instance, external_ids)

    told = instance.admit(external_ids, STUDENT, LIFETIME_S, force_refresh=True)

    assert told.refreshable_at is not None
    left_s = (told.refreshable_at - place.account.clock()).total_seconds()
    assert DOUBT_PAUSE_S - 30 < left_s <= DOUBT_PAUSE_S
    place.account.go_ahead(left_s + 1)
    assert instance.admit(external_ids, STUDENT, LIFETIME_S, force_refresh=True).refreshable_at is None


def test_recently_created_user_is_not_observed_again(place: Place) -> None:
    external_ids, instance = place.event(), place.instance(chat_secret="x" * 32)
    admit(instance, external_ids)
    place.account.go_ahead(DOUBT_PAUSE_S)
    grace = replace(STUDENT, uid="grace")
    admit(instance, external_ids, grace)
    place.account.go_ahead(10)

    told = instance.admit(external_ids, grace, LIFETIME_S, force_refresh=True).refreshable_at

    assert told is not None
    assert DOUBT_PAUSE_S - 30 < (told - place.account.clock()).total_seconds() <= DOUBT_PAUSE_S - 10


def test_account_observed_by_another_instance_is_not_observed_again(place: Place) -> None:
    external_ids, instance = place.event(), place.instance(chat_secret="x" * 32)
    grace = replace(STUDENT, uid="grace")
    for attendee in (STUDENT, grace):
        admit(instance, external_ids, attendee)
    place.account.go_ahead(DOUBT_PAUSE_S)
    assert instance.admit(external_ids, STUDENT, LIFETIME_S, force_refresh=True).refreshable_at is None
    place.account.go_ahead(10)

    told = instance.admit(external_ids, grace, LIFETIME_S, force_refresh=True).refreshable_at

    assert told is not None
    assert DOUBT_PAUSE_S - 30 < (told - place.account.clock()).total_seconds() <= DOUBT_PAUSE_S - 10


@pytest.mark.parametrize("what", ["access-control profile", "player role", "addresses role"])
def test_a_forced_refresh_finds_what_was_deleted_in_the_account(place: Place, what: str) -> None:
    """The flag verifies everything that the answer was made from."""
    external_ids, instance, client = place.event(), place.instance(chat_secret="x" * 32), place.administrator()
    account = instance.account
    keys = KalturaViewerKeys(account)
    keys.player_key(external_ids, "ada", LIFETIME_S, "an-id")
    before = {"player role": account.player_role_name(), "addresses role": account.addresses_role_name()}
    if what == "access-control profile":
        client.accessControlProfile.delete(account.access_control_id())
    else:
        client.userRole.delete(int(before[what] or 0))
    place.account.go_ahead(DOUBT_PAUSE_S)

    admission = instance.admit(external_ids, STUDENT, LIFETIME_S, force_refresh=True)

    if what == "access-control profile":
        assert client.accessControlProfile.get(account.access_control_id()).systemName == "GREENROOM_KS_REQUIRED"
    elif what == "player role":
        (role,) = place.read(keys.player_key(external_ids, "ada", LIFETIME_S, "an-id").token).values("setrole")
        assert client.userRole.get(int(role)).systemName == "GREENROOM_PLAYBACK"
    else:
        (role,) = place.read(admission.player.token).values("setrole")
        assert client.userRole.get(int(role)).systemName == "GREENROOM_ADDRESSES"


def test_class_of_500_costs_one_call_per_new_user(place: Place) -> None:
    place.make_token()
    external_ids, instance = place.event(), place.instance()
    place.server.control("POST", "faults", {"kind": "delay", "after_s": 0.05, "match": {"times": 0}})
    students = [replace(STUDENT, uid=f"u{number}") for number in range(500)]

    def enter_all() -> list[str]:
        place.asked()
        with ThreadPoolExecutor(32) as pool:
            admissions = list(pool.map(lambda student: admit(instance, external_ids, student), students))
        assert all(admission.chat is not None for admission in admissions)
        return place.asked()

    asked = enter_all()
    assert len(asked) == 500
    assert sum("apptoken" in one for one in asked) == 1
    assert all("user.add" in one for one in asked)
    assert enter_all() == []


def test_a_user_that_kaltura_refuses_is_refused_with_its_reason(place: Place) -> None:
    external_ids, instance = place.event(), place.instance(chat_secret="x" * 32)
    # The refusal is the same without a name.
    match = {"service": "user", "action": "add", "times": 2}
    fault = {"kind": "error", "code": "INVALID_FIELD_VALUE", "match": match}
    place.server.control("POST", "faults", fault)

    with pytest.raises(Permanent, match="INVALID_FIELD_VALUE"):
        admit(instance, external_ids)
    assert admit(instance, external_ids).player.token, "no instance remembers the user as known"


@pytest.mark.parametrize("uid", ["a b", "комета", "x" * 128, "..", "__name__", "a,b:c|d", "0"])
def test_uid_invalid_at_kaltura_is_mapped_to_a_valid_user_id(place: Place, uid: str) -> None:
    external_ids = place.event()
    admission = admit(place.instance(chat_secret="x" * 32), external_ids, replace(STUDENT, uid=uid))
    assert admission.user_id in place.account.people()
    assert chat_of(admission)[1]["uid"] == admission.user_id
    assert place.read(admission.player.token).user_id == admission.user_id


@pytest.mark.parametrize("ahead_s", [-600, 600], ids=["behind", "ahead"])
def test_clock_skew_of_ten_minutes_is_tolerated(place: Place, ahead_s: int) -> None:
    place.make_token()
    external_ids = place.event()
    if ahead_s > 0:
        place.server.control("POST", "clock", {"advance_s": ahead_s})
    else:
        place.account.go_ahead(-ahead_s)
    admission = admit(place.instance(), external_ids)
    assert admission.chat is not None
    assert place.account.events.observe_broadcast(external_ids) is not None


def test_a_user_that_somebody_else_made_is_never_deleted(place: Place) -> None:
    """
    The school's other systems may use such a user.
    """
    place.account.welcome("ada")
    external_ids, instance = place.event(), place.instance(chat_secret="x" * 32)
    admit(instance, external_ids)
    admit(instance, external_ids, MODERATOR)
    place.account.welcome("grace")

    for uid in ("ada", "grace"):
        assert instance.forget(uid)
    assert instance.forget(None)

    assert place.account.people() == {"ada", "grace"}
    assert not instance.knows("ada"), "what is remembered of them goes all the same"


def test_users_of_another_deployment_on_the_account_stay(place: Place) -> None:
    external_ids, instance = place.event(), place.instance(chat_secret="x" * 32)
    neighbour = replace(instance, account=replace(instance.account, namespace="another", _built={}))
    admit(neighbour, external_ids)
    assert instance.forget("ada")
    assert instance.forget(None)
    assert place.account.people() == {"ada"}
    assert neighbour.forget("ada")
    assert place.account.people() == set()
    neighbour.account.client.close()


def test_a_forgotten_user_is_a_member_of_no_group_any_more(place: Place) -> None:
    spec = replace(place.spec, moderators=("ada", "grace"))
    external_ids = place.account.events.create_event("session:s1:1", spec).external_ids
    assert place.account.moderators(external_ids) == {"ada", "grace"}
    assert place.instance(chat_secret="x" * 32).forget("ada")
    assert place.account.moderators(external_ids) == {"grace"}


def test_more_users_than_one_request_deletes_are_forgotten_all_the_same(place: Place) -> None:
    external_ids, instance = place.event(), place.instance(chat_secret="x" * 32)
    for number in range(FORGOTTEN_AT_ONCE + 5):
        admit(instance, external_ids, replace(STUDENT, uid=f"u{number}"))
    assert not instance.forget(None)
    assert len(place.account.people()) == 5
    assert instance.forget(None)
    assert place.account.people() == set()
