"""Tokens of Bunny's CDN, as their makers have published them."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.providers.bunny.signing import directory_token


def test_a_token_is_the_one_that_its_makers_have_published() -> None:
    # BunnyWay/BunnyCDN.TokenAuthentication, e2e/vectors.json, path_only: made with "SecurityKey" for "/abc".
    told = directory_token("SecurityKey", "/abc", datetime.fromtimestamp(1_598_024_587.9, UTC))

    assert told == ("bcdn_token=HS256-uVZvT3SbEoVKYJyDJgbcsDmSFf73cv-uNUVaJiKWpbQ&token_path=%2Fabc&expires=1598024587")
