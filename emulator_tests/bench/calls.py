"""Benchmark of calls to Kaltura over HTTPS, our client and the vendor's: round trips, connections, CPU, time."""

from __future__ import annotations

import json
import os
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from KalturaClient import KalturaClient, KalturaConfiguration
from KalturaClient.Plugins.Core import (
    KalturaBaseEntryFilter,
    KalturaFilterPager,
    KalturaMediaEntry,
    KalturaSessionType,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
)

from emulator_tests.bench.rounds import by_turns, least_and_median, ratio, show, times, verdict
from emulator_tests.bench.stub import PAGE, Stub, running
from shared.providers.kaltura.client import Client
from shared.providers.kaltura.signing import KeyMint, Kind, Privilege, Word

ROUNDS = 7
FLOWS_PER_ROUND = 5
DELAY_S = 0.02
PARTNER_ID = 102
SECRET = "0123456789abcdef0123456789abcdef"
TARGET_CPU = 20.0
PEER, OURS = "KalturaApiClient as it comes", "ours"


@dataclass(frozen=True, slots=True)
class Sample:
    """
    The cost of one run of a flow.
    """

    wall_s: float
    cpu_s: float
    requests: float
    connections: float


def run() -> None:
    """
    Measure, and print the tables.
    """
    with TemporaryDirectory() as folder, running(Path(folder), DELAY_S) as stub:
        # The vendor's client takes its certificates from this variable, and reads the file again for each call.
        os.environ["REQUESTS_CA_BUNDLE"] = str(stub.ca_file)
        client = Client(stub.url, ca_file=str(stub.ca_file))
        theirs = KalturaClient(KalturaConfiguration(stub.url))
        theirs.setKs("x" * 200)
        mint = KeyMint(PARTNER_ID, SECRET)
        _compare(
            stub,
            "calls: one call (media.get)",
            {
                PEER: lambda: theirs.media.get("1_abcdefgh"),
                OURS: lambda: client.call(_admin_ks(mint), lambda c: c.media.get("1_abcdefgh")),
                "limit: http.client, json, no objects": _bare(stub),
            },
            TARGET_CPU,
        )
        _compare(
            stub,
            "calls: prepare an upload (entry, token, binding)",
            {
                PEER: lambda: _prepare_one_by_one(stub.url),
                "KalturaApiClient, its own multirequest": lambda: _prepare_at_once_with(theirs),
                OURS: lambda: _prepare_at_once(client, mint),
            },
            TARGET_CPU,
        )
        _compare(
            stub,
            f"calls: look at {PAGE} entries",
            {
                PEER: lambda: theirs.baseEntry.list(KalturaBaseEntryFilter(), KalturaFilterPager(pageSize=PAGE)),
                "ours, whole entries": lambda: _look(client, mint, ()),
                "ours, three fields of each": lambda: _look(client, mint, ("id", "status", "updatedAt")),
            },
            None,
        )
        client.close()
        del os.environ["REQUESTS_CA_BUNDLE"]


def _compare(stub: Stub, title: str, flows: Mapping[str, Callable[[], object]], target: float | None) -> None:
    samples = by_turns({name: _sampled(stub, flow) for name, flow in flows.items()}, ROUNDS)
    cpu_s = {name: [sample.cpu_s for sample in taken] for name, taken in samples.items()}
    show(
        f"{title}; {DELAY_S * 1000:.0f} ms per request",
        (
            "",
            "requests",
            "new connections",
            "wall ms",
            "median",
            "CPU ms",
            "median",
            "CPU times less",
            "target",
        ),
        [
            (
                name,
                f"{taken[-1].requests:.0f}",
                f"{taken[-1].connections:.0f}",
                *least_and_median([sample.wall_s for sample in taken], 1e3, 1),
                *least_and_median(cpu_s[name], 1e3, 2),
                times(ratio(cpu_s[PEER], cpu_s[name])),
                _verdict(taken[-1], ratio(cpu_s[PEER], cpu_s[name]), target) if name.startswith(OURS) else "",
            )
            for name, taken in samples.items()
        ],
    )


def _verdict(sample: Sample, cpu_ratio: float, target: float | None) -> str:
    travel = verdict(sample.requests == 1 and sample.connections == 0, "1 request on no new connection")
    return travel if target is None else f"{travel}; {verdict(cpu_ratio >= target, f'CPU {target:.0f}x')}"


def _sampled(stub: Stub, flow: Callable[[], object]) -> Callable[[], Sample]:
    def sample() -> Sample:
        requests, connections = stub.requests.value, stub.connections.value
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        for _ in range(FLOWS_PER_ROUND):
            flow()
        return Sample(
            (time.perf_counter() - wall_s) / FLOWS_PER_ROUND,
            (time.process_time() - cpu_s) / FLOWS_PER_ROUND,
            (stub.requests.value - requests) / FLOWS_PER_ROUND,
            (stub.connections.value - connections) / FLOWS_PER_ROUND,
        )

    return sample


def _admin_ks(mint: KeyMint) -> str:
    return mint.mint(
        "greenroom",
        (Privilege(Word.DISABLE_ENTITLEMENT),),
        lifetime_s=300,
        now=datetime.now(UTC),
        kind=Kind.ADMIN,
    )


def _prepare_one_by_one(url: str) -> None:
    """
    Prepare an upload as the vendor's examples do: a client per task, a session per user, one call after the other.
    """
    client = KalturaClient(KalturaConfiguration(url))
    admin_ks = client.session.start(SECRET, "greenroom", KalturaSessionType.ADMIN, PARTNER_ID)
    client.setKs(admin_ks)
    entry = client.media.add(KalturaMediaEntry(name="Lesson", mediaType=1))
    client.setKs(client.session.start(SECRET, "upload-1", KalturaSessionType.USER, PARTNER_ID))
    token = client.uploadToken.add(KalturaUploadToken(fileName="lesson.mp4"))
    client.setKs(admin_ks)
    client.media.addContent(entry.id, KalturaUploadedFileTokenResource(token=token.id))


def _prepare_at_once(client: Client, mint: KeyMint) -> None:
    """
    Prepare an upload as `media.py` does, with one request.
    """
    uploader_ks = mint.mint("upload-1", lifetime_s=300, now=datetime.now(UTC))
    multi = client.multi(_admin_ks(mint))
    entry = multi.ask(lambda c: c.media.add(KalturaMediaEntry(name="Lesson", mediaType=1)))
    token = multi.ask(lambda c: c.uploadToken.add(KalturaUploadToken(fileName="lesson.mp4")), ks=uploader_ks)
    bound = multi.ask(
        lambda c: c.media.addContent(entry.result("id"), KalturaUploadedFileTokenResource(token=token.result("id")))
    )
    multi.send()
    bound.answer()


def _prepare_at_once_with(client: Any) -> None:
    client.startMultiRequest()
    entry = client.media.add(KalturaMediaEntry(name="Lesson", mediaType=1))
    token = client.uploadToken.add(KalturaUploadToken(fileName="lesson.mp4"))
    client.media.addContent(str(entry.id), KalturaUploadedFileTokenResource(token=str(token.id)))
    client.doMultiRequest()


def _look(client: Client, mint: KeyMint, fields: Sequence[str]) -> None:
    client.call(
        _admin_ks(mint),
        lambda c: c.baseEntry.list(KalturaBaseEntryFilter(), KalturaFilterPager(pageSize=PAGE)),
        fields=fields,
    )


def _bare(stub: Stub) -> Callable[[], object]:
    address = urlsplit(stub.url)
    connection = HTTPSConnection(
        str(address.hostname), address.port, context=ssl.create_default_context(cafile=str(stub.ca_file))
    )

    def call() -> object:
        body = json.dumps({"format": "1", "ks": "x" * 200, "entryId": "1_abcdefgh"})
        connection.request("POST", "/api_v3/service/media/action/get", body, {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())

    return call
