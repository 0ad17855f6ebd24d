"""Videos at Kaltura: bytes beyond the declared size, decisions of moderators, and files that are not videos."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator_tests.contract.accounts import Film, KalturaServer, KalturaTestAccount
from shared.ports import Allowance, ExternalIds, MediaState, Observation, UploadSpec
from shared.providers.kaltura import mapping

REFERENCE = "video:v1:1"
WISH = UploadSpec("A lecture", "lecture.mp4", 1)

PENDING, REJECTED = 1, 3
SIZES = ("size", "sizeInBytes")


@pytest.fixture
def account(kaltura: KalturaServer) -> Iterator[KalturaTestAccount]:
    """
    An empty account.
    """
    kaltura.control("POST", "reset")
    with closing(KalturaTestAccount(kaltura)) as account:
        yield account


def seen(account: KalturaTestAccount, external_ids: ExternalIds) -> Observation:
    (observation,) = account.media.observe([external_ids])
    return observation


def send(
    account: KalturaTestAccount, kaltura: KalturaServer, external_ids: ExternalIds, ks: str, content: bytes, at: int = 0
) -> Any:
    """
    Send a chunk that is not the last, as a browser does.
    """
    fields = {"ks": ks, "uploadTokenId": external_ids["uploadTokenId"], "finalChunk": "false", "format": "1"}
    fields |= {"resume": str(at > 0).lower(), "resumeAt": str(at or -1)}
    url = account.media.upload_grant(external_ids, WISH, Allowance(20, account.clock() + timedelta(seconds=600))).url
    return kaltura.http.post(url, data=fields, files={"fileData": ("lecture.mp4", content)}).json()


# --- more bytes than declared ------------------------------------------------------------------------------------


def test_upload_larger_than_declared_is_reported_and_ends_with_its_token(
    account: KalturaTestAccount, kaltura: KalturaServer
) -> None:
    """
    Kaltura itself accepts any number of bytes.
    """
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    grant = account.media.upload_grant(external_ids, WISH, Allowance(20, account.clock() + timedelta(seconds=600)))
    for at in range(3):
        answer = send(account, kaltura, external_ids, grant.token, b"x" * 1_000_000, at * 1_000_000)
        assert answer["uploadedFileSize"] == (at + 1) * 1_000_000

    (told,) = account.media.changes(account.clock(), 1, uploads=[external_ids]).uploads
    assert (told.state, told.received_bytes) == (MediaState.AWAITING_UPLOAD, 3_000_000)
    assert account.media.delete_media(external_ids) == {}

    assert send(account, kaltura, external_ids, grant.token, b"x", 3_000_000)["code"] == "INVALID_KS"
    assert account.alive() == set()


def test_received_size_is_reported_during_processing(account: KalturaTestAccount) -> None:
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.upload(external_ids, Film.SLOW)

    told = seen(account, external_ids)

    assert told.state is MediaState.PROCESSING
    assert told.size_bytes is not None
    assert told.size_bytes > 10_000


def test_one_allowance_is_one_number_of_requests_however_often_its_token_is_made(
    account: KalturaTestAccount, kaltura: KalturaServer
) -> None:
    """
    Kaltura counts the requests of a KS by its text.
    """
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    allowance = Allowance(5, account.clock() + timedelta(seconds=600))
    codes = [
        send(
            account, kaltura, external_ids, account.media.upload_grant(external_ids, WISH, allowance).token, b"x", at
        ).get("code")
        for at in range(8)
    ]
    assert codes == [None] * 5 + ["INVALID_KS"] * 3


# --- moderation --------------------------------------------------------------------------------------------------


@pytest.fixture
def moderated(account: KalturaTestAccount, kaltura: KalturaServer) -> KalturaTestAccount:
    """
    An account in which everything new waits for a moderator.
    """
    kaltura.control("POST", "settings", {"moderation": True})
    return account


def test_video_pending_moderation_behaves_as_any_other(moderated: KalturaTestAccount) -> None:
    account, begun_at = moderated, moderated.clock()
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    assert account.media.find_upload(REFERENCE, WISH) == external_ids
    account.upload(external_ids, Film.VIDEO)
    entry = account.administrator().baseEntry.get(external_ids["entryId"])
    assert int(entry.moderationStatus.getValue()) == PENDING

    (change,) = account.media.changes(begun_at - timedelta(seconds=1), 1).items

    assert (change.reference, change.observation.state) == (REFERENCE, MediaState.READY)
    assert change.observation == seen(account, external_ids)
    made = account.inventory.list_items(begun_at - timedelta(seconds=1), account.clock() + timedelta(seconds=1))
    assert [item.external_ids["entryId"] for item in made if not item.is_part] == [external_ids["entryId"]]


@pytest.mark.parametrize("film", [None, Film.VIDEO, Film.SLOW], ids=["before a byte", "ready", "while it is processed"])
def test_rejected_video_is_reported_and_restored_by_approval(moderated: KalturaTestAccount, film: Film | None) -> None:
    account, begun_at = moderated, moderated.clock()
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    if film is not None:
        account.upload(external_ids, film)
    before = seen(account, external_ids)

    account.administrator().media.reject(external_ids["entryId"])

    assert seen(account, external_ids) == Observation(MediaState.REJECTED)
    assert account.media.find_upload(REFERENCE, WISH) == external_ids
    if film is not None:
        (change,) = account.media.changes(begun_at - timedelta(seconds=1), 1).items
        assert change.observation.state is MediaState.REJECTED
    account.administrator().media.approve(external_ids["entryId"])
    assert seen(account, external_ids) == before


def test_rejected_video_is_deleted(moderated: KalturaTestAccount) -> None:
    """
    Another upload with the same reference may be rejected too.
    """
    account, begun_at = moderated, moderated.clock()
    first, second = (account.media.prepare_upload(REFERENCE, WISH) for _ in range(2))
    for external_ids in (first, second):
        account.administrator().media.reject(external_ids["entryId"])
    made = account.inventory.list_items(begun_at - timedelta(seconds=1), account.clock() + timedelta(seconds=1))
    assert {item.external_ids["entryId"] for item in made if not item.is_part} == {first["entryId"], second["entryId"]}

    for item in made:
        assert account.inventory.delete_item(item) == {}

    assert account.alive() == set()


@pytest.mark.parametrize("is_rejected", [False, True], ids=["pending", "rejected"])
def test_duplicates_are_found_in_every_moderation_state(moderated: KalturaTestAccount, *, is_rejected: bool) -> None:
    """
    The user of an upload has content if an entry of its reference has, and stays for the other entry.
    """
    account, begun_at = moderated, moderated.clock()
    kept, twin = (account.media.prepare_upload(REFERENCE, WISH) for _ in range(2))
    if is_rejected:
        account.administrator().media.reject(kept["entryId"])
    made = account.inventory.list_items(begun_at - timedelta(seconds=1), account.clock() + timedelta(seconds=1))
    (item,) = (one for one in made if one.external_ids.get("entryId") == twin["entryId"])
    (user,) = (one for one in made if one.is_part)

    assert account.inventory.delete_item(item) == {}

    account.upload(kept, Film.VIDEO)
    assert account.inventory.has_content(user)
    assert seen(account, kept).state is (MediaState.REJECTED if is_rejected else MediaState.READY)


def test_every_status_and_every_moderation_status_of_the_library_is_asked_for() -> None:
    from KalturaClient.Plugins.Core import KalturaEntryModerationStatus, KalturaEntryStatus

    def values(enumeration: Any) -> set[str]:
        return {str(value) for name, value in vars(enumeration).items() if name.isupper()}

    assert set(mapping.MODERATED.split(",")) == values(KalturaEntryModerationStatus)
    assert set(mapping.ALIVE.split(",")) == values(KalturaEntryStatus) - {mapping.DELETED}


# --- pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "webp", "bmp"])
def test_picture_named_as_video_is_never_ready(
    account: KalturaTestAccount, kaltura: KalturaServer, tmp_path: Path, ending: str
) -> None:
    """
    Kaltura passes any source to its converter, and may call the result ready.
    """
    picture = tmp_path / f"picture.{ending}"
    still = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=64x48:rate=5:duration=1",
        *([] if ending == "gif" else ["-frames:v", "1"]),
    ]
    subprocess.run(["ffmpeg", "-loglevel", "error", *still, str(picture)], check=True, timeout=60)
    external_ids = account.media.prepare_upload(REFERENCE, UploadSpec("A film", "f.mp4", picture.stat().st_size))
    kaltura.control("POST", "clock", {"ready": "at_once"})
    allowance = Allowance(20, account.clock() + timedelta(seconds=600))
    answer = kaltura.http.post(
        account.media.upload_grant(external_ids, WISH, allowance).url,
        data={
            "ks": account.media.upload_grant(external_ids, WISH, allowance).token,
            "uploadTokenId": external_ids["uploadTokenId"],
            "format": "1",
        },
        files={"fileData": ("f.mp4", picture.read_bytes())},
    )
    assert answer.json()["objectType"] == "KalturaUploadToken", answer.text

    told = seen(account, external_ids)

    assert told.state in (MediaState.READY, MediaState.ERROR)
    assert not told.type_is_verified
    assert not (told.duration_s and told.size_bytes and told.is_video and (told.media_type or "").startswith("video/"))


def test_image_entry_is_never_reported_as_video(account: KalturaTestAccount, kaltura: KalturaServer) -> None:
    """
    A picture has a width too, and another system may have given it a duration.
    """
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.upload(external_ids, Film.VIDEO)
    assert seen(account, external_ids).is_video
    fields = {"kind": "entries", "id": external_ids["entryId"], "fields": {"mediaType": int(mapping.PICTURE)}}
    kaltura.control("POST", "change", fields)
    assert not seen(account, external_ids).is_video


def test_a_length_and_a_size_that_kaltura_does_not_know_are_unknown(
    account: KalturaTestAccount, kaltura: KalturaServer
) -> None:
    """
    A length or size of 0 is unknown, so that the policy refuses the video.
    """
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.upload(external_ids, Film.VIDEO)
    (source,) = (one for one in kaltura.control("GET", "things")["flavorAssets"] if one["flavorParamsId"] == 0)
    unknown = {"entries": (external_ids["entryId"], ("msDuration", "duration")), "flavorAssets": (source["id"], SIZES)}
    for kind, (thing_id, names) in unknown.items():
        fields = dict.fromkeys(names, 0)
        kaltura.control("POST", "change", {"kind": kind, "id": thing_id, "fields": fields})
    told = seen(account, external_ids)
    assert (told.state, told.size_bytes) == (MediaState.READY, None)
    assert not told.duration_s
