"""A secret that a provider rejects: one alert, work that waits, and recovery without an operator."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from emulator_tests.contract.accounts import CloudflareTestAccount, KalturaServer, KalturaTestAccount
from shared.core.errors import SecretRejected, Transient
from shared.ports import Health, UploadSpec
from shared.providers.cloudflare.setup import CloudflareSetup
from shared.providers.cloudflare.webhooks import CloudflareWebhook
from shared.providers.kaltura.media import KalturaMedia
from shared.providers.secret import REJECTED_PAUSE_S, REMIND_S, SecretWatch

WISH = UploadSpec("Algebra", "lecture.mp4", 1_000_000)
ANOTHER = "f" * 32


def logged(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    told = capfd.readouterr()
    lines = [json.loads(line) for line in (told.err + told.out).splitlines() if line.startswith("{")]
    return [line for line in lines if "the secret" in line["message"]]


def rejected(do: Callable[[], object]) -> SecretRejected:
    with pytest.raises(SecretRejected) as refused:
        do()
    assert refused.value.retry_after_s == REJECTED_PAUSE_S
    assert "operator" in str(refused.value)
    return refused.value


def test_kaltura_rejects_a_secret_and_takes_it_again(kaltura: KalturaServer, capfd: pytest.CaptureFixture[str]) -> None:
    kaltura.control("POST", "reset")
    with closing(KalturaTestAccount(kaltura)) as test_account:
        account = replace(test_account.audience.account, _built={})
        media = KalturaMedia(account)
        media.prepare_upload("video:v1:1", WISH)
        kaltura.control("POST", "secret", {"adminSecret": ANOTHER})
        try:
            for _ in range(2):
                error = rejected(lambda: media.prepare_upload("video:v2:1", WISH))
            rejected(lambda: account.client.call(account.admin_ks(), lambda c: c.media.list()))
            assert (error.code, error.provider) == ("INVALID_KS", "kaltura")
            (alert,) = logged(capfd)
            assert (alert["severity"], alert["message"]) == ("ALERT", "provider rejects the secret")
            assert (alert["provider"], alert["setting"]) == ("kaltura", "KALTURA_ADMIN_SECRET")
            assert account.admin_secret not in json.dumps(alert)
        finally:
            kaltura.control("POST", "secret", {"adminSecret": kaltura.admin_secret})
        assert "entryId" in media.prepare_upload("video:v2:1", WISH)
        (accepted,) = logged(capfd)
        assert (accepted["severity"], accepted["message"]) == ("INFO", "provider accepts the secret")
        account.client.close()


@pytest.mark.parametrize("reason", ["a KS that is over", "a KS of the wrong type"])
def test_error_about_a_readable_ks_is_no_rejected_secret(
    kaltura: KalturaServer, capfd: pytest.CaptureFixture[str], reason: str
) -> None:
    kaltura.control("POST", "reset")
    with closing(KalturaTestAccount(kaltura)) as test_account:
        account = replace(test_account.audience.account, _built={})
        ks = account.admin_ks() if reason == "a KS that is over" else account.user_ks("ann", (), 60)
        if reason == "a KS that is over":
            kaltura.control("POST", "clock", {"advance_s": 3600})
        else:
            external_ids = KalturaMedia(account).prepare_upload("video:v1:1", WISH)
        entry_id = "1_abcdefgh" if reason == "a KS that is over" else external_ids["entryId"]
        with pytest.raises(Transient) as refused:
            account.client.call(ks, lambda c: c.media.delete(entry_id))
        assert (type(refused.value), refused.value.code) == (Transient, "INVALID_KS")
        assert logged(capfd) == []
        account.client.close()
    kaltura.control("POST", "reset")


def test_cloudflare_rejects_a_token_and_doctor_says_what_to_do(
    cloudflare_account: CloudflareTestAccount, capfd: pytest.CaptureFixture[str]
) -> None:
    with closing(cloudflare_account.as_seen_with(api_token="another-token-0123456789")) as other:
        error = rejected(lambda: other.media.prepare_upload("video:v1:1", WISH))
        (finding,) = CloudflareSetup(other.provider_account, CloudflareWebhook(other.provider_account)).check()
        (alert,) = logged(capfd)
    assert (error.code, error.provider) == ("UNAUTHORIZED", "cloudflare")
    assert (finding.what, finding.health) == ("Cloudflare account", Health.MISSING)
    assert finding.sentence.startswith("Cloudflare rejects CLOUDFLARE_API_TOKEN")
    assert (alert["severity"], alert["setting"]) == ("ALERT", "CLOUDFLARE_API_TOKEN")
    assert "another-token" not in json.dumps(alert)


def test_an_alert_is_repeated_each_hour_and_after_the_secret_was_accepted(capfd: pytest.CaptureFixture[str]) -> None:
    instants = iter([0.0, REMIND_S - 1, REMIND_S, REMIND_S + 1, REMIND_S + 2])
    watch = SecretWatch("kaltura", "Kaltura", "KALTURA_ADMIN_SECRET", now_s=lambda: next(instants))
    told = []
    for _ in range(4):
        watch.rejected("media.list", "INVALID_KS")
        told.append(len(logged(capfd)))
    assert told == [1, 0, 1, 0]
    watch.accepted()
    watch.accepted()
    watch.rejected("media.list", "INVALID_KS")
    assert [line["severity"] for line in logged(capfd)] == ["ALERT", "INFO"]
