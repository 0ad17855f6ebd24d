"""The channel port: in memory, and Eventarc as the simulator and the emulator of firebase-tools serve it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import cloudevents.http
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from firebase_functions.core import CloudEvent as ReceivedEvent
from firebase_functions.eventarc_fn import on_custom_event_published

from emulator_tests.memory import MemoryChannel
from emulator_tests.simulators.eventarc import Eventarc, serving
from emulator_tests.testbed.places import NODE
from shared.cloud.eventarc import EventarcChannel
from shared.cloud.posting import post_as_own_account, post_to_emulator
from shared.core.errors import BackendError, Doubtful, Misconfigured, Permanent, Transient
from shared.ports import Channel, CloudEvent

pytestmark = pytest.mark.long

NAME: Final = "projects/my-school/locations/europe-west1/channels/firebase"
SOURCE: Final = "projects/my-school/databases/greenroom"
ACCOUNT: Final = "functions@my-school.iam.gserviceaccount.com"
AT: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
EVENT: Final = CloudEvent(
    "greenroom.video.v1.ready:s1:v1:1767603600000000",
    "greenroom.video.v1.ready",
    "videos/v1",
    AT,
    {"sessionId": "s1", "videoId": "v1"},
)


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture
def eventarc(key: RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Eventarc]:
    """
    Eventarc, with credentials of an account that it knows.
    """
    private_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    credentials = tmp_path / "account.json"
    # In another universe than Google's an account signs its tokens itself, and nothing is asked of Google.
    told = {"type": "service_account", "client_email": ACCOUNT, "universe_domain": "example.test"}
    further = {"token_uri": "http://127.0.0.1:1/token", "private_key": private_key, "project_id": "my-school"}
    credentials.write_text(json.dumps(told | further))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials))
    public_key = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with serving(NAME, ACCOUNT, public_key) as server:
        yield server


def channel_at(eventarc: Eventarc, name: str = NAME) -> EventarcChannel:
    return EventarcChannel(name, SOURCE, post_as_own_account, f"{eventarc.url}/v1")


@dataclass(frozen=True)
class World:
    """
    A channel, and the ids, types, subjects, times and data that its subscribers got.
    """

    channel: Channel
    received: Callable[[], list[tuple[str, str, str, str, Mapping[str, str]]]]


@pytest.fixture(params=["memory", "eventarc"])
def world(request: pytest.FixtureRequest, eventarc: Eventarc) -> World:
    if request.param == "memory":
        memory = MemoryChannel()
        return World(
            memory,
            lambda: [
                (one.id, one.type, one.subject, one.time.astimezone(UTC).isoformat(timespec="microseconds"), one.data)
                for one in memory.published
            ],
        )
    return World(
        channel_at(eventarc),
        lambda: [
            (one["id"], one["type"], one["subject"], one["time"].replace("Z", "+00:00"), one["data"])
            for one in eventarc.published
        ],
    )


def test_subscriber_gets_what_was_published(world: World) -> None:
    world.channel.publish(EVENT)
    assert world.received() == [(EVENT.id, EVENT.type, "videos/v1", "2026-01-05T09:00:00.000000+00:00", EVENT.data)]


def test_event_that_is_published_twice_has_one_id(world: World) -> None:
    for _ in range(2):
        world.channel.publish(EVENT)
    assert [told[0] for told in world.received()] == [EVENT.id, EVENT.id]


@pytest.mark.parametrize(
    ("at", "told"),
    [
        pytest.param(AT + timedelta(microseconds=7), "2026-01-05T09:00:00.000007+00:00", id="a fraction"),
        pytest.param(AT.astimezone(timezone(timedelta(hours=5))), "2026-01-05T09:00:00.000000+00:00", id="a zone"),
    ],
)
def test_time_is_in_utc_with_microseconds(world: World, at: datetime, told: str) -> None:
    world.channel.publish(replace(EVENT, time=at))
    assert world.received()[0][3] == told


def test_events_have_a_source_that_makes_their_ids_unique(eventarc: Eventarc) -> None:
    channel_at(eventarc).publish(EVENT)
    assert eventarc.published[0]["source"] == SOURCE


def test_published_event_can_be_read_by_a_function_of_the_python_sdk(eventarc: Eventarc) -> None:
    received: list[ReceivedEvent[Any]] = []

    @on_custom_event_published(event_type=EVENT.type, channel=NAME)
    def subscriber(event: ReceivedEvent[Any]) -> None:
        received.append(event)

    channel_at(eventarc).publish(EVENT)
    subscriber(cloudevents.http.from_dict(eventarc.published[0]))  # type: ignore[arg-type]  # it takes the raw event
    (told,) = received
    assert (told.id, told.type, told.subject, told.time) == (EVENT.id, EVENT.type, EVENT.subject, AT)
    assert told.data == EVENT.data


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(400, Permanent, id="a malformed event"),
        pytest.param(401, Misconfigured, id="no identity"),
        pytest.param(403, Misconfigured, id="no permission"),
        pytest.param(404, Misconfigured, id="the channel is gone"),
        pytest.param(429, Transient, id="too many"),
        pytest.param(500, Doubtful, id="a failure"),
        pytest.param(503, Transient, id="busy"),
        pytest.param(504, Doubtful, id="too late"),
    ],
)
def test_refusal_says_whether_to_try_again(eventarc: Eventarc, status: int, error: type[BackendError]) -> None:
    eventarc.answer = status
    with pytest.raises(error) as caught:
        channel_at(eventarc).publish(EVENT)
    assert type(caught.value) is error


def test_missing_permission_names_the_role(eventarc: Eventarc) -> None:
    eventarc.may_publish = False
    with pytest.raises(Misconfigured, match=r"roles/eventarc\.publisher"):
        channel_at(eventarc).publish(EVENT)


def test_unknown_channel_is_named(eventarc: Eventarc) -> None:
    with pytest.raises(Misconfigured, match="channels/other does not exist"):
        channel_at(eventarc, f"{NAME.rpartition('/')[0]}/other").publish(EVENT)


def test_slow_server_is_given_up(eventarc: Eventarc) -> None:
    eventarc.goes_on.clear()
    with pytest.raises(Doubtful):
        EventarcChannel(NAME, SOURCE, lambda url, body: post_to_emulator(url, body, 0.2), f"{eventarc.url}/v1").publish(
            EVENT
        )


def test_server_that_is_not_there_is_asked_again() -> None:
    with pytest.raises(Doubtful):
        EventarcChannel(NAME, SOURCE, post_to_emulator, "http://127.0.0.1:1/v1").publish(EVENT)


def test_stranger_publishes_nothing(eventarc: Eventarc) -> None:
    with pytest.raises(Misconfigured):
        EventarcChannel(NAME, SOURCE, post_to_emulator, f"{eventarc.url}/v1").publish(EVENT)
    assert eventarc.published == []


def test_missing_credentials_are_named(eventarc: Eventarc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(Misconfigured, match="credentials"):
        channel_at(eventarc).publish(EVENT)
    assert eventarc.published == []


def test_emulator_of_firebase_tools_reads_what_is_published(eventarc: Eventarc) -> None:
    """
    Firebase's own reader of events agrees with the simulator.
    """
    sent: list[Mapping[str, Any]] = []

    def post(url: str, body: Mapping[str, Any]) -> int:
        sent.append(body)
        return post_as_own_account(url, body)

    EventarcChannel(NAME, SOURCE, post, f"{eventarc.url}/v1").publish(EVENT)
    reader = NODE / "node_modules" / "firebase-tools" / "lib" / "emulator" / "eventarcEmulatorUtils.js"
    read = f"require({json.dumps(str(reader))}).cloudEventFromProtoToJson({json.dumps(sent[0]['events'][0])})"
    program = f"console.log(JSON.stringify({read}))"
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == eventarc.published[0]
