"""Videos at Kaltura: bytes beyond the declared size, decisions of moderators, and files that are not videos."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator_tests.contract.accounts import Film, KalturaServer, KalturaSite
from shared.ports import Allowance, ExternalIds, MediaState, Observation, UploadSpec
from shared.providers.kaltura import mapping

REFERENCE = "video:v1:1"
WISH = UploadSpec("A lecture", "lecture.mp4", 1)

PENDING, REJECTED = 1, 3
SIZES = ("size", "sizeInBytes")


@pytest.fixture
def site(kaltura: KalturaServer) -> Iterator[KalturaSite]:
    """
    An empty account.
    """
    kaltura.control("POST", "reset")
    with closing(KalturaSite(kaltura)) as site:
        yield site


def seen(site: KalturaSite, external_ids: ExternalIds) -> Observation:
    (observation,) = site.media.observe([external_ids])
    return observation


def send(
    site: KalturaSite, kaltura: KalturaServer, external_ids: ExternalIds, ks: str, content: bytes, at: int = 0
) -> Any:
    """
    Send a chunk that is not the last, as a browser does.
    """
    fields = {"ks": ks, "uploadTokenId": external_ids["uploadTokenId"], "finalChunk": "false", "format": "1"}
    fields |= {"resume": str(at > 0).lower(), "resumeAt": str(at or -1)}
    url = site.media.upload_grant(external_ids, WISH, Allowance(20, site.clock() + timedelta(seconds=600))).url
    return kaltura.http.post(url, data=fields, files={"fileData": ("lecture.mp4", content)}).json()


# --- more bytes than declared ------------------------------------------------------------------------------------


def test_upload_larger_than_declared_is_reported_and_ends_with_its_token(
    site: KalturaSite, kaltura: KalturaServer
) -> None:
    """
    Kaltura itself accepts any number of bytes.
    """
    external_ids = site.media.prepare_upload(REFERENCE, WISH)
    grant = site.media.upload_grant(external_ids, WISH, Allowance(20, site.clock() + timedelta(seconds=600)))
    for at in range(3):
        answer = send(site, kaltura, external_ids, grant.token, b"x" * 1_000_000, at * 1_000_000)
        assert answer["uploadedFileSize"] == (at + 1) * 1_000_000

    (told,) = site.media.changes(site.clock(), 1, uploads=[external_ids]).uploads
    assert (told.state, told.received_bytes) == (MediaState.AWAITING_UPLOAD, 3_000_000)
    assert site.media.delete_media(external_ids) == {}

    assert send(site, kaltura, external_ids, grant.token, b"x", 3_000_000)["code"] == "INVALID_KS"
    assert site.alive() == set()


def test_received_size_is_reported_during_processing(site: KalturaSite) -> None:
    external_ids = site.media.prepare_upload(REFERENCE, WISH)
    site.upload(external_ids, Film.SLOW)

    told = seen(site, external_ids)

    assert told.state is MediaState.PROCESSING
    assert told.size_bytes is not None
    assert told.size_bytes > 10_000


def test_one_allowance_is_one_number_of_requests_however_often_its_token_is_made(
    site: KalturaSite, kaltura: KalturaServer
) -> None:
    """
    Kaltura counts the requests of a KS by its text.
    """
    external_ids = site.media.prepare_upload(REFERENCE, WISH)
    allowance = Allowance(5, site.clock() + timedelta(seconds=600))
    codes = [
        send(site, kaltura, external_ids, site.media.upload_grant(external_ids, WISH, allowance).token, b"x", at).get(
            "code"
        )
        for at in range(8)
    ]
    assert codes == [None] * 5 + ["INVALID_KS"] * 3


# --- moderation --------------------------------------------------------------------------------------------------


@pytest.fixture
def moderated(site: KalturaSite, kaltura: KalturaServer) -> KalturaSite:
    """
    An account in which everything new waits for a moderator.
    """
    kaltura.control("POST", "settings", {"moderation": True})
    return site


def test_video_pending_moderation_behaves_as_any_other(moderated: KalturaSite) -> None:
    site, begun_at = moderated, moderated.clock()
    external_ids = site.media.prepare_upload(REFERENCE, WISH)
    assert site.media.find_upload(REFERENCE, WISH) == external_ids
    site.upload(external_ids, Film.VIDEO)
    entry = site.administrator().baseEntry.get(external_ids["entryId"])
    assert int(entry.moderationStatus.getValue()) == PENDING

    (change,) = site.media.changes(begun_at - timedelta(seconds=1), 1).items

    assert (change.reference, change.observation.state) == (REFERENCE, MediaState.READY)
    assert change.observation == seen(site, external_ids)
    made = site.inventory.list_items(begun_at - timedelta(seconds=1), site.clock() + timedelta(seconds=1))
    assert [item.external_ids["entryId"] for item in made if not item.is_part] == [external_ids["entryId"]]


@pytest.mark.parametrize("film", [None, Film.VIDEO, Film.SLOW], ids=["before a byte", "ready", "while it is processed"])
def test_rejected_video_is_reported_and_restored_by_approval(moderated: KalturaSite, film: Film | None) -> None:
    site, begun_at = moderated, moderated.clock()
    external_ids = site.media.prepare_upload(REFERENCE, WISH)
    if film is not None:
        site.upload(external_ids, film)
    before = seen(site, external_ids)

    site.administrator().media.reject(external_ids["entryId"])

    assert seen(site, external_ids) == Observation(MediaState.REJECTED)
    assert site.media.find_upload(REFERENCE, WISH) == external_ids
    if film is not None:
        (change,) = site.media.changes(begun_at - timedelta(seconds=1), 1).items
        assert change.observation.state is MediaState.REJECTED
    site.administrator().media.approve(external_ids["entryId"])
    assert seen(site, external_ids) == before


def test_rejected_video_is_deleted(moderated: KalturaSite) -> None:
    """
    Another upload with the same reference may be rejected too.
    """
    site, begun_at = moderated, moderated.clock()
    first, second = (site.media.prepare_upload(REFERENCE, WISH) for _ in range(2))
    for external_ids in (first, second):
        site.administrator().media.reject(external_ids["entryId"])
    made = site.inventory.list_items(begun_at - timedelta(seconds=1), site.clock() + timedelta(seconds=1))
    assert {item.external_ids["entryId"] for item in made if not item.is_part} == {first["entryId"], second["entryId"]}

    for item in made:
        assert site.inventory.delete_item(item) == {}

    assert site.alive() == set()


@pytest.mark.parametrize("is_rejected", [False, True], ids=["pending", "rejected"])
def test_duplicates_are_found_in_every_moderation_state(moderated: KalturaSite, *, is_rejected: bool) -> None:
    """
    The user of an upload has content if an entry of its reference has, and stays for the other entry.
    """
    site, begun_at = moderated, moderated.clock()
    kept, twin = (site.media.prepare_upload(REFERENCE, WISH) for _ in range(2))
    if is_rejected:
        site.administrator().media.reject(kept["entryId"])
    made = site.inventory.list_items(begun_at - timedelta(seconds=1), site.clock() + timedelta(seconds=1))
    (item,) = (one for one in made if one.external_ids.get("entryId") == twin["entryId"])
    (user,) = (one for one in made if one.is_part)

    assert site.inventory.delete_item(item) == {}

    site.upload(kept, Film.VIDEO)
    assert site.inventory.has_content(user)
    assert seen(site, kept).state is (MediaState.REJECTED if is_rejected else MediaState.READY)


def test_every_status_and_every_moderation_status_of_the_library_is_asked_for() -> None:
    from KalturaClient.Plugins.Core import KalturaEntryModerationStatus, KalturaEntryStatus

    def values(enumeration: Any) -> set[str]:
        return {str(value) for name, value in vars(enumeration).items() if name.isupper()}

    assert set(mapping.MODERATED.split(",")) == values(KalturaEntryModerationStatus)
    assert set(mapping.ALIVE.split(",")) == values(KalturaEntryStatus) - {mapping.DELETED}


# --- pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "webp", "bmp"])
def test_picture_named_as_video_is_never_ready(
    site: KalturaSite, kaltura: KalturaServer, tmp_path: Path, ending: str
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
    external_ids = site.media.prepare_upload(REFERENCE, UploadSpec("A film", "f.mp4", picture.stat().st_size))
    kaltura.control("POST", "clock", {"ready": "at_once"})
    allowance = Allowance(20, site.clock() + timedelta(seconds=600))
    answer = kaltura.http.post(
        site.media.upload_grant(external_ids, WISH, allowance).url,
        data={
            "ks": site.media.upload_grant(external_ids, WISH, allowance).token,
            "uploadTokenId": external_ids["uploadTokenId"],
            "format": "1",
        },
        files={"fileData": ("f.mp4", picture.read_bytes())},
    )
    assert answer.json()["objectType"] == "KalturaUploadToken", answer.text

    told = seen(site, external_ids)

    assert told.state in (MediaState.READY, MediaState.ERROR)
    assert not told.type_is_verified
    assert not (told.duration_s and told.size_bytes and told.is_video and (told.media_type or "").startswith("video/"))


def test_image_entry_is_never_reported_as_video(site: KalturaSite, kaltura: KalturaServer) -> None:
    """
    A picture has a width too, and another system may have given it a duration.
    """
    external_ids = site.media.prepare_upload(REFERENCE, WISH)
    site.upload(external_ids, Film.VIDEO)
    assert seen(site, external_ids).is_video
    fields = {"kind": "entries", "id": external_ids["entryId"], "fields": {"mediaType": int(mapping.PICTURE)}}
    kaltura.control("POST", "change", fields)
    assert not seen(site, external_ids).is_video


def test_a_length_and_a_size_that_kaltura_does_not_know_are_unknown(site: KalturaSite, kaltura: KalturaServer) -> None:
    """
    A length or size of 0 is unknown, so that the policy refuses the video.
    """
    external_ids = site.media.prepare_upload(REFERENCE, WISH)
    site.upload(external_ids, Film.VIDEO)
    (source,) = (one for one in kaltura.control("GET", "things")["flavorAssets"] if one["flavorParamsId"] == 0)
    unknown = {"entries": (external_ids["entryId"], ("msDuration", "duration")), "flavorAssets": (source["id"], SIZES)}
    for kind, (thing_id, names) in unknown.items():
        fields = dict.fromkeys(names, 0)
        kaltura.control("POST", "change", {"kind": kind, "id": thing_id, "fields": fields})
    told = seen(site, external_ids)
    assert (told.state, told.size_bytes) == (MediaState.READY, None)
    assert not told.duration_s
