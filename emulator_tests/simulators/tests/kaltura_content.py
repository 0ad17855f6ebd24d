"""Entries with videos, profiles and roles for tests of the Kaltura simulator; and addresses of what they play."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import requests
from KalturaClient.Plugins.Core import (
    KalturaAccessControlBlockAction,
    KalturaAccessControlProfile,
    KalturaAuthenticatedCondition,
    KalturaFilterPager,
    KalturaMediaEntry,
    KalturaMediaType,
    KalturaPermission,
    KalturaRule,
    KalturaStringValue,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
    KalturaUserRole,
)

from emulator_tests.simulators.tests.kaltura_server import PARTNER_ID, KalturaServer

#: What the data layer of Kaltura's player calls when it has a session.
PLAYER_CALLS = ("baseEntry.list", "baseEntry.getPlaybackContext", "metadata_metadata.list")


def ready_entry(kaltura: KalturaServer, file: Path, **fields: Any) -> Any:
    """An entry whose video has arrived; it is ready if the account's media are ready at once."""
    client = kaltura.admin()
    entry = client.media.add(KalturaMediaEntry(name="a lesson", mediaType=KalturaMediaType.VIDEO, **fields))
    token = client.uploadToken.add(KalturaUploadToken())
    client.media.addContent(entry.id, KalturaUploadedFileTokenResource(token=token.id))
    client.uploadToken.upload(token.id, ("lesson.mp4", io.BytesIO(file.read_bytes()), "video/mp4"))
    return client.media.get(entry.id)


def private_profile(kaltura: KalturaServer) -> int:
    """An access control profile whose entries are seen with `sview` only."""
    demands_ks = KalturaRule(
        conditions=[KalturaAuthenticatedCondition(not_=True, privileges=[KalturaStringValue(value="sview")])],
        actions=[KalturaAccessControlBlockAction()],
    )
    profile = KalturaAccessControlProfile(name="members", rules=[demands_ks])
    return int(kaltura.admin().accessControlProfile.add(profile).id)


def manifest(kaltura: KalturaServer, entry_id: str, kind: str = "url", ks: str = "") -> str:
    """The address that an entry is played from."""
    session = f"/ks/{ks}" if ks else ""
    place = f"{kaltura.url}/p/{PARTNER_ID}/sp/{PARTNER_ID}00/playManifest/entryId/{entry_id}"
    return f"{place}/format/{kind}/protocol/http{session}/a.m3u8"


def get(url: str, **headers: str) -> requests.Response:
    """Fetch an address."""
    return requests.get(url, headers=headers, timeout=20)


def assert_refused(answer: requests.Response, number: int, status: int = 200) -> None:
    """An address answered with nothing but the number of an error."""
    refusal = (answer.status_code, answer.content, answer.headers["X-Kaltura"])
    assert refusal == (status, b"", f"error-{number}")


def role(kaltura: KalturaServer, *addresses: str) -> int:
    """A role that holds some actions, written `service.action`, and nothing else."""
    client = kaltura.admin()
    pager = KalturaFilterPager(pageSize=500)
    items = {f"{each.service}.{each.action}": each.id for each in client.permissionItem.list(None, pager).objects}
    numbers = ",".join(str(items[each.lower()]) for each in addresses)
    permission = KalturaPermission(name="OWN_PERMISSION", permissionItemsIds=numbers)
    client.permission.add(permission)
    added = client.userRole.add(KalturaUserRole(name="own", systemName="own", permissionNames="OWN_PERMISSION"))
    return int(added.id)
