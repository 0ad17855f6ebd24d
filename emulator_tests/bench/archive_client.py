"""One copy of a large file from an HTTP source to a store, and what it took. Run as a program by `archive.py`.

Only the copy itself is measured, not the start of the program.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

MIB: Final = 1024 * 1024
REGION: Final = "us-east-1"


def main(arguments: list[str]) -> None:
    """
    Copy as `ours`, `disk` or `stream`, and print what it took as JSON.
    """
    how, source, store, ca_file = arguments
    copy = {"ours": _ours, "disk": _disk, "stream": _stream}[how](source, store, ca_file)
    # From now on the peak is counted anew.
    Path("/proc/self/clear_refs").write_text("5")
    before, cpu_s, began_at = _memory("VmRSS"), _cpu_s(), time.perf_counter()
    verified, disk_bytes = copy()
    taken_s, cpu_s = time.perf_counter() - began_at, _cpu_s() - cpu_s
    told = {"wall_s": taken_s, "cpu_s": cpu_s, "memory_bytes": _memory("VmHWM") - before}
    print(json.dumps({**told, "verified": verified, "disk_bytes": disk_bytes}))


def _ours(source: str, store: str, ca_file: str) -> Callable[[], tuple[bool, int]]:
    from shared.ports import Source
    from shared.providers.s3 import upload  # noqa: F401  # loaded before anything is measured
    from shared.providers.s3.cold_store import Bucket, S3ColdStore

    bucket = Bucket(
        name="archive",
        url=store,
        region=REGION,
        storage_class="GLACIER",
        access_key="key",
        secret_key="secret",
        prefix="bench/",
        ca_file=ca_file,
    )
    opened = S3ColdStore(bucket, lambda: datetime.now(UTC))

    def copy() -> tuple[bool, int]:
        done = opened.store("original", Source(source), None, lambda _: None)
        return done.object.checksum.startswith("crc32c:"), 0

    return copy


def _disk(source: str, store: str, ca_file: str) -> Callable[[], tuple[bool, int]]:
    import requests

    client = _boto3(store, ca_file)

    def copy() -> tuple[bool, int]:
        with tempfile.NamedTemporaryFile() as file:
            with requests.get(source, stream=True, timeout=60) as answer:
                for piece in answer.iter_content(MIB):
                    file.write(piece)
            file.flush()
            client.upload_file(file.name, "archive", "bench/original")
            return False, Path(file.name).stat().st_size

    return copy


def _stream(source: str, store: str, ca_file: str) -> Callable[[], tuple[bool, int]]:
    import requests

    client = _boto3(store, ca_file)

    def copy() -> tuple[bool, int]:
        with requests.get(source, stream=True, timeout=60) as answer:
            client.upload_fileobj(answer.raw, "archive", "bench/original")
        return False, 0

    return copy


def _boto3(store: str, ca_file: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=store,
        region_name=REGION,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        verify=ca_file,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory(what: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


if __name__ == "__main__":
    main(sys.argv[1:])
