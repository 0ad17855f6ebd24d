"""Sessions of viewers that are limited to addresses at the Kaltura simulator."""

from __future__ import annotations

from pathlib import Path

from KalturaClient.Plugins.Metadata import (
    KalturaMetadataFilter,
)

from emulator_tests.simulators.tests.kaltura_calls import error_of
from emulator_tests.simulators.tests.kaltura_content import (
    assert_refused,
    get,
    manifest,
    private_profile,
    ready_entry,
    role,
)
from emulator_tests.simulators.tests.kaltura_server import PARTNER_ID, KalturaServer, mint


def addresses(entry_id: str) -> list[str]:
    root = f"/p/{PARTNER_ID}"
    return [
        f"{root}/sp/{PARTNER_ID}00/playManifest/entryId/{entry_id}/format/applehttp/protocol/http/a.m3u8",
        f"{root}/sp/{PARTNER_ID}00/playManifest/entryId/{entry_id}/format/url/protocol/http/a.mp4",
        f"{root}/thumbnail/entry_id/{entry_id}/width/64",
    ]


def test_a_session_for_addresses_opens_these_and_nothing_else(kaltura: KalturaServer, video: Path) -> None:
    """A7: urirestrict is compared with the address as it came, kSessionBase::isValidUriRestrict."""
    shown, another = (ready_entry(kaltura, video, accessControlId=private_profile(kaltura)) for _ in range(2))
    own = addresses(shown.id)
    pinned = "|".join(f"{address}?*" for address in own)
    bare_role = role(kaltura, "metadata_metadata.list")
    ks = mint("student", 0, f"sview:{shown.id},setrole:{bare_role},urirestrict:{pinned}")
    for address in own:
        assert get(f"{kaltura.url}{address}?ks={ks}").content
    wide = own[0].replace("/format/applehttp", "/flavorIds/0/format/applehttp")
    for address in (*addresses(another.id), wide, own[2].replace("width/64", "width/640")):
        status = 404 if "playManifest" in address else 200
        assert_refused(get(f"{kaltura.url}{address}?ks={ks}"), 7, status)
    # What stands in the path wins, so the query chooses nothing.
    swapped = get(f"{kaltura.url}{own[1]}?ks={ks}&entryId={another.id}&format=download")
    assert swapped.content == video.read_bytes()
    assert_refused(get(manifest(kaltura, shown.id, ks=ks)), 7, 404)
    confined = kaltura.client(ks)
    for call, arguments in (
        (confined.baseEntry.get, (shown.id,)),
        (confined.metadata.metadata.list, (KalturaMetadataFilter(objectIdEqual=shown.id),)),
        (confined.session.get, ()),
    ):
        assert error_of(call, *arguments) == "INVALID_KS"


def test_a_restriction_to_a_path_lets_climbing_addresses_pass(kaltura: KalturaServer, video: Path) -> None:
    """A7: the KS in the path can be pinned by a prefix only; sview still holds the entry."""
    shown, another = (ready_entry(kaltura, video, accessControlId=private_profile(kaltura)) for _ in range(2))
    prefix = f"/p/{PARTNER_ID}/sp/{PARTNER_ID}00/playManifest/entryId/{shown.id}/*"
    ks = mint("student", 0, f"sview:{shown.id},urirestrict:{prefix}")
    assert get(manifest(kaltura, shown.id, ks=ks)).content == video.read_bytes()
    assert_refused(get(manifest(kaltura, another.id, ks=ks)), 7, 404)
