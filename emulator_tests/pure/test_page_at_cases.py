"""The cases by which the client's `pageAt` is tested are those of the reference."""

from __future__ import annotations

from emulator_tests.pure.page_at_cases import FILE, cases


def test_cases_of_the_client_are_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == cases(), "Run: python -m emulator_tests.pure.page_at_cases"
