"""Sessions limited to addresses, URIs and a number of actions at the Kaltura simulator."""

from __future__ import annotations

import http.client
import io
from typing import Any
from urllib.parse import urlsplit

import pytest
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import (
    KalturaUploadToken,
)

from emulator_tests.simulators.tests.kaltura_server import KalturaServer, mint

UPLOAD_URI = "/api_v3/service/uploadtoken/action/upload"


def refusal(call: Any, *arguments: Any, **named: Any) -> KalturaException:
    with pytest.raises(KalturaException) as caught:
        call(*arguments, **named)
    return caught.value


def test_an_actions_limit_counts_http_requests(kaltura: KalturaServer) -> None:
    client = kaltura.user("ann", "actionslimit:2")
    client.startMultiRequest()
    client.media.list()
    client.media.list()
    assert len(client.doMultiRequest()) == 2
    client.media.list()
    assert "EXCEEDED_ACTIONS_LIMIT" in refusal(client.media.list).message


def test_an_address_restriction_keeps_others_out(kaltura: KalturaServer) -> None:
    assert kaltura.user("ann", "iprestrict:10.0.0.1/127.0.0.1").media.list().totalCount == 0
    refused = refusal(kaltura.user("ann", "iprestrict:10.0.0.1").media.list)
    assert "EXCEEDED_RESTRICTED_IP" in refused.message


def raw(kaltura: KalturaServer, target: str) -> str:
    """Send a target exactly as it is; every client library would tidy it."""
    connection = http.client.HTTPConnection(urlsplit(kaltura.url).netloc, timeout=10)
    try:
        connection.putrequest("GET", target, skip_accept_encoding=True)
        connection.endheaders()
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_a_uri_restriction_confines_to_its_address(kaltura: KalturaServer) -> None:
    bound = f"urirestrict:{UPLOAD_URI}|{UPLOAD_URI}?*"
    token = kaltura.user("u1").uploadToken.add(KalturaUploadToken())
    client = kaltura.user("u1", bound)
    client.uploadToken.upload(token.id, ("a.mp4", io.BytesIO(b"x"), "video/mp4"))
    assert "EXCEEDED_RESTRICTED_URI" in refusal(client.media.list).message


@pytest.mark.parametrize("climb", ["/../../../media/action/list", "/%2e%2e/%2E%2E/../media/action/list"])
def test_only_a_pinned_uri_restriction_withstands_climbing_paths(kaltura: KalturaServer, climb: str) -> None:
    wide = mint("ann", 0, f"urirestrict:{UPLOAD_URI}*")
    pinned = mint("ann", 0, f"urirestrict:{UPLOAD_URI}|{UPLOAD_URI}?*")
    assert "<totalCount>0</totalCount>" in raw(kaltura, f"{UPLOAD_URI}{climb}/ks/{wide}")
    assert "EXCEEDED_RESTRICTED_URI" in raw(kaltura, f"{UPLOAD_URI}{climb}/ks/{pinned}")
    # The query may be appended, but it cannot choose another service.
    assert "MISSING_MANDATORY_PARAMETER" in raw(kaltura, f"{UPLOAD_URI}?service=media&action=list&ks={pinned}")
