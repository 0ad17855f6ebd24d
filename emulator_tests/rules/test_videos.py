"""Videos: seen by the teacher who owns them, written by the server.

Run by pytest. The roles as such are in `test_matrix.py`.
"""

from __future__ import annotations

import pytest

from emulator_tests.rules.callers import SERVER, Cast, signed_in
from emulator_tests.rules.firestore import Denied, Fields, Firestore, create


@pytest.fixture
def video(firestore: Firestore, session_id: str, cast: Cast) -> tuple[str, Fields]:
    """
    A video of the owner: its path and its fields.
    """
    path, fields = f"videos/{session_id}", {"ownerUid": cast.owner.uid, "state": "ready"}
    firestore.commit(SERVER, create(path, fields))
    return path, fields


def test_owner_lists_only_their_own_videos(firestore: Firestore, cast: Cast, video: tuple[str, Fields]) -> None:
    path, fields = video
    firestore.commit(SERVER, create(f"{path}-2", {"ownerUid": cast.other_teacher.uid, "state": "ready"}))
    assert firestore.find(cast.owner, "videos", {"ownerUid": cast.owner.uid}) == {path: fields}
    for too_wide in ({}, {"state": "ready"}, {"ownerUid": cast.other_teacher.uid}):
        with pytest.raises(Denied):
            firestore.find(cast.owner, "videos", too_wide)


def test_former_teacher_reads_no_videos(firestore: Firestore, cast: Cast, video: tuple[str, Fields]) -> None:
    path, _ = video
    for former_teacher in (signed_in(cast.owner.uid), signed_in(cast.owner.uid, teacher=1)):
        with pytest.raises(Denied):
            firestore.get(former_teacher, path)
        with pytest.raises(Denied):
            firestore.find(former_teacher, "videos", {"ownerUid": cast.owner.uid})


def test_an_admin_lists_videos_without_a_filter(firestore: Firestore, cast: Cast, video: tuple[str, Fields]) -> None:
    path, fields = video
    assert firestore.find(cast.admin, "videos")[path] == fields
