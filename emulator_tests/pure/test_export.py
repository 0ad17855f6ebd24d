"""Exports: all that is stored about somebody is handed to them, and nothing of what is others'."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from emulator_tests.pure.deployment import TEACHER, Deployment
from emulator_tests.pure.test_erasure import ADMIN, OTHER, STUDENT, ask, school
from functions.edge import answers
from shared.core.callers import Caller
from shared.core.errors import BadRequest, NotAllowed
from shared.erasure.export import EXPORTED_AT_ONCE, export_content
from shared.ports import Create
from shared.reconcile.traces import Fate
from shared.registry import TRACES

pytestmark = pytest.mark.long


def exported(deployment: Deployment, uid: str, caller: Caller = ADMIN) -> list[Mapping[str, Any]]:
    """
    Return the things of all pages.
    """
    things: list[Mapping[str, Any]] = []
    after = None
    while True:
        page = export_content(caller, uid, after, deployment.documents, TRACES)
        assert 0 < len(page.things) <= EXPORTED_AT_ONCE or page.after is None
        things += page.things
        after = page.after
        if after is None:
            return things


@pytest.mark.parametrize(("caller", "uid"), [(TEACHER, "teacher"), (STUDENT, "student"), (ADMIN, "teacher")])
def test_every_document_that_names_somebody_is_exported(caller: Caller, uid: str) -> None:
    """
    A12.
    """
    deployment = school()
    ask(deployment, ADMIN, uid)

    found = {one["path"] for one in exported(deployment, uid, caller)}

    read = deployment.documents.read(*deployment.documents.paths())
    naming = {one.path for one in read if one is not None and f"'{uid}'" in f"{one.path.split('/')!r} {one.fields!r}"}
    # What a session has of its own is in it already.
    assert naming - found == set()
    assert found - naming == set()
    assert len(found) > 5


def test_export_excludes_data_of_others() -> None:
    """
    A12.
    """
    deployment = school(1, 1)
    things = exported(deployment, "student")
    assert "Optics" not in repr(things)
    of_others = {one["section"]: one["fields"] for one in things if one["path"] == "sessions/otherlive"}
    assert of_others == {"moderates": {}}
    assert {one["section"] for one in things if one["fields"]} == {"admissions", "enrolments"}


def test_export_contains_no_provider_ids() -> None:
    """
    A12.
    """
    things = exported(school(1, 1), "teacher")
    assert {one["section"] for one in things} >= {"sessions", "videos", "copies", "liveEvents", "uploads"}
    assert "'parts'" not in repr(things)


def test_a_large_export_comes_in_pages_and_nothing_twice() -> None:
    """
    A12.
    """
    deployment = Deployment()
    for number in range(2 * EXPORTED_AT_ONCE):
        deployment.documents.commit(Create(f"sessions/s{number:04}", {"ownerUid": "teacher"}))
    for number in range(EXPORTED_AT_ONCE + 1):
        deployment.documents.commit(Create(f"enrolments/e{number:04}", {"uid": "teacher", "ownerUid": "other"}))
    paths = [one["path"] for one in exported(deployment, "teacher")]
    assert len(paths) == len(set(paths)) == 3 * EXPORTED_AT_ONCE + 1


@pytest.mark.parametrize("caller", [OTHER, STUDENT], ids=["another teacher", "a student"])
def test_users_cannot_export_data_of_others(caller: Caller) -> None:
    with pytest.raises(NotAllowed):
        export_content(caller, "teacher", None, school(1, 1).documents, TRACES)


@pytest.mark.parametrize("uid", ["..", "__x__", "a b", "`", "é" * 128, "a.b"])
def test_any_uid_can_be_asked_for(uid: str) -> None:
    assert exported(school(1, 1), uid, Caller(uid, is_teacher=False)) == []


@pytest.mark.parametrize(
    "after",
    ["", "/", "nothing/x", "videos/..", "videos/__x__", "videos/" + "é" * 751, "Videos/x", "videos"],
)
def test_a_page_begins_only_where_one_has_ended(after: str) -> None:
    if after in ("", "videos"):
        # The beginning of all, and of a section.
        assert export_content(TEACHER, "teacher", after, school(1, 1).documents, TRACES).after is None
    else:
        with pytest.raises(BadRequest):
            export_content(TEACHER, "teacher", after, school(1, 1).documents, TRACES)


def test_export_encodes_any_stored_value_as_json() -> None:
    """
    An app's own back end writes sessions too.
    """
    deployment = Deployment()
    odd = {"nan": float("nan"), "bytes": b"\xff", "at": [datetime(2026, 1, 1, tzinfo=UTC)], "whole": 2**62}
    deployment.documents.commit(Create("sessions/s1", {"ownerUid": "teacher", **odd}))
    page = export_content(TEACHER, "teacher", None, deployment.documents, TRACES)
    told = answers.result({"things": page.things}).get_json()["result"]["things"][0]["fields"]
    assert told == {
        "ownerUid": "teacher",
        "nan": "nan",
        "bytes": "b'\\xff'",
        "at": ["2026-01-01T00:00:00Z"],
        "whole": 2**62,
    }


def test_export_contains_what_an_app_keeps_in_a_session() -> None:
    deployment = Deployment()
    kept = {"courseId": "optics-1", "parts": "of the app", "inner": {"parts": [1]}}
    deployment.write_session(app=kept, parts={"entryId": "0_x"})
    page = export_content(TEACHER, "teacher", None, deployment.documents, TRACES)
    fields = page.things[0]["fields"]
    assert fields["app"] == kept
    assert "parts" not in fields


def test_every_place_that_is_erased_is_exported() -> None:
    """
    A12: one table for both.
    """
    sections = [trace.section for trace in TRACES]
    assert len(sections) == len(set(sections))
    assert {trace.fate for trace in TRACES} == {*Fate}
