"""Addresses that play with a permission do not play without one. The health check and `doctor` rely on that refusal."""

from __future__ import annotations

import pytest

from emulator_tests.contract.accounts import Account, Film
from shared.ports import MediaState, UploadSpec
from shared.providers.addresses import plays


@pytest.mark.parametrize("account", ["kaltura", "cloudflare"], indirect=True)
def test_without_its_permission_an_address_plays_nothing(account: Account) -> None:
    external_ids = account.media.prepare_upload("video:v1:1", UploadSpec("Algebra", "lecture.mp4", 1_000_000))
    account.upload(external_ids, Film.VIDEO)
    assert account.media.observe([external_ids])[0].state is MediaState.READY
    grant = account.media.playback_grant(external_ids, "student1", 600)
    assert (plays(grant.url), plays(grant.bare_url)) == (True, False)
    assert grant.token not in grant.bare_url
