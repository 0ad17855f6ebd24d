"""Texts of people at Kaltura: every text fits its field, and no name keeps a person from entering."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from KalturaClient.Plugins.Core import KalturaUser

from emulator_tests.contract.accounts import Film, KalturaServer, KalturaTestAccount
from emulator_tests.contract.conftest import ROOM_URL
from emulator_tests.texts import ENGLAND, NOT_TITLES, TITLES, UIDS
from shared.core.errors import Permanent
from shared.ports import Attendee, EventSpec, ExternalIds, UploadSpec

BEGINS_AT = datetime(2030, 3, 1, 18, 0, tzinfo=UTC)
WISH = EventSpec("Opening lecture", BEGINS_AT, BEGINS_AT + timedelta(hours=2))
REFERENCE = "session:s1:1"
ATTENDEE = Attendee("ada", "Ada Lovelace", is_moderator=False)

MAX_BYTES = 256
MIN_BYTES = {"virtualEvents": 3, "scheduleEvents": 1, "scheduleResources": 1, "entries": 1}

LENGTHS = {
    "1 letter": "x",
    "2 letters": "xy",
    "1 letter of two bytes": "é",
    "1 Chinese character": "课",
    "256 bytes": "x" * 256,
    "257 bytes": "x" * 257,
    "86 Chinese characters": "课" * 86,
    "200 Chinese characters": "课" * 200,
    "200 emoji": "\U0001f393" * 200,
    "flags of England": "x" + ENGLAND * 28,
    "combining marks": "e\u0323\u0302" * 66,
    "what looks like references": "{1:result:id}" * 19,
    "a space where it is cut": "x" * 255 + " y",
    "nothing": "",
    "control characters": "A\x00\x01\x02\x0b\x1f\x7f\ufffeB",
    "control characters alone": "\x00\x01",
    "line breaks": "One\r\nTwo\u2028Three",
}


@pytest.fixture
def account(kaltura: KalturaServer) -> Iterator[KalturaTestAccount]:
    """
    An empty account with rooms.
    """
    kaltura.control("POST", "reset")
    with closing(KalturaTestAccount(kaltura, room_url=ROOM_URL)) as account:
        yield account


def name_of(thing: dict[str, Any]) -> str:
    name = thing["summary"] if "summary" in thing else thing["name"]
    assert isinstance(name, str)
    return name


def names(server: KalturaServer) -> dict[str, str]:
    """
    Return the names of the things that were created for an event, by kind.
    """
    things = server.control("GET", "things")
    return {kind: name_of(one) for kind in MIN_BYTES for one in things[kind]}


def assert_fit(found: dict[str, str], title: str) -> None:
    assert found.keys() == MIN_BYTES.keys()
    for kind, name in found.items():
        assert MIN_BYTES[kind] <= len(name.encode()) <= MAX_BYTES, kind
        assert not [sign for sign in name if unicodedata.category(sign) in ("Cc", "Zl", "Zp")], kind
        assert "\ufffe" not in name
        assert name == name.strip()
        said = name.replace("\u2060", "").removesuffix("…")
        if title in TITLES.values() and len(title.encode()) <= MAX_BYTES:
            assert said == title.replace("\u2060", "")
        elif title == LENGTHS["flags of England"]:
            assert len(name) % len(ENGLAND) == 1, "no flag is cut"


@pytest.mark.parametrize(
    "title", [*LENGTHS.values(), *TITLES.values(), *NOT_TITLES.values()], ids=[*LENGTHS, *TITLES, *NOT_TITLES]
)
def test_an_event_of_any_title_is_made_whole_and_changed(
    kaltura: KalturaServer, account: KalturaTestAccount, title: str
) -> None:
    external_ids = account.events.create_event(REFERENCE, replace(WISH, title=title)).external_ids
    assert external_ids.keys() >= {"entryId", "eventId", "virtualEventId", "resourceId", "groupId"}
    assert all(external_ids.values()), "no part is missing"
    assert_fit(names(kaltura), title)
    account.events.update_event(REFERENCE, external_ids, WISH)
    assert set(names(kaltura).values()) == {WISH.title}
    assert account.events.update_event(REFERENCE, external_ids, replace(WISH, title=title)).external_ids == external_ids
    assert_fit(names(kaltura), title)


@pytest.mark.parametrize("title", LENGTHS.values(), ids=LENGTHS)
def test_a_video_of_any_title_is_made(kaltura: KalturaServer, account: KalturaTestAccount, title: str) -> None:
    account.media.prepare_upload("video:v1:1", UploadSpec(title, "film.mp4", 1))
    (entry,) = kaltura.control("GET", "things")["entries"]
    assert 1 <= len(name_of(entry).encode()) <= MAX_BYTES


@pytest.mark.parametrize("title", LENGTHS.values(), ids=LENGTHS)
def test_a_video_is_renamed_to_the_name_that_it_would_have_been_made_with(
    kaltura: KalturaServer, account: KalturaTestAccount, title: str
) -> None:
    """As `updateVideo` does it."""
    account.media.prepare_upload("video:v1:1", UploadSpec(title, "film.mp4", 1))
    renamed = account.media.prepare_upload("video:v2:1", UploadSpec("Algebra", "film.mp4", 1))
    account.media.rename("video:v2:1", renamed, UploadSpec(title, "film.mp4", 1))
    made, named = (name_of(entry).replace("\u2060", "") for entry in kaltura.control("GET", "things")["entries"])
    assert named == made


@pytest.mark.parametrize("title", [LENGTHS["200 emoji"], LENGTHS["control characters"], ""], ids=ascii)
def test_a_recording_of_any_title_is_adopted(kaltura: KalturaServer, account: KalturaTestAccount, title: str) -> None:
    external_ids = account.events.create_event(REFERENCE, WISH).external_ids
    for is_live in (True, False):
        account.broadcast(external_ids, Film.VIDEO, is_live=is_live)
    seen = account.events.observe_broadcast(external_ids)
    assert seen is not None
    account.media.adopt_recording("video:r1:1", UploadSpec(title, "", 0, recording=seen.recordings[0]))
    (name,) = (
        name_of(one)
        for one in kaltura.control("GET", "things")["entries"]
        if one["id"] == seen.recordings[0]["entryId"]
    )
    assert 1 <= len(name.encode()) <= MAX_BYTES


STEMS = {
    "255 letters": "n" * 251,
    "255 Chinese characters": "课" * 251,
    "255 emoji": "\U0001f393" * 251,
    "signs": 'a:b"c?d*e<f>g|h',
    "a dot first": ".hidden",
    "of macOS": "x\u202fAM",
    "a flag and a mark": f"{ENGLAND}\u200f",
}


@pytest.mark.parametrize("stem", STEMS.values(), ids=STEMS)
def test_an_upload_token_keeps_the_ending_of_its_file(account: KalturaTestAccount, stem: str) -> None:
    made = account.media.prepare_upload("video:v1:1", UploadSpec("A film", f"{stem}.mp4", 1))
    file_name = account.administrator().uploadToken.get(made["uploadTokenId"]).fileName
    kept = file_name.removesuffix(".mp4")
    assert file_name == f"{kept}.mp4"
    assert kept
    assert stem.startswith(kept)
    assert len(file_name.encode()) <= MAX_BYTES


@pytest.mark.parametrize("year", [2000, 2199])
def test_an_event_at_the_ends_of_time_has_its_times(
    kaltura: KalturaServer, account: KalturaTestAccount, year: int
) -> None:
    """Kaltura takes a small timestamp as a number of seconds from now."""
    begins_at = datetime(year, 1, 1, tzinfo=UTC)
    account.events.create_event(REFERENCE, replace(WISH, starts_at=begins_at, ends_at=begins_at + timedelta(hours=1)))
    (event,) = kaltura.control("GET", "things")["scheduleEvents"]
    assert datetime.fromtimestamp(event["startDate"], UTC) == begins_at


# --- people ------------------------------------------------------------------------------------------------------


@pytest.fixture
def external_ids(account: KalturaTestAccount) -> ExternalIds:
    """
    An event that people enter.
    """
    return account.events.create_event(REFERENCE, WISH).external_ids


def names_of(account: KalturaTestAccount, user_id: str) -> list[str | None]:
    """
    Return first, last and screen name of a user, as an administrator reads them.
    """
    found = account.administrator().user.get(user_id)
    told = (found.firstName, found.lastName, found.screenName)
    return [name if isinstance(name, str) and name else None for name in told]


def asked_users(server: KalturaServer) -> int:
    told = server.control("GET", "requests")
    server.control("DELETE", "requests")
    return sum(part["service"] == "user" for request in told for part in request["parts"])


@pytest.mark.parametrize("name", ["https://example.com/ada", "Ada ://", "a://b c", "\u0000:\u0000//x ://"], ids=ascii)
def test_user_named_by_an_address_joins_without_a_name(
    kaltura: KalturaServer, account: KalturaTestAccount, external_ids: ExternalIds, name: str
) -> None:
    """KalturaBaseUser::validateNames refuses such a name, so it is left out of the first request."""
    asked_users(kaltura)
    admission = account.audience.admit(external_ids, replace(ATTENDEE, name=name), 600)
    assert admission.player.token
    assert asked_users(kaltura) == 1
    assert names_of(account, admission.user_id) == [None, None, None]


@pytest.mark.parametrize("code", ["INVALID_FIELD_VALUE", "PROPERTY_VALIDATION_MAX_LENGTH", "SOMETHING_NEW"])
def test_a_name_that_is_refused_for_another_reason_is_left_out(
    kaltura: KalturaServer, account: KalturaTestAccount, external_ids: ExternalIds, code: str
) -> None:
    asked_users(kaltura)
    match = {"service": "user", "action": "add", "times": 1}
    kaltura.control("POST", "faults", {"kind": "error", "code": code, "match": match})
    admission = account.audience.admit(external_ids, ATTENDEE, 600)
    assert asked_users(kaltura) == 2
    assert names_of(account, admission.user_id) == [None, None, None]
    asked_users(kaltura)
    account.audience.admit(external_ids, ATTENDEE, 600)
    assert asked_users(kaltura) == 0


def test_a_user_who_is_refused_without_a_name_too_is_refused(
    kaltura: KalturaServer, account: KalturaTestAccount, external_ids: ExternalIds
) -> None:
    match = {"service": "user", "action": "add", "times": 2}
    kaltura.control("POST", "faults", {"kind": "error", "code": "INVALID_FIELD_VALUE", "match": match})
    with pytest.raises(Permanent, match="INVALID_FIELD_VALUE"):
        account.audience.admit(external_ids, ATTENDEE, 600)


def test_user_without_a_name_costs_one_lookup(
    kaltura: KalturaServer, account: KalturaTestAccount, external_ids: ExternalIds
) -> None:
    """There is no name to leave out."""
    asked_users(kaltura)
    match = {"service": "user", "action": "add", "times": 1}
    kaltura.control("POST", "faults", {"kind": "error", "code": "INVALID_FIELD_VALUE", "match": match})
    with pytest.raises(Permanent, match="INVALID_FIELD_VALUE"):
        account.audience.admit(external_ids, replace(ATTENDEE, name=""), 600)
    assert asked_users(kaltura) == 1


def test_existing_user_keeps_their_name(
    kaltura: KalturaServer, account: KalturaTestAccount, external_ids: ExternalIds, capfd: pytest.CaptureFixture[str]
) -> None:
    """The error that a user exists is not about the name."""
    account.administrator().user.add(KalturaUser(id="ada", firstName="Augusta"))
    asked_users(kaltura)
    capfd.readouterr()
    assert account.audience.admit(external_ids, ATTENDEE, 600).user_id == "ada"
    assert asked_users(kaltura) == 1
    assert names_of(account, "ada")[0] == "Augusta"
    assert "name refused" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Ada", "Ada", None),
        ("Ada King Lovelace", "Ada", "King Lovelace"),
        ("می\u200cرود", "می\u200cرود", None),
        ("\U0001faea 课", "\U0001faea", "课"),
        ("Ada\r\n\x00Lovelace", "Ada", "Lovelace"),
        ("课" * 100, "课" * 100, None),
    ],
    ids=["one", "three", "a joiner", "an emoji of Unicode 17", "a line break", "100 Chinese characters"],
)
def test_ordinary_names_are_kept(
    account: KalturaTestAccount, external_ids: ExternalIds, name: str, first: str, last: str | None
) -> None:
    admission = account.audience.admit(external_ids, replace(ATTENDEE, name=name), 600)
    *names, screen_name = names_of(account, admission.user_id)
    assert names == [first, last]
    assert screen_name is not None
    assert len(screen_name.encode()) <= 127


@pytest.mark.parametrize("uid", UIDS.values(), ids=UIDS)
def test_users_with_any_uid_join_and_moderate(
    kaltura: KalturaServer, account: KalturaTestAccount, external_ids: ExternalIds, uid: str
) -> None:
    admission = account.audience.admit(external_ids, Attendee(uid, "Ada", is_moderator=True), 600)
    assert names_of(account, admission.user_id) == ["Ada", None, "Ada"]
    account.events.update_event(REFERENCE, external_ids, replace(WISH, moderators=(uid,)))
    members = kaltura.control("GET", "things")["groupUsers"]
    assert [one["userId"] for one in members] == [admission.user_id]
    assert admission.player.token
