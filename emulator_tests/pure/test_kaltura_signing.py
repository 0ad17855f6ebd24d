"""KSs against the vendor's own client, and against a reading of them that shares no line with ours."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from Crypto.Cipher import AES
from hypothesis import assume, given
from hypothesis import strategies as st
from KalturaClient import KalturaClient

from shared.core.errors import BadRequest
from shared.providers.kaltura.signing import KeyMint, Kind, Privilege, Word

pytestmark = pytest.mark.long

PARTNER_ID = 102
SECRET = "b1946ac92492d2347c6235b4d2611184"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINT = KeyMint(PARTNER_ID, SECRET)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
NAMES = LETTERS + LETTERS.upper() + "0123456789_-"

entry_ids = st.builds("{}_{}".format, st.integers(0, 9), st.text(LETTERS + "0123456789", min_size=8, max_size=8))
names = st.text(NAMES, min_size=1, max_size=40)
numbers = st.integers(1, 10**12).map(str)
paths = st.lists(st.builds("/{}/{}{}".format, names, names, st.sampled_from(["", "?*"])), min_size=1, max_size=3).map(
    "|".join
)
user_ids = st.text(NAMES + "!#$%&'+?^`{}~.@", min_size=1, max_size=60).filter(lambda user_id: user_id != "0")
values: dict[Word, st.SearchStrategy[str]] = {
    Word.EDIT: entry_ids,
    Word.VIEW: entry_ids,
    Word.DOWNLOAD: entry_ids,
    Word.LIST: st.just("*"),
    Word.SET_ROLE: names,
    Word.RESTRICTING_ROLE: names,
    Word.URI_RESTRICT: paths,
    Word.IP_RESTRICT: st.lists(st.integers(0, 255).map(str), min_size=4, max_size=4).map(".".join),
    Word.ACTIONS_LIMIT: st.just("-1") | numbers,
    Word.SESSION_ID: names,
    Word.ENABLE_ENTITLEMENT: st.just(""),
    Word.DISABLE_ENTITLEMENT: st.just(""),
    Word.DISABLE_ENTITLEMENT_FOR_ENTRY: entry_ids,
    Word.PRIVACY_CONTEXT: names,
    Word.EDIT_USER: user_ids,
    Word.VIRTUAL_EVENT_ID: numbers,
    Word.ROLE: st.sampled_from(["viewerRole", "adminRole"]),
    Word.USER_CONTEXTUAL_ROLE: st.sampled_from(["0", "3"]),
    Word.EVENT_ID: numbers,
    Word.RESOURCE_ID: numbers,
}


@st.composite
def several_privileges(draw: st.DrawFn) -> tuple[Privilege, ...]:
    words = draw(st.lists(st.sampled_from(Word), unique=True))
    return tuple(Privilege(word, draw(values[word])) for word in words)


def opened(ks: str, secret: str = SECRET, partner_id: int = PARTNER_ID) -> dict[str, str]:
    """
    The fields of a KS, read as the server reads them (kSessionBase::parseKsV2), by another library.
    """
    assert not {"+", "/"} & set(ks)
    version, partner, sealed = base64.b64decode(ks, altchars=b"-_", validate=True).split(b"|", 2)
    assert (version, partner) == (b"v2", str(partner_id).encode())
    plain = AES.new(hashlib.sha1(secret.encode()).digest()[:16], AES.MODE_CBC, bytes(16)).decrypt(sealed).rstrip(b"\0")
    assert plain[:20] == hashlib.sha1(plain[20:]).digest()
    fields = parse_qsl(plain[36:].decode(), keep_blank_values=True, strict_parsing=True)
    assert len(dict(fields)) == len(fields)
    return dict(fields)


def spelled(given_privileges: tuple[Privilege, ...]) -> str:
    """
    Privileges as the vendor's client takes them.
    """
    return ",".join(f"{each.word}:{each.value}" if each.value else each.word for each in given_privileges)


@given(user_ids, several_privileges(), st.sampled_from(Kind), st.integers(1, 10**9))
def test_the_vendors_client_mints_the_same_fields(
    user_id: str, given_privileges: tuple[Privilege, ...], kind: Kind, lifetime_s: int
) -> None:
    ours = opened(MINT.mint(user_id, given_privileges, lifetime_s=lifetime_s, now=NOW, kind=kind))
    theirs = opened(
        KalturaClient.generateSessionV2(
            SECRET, user_id, int(kind), PARTNER_ID, lifetime_s, spelled(given_privileges)
        ).decode()
    )
    assert ours.pop("_e") == str(int(NOW.timestamp()) + lifetime_s)
    del theirs["_e"]
    assert ours == theirs


@given(user_ids, several_privileges())
def test_a_ks_gives_exactly_what_was_asked_for(user_id: str, given_privileges: tuple[Privilege, ...]) -> None:
    fields = opened(MINT.mint(user_id, given_privileges, lifetime_s=60, now=NOW))
    asked_for = {str(each.word): each.value for each in given_privileges}
    assert fields == {
        **asked_for,
        "_e": str(int((NOW + timedelta(seconds=60)).timestamp())),
        "_t": "0",
        "_u": user_id,
    }


def test_every_ks_of_a_long_row_can_be_opened() -> None:
    for length in range(1, 200):
        assert opened(MINT.mint("u" * length, lifetime_s=60, now=NOW))["_u"] == "u" * length


def test_threads_that_share_a_mint_all_get_good_keys() -> None:
    mint = KeyMint(PARTNER_ID, SECRET)
    user_ids_of_many = [f"user{number}" for number in range(2000)]
    switch_interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            minted = list(threads.map(lambda user_id: mint.mint(user_id, lifetime_s=60, now=NOW), user_ids_of_many))
    finally:
        sys.setswitchinterval(switch_interval_s)
    assert [opened(ks)["_u"] for ks in minted] == user_ids_of_many


def test_no_two_keys_are_alike() -> None:
    assert len({MINT.mint("amira", lifetime_s=60, now=NOW) for _ in range(1000)}) == 1000


def test_the_same_user_with_other_privileges_gets_another_key() -> None:
    first = opened(MINT.mint("amira", (Privilege(Word.VIEW, "1_aaaaaaaa"),), lifetime_s=60, now=NOW))
    second = opened(MINT.mint("amira", (Privilege(Word.VIEW, "1_bbbbbbbb"),), lifetime_s=60, now=NOW))
    admin = opened(MINT.mint("amira", (Privilege(Word.VIEW, "1_aaaaaaaa"),), lifetime_s=60, now=NOW, kind=Kind.ADMIN))
    assert [first["sview"], second["sview"], admin["sview"]] == ["1_aaaaaaaa", "1_bbbbbbbb", "1_aaaaaaaa"]
    assert [first["_t"], second["_t"], admin["_t"]] == ["0", "0", "2"]


def test_a_secret_of_any_characters_signs_as_the_vendors_client_does() -> None:
    secret = "pässwörd,{}"
    theirs = KalturaClient.generateSessionV2(secret, "amira", 0, PARTNER_ID, 60, "").decode()
    assert opened(theirs, secret)["_u"] == "amira"
    assert opened(KeyMint(PARTNER_ID, secret).mint("amira", lifetime_s=60, now=NOW), secret)["_u"] == "amira"


@pytest.mark.parametrize(
    "user_id",
    ["bob;*", "a,edit:*", "a|b", "a*", "a:b", "a/b", "a\\b", "a b", "a\0", "a\nb", "ä", "٣", "", "0", "u" * 321],
    ids=lambda user_id: {"bob;*": "56 ", "a,edit:*": "57 ", "a|b": "58 "}.get(user_id, "") + ascii(user_id)[:20],
)
def test_a_user_id_that_kaltura_would_read_otherwise_is_refused(user_id: str) -> None:
    with pytest.raises(BadRequest, match="user id"):
        MINT.mint(user_id, lifetime_s=60, now=NOW)


@pytest.mark.parametrize("word", [Word.EDIT, Word.VIEW, Word.DOWNLOAD, Word.DISABLE_ENTITLEMENT_FOR_ENTRY])
@pytest.mark.parametrize(
    "entry_id",
    [
        "1_a,disableentitlement",
        "1_abcdefgh,edit:*",
        "1_abcdefgh/1_ijklmnop",
        "1_abcdefgh|1_ijklmnop",
        "1_abcdefgh:x",
        "1_abcdef",
        "1_",
        "1_ABCDEFGH",
        "*",
        "",
        " 1_abcdefgh",
        "1_abcdefgh\n",
        "1_abcdefgh&_t=2",
    ],
    ids=lambda entry_id: ("59 " if "," in entry_id else "") + ascii(entry_id),
)
def test_only_one_whole_entry_id_opens_an_entry(word: Word, entry_id: str) -> None:
    with pytest.raises(BadRequest, match="one whole entry id"):
        Privilege(word, entry_id)


@pytest.mark.parametrize(
    "restriction",
    [
        "/api_v3/service/uploadtoken/action/upload*",
        "/api_v3/service/uploadtoken/action/upload/../../media/action/list",
        "/api_v3/service/uploadtoken/action/upload/%2e%2e/media",
        "/api_v3/service/uploadtoken/action/upload?service=media",
        "/api_v3/service/uploadtoken/action/upload?*|*",
        "/*",
        "*",
        "/",
        "",
        "/a|",
        "/a,actionslimit:1",
        "/a?*?*",
    ],
    ids=lambda path: ("68 " if "/.." in path or "/%2e" in path else "69 " if "?service" in path else "") + ascii(path),
)
def test_an_address_that_could_be_left_restricts_nothing_and_is_refused(restriction: str) -> None:
    with pytest.raises(BadRequest, match="paths"):
        Privilege(Word.URI_RESTRICT, restriction)


@given(st.sampled_from(Word), st.text(max_size=30), st.sampled_from(",:"), st.text(max_size=30))
def test_no_value_carries_a_second_privilege(word: Word, before: str, separator: str, after: str) -> None:
    with pytest.raises(BadRequest):
        Privilege(word, before + separator + after)


@given(st.sampled_from(sorted(set(Word) - {Word.LIST})), st.text(max_size=30), st.text(max_size=30))
def test_no_value_stands_for_everything(word: Word, before: str, after: str) -> None:
    assume(not (word is Word.URI_RESTRICT and before.endswith("?")))
    with pytest.raises(BadRequest):
        Privilege(word, before + "*" + after)


@pytest.mark.parametrize("name", ["_e", "_t", "_u", "_m", "all", "*", "widget", "Edit", ""])
def test_a_name_that_is_no_privilege_of_ours_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="privilege is not allowed"):
        Privilege(name, "1")  # type: ignore[arg-type]


def test_the_same_word_twice_is_refused_because_the_server_keeps_the_last() -> None:
    twice = (Privilege(Word.EDIT, "1_aaaaaaaa"), Privilege(Word.EDIT, "1_bbbbbbbb"))
    with pytest.raises(ValueError, match="a word twice"):
        MINT.mint("amira", twice, lifetime_s=60, now=NOW)


@pytest.mark.parametrize("lifetime_s", [0, -1], ids="60 {} s".format)
def test_a_lifetime_that_is_over_is_refused(lifetime_s: int) -> None:
    with pytest.raises(ValueError, match="positive lifetime"):
        MINT.mint("amira", lifetime_s=lifetime_s, now=NOW)


def test_an_instant_of_no_known_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware instant"):
        MINT.mint("amira", lifetime_s=60, now=NOW.replace(tzinfo=None))


def test_a_refusal_does_not_repeat_what_was_refused() -> None:
    said = []
    for attempt in (
        lambda: Privilege(Word.VIEW, "1_hidden,edit:*"),
        lambda: MINT.mint("hidden;*", lifetime_s=60, now=NOW),
    ):
        with pytest.raises(BadRequest) as refused:
            attempt()
        said.append("".join(traceback.format_exception_only(refused.value)))
    assert "hidden" not in "".join(said)


def test_a_mint_does_not_show_its_secret() -> None:
    assert SECRET not in repr(MINT) + str(vars(MINT))


def test_minting_needs_neither_the_vendors_client_nor_what_it_brings() -> None:
    program = (
        "import sys, shared.providers.kaltura.signing;"
        "print(sorted({'KalturaClient', 'Crypto', 'lxml', 'requests'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
