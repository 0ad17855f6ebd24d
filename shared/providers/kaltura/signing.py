"""Sign Kaltura Sessions (KS, version 2): what a caller may do at Kaltura, for whom and until when.

Called wherever a KS is needed: by the adapters of this folder, also for a KS that is sent to a browser. Who gets a KS,
and for how long, is left to others. Never calls Kaltura: a KS is signed with the partner's admin secret and nothing
else, so `session.start` is never called.

Source: server class `kSessionBase` (alpha/apps/kaltura/lib/request/kSessionBase.class.php).
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from threading import Lock
from typing import Final
from urllib.parse import quote_plus

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from shared.core.errors import BadRequest

_BLOCK_BYTES: Final = 16
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_REMEMBERED: Final = 1024
# The characters that `quote_plus` keeps, and its result for the rest of ASCII: looked up here at a quarter of its cost.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch
_QUOTED: Final = str.maketrans({sign: quote_plus(sign) for sign in map(chr, range(128))})

# Kaltura's own set for user ids, less `,` `*` and `|`, which separate things inside a privilege.
_USER_ID: Final = re.compile(r"[A-Za-z0-9!#$%&'+?^_`{}~.@-]{1,320}")


class Kind(StrEnum):
    """
    The type of a KS, as the KS spells it. An ADMIN KS passes every ownership check, so it never leaves the server.
    """

    USER = "0"
    ADMIN = "2"

    # Signing looks words up often, and an enumeration's own hash is computed in Python.
    __hash__ = str.__hash__


class Word(StrEnum):
    """
    Kaltura's names of the privileges that are used here, `kSessionBase::PRIVILEGE_*`; the last four are KAF's alone.
    """

    EDIT = "edit"
    VIEW = "sview"
    DOWNLOAD = "download"
    LIST = "list"
    SET_ROLE = "setrole"
    RESTRICTING_ROLE = "restrictingrole"
    URI_RESTRICT = "urirestrict"
    IP_RESTRICT = "iprestrict"
    ACTIONS_LIMIT = "actionslimit"
    SESSION_ID = "sessionid"
    ENABLE_ENTITLEMENT = "enableentitlement"
    DISABLE_ENTITLEMENT = "disableentitlement"
    DISABLE_ENTITLEMENT_FOR_ENTRY = "disableentitlementforentry"
    PRIVACY_CONTEXT = "privacycontext"
    EDIT_USER = "edituser"
    VIRTUAL_EVENT_ID = "virtualeventid"
    ROLE = "role"
    USER_CONTEXTUAL_ROLE = "userContextualRole"
    EVENT_ID = "eventId"
    RESOURCE_ID = "resourceId"

    __hash__ = str.__hash__  # as for `Kind`


@dataclass(frozen=True, slots=True)
class _Grammar:
    """
    The values that may follow a privilege's colon, and their description for the error sentence.
    """

    pattern: re.Pattern[str]
    takes: str


# An entry id is whole: the server compares `edit` and `sview` by prefix, so a part of an id would open other entries.
_ENTRY = _Grammar(re.compile(r"[0-9]+_[0-9a-z]{8,}"), "one whole entry id, such as 1_ab12cd34")
_NUMBER = _Grammar(re.compile(r"[1-9][0-9]*"), "a positive number")
_NAME = _Grammar(re.compile(r"[A-Za-z0-9_-]{1,128}"), "a name of letters, digits, _ and -")
_NOTHING = _Grammar(re.compile(""), "no value")
# A `*` is allowed only after a `?`. The server compares the raw address by prefix but routes the normalised one, so
# that `…/upload*` also allows `…/upload/../../media`; after a `?` nothing can change the route any more. Below an
# entry's own addresses the `*` may also stand after the `/`, because Kaltura's player puts the KS into the path. From
# there an address with `..` gets as far as the role and `sview` allow.
_STEP = r"/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
_PATH = rf"(?:{_STEP})+(?:\?\*)?"
_BELOW_ENTRY = rf"/p/[1-9][0-9]*(?:{_STEP})+/(?:entryId|entry_id)/{_ENTRY.pattern.pattern}/\*"
_EITHER = rf"(?:{_BELOW_ENTRY}|{_PATH})"
_PATHS = _Grammar(re.compile(rf"{_EITHER}(?:\|{_EITHER})*"), "paths joined by |, each of which may end in ?*")

# The server splits privileges at `,` and `:`, their values at `/` (addresses at `|`), and takes `*` for everything. No
# value below can contain one of these where it would change the meaning.
_GRAMMAR: Final[dict[Word, _Grammar]] = {
    Word.EDIT: _ENTRY,
    Word.VIEW: _ENTRY,
    Word.DOWNLOAD: _ENTRY,
    Word.LIST: _Grammar(re.compile(r"\*"), "* alone"),
    Word.SET_ROLE: _NAME,
    Word.RESTRICTING_ROLE: _NAME,
    Word.URI_RESTRICT: _PATHS,
    Word.IP_RESTRICT: _Grammar(re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"), "one IPv4 address"),
    # -1 makes a KS that the API itself refuses: for addresses that only KAF reads.
    Word.ACTIONS_LIMIT: _Grammar(re.compile(r"-1|[1-9][0-9]*"), "a positive number, or -1"),
    Word.SESSION_ID: _NAME,
    Word.ENABLE_ENTITLEMENT: _NOTHING,
    Word.DISABLE_ENTITLEMENT: _NOTHING,
    Word.DISABLE_ENTITLEMENT_FOR_ENTRY: _ENTRY,
    Word.PRIVACY_CONTEXT: _NAME,
    Word.EDIT_USER: _Grammar(_USER_ID, "one user id"),
    Word.VIRTUAL_EVENT_ID: _NUMBER,
    Word.ROLE: _Grammar(re.compile("viewerRole|adminRole"), "viewerRole or adminRole"),
    Word.USER_CONTEXTUAL_ROLE: _Grammar(re.compile("[03]"), "0 for a host or 3 for a guest"),
    Word.EVENT_ID: _NUMBER,
    Word.RESOURCE_ID: _NUMBER,
}


@dataclass(frozen=True, slots=True)
class Privilege:
    """
    One privilege of a KS, checked when it is created: every instance can be signed as it is.

    Args:
        word: Kaltura's name of the privilege.
        value: What it applies to, in the grammar of the word; empty for the words that take nothing.

    Attributes:
        text: The privilege as a field of a KS.

    Raises:
        BadRequest: The value does not match the word's grammar (never).
    """

    word: Word
    value: str = ""
    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        grammar = _GRAMMAR.get(self.word)
        if grammar is None:
            raise BadRequest("This privilege is not allowed.", reason="PRIVILEGE_INVALID")
        if not grammar.pattern.fullmatch(self.value):
            raise BadRequest(f"The privilege {self.word} takes {grammar.takes}.", reason="PRIVILEGE_INVALID")
        object.__setattr__(self, "text", self.word + "=" + _quoted(self.value) + "&")


class KeyMint:
    """
    Signs KSs for one partner; safe to share between threads.

    Args:
        partner_id: The account's number at Kaltura.
        admin_secret: The account's admin secret, which signs USER sessions too.
    """

    def __init__(self, partner_id: int, admin_secret: str) -> None:
        key = hashlib.sha1(admin_secret.encode()).digest()[:_BLOCK_BYTES]
        self._seed = hashlib.sha256(b"repeatable" + admin_secret.encode()).digest()
        self._head = b"v2|%d|" % partner_id
        # A new OpenSSL context costs more than all the rest of a KS, so one is kept running. Each KS starts from an
        # initialisation vector of zeros. On a running context the same result comes from XORing its first block with
        # the last block that came out.
        self._encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK_BYTES))).encryptor()
        self._last_block = 0
        self._encrypting = Lock()

    def mint(
        self,
        user_id: str,
        privileges: tuple[Privilege, ...] = (),
        *,
        lifetime_s: int,
        now: datetime,
        kind: Kind = Kind.USER,
        is_repeatable: bool = False,
    ) -> str:
        """
        Return a KS that is valid from now on.

        Args:
            user_id: The user of the KS, in Kaltura's own spelling of user ids.
            privileges: What is added to, or taken from, what the user may do anyway; each word once.
            lifetime_s: How long it is valid; Kaltura allows no leeway.
            now: The current instant, aware.
            kind: USER, or ADMIN for the server's own calls.
            is_repeatable: Whether the same arguments, and the same end, give the same KS: Kaltura counts the actions of
                a KS by its text.

        Returns:
            The KS: a secret for as long as it is valid.

        Raises:
            BadRequest: The user id cannot be one of Kaltura's (never).
            ValueError: A bug of the caller: a word twice, a lifetime that is over, a naive instant.
        """
        if lifetime_s <= 0 or now.tzinfo is None:
            raise ValueError("a KS needs a positive lifetime and an aware instant to count it from")
        fields = b"%b_e=%d%b" % (_given(privileges), int(now.timestamp()) + lifetime_s, _owned(user_id, kind))
        # The fields follow 16 bytes that nobody can guess: random ones, or derived from the fields and the secret.
        body = (self._derived(fields) if is_repeatable else os.urandom(_BLOCK_BYTES)) + fields
        sealed = self._seal(hashlib.sha1(body).digest(), body)
        return binascii.b2a_base64(self._head + sealed, newline=False).translate(_URL_SAFE).decode("ascii")

    def _derived(self, fields: bytes) -> bytes:
        return hmac.digest(self._seed, fields, "sha256")[:_BLOCK_BYTES]

    def _seal(self, digest: bytes, body: bytes) -> bytes:
        first_block = int.from_bytes(digest[:_BLOCK_BYTES], "big")
        rest = digest[_BLOCK_BYTES:] + body + bytes(-(len(digest) + len(body)) % _BLOCK_BYTES)
        with self._encrypting:
            chained = (first_block ^ self._last_block).to_bytes(_BLOCK_BYTES, "big")
            sealed = self._encryptor.update(chained + rest)
            self._last_block = int.from_bytes(sealed[-_BLOCK_BYTES:], "big")
        return sealed


@lru_cache(_REMEMBERED)
def _given(privileges: tuple[Privilege, ...]) -> bytes:
    """
    Return the fields of a KS before its expiry: its privileges. Pure.
    """
    if len({privilege.word for privilege in privileges}) < len(privileges):
        raise ValueError("a word twice: Kaltura would keep the last of them only")
    return "".join([privilege.text for privilege in privileges]).encode()


@lru_cache(_REMEMBERED)
def _owned(user_id: str, kind: Kind) -> bytes:
    """
    Return the fields of a KS after its expiry: its type and its user. Pure.
    """
    # `0` is one of Kaltura's spellings of nobody: a KS for it would be an anonymous one.
    if user_id == "0" or not _USER_ID.fullmatch(user_id):
        raise BadRequest(
            "A Kaltura user id must have 1 to 320 letters, digits or signs, and none of , * | : ; /",
            reason="USER_ID_UNUSABLE",
        )
    return ("&_t=" + kind + "&_u=" + _quoted(user_id)).encode()


def _quoted(value: str) -> str:
    return value if _PLAIN(value) else value.translate(_QUOTED)
