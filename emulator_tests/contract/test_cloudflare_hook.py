"""Cloudflare's webhook: which notifications are accepted, and what is read from them."""

from __future__ import annotations

import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from emulator_tests.contract.accounts import CloudflareTestAccount
from shared.core.errors import BadRequest, NotAllowed, Transient
from shared.ports import WebhookEvent
from shared.providers.cloudflare.webhooks import CloudflareWebhook

BODY = json.dumps({"uid": "6b9e68b07dfee8cc2d116e4c51d6a957", "meta": {"greenroom": "contract:video:v1:1"}}).encode()
URL = "http://127.0.0.1:9/cloudflareHook"


@pytest.fixture
def webhook(cloudflare_account: CloudflareTestAccount) -> CloudflareWebhook:
    """The webhook of an account whose notifications come to us."""
    found = CloudflareWebhook(cloudflare_account.provider_account)
    found.install(URL)
    cloudflare_account.control("DELETE", "requests")
    return found


def secret_of(account: CloudflareTestAccount) -> str:
    """Return the secret that signs the account's notifications."""
    return str(account.api("GET", "webhook")["secret"])


def asked(account: CloudflareTestAccount) -> int:
    """Return how often we asked the account about its webhook since it was created."""
    requests = account.control("GET", "requests")
    return sum(each["operation"] == "webhook" for each in requests)


def signed(body: bytes, account: CloudflareTestAccount, secret: str, ago_s: int = 0) -> dict[str, str]:
    """Return the headers of a notification."""
    at = int(account.clock().timestamp()) - ago_s
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"webhook-signature": f"time={at},sig1={signature}"}


def test_signed_webhook_is_attributed_to_its_deployment(
    cloudflare_account: CloudflareTestAccount, webhook: CloudflareWebhook
) -> None:
    account, secret = cloudflare_account, secret_of(cloudflare_account)
    told = {
        "contract:video:v1:1": WebhookEvent(("video:v1:1",)),
        "another-school:video:v1:1": WebhookEvent(elsewhere="another-school"),
        "something else": WebhookEvent(),
        "contract:video": WebhookEvent(("video",)),
    }

    for reference, expected in told.items():
        body = json.dumps({"uid": "u", "meta": {"greenroom": reference}}).encode()
        assert webhook.heard(signed(body, account, secret), body) == expected, reference
    by_creator = json.dumps({"uid": "u", "creator": "contract:video:v1:1", "meta": {}}).encode()
    assert webhook.heard(signed(by_creator, account, secret), by_creator) == WebhookEvent(("video:v1:1",))


FORGERIES: dict[str, tuple[str | None, int, str]] = {
    "with another secret": ("another", 0, "this account's secret"),
    "too long ago": (None, 301, "too long ago"),
    "too far ahead": (None, -301, "too long ago"),
}


@pytest.mark.parametrize(("secret", "ago_s", "why"), FORGERIES.values(), ids=FORGERIES)
def test_webhook_with_other_signature_scheme_is_refused(
    cloudflare_account: CloudflareTestAccount, webhook: CloudflareWebhook, secret: str | None, ago_s: int, why: str
) -> None:
    headers = signed(BODY, cloudflare_account, secret or secret_of(cloudflare_account), ago_s)
    with pytest.raises(NotAllowed, match=why):
        webhook.heard(headers, BODY)


@pytest.mark.parametrize(
    "header", ["", "time=,sig1=", "sig1=00", "time=1e9,sig1=" + "0" * 64, "time=1,sig1=" + "Z" * 64, "x" * 10_000]
)
def test_unsigned_webhook_is_refused_without_a_call(
    cloudflare_account: CloudflareTestAccount, webhook: CloudflareWebhook, header: str
) -> None:
    with pytest.raises(NotAllowed, match="is not signed"):
        webhook.heard({"webhook-signature": header}, BODY)
    assert asked(cloudflare_account) == 0


def test_webhook_signature_covers_body_and_time(
    cloudflare_account: CloudflareTestAccount, webhook: CloudflareWebhook
) -> None:
    headers = signed(BODY, cloudflare_account, secret_of(cloudflare_account), ago_s=10)
    at = headers["webhook-signature"].partition("=")[2].partition(",")[0]
    later = {"webhook-signature": headers["webhook-signature"].replace(at, str(int(at) + 1))}
    for changed in ((headers, BODY + b" "), (later, BODY)):
        with pytest.raises(NotAllowed):
            webhook.heard(*changed)
    assert webhook.heard(headers, BODY) == WebhookEvent(("video:v1:1",))


def test_webhook_secret_is_fetched_again_only_if_it_may_have_changed(
    cloudflare_account: CloudflareTestAccount, webhook: CloudflareWebhook
) -> None:
    account, secret = cloudflare_account, secret_of(cloudflare_account)
    account.control("DELETE", "requests")
    for _ in range(3):
        webhook.heard(signed(BODY, account, secret), BODY)
    assert asked(account) == 1

    webhook.remove()
    webhook.install(URL)
    changed = secret_of(account)
    account.control("DELETE", "requests")
    for _ in range(5):
        with pytest.raises(NotAllowed):
            webhook.heard(signed(BODY, account, changed), BODY)
    assert asked(account) == 0
    account.go_on(16)
    webhook.heard(signed(BODY, account, changed), BODY)
    assert asked(account) == 1


def test_webhook_is_retried_later_while_secret_is_unavailable(
    cloudflare_account: CloudflareTestAccount, webhook: CloudflareWebhook
) -> None:
    headers = signed(BODY, cloudflare_account, secret_of(cloudflare_account))
    cloudflare_account.control("DELETE", "requests")
    cloudflare_account.disturb({"kind": "drop_before", "match": {"operation": "webhook"}})
    for _ in range(5):
        with pytest.raises(Transient):
            webhook.heard(headers, BODY)
    assert asked(cloudflare_account) == 1

    cloudflare_account.go_on(16)
    assert webhook.heard(headers, BODY) == WebhookEvent(("video:v1:1",))
    assert asked(cloudflare_account) == 2


def test_20_forged_notifications_while_cloudflare_refuses_are_one_call(
    cloudflare_account: CloudflareTestAccount, webhook: CloudflareWebhook
) -> None:
    account = cloudflare_account
    account.disturb({"kind": "throttle", "after_s": 5, "match": {"operation": "webhook", "times": 0}})

    for _ in range(20):
        with pytest.raises(Transient):
            webhook.heard(signed(BODY, account, "forged"), BODY)
    assert asked(account) == 1
    # During the five seconds that Cloudflare asked for, no instance asks again. This instance also keeps to its own
    # pause.
    account.go_on(5)
    with pytest.raises(Transient):
        webhook.heard(signed(BODY, account, "forged"), BODY)
    assert asked(account) == 1


def test_notifications_that_come_at_once_ask_for_the_secret_once(
    cloudflare_account: CloudflareTestAccount, webhook: CloudflareWebhook
) -> None:
    headers = signed(BODY, cloudflare_account, secret_of(cloudflare_account))
    cloudflare_account.control("DELETE", "requests")

    with ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(lambda _: webhook.heard(headers, BODY), range(16)))

    assert heard == [WebhookEvent(("video:v1:1",))] * 16
    assert asked(cloudflare_account) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"uid": 5}', b"[" * 100_000, b"x" * 300_000])
def test_signed_but_malformed_webhook_is_refused(
    cloudflare_account: CloudflareTestAccount, webhook: CloudflareWebhook, body: bytes
) -> None:
    headers = signed(body, cloudflare_account, secret_of(cloudflare_account))
    with pytest.raises(BadRequest):
        webhook.heard(headers, body)


def test_webhook_of_another_service_is_not_replaced(webhook: CloudflareWebhook) -> None:
    assert list(webhook.install(URL)) == [URL]
    with pytest.raises(BadRequest, match=URL):
        webhook.install("http://127.0.0.1:9/elsewhere")
    with pytest.raises(BadRequest, match="Leave out --algorithm"):
        webhook.install(URL, "sha256")

    assert list(webhook.remove()) == [URL]
    assert list(webhook.remove()) == []
    assert webhook.address() is None
