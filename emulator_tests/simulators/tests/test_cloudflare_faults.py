"""Faults and the reset of the Cloudflare simulator."""

from __future__ import annotations

import json
from typing import Any

import cloudflare as sdk
import pytest

from emulator_tests.simulators.tests.cloudflare_server import ACCOUNT_ID, CloudflareServer
from emulator_tests.simulators.tests.served import wait_until


def _made(cloudflare: CloudflareServer, count: int, **more: Any) -> list[str]:
    return [cloudflare.create(10, {"name": f"film {number}"}, **more)["stream-media-id"] for number in range(count)]


def _listed(cloudflare: CloudflareServer, **asked: Any) -> list[str]:
    return [str(each.uid) for each in cloudflare.sdk.stream.list(account_id=ACCOUNT_ID, **asked)]


def _fault(cloudflare: CloudflareServer, kind: str, operation: str = "create", **more: Any) -> None:
    cloudflare.control("POST", "faults", kind=kind, match={"operation": operation}, **more)


FAULTS: dict[str, tuple[dict[str, Any], type[Exception] | None, int]] = {
    "not done, 503": ({"kind": "status", "status": 503}, sdk.InternalServerError, 0),
    "done, 503": ({"kind": "status", "status": 503, "commits": True}, sdk.InternalServerError, 1),
    "a page instead": ({"kind": "html"}, sdk.InternalServerError, 0),
    "the line breaks before": ({"kind": "drop_before"}, sdk.APIConnectionError, 0),
    "the line breaks after": ({"kind": "drop_after_commit"}, sdk.APIConnectionError, 1),
    "throttled": ({"kind": "throttle", "after_s": 7}, sdk.RateLimitError, 0),
    "done twice": ({"kind": "duplicate"}, None, 2),
}


@pytest.mark.parametrize(("fault", "error", "made"), FAULTS.values(), ids=FAULTS)
def test_a_fault_strikes_once_and_leaves_what_it_says(
    cloudflare: CloudflareServer, fault: dict[str, Any], error: type[Exception] | None, made: int
) -> None:
    cloudflare.control("POST", "faults", match={"operation": "create"}, **fault)

    if error is None:
        cloudflare.create(10)
    else:
        with pytest.raises(error):
            cloudflare.create(10)

    assert len(_listed(cloudflare)) == made
    cloudflare.create(10)
    assert len(_listed(cloudflare)) == made + 1


def test_delayed_request_takes_effect_at_its_time(cloudflare: CloudflareServer) -> None:
    _fault(cloudflare, "late_commit", after_s=3600)
    with pytest.raises(sdk.APIConnectionError):
        cloudflare.create(10)
    assert _listed(cloudflare) == []

    cloudflare.control("POST", "clock", advance_s=3601)

    wait_until(lambda: len(_listed(cloudflare)) == 1)


def test_lists_lag_and_answers_are_cut_short_and_late(cloudflare: CloudflareServer) -> None:
    (uid,) = _made(cloudflare, 1)
    _fault(cloudflare, "list_lag", "list", after_s=60)
    assert _listed(cloudflare) == []
    assert _listed(cloudflare) == [uid]
    _fault(cloudflare, "truncated", "get")
    cut = cloudflare.sdk.stream.with_raw_response.get(uid, account_id=ACCOUNT_ID).http_response
    with pytest.raises(ValueError, match=r"JSON|delimiter|Unterminated|Expecting"):
        json.loads(cut.content)
    _fault(cloudflare, "empty", "get")
    assert cloudflare.sdk.stream.with_raw_response.get(uid, account_id=ACCOUNT_ID).http_response.content == b""
    _fault(cloudflare, "delay", "get", after_s=0.3)
    assert cloudflare.sdk.stream.with_raw_response.get(uid, account_id=ACCOUNT_ID).elapsed.total_seconds() >= 0.3


def test_a_reset_leaves_nothing_but_the_keys(cloudflare: CloudflareServer) -> None:
    _made(cloudflare, 2)
    cloudflare.sdk.stream.keys.create(account_id=ACCOUNT_ID)
    keys = cloudflare.control("GET", "things")["keys"]
    cloudflare.control("POST", "clock", advance_s=100)

    cloudflare.control("POST", "reset")

    things = cloudflare.control("GET", "things")
    assert (things["videos"], things["keys"], things["webhook"]) == ([], keys, None)
    assert cloudflare.control("GET", "clock")["offset_s"] == 0
    assert cloudflare.control("GET", "faults") == []
