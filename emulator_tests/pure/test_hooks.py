"""The functions that providers call: what they answer where there is no account at that provider."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Request, Response
from werkzeug.test import create_environ

from functions.hooks import ADDRESSES, cloudflareHook, kalturaHook

HOOKS: dict[str, Callable[[Request], Response]] = {"kaltura": kalturaHook, "cloudflare": cloudflareHook}


def test_every_provider_that_tells_by_itself_has_a_function() -> None:
    assert {name: hook.__name__ for name, hook in HOOKS.items()} == ADDRESSES


@pytest.mark.parametrize("provider", ADDRESSES)
def test_where_there_is_no_account_whoever_calls_is_told_so_and_nothing_breaks(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    for name in ("KALTURA_PARTNER_ID", "CLOUDFLARE_ACCOUNT_ID"):
        monkeypatch.delenv(name, raising=False)
    environ = create_environ(method="POST", data=b'{"uid": "u"}', headers={"Webhook-Signature": "time=1,sig1=00"})

    answer = HOOKS[provider](Request(environ))

    assert (answer.status_code, answer.get_data(as_text=True)) == (404, "There is no account for this here.")
