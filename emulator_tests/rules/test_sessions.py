"""Sessions: what an owner may say in one, and who may see it.

Run by pytest. The roles as such are in `test_matrix.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from emulator_tests.rules.callers import SERVER, Caller, Cast, signed_in
from emulator_tests.rules.documents import (
    ENDS_AT,
    RECORDED,
    STARTS_AT,
    edit,
    enrolment,
    enrolment_path,
    live_session,
    session,
)
from emulator_tests.rules.firestore import (
    SERVER_TIME,
    Denied,
    Fields,
    Firestore,
    FirestoreError,
    Write,
    change,
    create,
    delete,
    replace,
)
from emulator_tests.rules.refusal import assert_refused
from emulator_tests.texts import NOT_TITLES, TITLES

TIMES: Fields = {"startsAt": STARTS_AT, "endsAt": ENDS_AT}

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
LONGEST = timedelta(days=3660)
AGES = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))

GOOD_WISHES: dict[str, Fields] = {
    **{f"B6 a title, {name}": {"title": title} for name, title in TITLES.items()},
    "one letter as title": {"title": "x"},
    "a title of 200 characters": {"title": "x" * 200},
    "a title of 200 characters outside the basic plane": {"title": "🎓" * 200},
    "a title with markup, quotes and joined emoji": {"title": '<b>"Optics" & ]]> 👩‍🏫 ../../x</b>'},
    "a session in a room": {"format": "inPerson"},
    "a session in a room, public": {"format": "inPerson", "status": "public"},
    "a public recording without times": {"status": "public"},
    "a recording with times": TIMES,
    "a session open to all": {"visibility": "open"},
    "videos at Cloudflare": {"videoProvider": "cloudflare"},
    "data of the app": {"app": {"courseId": "optics-1", "seats": 30, "price": 2.5, "isExam": False, "room": None}},
    "an instant of the app": {"app": {"opensAt": STARTS_AT}},
    "an empty map of the app": {"app": {}},
    "names of the app that the server uses": {"app": {"kaltura": "x", "revision": 1, "parts": "x", "ownerUid": "x"}},
    "as much data of the app as is allowed": {"app": {f"{number:050}": "🎓" * 500 for number in range(10)}},
    "a live draft without times": {"format": "liveStreaming"},
    "a live draft with times": {"format": "liveStreaming", **TIMES},
    "a live public session with times": {"format": "liveStreaming", "status": "public", **TIMES},
    "the shortest session": {"startsAt": STARTS_AT, "endsAt": STARTS_AT + MOMENT},
    "B4 the longest session": {"startsAt": STARTS_AT, "endsAt": STARTS_AT + LONGEST},
    "B4 the earliest session": {"startsAt": FIRST, "endsAt": FIRST + MOMENT},
    "B4 the latest session": {"startsAt": LAST - MOMENT, "endsAt": LAST},
    "B14 a draft with a start alone": {"startsAt": STARTS_AT},
    "B14 a draft with an end alone": {"endsAt": ENDS_AT},
    "B14 a draft with null times": {"startsAt": None, "endsAt": None},
    "B14 a draft with a start and null": {"startsAt": STARTS_AT, "endsAt": None},
    "B14 a draft with an end and null": {"startsAt": None, "endsAt": ENDS_AT},
    "B14 a live draft with null times": {"format": "liveStreaming", "startsAt": None, "endsAt": None},
    "B14 a live draft with a start alone": {"format": "liveStreaming", "startsAt": STARTS_AT},
    "B14 a public recording with null times": {"status": "public", "startsAt": None, "endsAt": None},
    "B14 a public recording with a start alone": {"status": "public", "startsAt": STARTS_AT},
}

BAD_WISHES: dict[str, Fields] = {
    **{f"B6 a title, {name}": {"title": title} for name, title in NOT_TITLES.items()},
    "B6 a title with a tab": {"title": "Optics\t1"},
    "a title of 900 kB": {"title": "x" * 900_000},
    "a number as title": {"title": 7},
    "null as title": {"title": None},
    "a list of one title": {"title": ["Optics"]},
    "a map as title": {"title": {"en": "Optics"}},
    "a title that is one control character": {"title": "\x07"},
    "a title that ends in a line break": {"title": "Optics\n"},
    "an unknown status": {"status": "archived"},
    "a status in capitals": {"status": "Public"},
    "null as status": {"status": None},
    "true as status": {"status": True},
    "a list of statuses": {"status": ["public"]},
    "an unknown format": {"format": "hologram"},
    "a number as format": {"format": 2},
    "an unknown visibility": {"visibility": "everyone"},
    "an unknown provider": {"videoProvider": "vimeo"},
    "null as provider": {"videoProvider": None},
    "null as visibility": {"visibility": None},
    "null as data of the app": {"app": None},
    "a string as data of the app": {"app": "optics-1"},
    "a list as data of the app": {"app": ["optics-1"]},
    "a map in the data of the app": {"app": {"course": {"id": "optics-1"}}},
    "a list in the data of the app": {"app": {"courses": ["optics-1"]}},
    "a list at the end of the data of the app": {"app": {**{f"a{number}": 1 for number in range(9)}, "z": [1]}},
    "bytes in the data of the app": {"app": {"course": b"optics-1"}},
    "a long string in the data of the app": {"app": {"course": "x" * 501}},
    "a long string at the end of the data of the app": {
        "app": {**{f"a{number}": 1 for number in range(9)}, "z": "x" * 501}
    },
    "eleven values of the app": {"app": {f"a{number:02}": 1 for number in range(11)}},
    "a long name in the data of the app": {"app": {"x" * 501: 1}},
    "long names in the data of the app": {"app": {"x" * 250: 1, "y" * 251: 2}},
    "900 kB of data of the app": {"app": {"notes": "x" * 900_000}},
    "40,000 values of the app": {"app": {f"a{number}": 1 for number in range(40_000)}},
    "an end before the start": {"startsAt": ENDS_AT, "endsAt": STARTS_AT},
    "an end at the start": {"startsAt": STARTS_AT, "endsAt": STARTS_AT},
    "times as strings": {"startsAt": STARTS_AT.isoformat(), "endsAt": ENDS_AT.isoformat()},
    "times as numbers": {"startsAt": 1, "endsAt": 2},
    "a start as string": {"startsAt": STARTS_AT.isoformat(), "endsAt": ENDS_AT},
    "an end as string": {"startsAt": STARTS_AT, "endsAt": ENDS_AT.isoformat()},
    "an end as a far number": {"startsAt": STARTS_AT, "endsAt": 2**60},
    "B14 a start as string and no end": {"startsAt": STARTS_AT.isoformat()},
    "B14 an end as number and no start": {"endsAt": 7, "startsAt": None},
    "B14 a live public session with null times": {
        "format": "liveStreaming",
        "status": "public",
        "startsAt": None,
        "endsAt": None,
    },
    "B14 a live public session with null as end": {
        "format": "liveStreaming",
        "status": "public",
        "startsAt": STARTS_AT,
        "endsAt": None,
    },
    "B4 a session that begins too early": {"startsAt": FIRST - MOMENT, "endsAt": FIRST + MOMENT},
    "B4 a session that ends too late": {"startsAt": LAST, "endsAt": LAST + MOMENT},
    "B4 a session that lasts too long": {"startsAt": STARTS_AT, "endsAt": STARTS_AT + LONGEST + MOMENT},
    "B4 a session of all ages": dict(zip(("startsAt", "endsAt"), AGES, strict=True)),
    "B4 a start at the beginning of ages alone": {"startsAt": AGES[0]},
    "B4 an end at the end of ages alone": {"endsAt": AGES[1]},
    "a live public session without times": {"format": "liveStreaming", "status": "public"},
    "a live public session without an end": {
        "format": "liveStreaming",
        "status": "public",
        "startsAt": STARTS_AT,
    },
    "a live public session without a start": {
        "format": "liveStreaming",
        "status": "public",
        "endsAt": ENDS_AT,
    },
}

# What is not a wish: recorded by the server, imagined, or of an older vocabulary.
FOREIGN_FIELDS: dict[str, Fields] = {
    **{key: {key: value} for key, value in RECORDED.items()},
    "an empty kaltura": {"kaltura": {}},
    "null as kaltura": {"kaltura": None},
    "no videos": {"videos": []},
    "a moderator": {"moderators": {"teacher": True}},
    "revision 0": {"revision": 0},
    "entryId": {"entryId": "1_live"},
    "eventId": {"eventId": 7},
    "phase": {"phase": "ready"},
    "generation": {"generation": 2},
    "owner": {"owner": "me"},
    "kalturaSession": {"kalturaSession": True},
    "a name that begins like a wish": {"titles": "Optics"},
    "a name that ends like a wish": {"subtitle": "Optics"},
    "a wish in capitals": {"Title": "Optics"},
    "a name that begins like the data of the app": {"apps": {}},
}


@pytest.mark.parametrize("wishes", GOOD_WISHES.values(), ids=GOOD_WISHES)
def test_an_owner_may_create_a_session_with(firestore: Firestore, session_id: str, cast: Cast, wishes: Fields) -> None:
    fields = session(cast.owner, **wishes)
    firestore.commit(cast.owner, create(f"sessions/{session_id}", fields))
    assert firestore.get(SERVER, f"sessions/{session_id}") == fields


@pytest.mark.parametrize("wishes", GOOD_WISHES.values(), ids=GOOD_WISHES)
def test_an_owner_may_change_a_session_to(firestore: Firestore, session_id: str, cast: Cast, wishes: Fields) -> None:
    standing = session(cast.owner, **RECORDED)
    firestore.commit(SERVER, create(f"sessions/{session_id}", standing))
    firestore.commit(cast.owner, edit(session_id, wishes))
    assert firestore.get(SERVER, f"sessions/{session_id}") == standing | wishes


@pytest.mark.parametrize("wishes", BAD_WISHES.values(), ids=BAD_WISHES)
def test_no_session_is_created_with(firestore: Firestore, session_id: str, cast: Cast, wishes: Fields) -> None:
    assert_refused(firestore, cast.owner, create(f"sessions/{session_id}", session(cast.owner, **wishes)))


@pytest.mark.parametrize("wishes", BAD_WISHES.values(), ids=BAD_WISHES)
def test_no_session_is_changed_to(firestore: Firestore, session_id: str, cast: Cast, wishes: Fields) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner, **RECORDED)))
    assert_refused(firestore, cast.owner, edit(session_id, wishes))


@pytest.mark.parametrize("foreign", FOREIGN_FIELDS.values(), ids=FOREIGN_FIELDS)
def test_no_owner_creates_a_session_with_the_field(
    firestore: Firestore, session_id: str, cast: Cast, foreign: Fields
) -> None:
    assert_refused(firestore, cast.owner, create(f"sessions/{session_id}", session(cast.owner, **foreign)))


@pytest.mark.parametrize("foreign", FOREIGN_FIELDS.values(), ids=FOREIGN_FIELDS)
def test_no_owner_adds_the_field_to_their_session(
    firestore: Firestore, session_id: str, cast: Cast, foreign: Fields
) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner)))
    assert_refused(firestore, cast.owner, edit(session_id, foreign))
    # In the company of a wish, it is refused all the same.
    assert_refused(firestore, cast.owner, edit(session_id, {"title": "Optics, revised", **foreign}))


@pytest.mark.parametrize("key", RECORDED)
@pytest.mark.parametrize("value", [None, "mine", 6, {"entryId": "1_other"}], ids=repr)
def test_no_owner_overwrites_what_the_server_recorded(
    firestore: Firestore, session_id: str, cast: Cast, key: str, value: object
) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner, **RECORDED)))
    assert_refused(firestore, cast.owner, edit(session_id, {key: value}))


@pytest.mark.parametrize("key", RECORDED)
def test_no_owner_removes_what_the_server_recorded(firestore: Firestore, session_id: str, cast: Cast, key: str) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner, **RECORDED)))
    assert_refused(firestore, cast.owner, edit(session_id, {}, key))


def test_no_owner_changes_one_value_inside_what_the_server_recorded(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner, **RECORDED)))
    fields = {"kaltura": {"entryId": "1_other"}, "updatedAt": SERVER_TIME}
    inside = Write(path, fields, exists=True, mask=("kaltura.entryId", "updatedAt"))
    assert_refused(firestore, cast.owner, inside)


def test_no_owner_can_raise_the_revision(firestore: Firestore, session_id: str, cast: Cast) -> None:
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner, **RECORDED)))
    fields: Fields = {"updatedAt": SERVER_TIME}
    counted = Write(path, fields, exists=True, mask=("updatedAt",), increments={"revision": 1})
    assert_refused(firestore, cast.owner, counted)


def test_overwriting_a_session_without_the_recorded_fields_is_refused(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner, **RECORDED)))
    anew = session(cast.owner, createdAt=created_at(firestore, path))
    assert_refused(firestore, cast.owner, replace(path, anew))


def test_overwriting_a_session_with_the_recorded_fields_unchanged_is_allowed(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner, **RECORDED)))
    anew = session(cast.owner, title="Optics, revised", createdAt=created_at(firestore, path), **RECORDED)
    firestore.commit(cast.owner, replace(path, anew))
    assert firestore.get(SERVER, path) == anew


def created_at(firestore: Firestore, path: str) -> datetime:
    """
    The mark that a session has, for somebody who writes it anew.
    """
    standing = firestore.get(SERVER, path)
    assert standing is not None
    at: datetime = standing["createdAt"]
    return at


@pytest.mark.parametrize("key", ["createdAt", "updatedAt"])
@pytest.mark.parametrize(
    "time",
    [
        pytest.param(None, id="null"),
        pytest.param(STARTS_AT, id="an instant of one's own"),
        pytest.param("now", id="a text"),
        pytest.param(0, id="a number"),
        pytest.param(..., id="none"),
    ],
)
def test_no_session_is_created_without_the_servers_time(
    firestore: Firestore, session_id: str, cast: Cast, key: str, time: object
) -> None:
    """
    A1, C4.
    """
    fields = session(cast.owner, **{key: time})
    if time is ...:
        del fields[key]
    assert_refused(firestore, cast.owner, create(f"sessions/{session_id}", fields))


@pytest.mark.parametrize("time", [None, STARTS_AT, "now", SERVER_TIME], ids=["null", "an instant", "text", "now"])
def test_nobody_changes_the_mark_of_a_session(firestore: Firestore, session_id: str, cast: Cast, time: object) -> None:
    """
    A1.
    """
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner)))
    for changes in ({"createdAt": time}, {"createdAt": time, "title": "Optics, revised"}):
        assert_refused(firestore, cast.owner, edit(session_id, changes))
    assert_refused(firestore, cast.owner, edit(session_id, {}, "createdAt"))
    assert_refused(firestore, cast.owner, replace(path, session(cast.owner, createdAt=time)))


@pytest.mark.parametrize("updated_at", [None, STARTS_AT, "now", ...], ids=["null", "an instant", "text", "none"])
def test_no_session_is_changed_without_the_servers_time(
    firestore: Firestore, session_id: str, cast: Cast, updated_at: object
) -> None:
    """
    C4: by it the sweep finds what changed.
    """
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner)))
    fields: Fields = {"title": "Optics, revised"} | ({} if updated_at is ... else {"updatedAt": updated_at})
    assert_refused(firestore, cast.owner, change(f"sessions/{session_id}", fields))


RECORDS: dict[str, tuple[Fields, bool, bool]] = {
    # What is recorded of an earlier session of the id; who may take it: the same owner, another teacher.
    "nothing": ({}, True, True),
    "an event": ({"state": "ready", "expiresAt": None}, True, False),
    "an event that is being deleted": ({"state": "deleting", "expiresAt": None}, True, False),
    "videos that are not gone yet": ({"state": "gone", "expiresAt": None}, True, False),
    "a tombstone": ({"state": "gone", "expiresAt": ENDS_AT}, True, True),
    "a record without an owner": ({"state": "ready", "ownerUid": None}, False, False),
}


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("caller", ["owner", "other_teacher"])
def test_an_id_is_not_taken_while_something_of_anothers_session_is_left(
    firestore: Firestore, session_id: str, cast: Cast, record: str, caller: str
) -> None:
    """
    A1.
    """
    fields, same, another = RECORDS[record]
    if fields:
        firestore.commit(SERVER, create(f"kalturaSession/{session_id}", {"ownerUid": cast.owner.uid, **fields}))
    teacher: Caller = getattr(cast, caller)
    write = create(f"sessions/{session_id}", session(teacher))
    if same if caller == "owner" else another:
        firestore.commit(teacher, write)
        return
    assert_refused(firestore, teacher, write)


@pytest.mark.parametrize("key", ["ownerUid", "title", "status", "format", "visibility"])
def test_no_session_is_created_without(firestore: Firestore, session_id: str, cast: Cast, key: str) -> None:
    fields = session(cast.owner)
    del fields[key]
    assert_refused(firestore, cast.owner, create(f"sessions/{session_id}", fields))


@pytest.mark.parametrize("key", ["ownerUid", "title", "status", "format", "visibility", "startsAt", "endsAt"])
def test_no_live_public_session_loses_its(firestore: Firestore, session_id: str, cast: Cast, key: str) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", live_session(cast.owner)))
    assert_refused(firestore, cast.owner, edit(session_id, {}, key))


def test_no_live_public_session_loses_both_its_times(firestore: Firestore, session_id: str, cast: Cast) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", live_session(cast.owner)))
    assert_refused(firestore, cast.owner, edit(session_id, {}, "startsAt", "endsAt"))


def test_a_live_session_may_lose_its_times_with_its_publication(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, live_session(cast.owner)))
    firestore.commit(cast.owner, edit(session_id, {"status": "draft"}, "startsAt", "endsAt"))
    assert firestore.get(SERVER, path) == session(cast.owner, format="liveStreaming")


def test_a_live_draft_without_times_is_not_published(firestore: Firestore, session_id: str, cast: Cast) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner, format="liveStreaming")))
    assert_refused(firestore, cast.owner, edit(session_id, {"status": "public"}))


def test_a_public_recording_without_times_does_not_become_live(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner, status="public")))
    assert_refused(firestore, cast.owner, edit(session_id, {"format": "liveStreaming"}))


@pytest.mark.parametrize(
    "moved",
    [{"startsAt": ENDS_AT + timedelta(hours=1)}, {"endsAt": STARTS_AT - timedelta(hours=1)}],
    ids=["start", "end"],
)
def test_one_time_is_not_moved_past_the_other(firestore: Firestore, session_id: str, cast: Cast, moved: Fields) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", live_session(cast.owner)))
    assert_refused(firestore, cast.owner, edit(session_id, moved))


@pytest.mark.parametrize("free_id", ["a", "7", "-", "Optics-1", "x" * 64])
def test_a_session_may_be_called(firestore: Firestore, cast: Cast, free_id: str) -> None:
    # These ids are the same in every run on a standing emulator.
    firestore.commit(SERVER, delete(f"sessions/{free_id}"))
    firestore.commit(cast.owner, create(f"sessions/{free_id}", session(cast.owner)))
    assert firestore.get(SERVER, f"sessions/{free_id}") == session(cast.owner)


@pytest.mark.parametrize(
    "bad_id",
    ["a_b", "_", "a_", "x" * 65, "a.b", "a b", "a\n", "\na", "é", "٣", "a:b", "a|b", "a,b", "a*", "a\x00", "🎓"],
    ids=ascii,
)
def test_no_session_is_called(firestore: Firestore, cast: Cast, bad_id: str) -> None:
    assert_refused(firestore, cast.owner, create(f"sessions/{bad_id}", session(cast.owner)))


def test_no_session_is_called_nothing(firestore: Firestore, cast: Cast) -> None:
    with pytest.raises(FirestoreError):
        firestore.commit(cast.owner, create("sessions/", session(cast.owner)))


def test_a_document_over_the_size_limit_leaves_nothing(firestore: Firestore, session_id: str, cast: Cast) -> None:
    path = f"sessions/{session_id}"
    with pytest.raises(FirestoreError):
        firestore.commit(cast.owner, create(path, session(cast.owner, title="x" * 2**20)))
    assert firestore.get(SERVER, path) is None


@pytest.mark.parametrize("claim", ["true", 1, 1.0, "", None, [True], {"teacher": True}], ids=repr)
def test_a_teacher_claim_other_than_true_writes_nothing(
    firestore: Firestore, session_id: str, cast: Cast, claim: object
) -> None:
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner)))
    pretender = signed_in(cast.owner.uid, teacher=claim)
    assert_refused(firestore, pretender, create(f"{path}-2", session(cast.owner)))
    assert_refused(firestore, pretender, edit(session_id, {"title": "Mine"}))
    assert_refused(firestore, pretender, delete(path))


def test_an_owner_whose_teacher_claim_was_withdrawn_reads_but_writes_nothing(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner)))
    former_teacher = signed_in(cast.owner.uid)
    assert firestore.get(former_teacher, path) == session(cast.owner)
    assert_refused(firestore, former_teacher, create(f"{path}-2", session(cast.owner)))
    assert_refused(firestore, former_teacher, edit(session_id, {"title": "Mine"}))
    assert_refused(firestore, former_teacher, delete(path))


@pytest.mark.parametrize("owner_uid", ["someone-else", "", None, 7, ["me"]], ids=repr)
def test_no_session_is_created_for(firestore: Firestore, session_id: str, cast: Cast, owner_uid: object) -> None:
    assert_refused(firestore, cast.owner, create(f"sessions/{session_id}", session(cast.owner, ownerUid=owner_uid)))


def test_no_teacher_creates_a_session_in_the_name_of_another(firestore: Firestore, session_id: str, cast: Cast) -> None:
    assert_refused(firestore, cast.other_teacher, create(f"sessions/{session_id}", session(cast.owner)))


def test_owner_cannot_change_the_owner(firestore: Firestore, session_id: str, cast: Cast) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner)))
    assert_refused(firestore, cast.owner, edit(session_id, {"ownerUid": cast.other_teacher.uid}))


def test_another_teacher_does_not_take_a_session_over(firestore: Firestore, session_id: str, cast: Cast) -> None:
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner, status="public", visibility="open")))
    assert_refused(firestore, cast.other_teacher, edit(session_id, {"ownerUid": cast.other_teacher.uid}))
    anew = session(cast.other_teacher, createdAt=created_at(firestore, path))
    assert_refused(firestore, cast.other_teacher, replace(path, anew))


def test_a_commit_is_refused_whole_when_one_of_its_writes_is(firestore: Firestore, session_id: str, cast: Cast) -> None:
    assert_refused(
        firestore,
        cast.owner,
        create(f"sessions/{session_id}", session(cast.owner)),
        create(f"videos/{session_id}", {"ownerUid": cast.owner.uid}),
    )


def test_deleting_and_recreating_in_one_commit_brings_no_recorded_fields_in(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner, **RECORDED)))
    forged = session(cast.owner, **{**RECORDED, "kaltura": {"entryId": "1_other"}})
    assert_refused(firestore, cast.owner, delete(path), replace(path, forged))


def test_an_enrolment_in_an_earlier_session_of_the_id_opens_nothing(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    """
    A1: the same owner deletes the session and creates it anew.
    """
    path = f"sessions/{session_id}"
    public = session(cast.owner, status="public")
    firestore.commit(cast.owner, create(path, public))
    given = create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, cast.owner))
    firestore.commit(cast.owner, given)
    assert firestore.get(cast.enrolled, path) == public
    firestore.commit(cast.owner, delete(path))
    firestore.commit(cast.owner, create(path, public))
    with pytest.raises(Denied):
        firestore.get(cast.enrolled, path)
    with pytest.raises(Denied):
        firestore.find(cast.enrolled, f"{path}/sharedLiveMedias")


NO_MARKS: dict[str, Fields] = {
    "no mark": {},
    "null": {"createdAt": None},
    "a text": {"createdAt": "2020-01-01T00:00:00Z"},
    "a number": {"createdAt": 0},
    "a map": {"createdAt": {"seconds": 0}},
    "a time that is yet to come": {"createdAt": datetime(2199, 1, 1, tzinfo=UTC)},
}


@pytest.mark.parametrize("mark", NO_MARKS.values(), ids=NO_MARKS)
def test_a_session_that_a_back_end_wrote_without_a_mark_is_closed_to_the_enrolled_until_it_has_one(
    firestore: Firestore, session_id: str, cast: Cast, mark: Fields
) -> None:
    """
    A1: whom it is open to without an enrolment may see it all the same.
    """
    path = f"sessions/{session_id}"
    fields = session(cast.owner, status="public")
    del fields["createdAt"]
    firestore.commit(
        SERVER,
        create(path, fields | mark),
        create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, cast.owner)),
    )
    for caller in (cast.owner, cast.admin):
        assert firestore.get(caller, path) == fields | mark
    with pytest.raises(Denied):
        firestore.get(cast.enrolled, path)
    firestore.commit(SERVER, change(path, {"createdAt": datetime(2026, 1, 5, tzinfo=UTC)}))
    assert firestore.get(cast.enrolled, path) is not None


@pytest.mark.parametrize("mark", NO_MARKS.values(), ids=NO_MARKS)
@pytest.mark.parametrize("given_at", [{}, {"createdAt": 7}, {"createdAt": "2030-01-01"}], ids=repr)
def test_an_enrolment_of_an_earlier_session_opens_none_that_a_back_end_wrote_without_its_mark(
    firestore: Firestore, session_id: str, cast: Cast, mark: Fields, given_at: Fields
) -> None:
    """
    A1: the server refuses the student too (`shared/sessions/access.py`).
    """
    path = f"sessions/{session_id}"
    firestore.commit(SERVER, create(path, session(cast.owner, status="public")))
    given = enrolment(session_id, cast.student, cast.owner) | given_at
    firestore.commit(SERVER, create(enrolment_path(session_id, cast.student), given))
    firestore.commit(cast.owner, delete(path))
    unmarked = session(cast.owner, status="public")
    del unmarked["createdAt"]
    firestore.commit(SERVER, create(path, unmarked | mark))
    with pytest.raises(Denied):
        firestore.get(cast.student, path)
    firestore.commit(SERVER, change(path, {"createdAt": SERVER_TIME}))
    with pytest.raises(Denied):
        firestore.get(cast.student, path)


def test_an_enrolment_does_not_open_a_draft(firestore: Firestore, session_id: str, cast: Cast) -> None:
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner)),
        create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, cast.owner)),
    )
    with pytest.raises(Denied):
        firestore.get(cast.enrolled, f"sessions/{session_id}")


def test_an_enrolment_opens_no_other_session_of_the_same_owner(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    other_id = f"{session_id}-2"
    public = session(cast.owner, status="public")
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", public),
        create(f"sessions/{other_id}", public),
        create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, cast.owner)),
    )
    assert firestore.get(cast.enrolled, f"sessions/{session_id}") == public
    with pytest.raises(Denied):
        firestore.get(cast.enrolled, f"sessions/{other_id}")


def test_a_withdrawn_enrolment_closes_the_session_again(firestore: Firestore, session_id: str, cast: Cast) -> None:
    path = enrolment_path(session_id, cast.enrolled)
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", session(cast.owner, status="public")),
        create(path, enrolment(session_id, cast.enrolled, cast.owner)),
    )
    assert firestore.get(cast.enrolled, f"sessions/{session_id}") is not None
    firestore.commit(cast.owner, delete(path))
    with pytest.raises(Denied):
        firestore.get(cast.enrolled, f"sessions/{session_id}")


def test_an_enrolment_in_a_session_that_is_open_hinders_nobody_else(
    firestore: Firestore, session_id: str, cast: Cast
) -> None:
    open_session = session(cast.owner, status="public", visibility="open")
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", open_session),
        create(enrolment_path(session_id, cast.enrolled), enrolment(session_id, cast.enrolled, cast.owner)),
    )
    assert firestore.get(cast.student, f"sessions/{session_id}") == open_session


def test_anonymous_user_reads_open_sessions_only(firestore: Firestore, session_id: str, cast: Cast) -> None:
    anonymous = signed_in(f"anonymous-{session_id}", sign_in_provider="anonymous")
    for status, visibility in [("draft", "open"), ("public", "enrolled"), ("public", "open")]:
        firestore.commit(
            SERVER,
            create(
                f"sessions/{session_id}-{status}-{visibility}",
                session(cast.owner, status=status, visibility=visibility),
            ),
        )
    assert firestore.get(anonymous, f"sessions/{session_id}-public-open") is not None
    for closed in ("draft-open", "public-enrolled"):
        with pytest.raises(Denied):
            firestore.get(anonymous, f"sessions/{session_id}-{closed}")


def test_only_an_admin_learns_that_a_session_does_not_exist(firestore: Firestore, session_id: str, cast: Cast) -> None:
    assert firestore.get(cast.admin, f"sessions/{session_id}") is None
    for caller in (cast.nobody, cast.student, cast.owner):
        with pytest.raises(Denied):
            firestore.get(caller, f"sessions/{session_id}")


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"status": "public"},
        {"visibility": "open"},
        {"status": "draft", "visibility": "open"},
        {"status": "public", "visibility": "enrolled"},
        {"title": "Optics, lecture 1"},
        {"ownerUid": "someone-else"},
        {"ownerUid": None},
    ],
    ids=repr,
)
def test_no_teacher_lists_sessions_by(firestore: Firestore, cast: Cast, where: Fields) -> None:
    with pytest.raises(Denied):
        firestore.find(cast.owner, "sessions", where)


def test_owner_lists_only_their_own_sessions(firestore: Firestore, session_id: str, cast: Cast) -> None:
    firestore.commit(
        SERVER,
        create(f"sessions/{session_id}-1", session(cast.owner)),
        create(f"sessions/{session_id}-2", live_session(cast.owner)),
        create(f"sessions/{session_id}-3", session(cast.other_teacher, status="public", visibility="open")),
    )
    found = firestore.find(cast.owner, "sessions", {"ownerUid": cast.owner.uid})
    assert found.keys() == {f"sessions/{session_id}-1", f"sessions/{session_id}-2"}


def test_owner_lists_their_sessions_by_data_of_the_app(firestore: Firestore, session_id: str, cast: Cast) -> None:
    for number in (1, 2):
        fields = session(cast.owner, app={"courseId": f"optics-{number}"})
        firestore.commit(cast.owner, create(f"sessions/{session_id}-{number}", fields))
    of_course = {"app.courseId": "optics-1"}
    found = firestore.find(cast.owner, "sessions", {"ownerUid": cast.owner.uid, **of_course})
    assert found.keys() == {f"sessions/{session_id}-1"}
    with pytest.raises(Denied):
        firestore.find(cast.owner, "sessions", of_course)


def test_only_the_owner_writes_data_of_the_app(firestore: Firestore, session_id: str, cast: Cast) -> None:
    standing = session(cast.owner, status="public", visibility="open", app={"courseId": "optics-1"})
    firestore.commit(cast.owner, create(f"sessions/{session_id}", standing))
    for caller in (cast.nobody, cast.student, cast.enrolled, cast.other_teacher, cast.admin):
        assert_refused(firestore, caller, edit(session_id, {"app": {"courseId": "mine"}}))
    assert firestore.get(cast.student, f"sessions/{session_id}") == standing


def test_an_admin_lists_sessions_without_a_filter(firestore: Firestore, session_id: str, cast: Cast) -> None:
    firestore.commit(SERVER, create(f"sessions/{session_id}", session(cast.owner)))
    assert f"sessions/{session_id}" in firestore.find(cast.admin, "sessions")
