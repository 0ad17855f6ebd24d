"""Combine the checksums of the parts of a file into that of the whole. Pure.

Used by `upload.py`, which therefore reads each byte once. Source: Mark Adler's `crc32_combine` of zlib, for the
polynomial of CRC32C.
"""

from __future__ import annotations

from functools import cache
from typing import Final

_POLYNOMIAL: Final = 0x82F63B78
_BITS: Final = 32

Matrix = tuple[int, ...]


def joined(first: int, second: int, second_bytes: int) -> int:
    """
    Return the CRC32C of two pieces, one after the other.

    Args:
        first: The CRC32C of the first.
        second: The CRC32C of the second.
        second_bytes: The size of the second.
    """
    power = 0
    while second_bytes:
        if second_bytes & 1:
            first = _times(_zero_bytes(power), first)
        second_bytes >>= 1
        power += 1
    return first ^ second


@cache
def _zero_bytes(power: int) -> Matrix:
    """
    Return what 2 to that power zero bytes do to a checksum.
    """
    if power:
        half = _zero_bytes(power - 1)
        return tuple(_times(half, column) for column in half)
    matrix: Matrix = (_POLYNOMIAL, *(1 << bit for bit in range(_BITS - 1)))
    for _ in range(3):
        matrix = tuple(_times(matrix, column) for column in matrix)
    return matrix


def _times(matrix: Matrix, vector: int) -> int:
    product = 0
    for column in matrix:
        if not vector:
            break
        if vector & 1:
            product ^= column
        vector >>= 1
    return product
