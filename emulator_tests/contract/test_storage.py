"""The storage port: in memory, and Cloud Storage as fake-gcs-server serves it.

fake-gcs-server verifies no signature and no declared size: `pure/test_signed_addresses.py` tests what the real service
verifies.
"""

from __future__ import annotations

import gzip
import secrets
from collections.abc import Iterator
from datetime import UTC, timedelta
from functools import partial
from urllib.parse import urlsplit

import pytest

from emulator_tests.contract.storages import (
    PIECE_BYTES,
    CloudStorageSite,
    MemoryStorageSite,
    StorageServer,
    StorageSite,
    connect_to,
    let_go,
    running_storage,
)
from emulator_tests.memory import AddressRefused
from emulator_tests.testbed.line import Break, line_to
from shared.cloud.storage import PRIVATE, CloudStorage, Connection
from shared.cloud.storage_arguments import LIST_MAX
from shared.core.errors import Conflict, Doubtful, Misconfigured, Permanent, Transient
from shared.ports import NO_SUCH_OBJECT, Storage

# Google's library leaves the connections of refused transfers to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

NAME = "medias/m1/source/1"
OTHER = "medias/m1/source/2"
PDF = "application/pdf"
CONTENT = b"%PDF-1.7 and so on"

NAMES = {
    "blanks": "a folder/a file.pdf",
    "reserved in addresses": "a?b#c&d=e+f%2Fg;h,i'j\"k<l>m|n",
    "other scripts": "講義/ورقة/Übung 1.pptx",
    "an emoji": "\U0001f469\u200d\U0001f3eb.png",
    "dots": ".a/..b/c../...",
    "1024 bytes": "ü" * 512,
}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageServer]:
    """A server for this suite only."""
    with running_storage(tmp_path_factory.mktemp("storage") / "log") as running:
        yield running


@pytest.fixture
def cloud(server: StorageServer) -> CloudStorageSite:
    """An empty bucket of Cloud Storage."""
    return CloudStorageSite(server)


@pytest.fixture(params=["memory", "cloud"])
def site(request: pytest.FixtureRequest) -> StorageSite:
    """An empty bucket that nobody else uses."""
    if request.param == "memory":
        return MemoryStorageSite()
    found: CloudStorageSite = request.getfixturevalue("cloud")
    return found


def names_in(storage: Storage, prefix: str = "", limit: int = 100, after: str = "") -> list[str]:
    return [one.name for one in storage.list_objects(prefix, limit, after)]


# --- uploading ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_bytes", [1, PIECE_BYTES, 2 * PIECE_BYTES + 1])
def test_an_uploaded_object_is_found_with_its_size_and_type(site: StorageSite, size_bytes: int) -> None:
    content = secrets.token_bytes(size_bytes)
    before = site.clock()

    site.upload(site.storage.upload_address(NAME, PDF, size_bytes, 60), content, PDF)

    found = site.storage.find(NAME)
    assert found is not None
    assert (found.name, found.size_bytes, found.content_type) == (NAME, size_bytes, PDF)
    assert before <= found.created_at <= site.clock()
    assert found.created_at.tzinfo is not None
    assert site.storage.list_objects("", 10) == [found]
    assert site.storage.read(NAME, found.generation, size_bytes - 1, 1) == content[-1:]


def test_an_address_says_how_it_is_used_and_for_how_long(site: StorageSite) -> None:
    before = site.clock()
    address = site.storage.upload_address(NAME, PDF, 5, 60)

    assert address.method == "POST"
    assert address.headers == {
        "content-type": PDF,
        "x-goog-if-generation-match": "0",
        "x-goog-resumable": "start",
        "x-upload-content-length": "5",
    }
    assert before + timedelta(seconds=59) < address.expires_at <= site.clock() + timedelta(seconds=60)


def test_nothing_exists_before_the_upload_ends(site: StorageSite) -> None:
    site.storage.upload_address(NAME, PDF, 5, 60)

    assert site.storage.find(NAME) is None
    assert site.storage.list_objects("", 10) == []


def test_an_upload_replaces_nothing(site: StorageSite) -> None:
    address = site.storage.upload_address(NAME, PDF, len(CONTENT), 60)
    site.upload(address, CONTENT, PDF)
    first = site.storage.find(NAME)
    late = site.storage.upload_address(NAME, PDF, len(CONTENT), 60)

    for again in (address, late):
        with pytest.raises(AddressRefused):
            site.upload(again, CONTENT[::-1], PDF)

    assert first is not None
    assert site.storage.find(NAME) == first
    assert site.storage.read(NAME, first.generation, 0, 100) == CONTENT


def test_an_address_can_bring_a_deleted_object_back(site: StorageSite) -> None:
    address = site.storage.upload_address(NAME, PDF, len(CONTENT), 60)
    site.upload(address, CONTENT, PDF)
    first = site.storage.find(NAME)
    site.storage.delete(NAME)

    site.upload(address, CONTENT, PDF)

    second = site.storage.find(NAME)
    assert first is not None
    assert second is not None
    assert second.generation > first.generation


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_may_contain(site: StorageSite, name: str) -> None:
    site.upload(site.storage.upload_address(name, PDF, len(CONTENT), 60), CONTENT, PDF)

    found = site.storage.find(name)
    assert found is not None
    assert names_in(site.storage) == [name]
    assert site.open(site.storage.read_address(name, 60)) == CONTENT
    assert site.storage.read(name, found.generation, 0, 1000) == CONTENT
    assert site.storage.write(name, CONTENT, PDF) == found
    site.storage.delete(name)
    assert site.storage.find(name) is None


# --- reading ------------------------------------------------------------------------------------------------------


def test_an_address_reads_one_object(site: StorageSite) -> None:
    site.storage.write(NAME, CONTENT, PDF)
    site.storage.write(OTHER, CONTENT[::-1], PDF)

    assert site.open(site.storage.read_address(NAME, 60)) == CONTENT
    assert site.open(site.storage.read_address(OTHER, 60, "Other.pdf")) == CONTENT[::-1]


def test_an_address_of_nothing_reads_nothing(site: StorageSite) -> None:
    with pytest.raises(AddressRefused):
        site.open(site.storage.read_address(NAME, 60))


@pytest.mark.parametrize(
    ("first", "count", "expected"),
    [
        pytest.param(0, 4, CONTENT[:4], id="the beginning"),
        pytest.param(3, 1, CONTENT[3:4], id="one byte"),
        pytest.param(0, len(CONTENT), CONTENT, id="all"),
        pytest.param(5, 1000, CONTENT[5:], id="to the end"),
        pytest.param(len(CONTENT), 1, b"", id="behind the end"),
        pytest.param(10**9, 1, b"", id="far behind the end"),
    ],
)
def test_reads_a_part(site: StorageSite, first: int, count: int, expected: bytes) -> None:
    generation = site.storage.write(NAME, CONTENT, PDF).generation

    assert site.storage.read(NAME, generation, first, count) == expected


def test_another_generation_cannot_be_read(site: StorageSite) -> None:
    first = site.storage.write(NAME, CONTENT, PDF).generation
    site.storage.delete(NAME)
    second = site.storage.write(NAME, CONTENT[::-1], PDF).generation

    for generation in (first, second + 1):
        with pytest.raises(Permanent) as refused:
            site.storage.read(NAME, generation, 0, 10)
        assert refused.value.code == NO_SUCH_OBJECT
        with pytest.raises(AddressRefused):
            site.open(site.storage.read_address(NAME, 60, generation=generation))
    assert site.storage.read(NAME, second, 0, 100) == CONTENT[::-1]
    assert site.open(site.storage.read_address(NAME, 60, generation=second)) == CONTENT[::-1]


def test_writes_all_of_it(site: StorageSite) -> None:
    # Google's library writes more than 8 MiB in another way.
    content = secrets.token_bytes(9 * 1024 * 1024 + 7)
    written = site.storage.write(NAME, content, PDF)

    assert site.open(site.storage.read_address(NAME, 60)) == content
    assert site.storage.write(NAME, content, PDF) == written


def test_what_is_not_there_is_not_found(site: StorageSite) -> None:
    assert site.storage.find(NAME) is None
    with pytest.raises(Permanent) as refused:
        site.storage.read(NAME, 1, 0, 10)
    assert refused.value.code == NO_SUCH_OBJECT


# --- writing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [CONTENT, b""], ids=["content", "no content"])
def test_the_same_is_written_once(site: StorageSite, content: bytes) -> None:
    first = site.storage.write(NAME, content, PDF)

    assert site.storage.write(NAME, content, PDF) == first
    assert (first.size_bytes, first.content_type) == (len(content), PDF)
    assert site.storage.find(NAME) == first
    assert site.storage.read(NAME, first.generation, 0, 100) == content


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(CONTENT[::-1], PDF), (CONTENT + b"\n", PDF), (b"", PDF), (CONTENT, "text/plain")],
    ids=["other bytes", "more", "nothing", "another type"],
)
def test_something_else_is_not_written_over_it(site: StorageSite, content: bytes, content_type: str) -> None:
    first = site.storage.write(NAME, CONTENT, PDF)

    with pytest.raises(Conflict):
        site.storage.write(NAME, content, content_type)

    assert site.storage.find(NAME) == first
    assert site.storage.read(NAME, first.generation, 0, 100) == CONTENT


def test_deletes_it_and_nothing_else(site: StorageSite) -> None:
    site.storage.write(NAME, CONTENT, PDF)
    site.storage.write(OTHER, CONTENT, PDF)

    for _ in range(2):
        site.storage.delete(NAME)

    assert names_in(site.storage) == [OTHER]


# --- listing ------------------------------------------------------------------------------------------------------


def test_lists_in_the_order_of_names(site: StorageSite) -> None:
    names = sorted([*NAMES.values(), *(f"medias/m{number}" for number in range(12)), "\ufffd", "A", "a", "a0"])
    for name in reversed(names):
        site.storage.write(name, CONTENT, PDF)

    assert names_in(site.storage) == names
    assert names_in(site.storage, limit=3) == names[:3]
    assert names_in(site.storage, limit=len(names)) == names
    assert names_in(site.storage, limit=LIST_MAX) == names
    for index, name in enumerate(names):
        assert names_in(site.storage, limit=4, after=name) == names[index + 1 : index + 5], name
    assert names_in(site.storage, "medias/m1") == ["medias/m1", "medias/m10", "medias/m11"]
    assert names_in(site.storage, "medias/m1", after="medias/m1") == ["medias/m10", "medias/m11"]
    assert names_in(site.storage, "medias/m1", limit=1, after="medias/m10") == ["medias/m11"]
    assert names_in(site.storage, after="medias/m12") == [name for name in names if name > "medias/m12"]
    assert names_in(site.storage, "medias/m1/") == []


# --- in memory only -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "content_type", "after_s"),
    [(CONTENT, "text/plain", 0), (CONTENT[1:], PDF, 0), (CONTENT + b"x", PDF, 0), (CONTENT, PDF, 61)],
    ids=["another type", "less", "more", "too late"],
)
def test_memory_refuses_what_the_cloud_refuses(content: bytes, content_type: str, after_s: int) -> None:
    site = MemoryStorageSite()
    address = site.storage.upload_address(NAME, PDF, len(CONTENT), 60)
    site.clock.advance(after_s)

    with pytest.raises(AddressRefused):
        site.upload(address, content, content_type)

    assert site.storage.alive() == []


def test_memory_reads_until_the_address_expires() -> None:
    site = MemoryStorageSite()
    site.storage.write(NAME, CONTENT, PDF)
    url = site.storage.read_address(NAME, 60)
    site.clock.advance(60)
    assert site.open(url) == CONTENT

    site.clock.advance(1)
    with pytest.raises(AddressRefused):
        site.open(url)


# --- in the cloud only --------------------------------------------------------------------------------------------


def test_an_upload_is_resumed_piece_by_piece(cloud: CloudStorageSite) -> None:
    content = secrets.token_bytes(PIECE_BYTES + 5)
    url = cloud.begin(cloud.storage.upload_address(NAME, PDF, len(content), 60))

    assert cloud.send(url, content, 0, PIECE_BYTES - 1, PDF) == 308
    assert cloud.storage.find(NAME) is None
    assert cloud.send(url, content, PIECE_BYTES, len(content) - 1, PDF) == 200

    found = cloud.storage.find(NAME)
    assert found is not None
    assert (found.size_bytes, found.content_type) == (len(content), PDF)
    assert cloud.storage.read(NAME, found.generation, 0, len(content)) == content


def test_a_browser_saves_the_file_under_its_name(cloud: CloudStorageSite) -> None:
    cloud.storage.write(NAME, CONTENT, "text/html")

    saved = cloud.server.http.get(cloud.storage.read_address(NAME, 60, 'Übung "1".pdf'))
    shown = cloud.server.http.get(cloud.storage.read_address(NAME, 60))

    expected = "attachment; filename=\"_bung _1_.pdf\"; filename*=UTF-8''%C3%9Cbung%20%221%22.pdf"
    assert saved.headers["content-disposition"] == expected
    assert saved.headers["content-type"] == "application/octet-stream"
    assert shown.headers["content-type"] == "text/html"
    assert "content-disposition" not in shown.headers


def test_no_shared_cache_keeps_what_is_written(cloud: CloudStorageSite) -> None:
    cloud.storage.write(NAME, CONTENT, PDF)

    assert cloud.server.http.get(cloud.storage.read_address(NAME, 60)).headers["cache-control"] == PRIVATE


def test_bytes_that_are_declared_as_compressed_stay_as_they_are(cloud: CloudStorageSite) -> None:
    """An uploader may send any `Content-Encoding`, and their bytes may grow a thousandfold."""
    packed = gzip.compress(bytes(100_000))
    blob = cloud.server.connect().client.bucket(cloud.bucket).blob(NAME)
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed, content_type=PDF)
    found = cloud.storage.find(NAME)
    assert found is not None

    assert cloud.storage.read(NAME, found.generation, 0, 1000) == packed


def test_a_missing_bucket_is_for_the_operator(server: StorageServer, cloud: CloudStorageSite) -> None:
    nowhere = CloudStorage(server.connect, "slides-nowhere", cloud.clock)

    with pytest.raises(Misconfigured, match="slides-nowhere"):
        nowhere.list_objects("", 10)
    with pytest.raises(Misconfigured, match="slides-nowhere"):
        nowhere.write(NAME, CONTENT, PDF)


# --- over a bad line ----------------------------------------------------------------------------------------------


def _given(connection: Connection) -> Connection:
    return connection


@pytest.mark.parametrize("lost", [Break(0), Break(0, loses_answer=True)], ids=["call", "answer"])
def test_a_lost_call_or_answer_is_repeated(cloud: CloudStorageSite, lost: Break) -> None:
    to = urlsplit(cloud.server.url)
    for use in ("write", "find", "list", "read", "delete"):
        with line_to((to.hostname or "", to.port or 0), [lost]) as line:
            connection = connect_to(f"http://{line.address[0]}:{line.address[1]}")
            storage = cloud.over(partial(_given, connection))
            match use:
                case "write":
                    written = storage.write(NAME, CONTENT, PDF)
                case "find":
                    assert storage.find(NAME) == written
                case "list":
                    assert storage.list_objects("", 10) == [written]
                case "read":
                    assert storage.read(NAME, written.generation, 0, 100) == CONTENT
                case "delete":
                    storage.delete(NAME)
            # The line serves one connection at a time, and waits for its end.
            let_go(connection)
            assert line.broken == [lost], use
    assert cloud.storage.find(NAME) is None


def test_a_storage_that_stays_away_is_asked_again_later(cloud: CloudStorageSite) -> None:
    storage = cloud.over(partial(_given, connect_to("http://127.0.0.1:9")), timeout_s=0.3)

    for change in (lambda: storage.write(NAME, CONTENT, PDF), lambda: storage.delete(NAME)):
        with pytest.raises(Doubtful):
            change()
    for look in (
        lambda: storage.find(NAME),
        lambda: storage.list_objects("", 10),
        lambda: storage.read(NAME, 1, 0, 10),
    ):
        with pytest.raises(Transient) as raised:
            look()
        assert not isinstance(raised.value, Doubtful)


def test_instants_are_in_utc(site: StorageSite) -> None:
    stored = site.storage.write(NAME, CONTENT, PDF)

    assert stored.created_at.utcoffset() == timedelta(0)
    assert site.storage.upload_address(OTHER, PDF, 1, 60).expires_at.tzinfo is UTC


def test_a_new_bucket_allows_uploads_from_no_origin(site: StorageSite) -> None:
    assert site.storage.cors_problem().startswith(
        "The CORS of the bucket allows uploads from no origin. Allow your app's"
    )
