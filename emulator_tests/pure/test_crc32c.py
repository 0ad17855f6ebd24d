"""Checksums of parts, put together."""

from __future__ import annotations

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.providers.s3.crc32c import joined


@given(st.binary(max_size=3000), st.binary(max_size=3000))
def test_two_pieces_have_the_checksum_of_the_whole(first: bytes, second: bytes) -> None:
    found = joined(google_crc32c.value(first), google_crc32c.value(second), len(second))
    assert found == google_crc32c.value(first + second)


@pytest.mark.parametrize("size_bytes", [1024 * 1024, 5 * 1024 * 1024 + 3])
def test_large_pieces_too(size_bytes: int) -> None:
    second = b"\x07" * size_bytes
    assert joined(google_crc32c.value(b"ab"), google_crc32c.value(second), size_bytes) == google_crc32c.value(
        b"ab" + second
    )
