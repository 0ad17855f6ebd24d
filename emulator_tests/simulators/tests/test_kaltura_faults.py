"""Faults at the Kaltura simulator: errors, cut connections, late, repeated and broken answers, lists that lag."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import requests
from KalturaClient.exceptions import KalturaClientException
from KalturaClient.Plugins.Core import (
    KalturaMediaEntry,
    KalturaMediaEntryFilter,
    KalturaUploadToken,
)

from emulator_tests.simulators.tests.kaltura_calls import error_of, video_entry
from emulator_tests.simulators.tests.kaltura_server import KalturaServer, mint
from emulator_tests.simulators.tests.served import wait_until


def test_errors_and_throttling_strike_as_told(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    kaltura.control("POST", "faults", kind="throttle", match={"service": "media", "action": "add", "nth": 2})
    kaltura.control("POST", "faults", kind="error", code="INTERNAL_DATABASE_ERROR", match={"action": "list"})
    client.media.add(video_entry())
    assert error_of(client.media.add, video_entry()) == "ACTION_BLOCKED"
    client.media.add(video_entry())
    assert error_of(client.media.list) == "INTERNAL_DATABASE_ERROR"
    client.media.list()
    assert len(kaltura.things("entries")) == 2


def connection_fails(call: Any, *arguments: Any) -> None:
    with pytest.raises(KalturaClientException) as caught:
        call(*arguments)
    assert caught.value.code == KalturaClientException.ERROR_CONNECTION_FAILED


def test_a_connection_can_be_cut_before_and_after_the_work(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    kaltura.control("POST", "faults", kind="drop_before", match={"service": "media", "action": "add"})
    connection_fails(client.media.add, video_entry(referenceId="before"))
    kaltura.control("DELETE", "faults")
    kaltura.control("POST", "faults", kind="drop_after_commit", match={"service": "media", "action": "add"})
    connection_fails(client.media.add, video_entry(referenceId="after"))
    assert [each["referenceId"] for each in kaltura.things("entries")] == ["after"]


def test_work_can_be_done_late_or_twice(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    kaltura.control("POST", "faults", kind="late_commit", after_s=0.3, match={"service": "media", "action": "add"})
    connection_fails(client.media.add, video_entry(referenceId="late"))
    assert kaltura.things("entries") == []
    wait_until(lambda: bool(kaltura.things("entries")))
    kaltura.control("DELETE", "faults")
    kaltura.control("POST", "faults", kind="duplicate", match={"service": "media", "action": "add"})
    client.media.add(video_entry(referenceId="twice"))
    assert sorted(each["referenceId"] for each in kaltura.things("entries")) == ["late", "twice", "twice"]


def test_an_upload_done_twice_is_the_same_file(kaltura: KalturaServer, video: Path) -> None:
    client = kaltura.admin()
    token = client.uploadToken.add(KalturaUploadToken())
    kaltura.control("POST", "faults", kind="duplicate", match={"service": "uploadtoken", "action": "upload"})
    chunk = ("a.mp4", io.BytesIO(video.read_bytes()), "video/mp4")
    client.uploadToken.upload(token.id, chunk, finalChunk=False)
    assert client.uploadToken.get(token.id).uploadedFileSize == video.stat().st_size


@pytest.mark.parametrize(
    ("fault", "exists"),
    [({"kind": "html"}, 0), ({"kind": "empty"}, 0), ({"kind": "html", "commits": True}, 1), ({"kind": "truncated"}, 1)],
    ids=["a proxy's page", "nothing", "a proxy's page after the work", "half an answer"],
)
def test_broken_answers(kaltura: KalturaServer, fault: dict[str, Any], exists: int) -> None:
    kaltura.control("POST", "faults", match={"service": "media", "action": "add"}, **fault)
    form = {"service": "media", "action": "add", "entry:mediaType": "1", "ks": mint("ann", 2)}
    answer = requests.post(f"{kaltura.url}/api_v3/", data=form, timeout=10)
    assert not answer.text.endswith("</xml>")
    assert len(kaltura.things("entries")) == exists


def test_a_good_answer_can_come_with_a_bad_status(kaltura: KalturaServer) -> None:
    kaltura.control("POST", "faults", kind="status", status=503, match={"service": "system"})
    answer = requests.get(f"{kaltura.url}/api_v3/service/system/action/ping", timeout=10)
    assert (answer.status_code, answer.text.startswith('<?xml version="1.0"')) == (503, True)


def test_lists_can_lag_behind_while_gets_do_not(kaltura: KalturaServer) -> None:
    client = kaltura.admin()
    old = client.media.add(video_entry(name="old"))
    kaltura.control("POST", "clock", advance_s=60)
    client.media.update(old.id, KalturaMediaEntry(name="changed"))
    fresh = client.media.add(video_entry())
    kaltura.control("POST", "faults", kind="list_lag", after_s=30, match={"action": "list", "times": 0})
    everything = KalturaMediaEntryFilter(statusEqual="7")
    assert [each.name for each in client.media.list(everything).objects] == ["old"]
    assert client.media.get(fresh.id).id == fresh.id
    kaltura.control("POST", "clock", advance_s=31)
    assert sorted(each.name for each in client.media.list(everything).objects) == ["a lesson", "changed"]
