"""A stub of Kaltura with a few canned answers behind TLS, in its own process, with a set delay for each answer.

Called by `calls.py`. It only has to cost the client as much as the real Kaltura; the simulator is for correctness.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PAGE = 500
READY_S = 30.0

_ENTRY = {
    "mediaType": "1",
    "conversionQuality": "12345",
    "sourceType": "1",
    "dataUrl": "https://cdnapisec.kaltura.com/p/102/sp/10200/playManifest/entryId/1_{n:08d}/format/url/protocol/https",
    "flavorParamsIds": "0,487041,487051,487061,487071,487081",
    "plays": "{n}",
    "views": "{n}",
    "lastPlayedAt": "1772366400",
    "width": "1920",
    "height": "1080",
    "duration": "1800",
    "msDuration": "1800123",
    "id": "1_{n:08d}",
    "name": "Introduction to mathematics, part {n}",
    "description": "What a limit is, why a sequence may have none, and how to tell one case from the other. " * 2,
    "partnerId": "102",
    "userId": "teacher{n}@example.com",
    "creatorId": "teacher{n}@example.com",
    "tags": "greenroom, mathematics",
    "categories": "School>Mathematics",
    "categoriesIds": "1234567",
    "status": "2",
    "moderationStatus": "6",
    "moderationCount": "0",
    "type": "1",
    "createdAt": "1772366400",
    "updatedAt": "1772366499",
    "rank": "0",
    "totalRank": "0",
    "votes": "0",
    "downloadUrl": "https://cdnapisec.kaltura.com/p/102/sp/10200/playManifest/entryId/1_{n:08d}/format/download",
    "searchText": "_PAR_ONLY_ _102_ _MEDIA_TYPE_1| Introduction to mathematics part {n}",
    "licenseType": "-1",
    "version": "0",
    "thumbnailUrl": "https://cfvod.kaltura.com/p/102/sp/10200/thumbnail/entry_id/1_{n:08d}/version/100012",
    "accessControlId": "2211",
    "replacementStatus": "0",
    "partnerSortValue": "0",
    "conversionProfileId": "9999",
    "rootEntryId": "1_{n:08d}",
    "operationAttributes": "",
    "capabilities": "",
    "displayInSearch": "1",
    "blockAutoTranscript": "0",
}


@dataclass(frozen=True, slots=True)
class Stub:
    """
    A stub that is running.

    Attributes:
        url: Its address.
        ca_file: The usual certificates and the stub's own, so that a client reads as many as in production.
        connections: Number of connections opened so far.
        requests: Number of requests so far.
    """

    url: str
    ca_file: Path
    connections: Synchronized[int]
    requests: Synchronized[int]


@contextmanager
def running(folder: Path, delay_s: float) -> Iterator[Stub]:
    """
    Run a stub during a `with` block.

    Args:
        folder: Folder for its certificate.
        delay_s: Seconds until each answer.
    """
    certificate, ca_file = folder / "stub.pem", folder / "trusted.pem"
    public = _certify(certificate)
    ca_file.write_bytes(Path(certifi.where()).read_bytes() + public)
    spawning = multiprocessing.get_context("spawn")
    connections, requests = spawning.Value("i", 0), spawning.Value("i", 0)
    here, there = spawning.Pipe()
    process = spawning.Process(target=_serve, args=(there, certificate, delay_s, connections, requests))
    process.start()
    try:
        if not here.poll(READY_S):
            raise TimeoutError("the stub does not start")
        yield Stub(f"https://localhost:{here.recv()}", ca_file, connections, requests)
    finally:
        process.terminate()
        process.join()


def _certify(file: Path) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = signed.public_bytes(serialization.Encoding.PEM)
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + public
    )
    return public


def _entry(number: int, fields: set[str]) -> str:
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in _ENTRY.items() if not fields or key in fields)
    return f"<objectType>KalturaMediaEntry</objectType>{inner}".replace("{n:08d}", f"{number:08d}").replace(
        "{n}", str(number)
    )


def _page(fields: set[str]) -> str:
    items = "".join(f"<item>{_entry(number, fields)}</item>" for number in range(PAGE))
    return (
        f"<objectType>KalturaBaseEntryListResponse</objectType><objects>{items}</objects>"
        f"<totalCount>{PAGE}</totalCount>"
    )


_ANSWERS = {
    "session.start": "djJ8MTAyfA" * 16,
    "media.get": _entry(1, set()),
    "media.add": _entry(1, set()),
    "media.addcontent": _entry(1, set()),
    "uploadtoken.add": "<objectType>KalturaUploadToken</objectType><id>1_0123456789abcdef</id><status>0</status>",
    "baseentry.list": _page(set()),
    "baseentry.list trimmed": _page({"id", "status", "updatedAt"}),
}


def _result(service: str, action: str, params: dict[str, Any]) -> str:
    return _ANSWERS[f"{service}.{action}".lower() + (" trimmed" if "responseProfile" in params else "")]


def _answer(path: str, params: dict[str, Any]) -> bytes:
    if path.endswith("/service/multirequest"):
        calls = [call for key, call in params.items() if key.isdigit()]
        result = "".join(f"<item>{_result(call['service'], call['action'], call)}</item>" for call in calls)
    else:
        *_, service, _, action = path.split("/")
        result = _result(service, action, params)
    return (
        f'<?xml version="1.0" encoding="utf-8"?><xml><result>{result}</result><executionTime>0.01</executionTime></xml>'
    ).encode()


def _json_answer(params: dict[str, Any]) -> bytes:
    return json.dumps({"objectType": "KalturaMediaEntry", **_ENTRY, "asked": params["entryId"]}).encode()


def _serve(
    ready: Connection,
    certificate: Path,
    delay_s: float,
    connections: Synchronized[int],
    requests: Synchronized[int],
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.value += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"(?i)content-length: *(\d+)", head)
                params = json.loads(await reader.readexactly(int(length[1]))) if length else {}
                requests.value += 1
                await asyncio.sleep(delay_s)
                path = head.split(" ", 2)[1]
                content = _json_answer(params) if params.get("format") == "1" else _answer(path, params)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=context)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())
