"""The stories of hosts: ready videos are copied to one's own server and to Bunny, and play where it is cheapest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest

from emulator_tests.flow.school import Person, Refused, School
from emulator_tests.flow.searching import stored_keys
from emulator_tests.rules.firestore import Denied
from emulator_tests.testbed.stack import OWN_MBPS

HOSTS = ("own", "bunny")


@pytest.fixture
def teacher(hosting: School) -> Iterator[Person]:
    """
    A teacher of that school; afterwards no host fails.
    """
    yield hosting.teacher()
    hosting.bunny("DELETE", "faults")


def _await_copies(hosting: School, video_id: str, generation: int = 1) -> None:
    """
    Wait until the copies of a video are ready at both hosts.
    """

    def everywhere(fields: Any) -> bool:
        shown = (fields or {}).get("hosts") or {}
        video_bytes = f"video:{video_id}:{generation}"
        return {name for name, one in shown.items() if (one["film"], one["state"]) == (video_bytes, "ready")} == set(
            HOSTS
        )

    hosting.await_document(f"videos/{video_id}", everywhere)


def _at_bunny(hosting: School, video_id: str) -> list[str]:
    return [one["title"] for one in hosting.bunny("GET", "things")["videos"] if video_id in one["title"]]


def _at_own(hosting: School, video_id: str) -> list[str]:
    """
    The keys of everything in one's own store that is of a video, unfinished uploads too.
    """
    return [key for key in stored_keys(hosting.testbed) if video_id in key]


def _play(hosting: School, url: str) -> bytes:
    """
    What a player gets first: the file, or the first segment of what a manifest points to.
    """
    for _ in range(2):
        if ".m3u8" not in url:
            break
        told = hosting.http.get(url, timeout=30)
        assert told.ok, told.text
        url = urljoin(url, next(line for line in told.text.splitlines() if line and not line.startswith("#")))
    answer = hosting.http.get(url, timeout=30)
    assert answer.ok, answer.text
    return answer.content


@pytest.mark.parametrize("provider", ["kaltura", "cloudflare"])
def test_ready_video_is_copied_to_every_host_and_plays_from_the_cheapest(
    hosting: School, teacher: Person, video_bytes: bytes, provider: str
) -> None:
    session_id = teacher.write_session(videoProvider=provider, status="public", visibility="enrolled")
    video_id = teacher.upload_video(session_id, video_bytes)
    _await_copies(hosting, video_id)
    student = hosting.person()
    teacher.enrol(session_id, student)

    grant = student.call("issuePlayback", {"videoId": video_id})

    assert (grant["host"], grant["playUrl"]) == ("own", grant["progressiveUrl"])
    assert hashlib.sha256(_play(hosting, grant["playUrl"])).digest() == hashlib.sha256(video_bytes).digest()
    assert grant["manifestUrl"].startswith(hosting.testbed.bunny_url)
    assert _play(hosting, grant["manifestUrl"])[:1] == b"\x47"
    assert hosting.http.get(grant["thumbnailUrl"], timeout=30).content[:2] == b"\xff\xd8"
    assert grant.keys() >= {"videoId", "expiresAt"}

    teacher.call("deleteVideo", {"videoId": video_id})

    hosting.await_provider(
        "every copy to go", lambda: not _at_bunny(hosting, video_id) and not _at_own(hosting, video_id)
    )
    for address in (grant["playUrl"], grant["manifestUrl"]):
        assert not hosting.http.get(address, timeout=30).ok
    hosting.await_document(f"copies/{video_id}-own", lambda fields: fields is None)
    hosting.await_document(f"copies/{video_id}-bunny", lambda fields: fields is None)


def test_users_without_access_get_no_host_address(hosting: School, teacher: Person, video_bytes: bytes) -> None:
    session_id = teacher.write_session(status="public", visibility="enrolled")
    video_id = teacher.upload_video(session_id, video_bytes)
    _await_copies(hosting, video_id)

    for person in (hosting.person(), hosting.teacher()):
        with pytest.raises(Refused) as refused:
            person.call("issuePlayback", {"videoId": video_id, "failedHost": "own"})
        assert refused.value.code == "NOT_FOUND"
    (key,) = _at_own(hosting, video_id)
    assert (
        hosting.http.get(f"{hosting.testbed.s3_url}/{hosting.testbed.s3_bucket}/{key}", timeout=30).status_code == 403
    )
    with pytest.raises(Refused) as refused:
        teacher.call("issuePlayback", {"videoId": video_id, "failedHost": "../own"})
    assert refused.value.code == "INVALID_ARGUMENT"
    with pytest.raises(Refused) as refused:
        teacher.call("issuePlayback", {"sessionId": session_id, "failedHost": "own"})
    assert refused.value.code == "INVALID_ARGUMENT"
    # Whoever may read the session may not read where its copies are, nor what hosts promised.
    for path in (f"copies/{video_id}-own", "hosts/own"):
        with pytest.raises(Denied):
            hosting.firestore.get(teacher.caller, path)


def test_copies_are_replaced_with_their_video(
    hosting: School, teacher: Person, video_bytes: bytes, other_video_bytes: bytes
) -> None:
    session_id = teacher.write_session()
    video_id = teacher.upload_video(session_id, video_bytes)
    _await_copies(hosting, video_id)

    hosting.upload(teacher.ask_to_replace(video_id, len(other_video_bytes)), other_video_bytes)
    _await_copies(hosting, video_id, 2)

    grant = teacher.call("issuePlayback", {"videoId": video_id})
    assert _play(hosting, grant["progressiveUrl"]) == other_video_bytes
    hosting.await_provider(
        "the deletion of the old video's copies",
        lambda: len(_at_bunny(hosting, video_id)) == 1 and len(_at_own(hosting, video_id)) == 1,
    )


def test_a_host_that_fails_is_passed_over_until_it_plays_again(
    hosting: School, teacher: Person, video_bytes: bytes
) -> None:
    video_id = teacher.upload_video(teacher.write_session(), video_bytes)
    _await_copies(hosting, video_id)
    failed = teacher.call("issuePlayback", {"videoId": video_id, "failedHost": "own"})
    assert (failed["host"], failed["playUrl"]) == ("bunny", failed["manifestUrl"])
    # It was tried, and plays: the next viewer is sent there again.
    hosting.await_document("hosts/own", lambda fields: (fields or {}).get("isHealthy") is True)

    hosting.bunny("POST", "faults", {"kind": "status", "status": 503, "match": {"operation": "play", "times": 0}})
    hosting.sweep()
    hosting.await_document("hosts/bunny", lambda fields: (fields or {}).get("isHealthy") is False)
    # An instance goes by what it has read for some seconds.
    hosting.await_provider(
        "nobody to be sent to Bunny",
        lambda: teacher.call("issuePlayback", {"videoId": video_id, "failedHost": "own"})["host"] == "kaltura",
    )
    hosting.bunny("DELETE", "faults")
    hosting.sweep()
    hosting.await_document("hosts/bunny", lambda fields: (fields or {}).get("isHealthy") is True)
    hosting.await_provider(
        "Bunny to be chosen again",
        lambda: teacher.call("issuePlayback", {"videoId": video_id, "failedHost": "own"})["host"] == "bunny",
    )


def test_erasure_deletes_copies_on_hosts(hosting: School, teacher: Person, video_bytes: bytes) -> None:
    video_id = teacher.upload_video(teacher.write_session(), video_bytes)
    _await_copies(hosting, video_id)

    asked = teacher.call("eraseContent", {"requestId": "all", "uid": teacher.uid})

    hosting.await_provider(
        "every copy to go", lambda: not _at_bunny(hosting, video_id) and not _at_own(hosting, video_id)
    )
    assert teacher.call("getErasure", {"erasureId": asked["erasureId"]}).keys() >= {"copiesLeft", "videosLeft"}


def test_an_operator_sees_the_table_and_finds_copies_that_nobody_names(
    hosting: School, teacher: Person, video_bytes: bytes
) -> None:
    video_id = teacher.upload_video(teacher.write_session(), video_bytes)
    _await_copies(hosting, video_id)

    told = hosting.testbed.command("hosts")

    assert told.returncode == 0, told.stderr
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in told.stdout.splitlines()}
    assert list(rows) == ["own", "bunny", "cloudflare", "kaltura"]
    assert f"of {OWN_MBPS} Mbit/s" in rows["own"]
    assert " 0 failed" in rows["bunny"]
    assert rows["bunny"].endswith(" failed")
    assert rows["kaltura"].startswith("0.1 per GB no limit plays")
    assert rows["kaltura"].endswith("its own videos")
    found = hosting.testbed.command("find-orphans")
    assert found.returncode == 0, found.stderr


def test_full_host_is_passed_over_for_the_next(hosting: School, teacher: Person, video_bytes: bytes) -> None:
    padding = 12_000_000
    heavy = video_bytes + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8)
    needs_mbps = len(heavy) * 8 / 12 / 1_000_000
    assert OWN_MBPS / 3 < needs_mbps < OWN_MBPS / 2
    # Cloudflare takes it in one chunk.
    session_id = teacher.write_session(status="public", visibility="open", videoProvider="cloudflare")
    video_id = teacher.upload_video(session_id, heavy)
    _await_copies(hosting, video_id)
    students = [hosting.person() for _ in range(4)]

    # However often somebody asks, they watch it once.
    assert [students[0].call("issuePlayback", {"videoId": video_id})["host"] for _ in range(4)] == ["own"] * 4
    chosen = [student.call("issuePlayback", {"videoId": video_id})["host"] for student in students]

    assert (chosen[0], chosen[-1]) == ("own", "bunny")
    assert chosen == sorted(chosen, reverse=True)
