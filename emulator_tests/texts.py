"""Examples of titles and of user ids: what people and Firebase Auth really have, and what is refused.

Used by the tests of the policy, of the rules and of whatever a text or a uid goes through, so that all say the same.
"""

from __future__ import annotations

import unicodedata
from typing import Final

ENGLAND: Final = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
FAMILY: Final = "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"

TITLES: Final[dict[str, str]] = {
    "plain": "Algebra I",
    "Chinese": "代数入门 第一课",
    "Arabic": "الجبر للمبتدئين",
    "Hebrew": "אלגברה",
    "Syriac": "ܐܠܓܒܪܐ",
    "Devanagari": "बीजगणित",
    "Thai": "พีชคณิต",
    "Persian with a non-joiner": "می\u200cرود",
    "Sinhala with a joiner": "ශ්\u200dරී ලංකාව",
    "marks of direction": "\u200fאלגברה\u200e (1)\u200e \u061c٢",
    "an isolate and an embedding": "Lesson \u2067אלגברה\u2069 and \u202bאלגברה\u202c",
    "an emoji with a variation selector": "I \u2764\ufe0f maths",
    "an emoji that is joined": f"{FAMILY} and \U0001f9d1\U0001f3fd\u200d\U0001f393",
    "the flag of England": f"{ENGLAND} history",
    "the flag of a country": "\U0001f1eb\U0001f1f7 grammaire",
    "emoji of Unicode 16 and 17": "\U0001fae9\U0001faea\U0001face\U0001fac8 biology",
    "characters that no Unicode has yet": "\U0001faff\u0378\U000323b0",
    "a soft hyphen": "Donau\u00addampfschifffahrt",
    "private use": "\ue000 \uf8ff \U000f0000",
    "combining marks": "Z\u0351\u036b\u0313a\u0362l\u0321g\u0328o",
    "a byte order mark": "\ufeffAlgebra",
    "no-break and narrow spaces": "10\u00a0000 \u202f€ \u2009ok",
    "a word joiner and a zero width space": "a\u2060b\u200bc",
    "signs of XML": ']]> & <b>"quotes"</b> \'lone',
    "a path": "../../x",
    "code": "$(id) `id` ${id} {1:result:id}",
    "an address": "https://example.com/?a=b#c",
    "one letter": "x",
    "one Chinese character": "课",
}
"""Titles that are taken as they are."""

NOT_TITLES: Final[dict[str, str]] = {
    "NUL": "Optics\x00.mp4",
    "BEL": "Op\x07tics",
    "ESC": "Op\x1b[31mtics",
    "DEL": "Op\x7ftics",
    "CSI of C1": "Op\x9btics",
    "LF": "Optics\nX-Header: 1",
    "CR LF": "Optics\r\nX-Header: 1",
    "VT": "Op\x0btics",
    "FF": "Op\x0ctics",
    "NEL": "Op\x85tics",
    "LINE SEPARATOR": "Op\u2028tics",
    "PARAGRAPH SEPARATOR": "Op\u2029tics",
    "RLO": "Op\u202etics",
    "LRO": "Op\u202dtics",
    "RLO that is closed": "Op\u202eti\u202ccs",
    "nothing": "",
    "a space": " ",
    "an ideographic space": "\u3000",
    "zero width characters": "\u200b\u200d\u2060\ufeff",
    "marks of direction and spaces": "\u200f \u200e",
    "201 characters": "x" * 201,
}
"""Texts that are refused as a title."""

assert all(unicodedata.is_normalized("NFC", title) for title in TITLES.values())

UIDS: Final[dict[str, str]] = {
    "one letter": "a",
    "a number": "0",
    "of Firebase": "xJ4kLm9Qp2RsTuVwXyZ012345678",
    "an address": "ada.lovelace+1@example.com",
    "underscores": "a_b__c_",
    "an underscore first": "_a",
    "a dot inside": "a.b.c",
    "a dot first": ".a",
    "spaces": " a b ",
    "a pipe": "auth0|5f7c8ec7c33c6c004bbafe82",
    "commas, colons and stars": "a,edit:*;b*",
    "quotes": "it's \"a\" `b` 'c",
    "an asterisk": "*",
    "a backslash": "a\\b\\",
    "brackets": "[a]{b}(c)<d>~",
    "a hash, a question, percents": "a#b?c=d&e%2F%00",
    "a dollar": "$(a)",
    "accents": "Zoë Ångström",
    "decomposed accents": "Zoe\u0308",
    "Chinese": "用户一",
    "Arabic": "مستخدم",
    "marks of direction": "a\u202eb\u200fc",
    "emoji": "\U0001f469\u200d\U0001f393",
    "an emoji of Unicode 17": "\U0001faea",
    "joiners alone": "\u200d",
    "a line break": "a\nb",
    "control characters": "a\x01\x1b\x7f\x85b",
    "NUL": "a\x00b",
    "128 letters": "x" * 128,
    "128 characters of four bytes": "\U0001f393" * 128,
    "128 characters of three bytes": "课" * 128,
    "a dot": ".",
    "two dots": "..",
    "underscores around": "__x__",
    "four underscores": "____",
    "underscores around a line break": "__\n__",
    "prototype": "__proto__",
}
"""User ids of every kind that Firebase Auth lets an account have, and that can be part of a document's id."""

NOT_FIELDS: Final = frozenset(uid for uid in UIDS.values() if len(uid) >= 4 and uid[:2] == uid[-2:] == "__")
"""Those that Firestore lets no field be called."""

NOT_UIDS: Final[dict[str, str]] = {
    "a slash": "a/b",
    "nothing but a slash": "/",
    "a path": "../videos/v1",
    "an address with slashes": "https://issuer.example.com/users/1",
    "a lone surrogate": "a\ud800",
    "129 characters": "x" * 129,
    "900 bytes": "课" * 300,
}
"""Those that can be part of none."""
