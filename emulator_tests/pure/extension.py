"""Length extension: from the hash of a secret and a text, that of the same with more behind it, without the secret.

Called by the tests of signatures that are such hashes. Merkle-Damgard hashes end with their whole inner state, from
which anybody can go on; the padding of what was hashed before becomes part of the text.

Source: FIPS 180-4, sections 4 to 6; T. Duong, J. Rizzo, "Flickr's API Signature Forgery Vulnerability", 2009.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

WORD: Final = 0xFFFFFFFF
BLOCK_BYTES: Final = 64


def padding(length: int) -> bytes:
    """
    Return what is hashed behind a text of so many bytes.
    """
    return b"\x80" + b"\0" * ((55 - length) % BLOCK_BYTES) + struct.pack(">Q", length * 8)


def extended(algorithm: str, digest: str, hashed_bytes: int, more: bytes) -> tuple[bytes, str]:
    """
    Go on hashing.

    Args:
        algorithm: `sha1` or `sha256`.
        digest: What came out, in hexadecimal.
        hashed_bytes: How much went in, the secret included: its length is tried out.
        more: What to add.

    Returns:
        The bytes that stand behind the text now, and the hash of it all.
    """
    step, count = _STEPS[algorithm]
    state = list(struct.unpack(f">{count}I", bytes.fromhex(digest)))
    glue = padding(hashed_bytes)
    rest = more + padding(hashed_bytes + len(glue) + len(more))
    for start in range(0, len(rest), BLOCK_BYTES):
        words = struct.unpack(">16I", rest[start : start + BLOCK_BYTES])
        state = [(before + after) & WORD for before, after in zip(state, step(state, words), strict=True)]
    return glue + more, struct.pack(f">{count}I", *state).hex()


def _left(value: int, by: int) -> int:
    return (value << by | value >> (32 - by)) & WORD


def _sha1(state: Sequence[int], block: Sequence[int]) -> Sequence[int]:
    words = list(block)
    for t in range(16, 80):
        words.append(_left(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1))
    a, b, c, d, e = state
    for t, word in enumerate(words):
        mixed, constant = (
            (b & c | ~b & d, 0x5A827999),
            (b ^ c ^ d, 0x6ED9EBA1),
            (b & c | b & d | c & d, 0x8F1BBCDC),
            (b ^ c ^ d, 0xCA62C1D6),
        )[t // 20]
        a, b, c, d, e = (_left(a, 5) + mixed + e + constant + word) & WORD, a, _left(b, 30), c, d
    return a, b, c, d, e


def _constants() -> list[int]:
    """
    The first bits of the fractions of the cube roots of the first 64 primes.
    """
    primes: list[int] = []
    for number in range(2, 312):
        if all(number % prime for prime in primes):
            primes.append(number)
    return [_cube_root(prime << 96) & WORD for prime in primes]


def _cube_root(value: int) -> int:
    low, high = 0, 1 << 36
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= value else (low, middle - 1)
    return low


def _sha256(state: Sequence[int], block: Sequence[int]) -> Sequence[int]:
    words = list(block)
    for t in range(16, 64):
        near, far = words[t - 2], words[t - 15]
        sigma1 = _left(near, 15) ^ _left(near, 13) ^ near >> 10
        sigma0 = _left(far, 25) ^ _left(far, 14) ^ far >> 3
        words.append((sigma1 + words[t - 7] + sigma0 + words[t - 16]) & WORD)
    a, b, c, d, e, f, g, h = state
    for constant, word in zip(_constants(), words, strict=True):
        first = h + (_left(e, 26) ^ _left(e, 21) ^ _left(e, 7)) + (e & f ^ ~e & g) + constant + word
        second = (_left(a, 30) ^ _left(a, 19) ^ _left(a, 10)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (first + second) & WORD, a, b, c, (d + first) & WORD, e, f, g
    return a, b, c, d, e, f, g, h


_STEPS: Final[dict[str, tuple[Callable[[Sequence[int], Sequence[int]], Sequence[int]], int]]] = {
    "sha1": (_sha1, 5),
    "sha256": (_sha256, 8),
}
