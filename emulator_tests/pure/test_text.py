"""Lines, and how they are cut: never inside what is read as one character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator_tests.texts import ENGLAND, FAMILY, NOT_TITLES, TITLES
from shared.core.text import as_line, cut_to_bytes, cut_to_characters, is_blank, is_line

CUT = [
    pytest.param("abc", 3, "abc", id="fits"),
    pytest.param("abc", 2, "ab", id="letters"),
    pytest.param("课课", 5, "课", id="three bytes each"),
    pytest.param("ae\u0301", 3, "a", id="a letter and its mark"),
    pytest.param(f"a{FAMILY}", 10, "a", id="a family"),
    pytest.param(f"a{FAMILY}{FAMILY}", 30, f"a{FAMILY}", id="two families"),
    pytest.param(f"a{ENGLAND}", 20, "a", id="the flag of England"),
    pytest.param("a\U0001f44d\U0001f3fd", 6, "a", id="a skin tone"),
    pytest.param("I\u2764\ufe0f", 5, "I", id="a variation selector"),
    pytest.param("\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea", 12, "\U0001f1eb\U0001f1f7", id="the second flag"),
    pytest.param("\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea", 8, "\U0001f1eb\U0001f1f7", id="between two flags"),
    pytest.param("a" + "\u0301" * 50, 11, "a" + "\u0301" * 5, id="more marks than fit"),
    pytest.param("课", 2, "", id="nothing fits"),
]


@pytest.mark.parametrize(("text", "most", "kept"), CUT)
def test_a_text_is_cut_between_characters(text: str, most: int, kept: str) -> None:
    """B22"""
    assert cut_to_bytes(text, most) == kept


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.integers(0, 40))
@pytest.mark.long
def test_truncated_text_is_the_longest_fitting_prefix(text: str, most: int) -> None:
    """B22"""
    kept = cut_to_bytes(text, most)
    assert text.startswith(kept)
    assert len(kept.encode()) <= most
    assert kept == text or len(text.encode()) > most
    assert len(cut_to_characters(text, most)) <= most


def test_what_is_sent_with_additions_leaves_room_for_them() -> None:
    assert cut_to_bytes("{{{{", 8, lambda character: 3 if character == "{" else 0) == "{{"


def test_user_text_stays_one_line() -> None:
    """B6"""
    for title in TITLES.values():
        assert is_line(title)
        assert not is_blank(title)
        assert as_line(title) == title


@pytest.mark.parametrize("text", NOT_TITLES.values(), ids=NOT_TITLES)
def test_any_text_becomes_one_line(text: str) -> None:
    """B22"""
    assert is_line(as_line(text))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nb", "a b"),
        ("a\u2028b\u2029", "a b"),
        ("a\x85\tb", "a b"),
        ("\x01a\x00b\x1b", "ab"),
        ("a\ufffe\uffffb", "ab"),
        ("ex\u202ee.mp4", "exe.mp4"),
        ("\x00\x01", ""),
    ],
    ids=ascii,
)
def test_a_line_has_spaces_for_line_breaks_and_nothing_that_xml_has_not(text: str, line: str) -> None:
    """B22"""
    assert as_line(text) == line
