"""Benchmark of minting a KS: `signing.py` and the vendor's client, and both beside the same work written in C."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from KalturaClient import KalturaClient

from emulator_tests.bench.rounds import by_turns, least_and_median, ratio, show, times, verdict
from shared.providers.kaltura.signing import KeyMint, Privilege, Word

ROUNDS = 60
KEYS_PER_ROUND = 1000
"""Few, so that all cases of a round meet the same load."""
PARTNER_ID = 1234567
SECRET = "0123456789abcdef0123456789abcdef"
USER_ID = "teacher@example.com"
ENTRY_ID = "1_abcdefgh"
LIFETIME_S = 3600
TARGET_NEW, TARGET_KNOWN = 3.0, 6.0

# The minimum that every KS needs: 16 random bytes, SHA-1, AES-128-CBC over 128 bytes, base64. Prints the ns of each.
LIMIT = r"""
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int main(void) {
    unsigned char key[16] = {1}, zeros[16] = {0}, plain[128], sealed[160], text[224];
    int written;
    struct timespec from, to;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    memset(plain, 'a', sizeof plain);
    EVP_EncryptInit_ex(cipher, EVP_aes_128_cbc(), 0, key, zeros);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int key_number = 0; key_number < 200000; key_number++) {
        RAND_bytes(plain + 20, 16);
        EVP_DigestInit_ex(digest, EVP_sha1(), 0);
        EVP_DigestUpdate(digest, plain + 20, 108);
        EVP_DigestFinal_ex(digest, plain, 0);
        EVP_EncryptInit_ex(cipher, 0, 0, 0, zeros);
        EVP_CIPHER_CTX_set_padding(cipher, 0);
        EVP_EncryptUpdate(cipher, sealed, &written, plain, sizeof plain);
        EVP_EncodeBlock(text, sealed, 139);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    printf("%.1f\n", ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / 200000);
    return 0;
}
"""


def run() -> None:
    """
    Measure, and print the table.
    """
    mint = KeyMint(PARTNER_ID, SECRET)
    role = Privilege(Word.SET_ROLE, "PLAYBACK_BASE_ROLE")
    known = (Privilege(Word.VIEW, ENTRY_ID), role)
    others = (f"1_{number:08d}" for number in count())

    def peer() -> None:
        KalturaClient.generateSessionV2(
            SECRET, USER_ID, 0, PARTNER_ID, LIFETIME_S, f"sview:{next(others)},setrole:PLAYBACK_BASE_ROLE"
        )

    def new_privileges() -> None:
        mint.mint(USER_ID, (Privilege(Word.VIEW, next(others)), role), lifetime_s=LIFETIME_S, now=datetime.now(UTC))

    def known_privileges() -> None:
        mint.mint(USER_ID, known, lifetime_s=LIFETIME_S, now=datetime.now(UTC))

    names = {
        "KalturaApiClient.generateSessionV2": peer,
        "ours, another entry each time": new_privileges,
        "ours, same user and privileges": known_privileges,
    }
    cases: dict[str, Callable[[], float]] = {name: _cpu_s_of(mint_one) for name, mint_one in names.items()}
    with TemporaryDirectory() as folder:
        limit = _limit(Path(folder))
        if limit is not None:
            cases["limit: the same in C"] = limit
        samples = by_turns(cases, ROUNDS)
    theirs, *_ = samples.values()
    targets = dict(zip(list(names)[1:], (TARGET_NEW, TARGET_KNOWN), strict=True))
    show(
        "ks: CPU per KS, in µs",
        ("", "least", "median", "per second", "times faster", "target"),
        [
            (
                name,
                *least_and_median(taken, 1e6, 2),
                f"{1 / min(taken):,.0f}",
                times(ratio(theirs, taken)),
                verdict(ratio(theirs, taken) >= targets[name], f"{targets[name]:.0f}x") if name in targets else "",
            )
            for name, taken in samples.items()
        ],
    )
    if limit is None:
        print("The limit was not measured: it needs gcc and OpenSSL's headers.\n")


def _cpu_s_of(mint_one: Callable[[], None]) -> Callable[[], float]:
    def sample() -> float:
        started_s = time.process_time()
        for _ in range(KEYS_PER_ROUND):
            mint_one()
        return (time.process_time() - started_s) / KEYS_PER_ROUND

    return sample


def _limit(folder: Path) -> Callable[[], float] | None:
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    source, program = folder / "limit.c", folder / "limit"
    source.write_text(LIMIT)
    built = subprocess.run([compiler, "-O2", source, "-o", program, "-lcrypto"], capture_output=True, check=False)
    if built.returncode != 0:
        return None
    return lambda: float(subprocess.run([program], capture_output=True, check=True, text=True).stdout) / 1e9
