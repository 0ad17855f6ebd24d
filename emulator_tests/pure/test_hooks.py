"""The functions that providers call: what they answer where there is no account at that provider."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from flask import Request, Response
from werkzeug.test import create_environ

from functions.edge.request import WEBHOOK_MAX_BYTES
from functions.hooks import ADDRESSES, cloudflareHook, kalturaHook

HOOKS: dict[str, Callable[[Request], Response]] = {"kaltura": kalturaHook, "cloudflare": cloudflareHook}


def test_every_provider_that_tells_by_itself_has_a_function() -> None:
    assert {name: webhook.__name__ for name, webhook in HOOKS.items()} == ADDRESSES


@pytest.mark.parametrize("provider", ADDRESSES)
def test_webhook_without_an_account_is_refused(monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    for name in ("KALTURA_PARTNER_ID", "CLOUDFLARE_ACCOUNT_ID"):
        monkeypatch.delenv(name, raising=False)
    environ = create_environ(method="POST", data=b'{"uid": "u"}', headers={"Webhook-Signature": "time=1,sig1=00"})

    answer = HOOKS[provider](Request(environ))

    assert (answer.status_code, answer.get_data(as_text=True)) == (
        404,
        "This deployment has no account at this provider.",
    )


@pytest.mark.parametrize("provider", ADDRESSES)
@pytest.mark.parametrize(
    ("length", "sentence"),
    [
        pytest.param(str(WEBHOOK_MAX_BYTES + 1), "The request is too large: send at most 1024 KiB.", id="A4 too large"),
        pytest.param(
            None, "Send the request in one piece, with its length in a Content-Length header.", id="A4 chunks"
        ),
    ],
)
def test_a_body_is_refused_before_it_is_read(provider: str, length: str | None, sentence: str) -> None:
    environ = create_environ(method="POST")
    environ.pop("CONTENT_LENGTH", None)
    more = {"HTTP_TRANSFER_ENCODING": "chunked"} if length is None else {"CONTENT_LENGTH": length}
    stream = BytesIO(b"x" * 10)

    answer = HOOKS[provider](Request({**environ, **more, "wsgi.input": stream, "wsgi.input_terminated": True}))

    assert (answer.status_code, answer.get_data(as_text=True)) == (400, sentence)
    assert stream.read() == b"", "what nobody wants is thrown away"
