"""The demo's options: chapters and a provider by name."""

from __future__ import annotations

import pytest

from emulator_tests.demo.__main__ import CHAPTERS, chosen_chapters, chosen_provider
from emulator_tests.testbed import TestbedError


@pytest.mark.parametrize(
    ("text", "chapters"),
    [
        ("", list(CHAPTERS)),
        (" , ", list(CHAPTERS)),
        ("live", ["live"]),
        ("slides, live", ["live", "slides"]),
        ("archive", ["videos", "archive"]),
    ],
)
def test_chapters_come_in_their_order_with_those_they_need(text: str, chapters: list[str]) -> None:
    assert chosen_chapters(text) == chapters


def test_unknown_chapter_is_refused_with_those_there_are() -> None:
    with pytest.raises(TestbedError, match="CHAPTERS must name some of videos, live, slides, archive"):
        chosen_chapters("videos,credits")


def test_unknown_provider_is_refused_with_those_there_are() -> None:
    assert (chosen_provider(""), chosen_provider("cloudflare")) == ("kaltura", "cloudflare")
    with pytest.raises(TestbedError, match="PROVIDER must be one of kaltura, cloudflare"):
        chosen_provider("bunny")
