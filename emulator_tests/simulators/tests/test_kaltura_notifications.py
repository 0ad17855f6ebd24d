"""HTTP notifications: cloned, signed on the exact body, sent again until they are taken."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import (
    KalturaMediaEntry,
    KalturaMediaType,
    KalturaStringValue,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
)
from KalturaClient.Plugins.EventNotification import (
    KalturaEventNotificationParameter,
    KalturaEventNotificationTemplateFilter,
    KalturaEventNotificationTemplateStatus,
)
from KalturaClient.Plugins.HttpNotification import (
    KalturaHttpNotificationDataFields,
    KalturaHttpNotificationTemplate,
    KalturaSecureHashingAlgo,
)

from emulator_tests.simulators.tests.kaltura_server import ADMIN_SECRET, KalturaServer
from emulator_tests.simulators.tests.listener import Listener, listening
from emulator_tests.simulators.tests.served import wait_until


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening("/hook?from=kaltura") as told:
        yield told


def active_template(client: Any, system_name: str, url: str, **fields: Any) -> Any:
    service = client.eventNotification.eventNotificationTemplate
    offered = service.listTemplates(KalturaEventNotificationTemplateFilter(systemNameEqual=system_name)).objects
    wanted = KalturaHttpNotificationTemplate(systemName=f"ours {system_name}", url=url, **fields)
    cloned = service.clone(offered[0].id, wanted)
    return service.updateStatus(cloned.id, KalturaEventNotificationTemplateStatus.ACTIVE)


def upload(client: Any, data: bytes) -> Any:
    wanted = KalturaMediaEntry(name="ü lesson", mediaType=KalturaMediaType.VIDEO, referenceId="ref-1")
    entry = client.media.add(wanted)
    token = client.uploadToken.add(KalturaUploadToken())
    client.media.addContent(entry.id, KalturaUploadedFileTokenResource(token=token.id))
    client.uploadToken.upload(token.id, ("lesson.mp4", io.BytesIO(data), "video/mp4"))
    return entry


def test_a_ready_entry_is_announced_with_a_signature_over_the_exact_body(
    kaltura: KalturaServer, video: Path, listener: Listener
) -> None:
    client = kaltura.admin()
    active_template(client, "HTTP_ENTRY_STATUS_EQUALS", listener.url)
    entry = upload(client, video.read_bytes())
    headers, body = listener.next()
    assert headers["X-KALTURA-HASH-ALGO"] == "sha1"
    assert headers["X-KALTURA-SIGNATURE"] == hashlib.sha1(ADMIN_SECRET.encode() + body).hexdigest()
    sent = json.loads(body)
    assert (sent["objectType"], sent["object"]["id"]) == ("KalturaHttpNotification", entry.id)
    assert (sent["object"]["status"], sent["object"]["referenceId"]) == (2, "ref-1")
    assert sent["templateSystemName"] == "ours HTTP_ENTRY_STATUS_EQUALS"


def test_a_trigger_for_failures_tells_of_failures_only(kaltura: KalturaServer, video: Path, listener: Listener) -> None:
    client = kaltura.admin()
    trigger = KalturaEventNotificationParameter(key="trigger_status", value=KalturaStringValue(value="-1"))
    active_template(
        client,
        "HTTP_ENTRY_STATUS_EQUALS",
        listener.url,
        userParameters=[trigger],
        secureHashingAlgo=KalturaSecureHashingAlgo.SHA_256,
    )
    upload(client, video.read_bytes())
    broken = upload(client, b"this is no video" * 100)
    headers, body = listener.next()
    assert json.loads(body)["object"]["id"] == broken.id
    assert headers["X-KALTURA-SIGNATURE"] == hashlib.sha256(ADMIN_SECRET.encode() + body).hexdigest()
    assert listener.arrived.empty()


def test_every_change_of_status_is_told_in_fields(kaltura: KalturaServer, video: Path, listener: Listener) -> None:
    client = kaltura.admin()
    active_template(client, "HTTP_ENTRY_STATUS_CHANGED", listener.url, data=KalturaHttpNotificationDataFields())
    entry = upload(client, video.read_bytes())
    bodies = sorted(listener.next()[1].decode() for _ in range(3))
    head = f"entry_id={entry.id}&entry_name=%C3%BC+lesson&entry_status="
    assert bodies == [f"{head}{status}&entry_reference_id=ref-1" for status in (0, 1, 2)]


def test_a_notification_that_is_not_taken_comes_again(kaltura: KalturaServer, video: Path, listener: Listener) -> None:
    kaltura.control("POST", "settings", notification_attempts=3, notification_retry_s=60)
    listener.statuses[:] = [500, 302, 204]
    client = kaltura.admin()
    active_template(client, "HTTP_ENTRY_STATUS_EQUALS", listener.url)
    upload(client, video.read_bytes())
    first = listener.next()
    # The next attempt is a minute off on the simulator's clock, once the answer to this one has been noted.
    wait_until(lambda: attempts(kaltura) == [1])
    kaltura.control("POST", "clock", advance_s=61)
    assert listener.next() == first
    wait_until(lambda: attempts(kaltura) == [2])
    kaltura.control("POST", "clock", advance_s=61)
    assert listener.next() == first
    wait_until(lambda: attempts(kaltura) == [])


def attempts(kaltura: KalturaServer) -> list[int]:
    """How often each pending notification was sent."""
    return [each["attempts"] for each in kaltura.things("notificationJobs")]


def test_a_disabled_template_tells_nothing(kaltura: KalturaServer, video: Path, listener: Listener) -> None:
    client = kaltura.admin()
    service = client.eventNotification.eventNotificationTemplate
    template = active_template(client, "HTTP_ENTRY_STATUS_EQUALS", listener.url)
    service.updateStatus(template.id, KalturaEventNotificationTemplateStatus.DISABLED)
    active_template(client, "HTTP_ENTRY_STATUS_CHANGED", listener.url)
    entry = upload(client, video.read_bytes())
    heard = [json.loads(listener.next()[1]) for _ in range(3)]
    assert {each["templateSystemName"] for each in heard} == {"ours HTTP_ENTRY_STATUS_CHANGED"}
    assert {each["object"]["id"] for each in heard} == {entry.id}


def test_partners_clone_templates_and_never_add_them(kaltura: KalturaServer) -> None:
    service = kaltura.admin().eventNotification.eventNotificationTemplate
    with pytest.raises(KalturaException) as caught:
        service.add(KalturaHttpNotificationTemplate(name="mine"))
    assert caught.value.code == "SERVICE_FORBIDDEN"
    cloned = service.clone(1, KalturaHttpNotificationTemplate(name="mine"))
    assert [each.id for each in service.list().objects] == [cloned.id]
    service.delete(cloned.id)
    assert service.list().totalCount == 0
