"""The setting HOSTS as an operator writes it: what is understood, and what each mistake is told."""

from __future__ import annotations

import json
import math
from typing import Any, Final

import pytest

from functions.hosting import read_table
from shared.core.errors import Misconfigured
from shared.hosts.table import Terms
from shared.providers.bunny import settings as bunny
from shared.providers.s3 import settings as s3

PROVIDERS: Final = ("kaltura",)
OWN: Final = {
    "name": "own",
    "kind": "s3",
    "pricePerGb": 0,
    "mbpsMax": 800,
    "url": "https://media.example.com/",
    "bucket": "videos",
    "accessKey": "reader",
    "secretKey": "the secret of the store",
}
BUNNY: Final = {
    "name": "bunny",
    "kind": "bunny",
    "pricePerGb": 0.005,
    "libraryId": "133",
    "apiKey": "the key of the library",
    "playbackUrl": "https://vz-1.b-cdn.net",
    "tokenKey": "the key of the tokens",
}


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {one: value for one, value in row.items() if one != name}


def test_a_table_with_a_provider_and_hosts_of_both_kinds() -> None:
    rows = read_table(json.dumps([OWN, BUNNY, {"name": "kaltura", "pricePerGb": 0.1}]), PROVIDERS)

    assert [(row.name, type(row.host), row.terms) for row in rows] == [
        ("own", s3.Settings, Terms(0.0, 800.0)),
        ("bunny", bunny.Settings, Terms(0.005)),
        ("kaltura", type(None), Terms(0.1)),
    ]
    assert rows[0].host == s3.Settings(
        url="https://media.example.com",
        bucket="videos",
        access_key="reader",
        secret_key="the secret of the store",
        region="us-east-1",
    )
    assert rows[1].host == bunny.Settings(
        library_id="133",
        api_key="the key of the library",
        playback_url="https://vz-1.b-cdn.net",
        token_key="the key of the tokens",
        url="https://video.bunnycdn.com",
    )
    assert "the secret" not in repr(rows)
    assert "the key" not in repr(rows)


@pytest.mark.parametrize("around", ["{}\n", " {}\r\n", "\ufeff{}", '"{}"', "\u200e{}\u200b"], ids=ascii)
def test_surrounding_whitespace_is_stripped(around: str) -> None:
    """B7"""
    written = {one: around.format(BUNNY[one]) for one in ("libraryId", "apiKey", "playbackUrl", "tokenKey")}
    assert read_table(json.dumps([BUNNY | written]), PROVIDERS) == read_table(json.dumps([BUNNY]), PROVIDERS)


@pytest.mark.parametrize("price", [{}, {"pricePerGb": 10**400}], ids=["no price", "more than can be counted"])
def test_a_row_without_a_price_to_count_with_comes_last(price: dict[str, int]) -> None:
    (row,) = read_table(json.dumps([_without(OWN, "pricePerGb") | price | {"mbpsMax": None}]), PROVIDERS)

    assert row.terms == Terms(math.inf, None)


MISTAKES: dict[str, tuple[Any, str]] = {
    "no json": ("[{", "not valid JSON"),
    "no list": ({"own": OWN}, "not a list of hosts"),
    "an empty list": ([], "not a list of hosts"),
    "a row that is none": (["own"], "Row 1 of HOSTS must be a JSON object"),
    "no name": ([_without(OWN, "name")], "Row 1 of HOSTS needs a name"),
    "a name for nobody": ([OWN | {"name": "Own-1"}], "Row 1 of HOSTS needs a name"),
    "a name in another script": ([OWN | {"name": "ħost"}], "Row 1 of HOSTS needs a name"),
    "B7 a key of two lines": ([BUNNY | {"apiKey": "geheim\ngeheim"}], "apiKey must be one line of ASCII characters"),
    "B7 a key in another script": ([OWN | {"secretKey": "gehéim"}], "secretKey must be one line of ASCII characters"),
    "B7 a key of nothing": ([OWN | {"secretKey": "\n"}], "needs a text in secretKey"),
    "twice": ([OWN, OWN], "two rows with the name own"),
    "no kind": ([_without(OWN, "kind")], "The row own of HOSTS has no kind"),
    "another kind": ([OWN | {"kind": "ftp"}], "has the wrong kind"),
    "a kind that is no text": ([OWN | {"kind": ["s3"]}], "has the wrong kind"),
    "a provider with a kind": ([OWN | {"name": "cloudflare"}], "leave it out for a provider"),
    "a provider that is not here": ([{"name": "cloudflare"}], "has no kind"),
    "a missing text": ([_without(BUNNY, "tokenKey")], "needs a text in tokenKey"),
    "an empty text": ([BUNNY | {"apiKey": ""}], "needs a text in apiKey"),
    "a number for a text": ([BUNNY | {"libraryId": 133}], "needs a text in libraryId"),
    "an unknown field": ([OWN | {"path": "x"}], "has unknown fields: path"),
    "a field of the other kind": ([OWN | {"tokenKey": "x"}], "has unknown fields: tokenKey"),
    "an address that is none": ([OWN | {"url": "media example com"}], "url must be an address"),
    "an address with a query": ([OWN | {"url": "https://media.example.com/?x=1"}], "url must be an address"),
    "a price below nothing": ([OWN | {"pricePerGb": -1}], "pricePerGb must be a number"),
    "a price that is text": ([OWN | {"pricePerGb": "0"}], "pricePerGb must be a number"),
    "a price that is yes": ([OWN | {"pricePerGb": True}], "pricePerGb must be a number"),
    "no bandwidth at all": ([OWN | {"mbpsMax": 0}], "mbpsMax must be a number"),
}


@pytest.mark.parametrize(("told", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_each_invalid_row_is_reported_without_secrets(told: Any, sentence: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        read_table(told if isinstance(told, str) else json.dumps(told), PROVIDERS)

    assert sentence in str(refused.value)
    assert "the secret" not in str(refused.value)
    assert "the key" not in str(refused.value)


@pytest.mark.parametrize(
    "host", ["media.example.com", "10.0.0.1", "localhost.example.com", "127.0.0.1.nip.io", "[::2]"]
)
@pytest.mark.parametrize("one", ["url", "playbackUrl"])
def test_an_address_over_which_keys_would_travel_in_the_clear_is_refused(one: str, host: str) -> None:
    """`http://` hosts are refused (below table A)."""
    with pytest.raises(Misconfigured, match=f"{one} must begin with https://, because secrets are sent there"):
        read_table(json.dumps([BUNNY | {one: f"http://{host}:8080/path"}]), PROVIDERS)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_this_machine_needs_no_https(host: str) -> None:
    (row,) = read_table(json.dumps([OWN | {"url": f"http://{host}:9000/"}]), PROVIDERS)

    assert isinstance(row.host, s3.Settings)
    assert row.host.url == f"http://{host}:9000"


@pytest.mark.parametrize("url", ["http://someone@127.0.0.1", "http://127.0.0.1@evil.example", "http://127.0.0.1#.evil"])
def test_an_address_that_only_looks_like_this_machine_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        read_table(json.dumps([OWN | {"url": url}]), PROVIDERS)


def test_no_number_at_all_is_no_price() -> None:
    with pytest.raises(Misconfigured):
        read_table(json.dumps([OWN]).replace("800", "NaN"), PROVIDERS)
