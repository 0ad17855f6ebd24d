"""The cold store port: in memory; S3 as moto and versitygw speak it; Cloud Storage as fake-gcs-server speaks it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import google_crc32c
import pytest

from emulator_tests.bench.archive import MIB, copied, write_certificate
from emulator_tests.bench.programs import serving
from emulator_tests.contract.cold_stores import (
    MARKER,
    NAMESPACE,
    PART_BYTES,
    REGION,
    Clock,
    ColdStoreSite,
    GcsSite,
    MemorySite,
    S3Server,
    S3Site,
    Told,
    answering,
    damaging,
    running_moto,
    running_versitygw,
)
from emulator_tests.contract.sources import File, Sources, sources
from emulator_tests.contract.storages import StorageServer, running_storage
from shared.core.errors import BackendError, Doubtful, Misconfigured, Permanent, ProviderError, Transient
from shared.ports import OTHER_BYTES, SOURCE_GONE, Availability, ColdObject, Health, Source, Tier
from shared.providers.downloads import Download
from shared.providers.gcs.cold_store import Bucket as GcsBucket
from shared.providers.gcs.cold_store import GcsColdStore
from shared.providers.s3.archive_client import ArchiveClient
from shared.providers.s3.cold_store import Bucket, S3ColdStore
from shared.providers.s3.upload import Target, Upload

# The libraries leave connections of refused transfers to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

KEY: Final = "0_abc123"
CONTENT: Final = b"the bytes of an original"
SECRET: Final = "a-secret-that-no-text-may-have"


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with running_moto() as running:
        yield running


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_versitygw(tmp_path_factory.mktemp("versitygw")) as running:
        yield running


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageServer]:
    with running_storage(tmp_path_factory.mktemp("cloud") / "log") as running:
        yield running


@pytest.fixture
def served() -> Iterator[Sources]:
    with sources() as running:
        yield running


@pytest.fixture
def s3(moto: S3Server, served: Sources) -> Iterator[S3Site]:
    """A bucket with classes."""
    with closing(S3Site(moto, served)) as site:
        yield site


@pytest.fixture
def strict(versitygw: S3Server, served: Sources) -> Iterator[S3Site]:
    """A bucket of a store that verifies checksums, and has no classes."""
    with closing(S3Site(versitygw, served)) as site:
        yield site


@pytest.fixture
def gcs(cloud: StorageServer, served: Sources) -> Iterator[GcsSite]:
    """A bucket of Cloud Storage."""
    with closing(GcsSite(cloud, served)) as site:
        yield site


@pytest.fixture(params=["memory", "s3", "strict", "gcs"])
def site(request: pytest.FixtureRequest) -> ColdStoreSite:
    """An empty bucket."""
    if request.param == "memory":
        return MemorySite()
    found: ColdStoreSite = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["s3", "strict", "gcs"])
def wired(request: pytest.FixtureRequest) -> S3Site | GcsSite:
    """An empty bucket that is filled over the network."""
    found: S3Site | GcsSite = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["memory", "s3"])
def cold(request: pytest.FixtureRequest) -> ColdStoreSite:
    """An empty bucket of a class that has to be asked for."""
    return MemorySite() if request.param == "memory" else request.getfixturevalue("s3")


def untold(_: int) -> None:
    """Tell nobody how far a transfer is."""


def stored(site: ColdStoreSite, key: str = KEY, content: bytes = CONTENT) -> ColdObject:
    return site.store.store(key, site.source(content), len(content), untold).object


def keys_in(site: ColdStoreSite) -> list[str]:
    return [one.key for one in site.store.listed()[0]]


# --- storing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size_bytes", [0, 1, 1024 * 1024, 1024 * 1024 + 1, PART_BYTES, 2 * PART_BYTES, 2 * PART_BYTES + 77]
)
def test_the_bytes_arrive_with_their_digest(site: ColdStoreSite, size_bytes: int) -> None:
    content, told = secrets.token_bytes(size_bytes), list[int]()

    done = site.store.store(KEY, site.source(content), size_bytes, told.append)

    assert (done.digest.sha256, done.digest.size_bytes) == (hashlib.sha256(content).hexdigest(), size_bytes)
    assert (done.object.key, done.object.size_bytes) == (KEY, size_bytes)
    assert done.object.storage_class == site.store.terms.storage_class
    assert done.object.checksum.startswith("crc32c:")
    assert done.object == site.store.find(KEY) == site.store.find(KEY, done.object.version)
    assert told == sorted(told)
    assert told[-1:] == [size_bytes] or size_bytes == 0
    assert abs(done.object.stored_at - site.clock()) < timedelta(minutes=1)
    assert site.content(KEY) == content


def test_the_parts_are_told(s3: S3Site) -> None:
    told = list[int]()
    s3.store.store(KEY, s3.source(bytes(2 * PART_BYTES + 1)), None, told.append)
    assert told == [PART_BYTES, 2 * PART_BYTES, 2 * PART_BYTES + 1]


def test_an_earlier_object_keeps_its_version(site: ColdStoreSite) -> None:
    first, second = stored(site), stored(site, content=b"later")

    assert first.version != second.version
    assert site.store.find(KEY, first.version) == first
    assert site.store.find(KEY) == second
    if not isinstance(site, S3Site) or not site.store.terms.is_cold:
        assert site.content(KEY, first.version) == CONTENT


def test_a_file_of_another_size_is_not_stored(site: ColdStoreSite) -> None:
    with pytest.raises(Permanent) as caught:
        site.store.store(KEY, site.source(CONTENT), len(CONTENT) + 1, untold)
    assert caught.value.code == OTHER_BYTES
    assert keys_in(site) == []


def test_an_upload_that_is_given_up_leaves_nothing_readable(site: ColdStoreSite) -> None:
    class Stopped(Exception):
        pass

    def stop(_: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        site.store.store(KEY, site.source(bytes(3 * PART_BYTES)), None, stop)
    assert site.store.find(KEY) is None


@pytest.mark.parametrize("name", ["s3", "strict"])
def test_an_upload_that_fails_leaves_no_parts(request: pytest.FixtureRequest, served: Sources, name: str) -> None:
    site: S3Site = request.getfixturevalue(name)
    content = bytes(2 * PART_BYTES)
    with pytest.raises(Doubtful):
        site.store.store(KEY, served.add(File(content, claims=len(content) + 9)), None, untold)
    assert site.library.list_multipart_uploads(Bucket=site.bucket.name).get("Uploads", []) == []


def test_amazon_is_told_more(s3: S3Site) -> None:
    content = secrets.token_bytes(2 * PART_BYTES)
    client = ArchiveClient(s3.bucket.name, s3.server.url, REGION, s3.server.access_key, s3.server.secret_key)
    attributes = {"StorageClass": "DEEP_ARCHIVE", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"}
    target = Target(client, s3.bucket.name, f"{NAMESPACE}/{KEY}", attributes, PART_BYTES, is_amazon=True)
    with closing(client), closing(Download(s3.source(content))) as download:
        sent = Upload(target, download, untold).run()
    found = s3.store.find(KEY)
    assert found is not None
    assert (found.storage_class, found.checksum) == ("DEEP_ARCHIVE", f"crc32c:{sent.crc32c}")
    head = s3.library.head_object(Bucket=s3.bucket.name, Key=f"{NAMESPACE}/{KEY}")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "k")


def test_a_missing_file_is_told_as_such(wired: S3Site | GcsSite, served: Sources) -> None:
    for source in (Source(f"{served.url}/none"), served.add(File(status=410))):
        with pytest.raises(Permanent) as caught:
            wired.store.store(KEY, source, None, untold)
        assert caught.value.code == SOURCE_GONE
    assert keys_in(wired) == []


@pytest.mark.parametrize("ignores_ranges", [False, True])
def test_a_break_of_the_source_is_gone_on_after(
    wired: S3Site | GcsSite, served: Sources, *, ignores_ranges: bool
) -> None:
    content = secrets.token_bytes(2 * PART_BYTES + 5)
    breaks = [1, PART_BYTES - 100, PART_BYTES + 70_000]
    file = File(content, breaks=list(breaks), ignores_ranges=ignores_ranges)

    done = wired.store.store(KEY, served.add(file), len(content), untold)

    assert file.breaks == []
    assert file.asked == ["", *(f"bytes={at}-" for at in breaks)]
    assert wired.content(KEY) == content
    assert done.digest.sha256 == hashlib.sha256(content).hexdigest()


def test_a_source_that_breaks_again_and_again_is_doubtful(wired: S3Site | GcsSite, served: Sources) -> None:
    with pytest.raises(Doubtful):
        wired.store.store(KEY, served.add(File(CONTENT, claims=len(CONTENT) + 9)), None, untold)
    assert keys_in(wired) == []


def test_a_source_that_changes_meanwhile_is_noticed(wired: S3Site | GcsSite, served: Sources) -> None:
    file = File(bytes(2 * PART_BYTES), breaks=[PART_BYTES + 9], marks=['"one"', '"two"'])
    with pytest.raises(Transient) as caught:
        wired.store.store(KEY, served.add(file), None, untold)
    assert caught.value.code == "CHANGED"
    assert keys_in(wired) == []


def test_a_source_that_refuses_is_tried_again_later(wired: S3Site | GcsSite, served: Sources) -> None:
    with pytest.raises(Transient) as caught:
        wired.store.store(KEY, served.add(File(CONTENT, status=403)), None, untold)
    assert caught.value.code == "HTTP_403"


def test_a_slow_source_is_waited_for(wired: S3Site | GcsSite, served: Sources) -> None:
    content = secrets.token_bytes(1024 * 1024 + 500)
    wired.store.store(KEY, served.add(File(content, pause_s=0.01)), None, untold)
    assert wired.content(KEY) == content


def test_a_redirect_within_the_host_is_followed_and_another_is_not(s3: S3Site, served: Sources) -> None:
    file = served.add(File(CONTENT))
    s3.store.store(KEY, served.add(File(location=file.url)), None, untold)
    assert s3.content(KEY) == CONTENT

    with pytest.raises(Transient) as caught:
        s3.store.store(KEY, served.add(File(location="http://169.254.169.254/secret")), None, untold)
    assert caught.value.code == "REDIRECT"


# moto, the store of `s3`, reports the checksum that it was told, unless it has put parts together.
@pytest.mark.parametrize(
    ("wired", "size_bytes"),
    [
        ("s3", 2 * PART_BYTES),
        *((name, size) for name in ("strict", "gcs") for size in (len(MARKER), 2 * PART_BYTES)),
    ],
    indirect=["wired"],
)
def test_other_bytes_are_deleted_again(wired: S3Site | GcsSite, size_bytes: int) -> None:
    content = MARKER + bytes(size_bytes - len(MARKER))
    with damaging(_url_of(wired), times=1000) as url:
        store = _through(wired, url)
        with pytest.raises(ProviderError) as caught:
            store.store(KEY, wired.source(content), size_bytes, untold)
    assert caught.value.code == OTHER_BYTES
    assert wired.content(KEY) is None
    assert keys_in(wired) == []


def test_other_bytes_do_not_destroy_what_was_there(s3: S3Site) -> None:
    before = stored(s3)
    with damaging(_url_of(s3), times=1000) as url, pytest.raises(Permanent):
        _through(s3, url).store(KEY, s3.source(MARKER + bytes(2 * PART_BYTES)), None, untold)
    assert s3.store.find(KEY) == before


@pytest.mark.parametrize("size_bytes", [len(MARKER), 2 * PART_BYTES])
def test_a_store_that_verifies_gets_a_damaged_part_again(strict: S3Site, size_bytes: int) -> None:
    content = MARKER + bytes(size_bytes - len(MARKER))
    with damaging(_url_of(strict), times=1) as url:
        done = _through(strict, url).store(KEY, strict.source(content), size_bytes, untold)
    assert strict.content(KEY) == content
    assert done.digest.sha256 == hashlib.sha256(content).hexdigest()


def test_what_cloud_storage_reports_is_compared(served: Sources) -> None:
    asked: list[str] = []
    facts = {"name": "n", "generation": "5", "size": "3", "timeCreated": "2026-11-30T00:00:00Z"}

    def answer(method: str, _: str) -> Told:
        asked.append(method)
        return Told(200, json.dumps(facts if method == "POST" else {**facts, "crc32c": "AAAAAA=="}))

    bucket = GcsBucket(name="b", storage_class="ARCHIVE", prefix=f"{NAMESPACE}/", pause_s=0.01)
    content = b"abc"
    facts["crc32c"] = base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()
    with (
        answering(answer) as url,
        closing(GcsColdStore(replace(bucket, emulator_url=url), Clock())) as store,
        pytest.raises(Permanent) as caught,
    ):
        store.store(KEY, served.add(File(content)), None, untold)
    assert caught.value.code == OTHER_BYTES
    assert asked == ["POST", "GET", "DELETE"]


def _url_of(site: S3Site | GcsSite) -> str:
    return site.server.url


def _through(site: S3Site | GcsSite, url: str) -> S3ColdStore:
    return site.with_changes(url=url) if isinstance(site, S3Site) else site.with_changes(emulator_url=url)  # type: ignore[return-value]


@pytest.mark.long
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    write_certificate(tmp_path)
    with (
        serving("archive_sink", "source", str(256 * MIB)) as source,
        serving("archive_sink", "sink", str(tmp_path)) as sink,
    ):
        taken = copied(f"http://127.0.0.1:{source}/v.mp4", f"https://localhost:{sink}", tmp_path, "ours")
    assert taken.verified
    assert taken.memory_bytes < 8 * MIB


# --- finding, asking, reading ---------------------------------------------------------------------------------------


def test_what_does_not_exist_is_not_found(site: ColdStoreSite) -> None:
    item = stored(site)
    assert site.store.find("none") is None
    site.store.delete(item)
    assert site.store.find(KEY, item.version) is None


def test_a_cold_object_is_asked_for_and_expires(cold: ColdStoreSite) -> None:
    item = stored(cold)
    assert (item.availability, item.available_until) == (Availability.COLD, None)
    with pytest.raises(Transient) as caught, cold.store.read(item):
        pass
    assert caught.value.code == "COLD"

    assert cold.store.ask(item, Tier.BULK, 2) == cold.store.terms.waits[Tier.BULK]
    if isinstance(cold, MemorySite):
        cold.clock.advance(13 * 3600)
    found = cold.store.find(KEY)
    assert found is not None
    assert found.availability is Availability.READY
    with cold.store.read(found) as pieces:
        assert b"".join(pieces) == CONTENT

    until = found.available_until
    assert until is not None
    assert timedelta(days=1) < until - cold.clock() <= timedelta(days=2)
    assert cold.store.ask(found, Tier.BULK, 5) == timedelta()
    found = cold.store.find(KEY)
    assert found is not None
    assert found.available_until is not None
    assert found.available_until > until + timedelta(days=2)

    cold.clock.advance(6 * 24 * 3600)
    found = cold.store.find(KEY)
    assert found is not None
    assert (found.availability, found.available_until) == (Availability.COLD, None)
    with pytest.raises(Transient, match="asked for"), cold.store.read(found):
        pass


def test_what_was_asked_for_is_coming_in_memory() -> None:
    site = MemorySite()
    item = stored(site)
    site.store.ask(item, Tier.EXPEDITED, 1)
    site.clock.advance(60)
    found = site.store.find(KEY)
    assert found is not None
    assert found.availability is Availability.COMING
    assert site.store.ask(item, Tier.BULK, 9) == timedelta(hours=12)
    site.clock.advance(300)
    found = site.store.find(KEY)
    assert found is not None
    assert found.available_until == site.clock() - timedelta(seconds=60) + timedelta(days=1)


def test_the_coldest_class_has_no_expedited_tier(s3: S3Site) -> None:
    store = s3.with_changes(storage_class="DEEP_ARCHIVE")
    item = store.store(KEY, s3.source(CONTENT), None, untold).object
    with pytest.raises(Permanent, match="DEEP_ARCHIVE has no tier expedited"):
        store.ask(item, Tier.EXPEDITED, 1)
    assert store.ask(item, Tier.STANDARD, 1) == timedelta(hours=12)


def test_what_is_at_hand_needs_not_be_asked_for(strict: S3Site, gcs: GcsSite) -> None:
    for site in (strict, gcs):
        item = stored(site)
        assert not site.store.terms.is_cold
        assert item.availability is Availability.READY
        assert site.store.ask(item, Tier.BULK, 1) == timedelta()
        with site.store.read(item) as pieces:
            assert b"".join(pieces) == CONTENT


def test_an_address_gives_the_version_that_was_meant(strict: S3Site, served: Sources) -> None:
    item = stored(strict)
    strict.overwrite(KEY, b"another")
    # What reads the address of one store is here another store that archives it.
    strict.store.store("copy", strict.store.address(item, 60), item.size_bytes, untold)
    assert strict.content("copy") == CONTENT
    assert served.files


def test_a_version_that_was_deleted_cannot_be_read(site: ColdStoreSite) -> None:
    item = stored(site)
    site.store.delete(item)
    with pytest.raises(Permanent) as caught, site.store.read(item):
        pass
    assert caught.value.code == "NOT_FOUND"


# --- deleting, listing, tidying -------------------------------------------------------------------------------------


def test_deleting_is_repeatable_and_of_one_version(site: ColdStoreSite) -> None:
    first, second = stored(site), stored(site, content=b"later")
    site.store.delete(second)
    site.store.delete(second)
    assert site.store.find(KEY, first.version) == first
    # Cloud Storage does not make an earlier version the present one again.
    assert site.store.find(KEY) == (None if isinstance(site, GcsSite) else first)
    site.store.delete(first)
    assert site.store.find(KEY) is None
    assert keys_in(site) == []


@pytest.mark.parametrize("name", ["memory", "s3", "strict"])
def test_a_lock_is_told_as_such(request: pytest.FixtureRequest, name: str) -> None:
    site: ColdStoreSite = MemorySite() if name == "memory" else request.getfixturevalue(name)
    item = stored(site)
    site.lock(KEY)
    with pytest.raises(Permanent) as caught:
        site.store.delete(item)
    assert caught.value.code == "LOCKED"
    assert site.content(KEY) == CONTENT


def test_the_newest_version_of_each_key_is_listed_in_order(site: ColdStoreSite) -> None:
    for key in ("b", "a/1", "c", "a/0"):
        stored(site, key)
    newest = stored(site, "b", b"newer")
    gone = stored(site, "gone")
    site.store.delete(gone)

    items, after = site.store.listed()
    assert [one.key for one in items] == ["a/0", "a/1", "b", "c"]
    assert replace(items[2], checksum="") == replace(newest, checksum="")
    assert after is None
    assert [one.key for one in site.store.listed("a/1")[0]] == ["b", "c"]
    assert site.store.listed("c") == ((), None)


@pytest.mark.long
def test_a_long_list_comes_in_pages(site: ColdStoreSite) -> None:
    keys = [f"{number:05d}" for number in range(1003)]
    for key in keys:
        site.overwrite(key, b"x")
    items, after = site.store.listed()
    assert [one.key for one in items] == keys[:1000]
    assert after == keys[999]
    rest, end = site.store.listed(after)
    assert ([one.key for one in rest], end) == (keys[1000:], None)


def test_other_deployments_are_not_seen(site: ColdStoreSite) -> None:
    other = site.neighbour()
    stored(site)
    other_item = other.store("theirs", site.source(b"theirs"), None, untold).object
    assert keys_in(site) == [KEY]
    assert [one.key for one in other.listed()[0]] == ["theirs"]
    assert site.store.find("theirs") is None
    assert other.tidy(site.clock() + timedelta(days=1)) == 0
    other.delete(other_item)
    assert site.content(KEY) == CONTENT


@pytest.mark.parametrize("name", ["memory", "s3", "strict"])
def test_uploads_that_never_ended_are_removed(request: pytest.FixtureRequest, name: str) -> None:
    site: ColdStoreSite = MemorySite() if name == "memory" else request.getfixturevalue(name)
    stored(site)
    site.begin("begun")
    if name != "s3":
        # At moto every upload was begun in 2010.
        assert site.store.tidy(site.clock() - timedelta(hours=1)) == 0
    assert site.store.tidy(site.clock() + timedelta(seconds=5)) == 1
    assert site.store.tidy(site.clock() + timedelta(seconds=5)) == 0
    assert keys_in(site) == [KEY]


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_a_good_bucket_is_told_and_nothing_is_left(wired: S3Site | GcsSite) -> None:
    findings = {one.what: one for one in wired.store.check()}
    assert findings["versioning of the bucket"].health is Health.OK
    assert [one for one in findings.values() if one.health is Health.MISSING] == []
    assert keys_in(wired) == []


def test_a_bucket_without_versions_is_told(moto: S3Server, served: Sources) -> None:
    with closing(S3Site(moto, served, keeps_versions=False)) as site:
        findings = {one.what: one for one in site.store.check()}
        assert findings["versioning of the bucket"].health is Health.MISSING
        assert "destroys the only original" in findings["versioning of the bucket"].sentence
        assert findings["object lock of the bucket"].health is Health.ABSENT
        assert "at any time" in findings["object lock of the bucket"].sentence
        item = stored(site)
        assert item.version == ""
        site.store.delete(item)
        assert keys_in(site) == []


def test_what_protects_a_bucket_is_told(s3: S3Site) -> None:
    at = {"Bucket": s3.bucket.name}
    s3.library.put_object_lock_configuration(
        **at,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 7}},
        },
    )
    s3.library.put_bucket_lifecycle_configuration(
        **at,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "parts",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                }
            ]
        },
    )
    findings = {one.what: one for one in s3.store.check()}
    assert "within 7 days" in findings["object lock of the bucket"].sentence
    # What is written to try it could not be deleted again.
    assert findings["permissions"].health is Health.ABSENT
    assert s3.library.list_object_versions(Bucket=s3.bucket.name).get("Versions", []) == []
    assert findings["removal of uploads that never ended"].health is Health.OK


def test_a_bucket_in_another_region_is_told(s3: S3Site) -> None:
    store = s3.with_changes(region="eu-west-3")
    found = {one.what: one for one in store.check()}["region of the bucket"]
    assert found.health is Health.MISSING
    assert "us-east-1" in found.sentence


@pytest.mark.parametrize(
    "call",
    [
        lambda site, store: store.store(KEY, site.source(CONTENT), None, untold),
        lambda site, store: store.store(KEY, site.source(bytes(2 * PART_BYTES)), None, untold),
        lambda _, store: store.find(KEY),
        lambda _, store: store.listed(),
    ],
    ids=["store", "store in parts", "find", "listed"],
)
def test_a_bucket_that_does_not_exist_is_named(
    wired: S3Site | GcsSite, call: Callable[[ColdStoreSite, object], object]
) -> None:
    store = wired.with_changes(name="nowhere-at-all")
    with pytest.raises(Misconfigured, match="There is no bucket nowhere-at-all"):
        call(wired, store)
    assert [one.health for one in store.check()] == [Health.MISSING]


def test_a_wrong_secret_is_told_without_it(strict: S3Site) -> None:
    store = strict.with_changes(secret_key=SECRET)
    for call in (lambda: store.find(KEY), store.listed, lambda: store.store(KEY, strict.source(CONTENT), None, untold)):
        with pytest.raises(Misconfigured, match="ARCHIVE_S3_SECRET_KEY") as caught:
            call()
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(strict.bucket)


ERRORS: Final[dict[str, tuple[int, type[BackendError], str]]] = {
    "PermanentRedirect": (301, Misconfigured, "another region"),
    "AuthorizationHeaderMalformed": (400, Misconfigured, "another region"),
    "RequestTimeTooSkewed": (403, Misconfigured, "clock"),
    "InvalidAccessKeyId": (403, Misconfigured, "ARCHIVE_S3_ACCESS_KEY"),
    "XAdminUserNotFound": (404, Misconfigured, "ARCHIVE_S3_ACCESS_KEY"),
    "AccessDenied": (403, Misconfigured, "permission"),
    "NoSuchBucket": (404, Misconfigured, "There is no bucket"),
    "SlowDown": (503, Transient, "no more requests"),
    "InternalError": (500, Doubtful, "server error"),
    "EntityTooLarge": (400, Permanent, "refuses"),
}


@pytest.mark.parametrize("size_bytes", [3, 2 * PART_BYTES], ids=["whole", "in parts"])
@pytest.mark.parametrize("code", ERRORS)
def test_each_error_of_s3_has_its_class_and_no_secret(served: Sources, code: str, size_bytes: int) -> None:
    status, kind, sentence = ERRORS[code]
    body = f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>"
    begun = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"

    def answer(method: str, path: str) -> Told:
        return Told(200, begun) if method == "POST" and path.endswith("?uploads") else Told(status, body)

    with answering(answer) as url, closing(_store_at(url)) as store:
        for call in (
            store.listed,
            lambda: store.find(KEY),
            lambda: store.store(KEY, served.add(File(bytes(size_bytes))), None, untold),
        ):
            with pytest.raises(kind, match=sentence) as caught:
                call()
            assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_wrong_clock_is_a_finding_of_its_own() -> None:
    body = "<Error><Code>RequestTimeTooSkewed</Code></Error>"
    with answering(lambda *_: Told(403, body)) as url, closing(_store_at(url)) as store:
        (found,) = store.check()
    assert (found.what, found.health) == ("clock", Health.MISSING)


def test_a_missing_permission_is_a_finding_of_its_own() -> None:
    denied = Told(403, "<Error><Code>AccessDenied</Code></Error>")

    def answer(method: str, path: str) -> Told:
        is_list = method == "GET" and "list-type=2" in path
        return Told(200, "<ListBucketResult></ListBucketResult>") if is_list or method == "HEAD" else denied

    with answering(answer) as url, closing(_store_at(url)) as store:
        findings = {one.what: one for one in store.check()}
    assert findings["permission s3:PutObject"].health is Health.MISSING
    assert "s3:GetBucketVersioning" in findings["versioning of the bucket"].sentence


def test_what_is_under_way_and_what_is_at_hand_is_understood() -> None:
    restores = {"answer": Told(202)}
    item = ColdObject(KEY, "v1", 3, "GLACIER", Clock()())

    with answering(lambda *_: restores["answer"]) as url, closing(_store_at(url)) as store:
        assert store.ask(item, Tier.STANDARD, 1) == timedelta(hours=5)
        restores["answer"] = Told(409, "<Error><Code>RestoreAlreadyInProgress</Code></Error>")
        assert store.ask(item, Tier.BULK, 1) == timedelta(hours=12)
        restores["answer"] = Told(200)
        assert store.ask(item, Tier.BULK, 1) == timedelta()
        restores["answer"] = Told(503, "<Error><Code>GlacierExpeditedRetrievalNotAvailable</Code></Error>")
        with pytest.raises(Transient):
            store.ask(item, Tier.EXPEDITED, 1)


@pytest.mark.parametrize(
    ("restore", "availability"),
    [
        ('ongoing-request="true"', Availability.COMING),
        ('ongoing-request="false", expiry-date="Fri, 23 Dec 2199 00:00:00 GMT"', Availability.READY),
        ('ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"', Availability.COLD),
        ("", Availability.COLD),
    ],
)
def test_the_state_of_a_restore_is_read(restore: str, availability: Availability) -> None:
    headers = (
        ("Content-Length", "3"),
        ("Last-Modified", "Fri, 21 Dec 2012 00:00:00 GMT"),
        ("x-amz-storage-class", "GLACIER"),
        *((("x-amz-restore", restore),) if restore else ()),
    )
    with answering(lambda *_: Told(200, headers=headers)) as url, closing(_store_at(url)) as store:
        found = store.find(KEY)
    assert found is not None
    assert found.availability is availability


def test_a_store_without_checksums_is_read_once_more(served: Sources) -> None:
    kept: dict[str, bytes] = {}
    content = secrets.token_bytes(50)
    headers = (("Content-Length", "50"), ("Last-Modified", "Fri, 21 Dec 2012 00:00:00 GMT"))

    def answer(method: str, _: str) -> Told:
        if method == "GET":
            return Told(200, "y" * 50)
        if method == "DELETE":
            kept["deleted"] = b""
        return Told(200, headers=headers if method == "HEAD" else ())

    with answering(answer) as url, closing(_store_at(url, "STANDARD")) as store:
        assert store.store(KEY, served.add(File(b"y" * 50)), None, untold).object.checksum == ""
        assert kept == {}
        with pytest.raises(Permanent) as caught:
            store.store(KEY, served.add(File(content)), None, untold)
    assert caught.value.code == OTHER_BYTES
    assert kept == {"deleted": b""}


def _store_at(url: str, storage_class: str = "GLACIER") -> S3ColdStore:
    bucket = Bucket(
        name="b",
        url=url,
        region="eu-central-1",
        storage_class=storage_class,
        access_key="key",
        secret_key=SECRET,
        prefix=f"{NAMESPACE}/",
        pause_s=0.01,
        part_bytes=PART_BYTES,
    )
    return S3ColdStore(bucket, Clock())
