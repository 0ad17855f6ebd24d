"""The viewer keys port, which ends the access of people: in memory, and at Kaltura."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from emulator_tests.contract.accounts import KalturaServer, KalturaTestAccount
from emulator_tests.memory import ManualClock, MemoryViewerKeys
from emulator_tests.simulators.kaltura.models.keys import decode as decode_ks
from shared.core.errors import ProviderError, SecretRejected, WrongState
from shared.ports import Allowance, ExternalIds, Grant, UploadGrant, UploadSpec, ViewerKeys
from shared.providers.kaltura.playback import KalturaViewerKeys

PARTS = {"entryId": "0_abcdefgh"}
WISH = UploadSpec("", "lecture.mp4", 1)


@dataclass(frozen=True, slots=True)
class Place:
    """
    An account, and something in it that can be watched.
    """

    keys: ViewerKeys
    external_ids: ExternalIds


@pytest.fixture(params=["memory", "kaltura"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """
    Each account that issues keys to viewers.
    """
    if request.param == "memory":
        yield Place(MemoryViewerKeys(ManualClock()), PARTS)
        return
    server: KalturaServer = request.getfixturevalue("kaltura")
    server.control("POST", "reset")
    test_account = KalturaTestAccount(server)
    with closing(test_account):
        external_ids = test_account.media.prepare_upload("video:v1:1", WISH)
        yield Place(KalturaViewerKeys(test_account.audience.account), external_ids)


def test_player_ks_belongs_to_one_viewer(place: Place) -> None:
    keys = [place.keys.player_key(place.external_ids, uid, 600, f"id-{uid}") for uid in ("ada", "grace")]
    assert keys[0].token != keys[1].token
    assert keys[0].token not in repr(keys[0])


def test_revocation_affects_only_its_ks(place: Place) -> None:
    assert not place.keys.is_ended("a")
    place.keys.end(["a", "b"])
    place.keys.end(["a"])
    assert [place.keys.is_ended(one) for one in ("a", "b", "c")] == [True, True, False]


def test_nothing_is_ended_with_a_wrong_secret(kaltura: KalturaServer) -> None:
    """A refusal because of an ended key counts as its end. A refusal because of a wrong secret does not."""
    kaltura.control("POST", "reset")
    test_account = KalturaTestAccount(kaltura)
    wrong = replace(test_account.audience.account, admin_secret="0" * 32, _built={})
    with closing(test_account), closing(wrong.client):
        with pytest.raises(SecretRejected):
            KalturaViewerKeys(wrong).end(["a"])
        assert not KalturaViewerKeys(test_account.audience.account).is_ended("a")


def test_unreachable_kaltura_revokes_nothing(kaltura: KalturaServer) -> None:
    kaltura.control("POST", "reset")
    with closing(KalturaTestAccount(kaltura)) as test_account:
        keys = KalturaViewerKeys(test_account.audience.account)
        kaltura.control("POST", "faults", {"kind": "drop_before", "match": {"service": "session", "action": "end"}})
        with pytest.raises(ProviderError):
            keys.end(["a"])
        assert not keys.is_ended("a")
        keys.end(["a"])
        assert keys.is_ended("a")


def _upload_key(test_account: KalturaTestAccount, external_ids: ExternalIds) -> UploadGrant:
    allowance = Allowance(5, test_account.clock() + timedelta(seconds=600))
    return test_account.media.upload_grant(external_ids, WISH, allowance)


def _addresses_key(test_account: KalturaTestAccount, external_ids: ExternalIds) -> Grant:
    return test_account.media.playback_grant(external_ids, "ada", 600, "an-id")


def _player_key(test_account: KalturaTestAccount, external_ids: ExternalIds) -> Grant:
    return KalturaViewerKeys(test_account.audience.account).player_key(external_ids, "ada", 600, "an-id")


PLAY, THUMBNAIL = "/p/{partner}/sp/{partner}00/playManifest/entryId/{entry}", "/p/{partner}/thumbnail/entry_id/{entry}"
UPLOAD = "/api_v3/service/uploadtoken/action/upload"
MULTIREQUEST = "/api_v3/service/multirequest"


@pytest.mark.parametrize(
    ("make", "role", "paths", "user_id", "revocation_id"),
    [
        pytest.param(
            _addresses_key,
            "GREENROOM_ADDRESSES",
            [
                PLAY + "/format/applehttp/protocol/http/a.m3u8?*",
                PLAY + "/format/url/protocol/http/a.mp4?*",
                THUMBNAIL + "/width/640?*",
            ],
            "ada",
            "an-id",
            id="A7 addresses",
        ),
        pytest.param(
            _player_key,
            "GREENROOM_PLAYBACK",
            [MULTIREQUEST, MULTIREQUEST + "?*", PLAY + "/*", THUMBNAIL + "/*"],
            "watch-fdee430d40bd57deeac186cd9790033d0f06f909",
            "an-id",
            id="A7 player",
        ),
        pytest.param(
            _upload_key,
            "GREENROOM_UPLOAD",
            [UPLOAD, UPLOAD + "?*"],
            "upload-contract-video-v1-1",
            "upload-contract-video-v1-1",
            id="A7 upload",
        ),
    ],
)
def test_each_ks_is_confined_by_a_role_and_by_its_addresses_and_can_be_ended(
    kaltura: KalturaServer,
    make: Callable[[KalturaTestAccount, ExternalIds], Grant | UploadGrant],
    role: str,
    paths: list[str],
    user_id: str,
    revocation_id: str,
) -> None:
    """Either defence holds if the other fails, so an attack alone would not show that one of them is missing."""
    kaltura.control("POST", "reset")
    with closing(KalturaTestAccount(kaltura)) as test_account:
        external_ids = test_account.media.prepare_upload("video:v1:1", WISH)
        session = decode_ks(make(test_account, external_ids).token, kaltura.partner_id, [kaltura.admin_secret])

        assert session is not None
        (role_id,) = session.values("setrole")
        assert test_account.administrator().userRole.get(int(role_id)).systemName == role
        named = {"partner": kaltura.partner_id, "entry": external_ids["entryId"]}
        assert (session.value("urirestrict") or "").split("|") == [path.format(**named) for path in paths]
        assert session.values("sessionid") == [revocation_id]
        assert (session.user_id, session.is_admin) == (user_id, False)
        assert not {"edit", "list", "enableentitlement", "disableentitlement"} & {
            one.partition(":")[0] for one in session.privileges.split(",")
        }


def test_an_account_that_lets_nobody_make_roles_gives_out_no_key_and_its_addresses_play(
    kaltura: KalturaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log says in words that the fallback is in use."""
    kaltura.control("POST", "reset")
    kaltura.control("POST", "settings", {"forbidden_services": ["permission", "userrole"]})
    with closing(KalturaTestAccount(kaltura)) as test_account:
        account = test_account.audience.account
        external_ids = test_account.media.prepare_upload("video:v1:1", WISH)
        for _ in range(2):
            with pytest.raises(WrongState, match="does not allow new roles"):
                KalturaViewerKeys(account).player_key(external_ids, "ada", 600, "an-id")
        assert test_account.media.playback_grant(external_ids, "ada", 600).token
    told = capsys.readouterr().out
    for role in ("GREENROOM_PLAYBACK", "GREENROOM_ADDRESSES", "GREENROOM_UPLOAD"):
        assert f'"role": "{role}"' in told
    assert told.count('"message": "role could not be made"') == 3, "told once, not for each viewer"
