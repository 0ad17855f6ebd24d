"""The Kaltura client against a server of a few lines that says, byte for byte, what a test wants it to say."""

from __future__ import annotations

import gzip
import json
import logging
import re
import socket
import socketserver
import ssl
import sys
import threading
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaUploadedFileTokenResource, KalturaUploadToken

from emulator_tests.memory import MemoryDocuments
from shared.core.errors import Doubtful, Misconfigured, Permanent, ProviderError, Transient
from shared.ports import MediaState
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.client import Client
from shared.providers.kaltura.media import KalturaMedia

# It speaks to a real server on the loopback.
pytestmark = pytest.mark.long

KS = "djJ8MTAyfPqRstuVwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz=="
ENTRY = "<objectType>KalturaMediaEntry</objectType><id>1_abcdefgh</id><name>Lesson</name><status>2</status>"


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """
    One request as it arrived.
    """

    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Says:
    """
    Bytes to answer with, and what becomes of the connection: kept, hung up, or left in silence.
    """

    said: bytes
    hangs_up: bool = False
    falls_silent: bool = False


Answer = Says | Callable[[WebhookEvent], Says]


@dataclass
class Server:
    """
    What the server heard, and what it says to each request in turn; the last is said again and again.
    """

    url: str
    answers: list[Answer] = field(default_factory=list)
    heard: list[WebhookEvent] = field(default_factory=list)
    connections: int = 0
    hung_up: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def says(self, *answers: Answer) -> None:
        self.answers[:] = answers


def http(content: bytes | str, status: str = "200 OK", *headers: str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers))
    return head.encode() + b"\r\n\r\n" + content


def xml(result: str) -> str:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><xml><result>{result}</result><executionTime>0.1</executionTime></xml>'
    )


def ok(result: str) -> Says:
    return Says(http(xml(result)))


def refusal(code: str, message: str = "no", args: str = "") -> str:
    return (
        f"<error><code>{code}</code><message>{message}</message><objectType>KalturaAPIException</objectType>"
        f"<args>{args}</args></error>"
    )


def serve(context: ssl.SSLContext | None = None) -> tuple[Server, socketserver.ThreadingTCPServer]:
    server = Server("")

    class Handler(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            if context is not None:
                self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle(self) -> None:
            server.connections += 1
            while line := self.rfile.readline():
                headers = {}
                while (header := self.rfile.readline().strip()) != b"":
                    name, _, value = header.decode().partition(": ")
                    headers[name.lower()] = value
                body = self.rfile.read(int(headers["content-length"]))
                heard = WebhookEvent(line.split()[1].decode(), headers, json.loads(body))
                server.heard.append(heard)
                answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                answer = answer if isinstance(answer, Says) else answer(heard)
                self.wfile.write(answer.said)
                self.wfile.flush()
                if answer.falls_silent:
                    server.over.wait(30)
                if answer.hangs_up or answer.falls_silent:
                    return

        def finish(self) -> None:
            super().finish()
            self.request.close()
            server.hung_up.set()

    class Listener(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            # A client that refuses our certificate, or does not wait for the answer, is what some tests are about.
            assert isinstance(sys.exception(), OSError)

    listener = Listener(("127.0.0.1", 0), Handler)
    scheme = "http" if context is None else "https"
    server.url = f"{scheme}://localhost:{listener.server_address[1]}"
    return server, listener


@pytest.fixture
def running() -> Iterator[Callable[..., Server]]:
    listeners: list[tuple[Server, socketserver.ThreadingTCPServer, threading.Thread]] = []

    def start(context: ssl.SSLContext | None = None) -> Server:
        server, listener = serve(context)
        thread = threading.Thread(target=listener.serve_forever, args=(0.002,))
        thread.start()
        listeners.append((server, listener, thread))
        return server

    yield start
    for server, listener, thread in listeners:
        server.over.set()
        listener.shutdown()
        thread.join()
        listener.server_close()


@pytest.fixture
def server(running: Callable[..., Server]) -> Server:
    return running()


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def make(service_url: str, **settings: Any) -> Client:
        clients.append(Client(service_url, **settings))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


# The server waits for the connections to end before it goes: the client's have to end first.
@pytest.fixture
def client(server: Server, connect: Callable[..., Client]) -> Client:
    return connect(server.url, plugins=("Schedule",), answer_timeout_s=5.0)


def get(client: Client, entry_id: str = "1_abcdefgh") -> Any:
    return client.call(KS, lambda c: c.media.get(entry_id))


# What is asked


def test_an_entry_arrives_as_the_librarys_object(server: Server, client: Client) -> None:
    server.says(ok(ENTRY + "<duration>12</duration><dataUrl></dataUrl><unheardOf>1</unheardOf>"))
    entry = get(client)
    assert isinstance(entry, KalturaMediaEntry)
    assert (entry.id, entry.name, entry.status.getValue(), entry.duration) == ("1_abcdefgh", "Lesson", "2", 12)


def test_a_call_carries_its_arguments_and_its_ks_in_the_body_alone(server: Server, client: Client) -> None:
    server.says(ok(ENTRY))
    get(client)
    (heard,) = server.heard
    assert heard.path == "/api_v3/service/media/action/get"
    assert heard.headers["content-type"] == "application/json"
    assert {"ks": KS, "entryId": "1_abcdefgh", "format": "2"}.items() <= heard.body.items()
    assert KS not in heard.path + str(heard.headers)


def test_a_ks_does_not_linger_for_the_next_call(server: Server, client: Client) -> None:
    server.says(ok(ENTRY), ok("1"))
    get(client)
    assert client.call(None, lambda c: c.system.ping()) is True
    assert "ks" not in server.heard[1].body


def test_scalars_lists_and_nothing_arrive_as_what_they_are(server: Server, client: Client) -> None:
    server.says(
        ok("1700000000"),
        ok(f"<objectType>KalturaMediaListResponse</objectType><objects><item>{ENTRY}</item></objects>"),
        ok("<objectType>KalturaMediaListResponse</objectType><objects></objects><totalCount>0</totalCount>"),
        ok(""),
    )
    assert client.call(KS, lambda c: c.system.getTime()) == 1_700_000_000
    assert [entry.id for entry in client.call(KS, lambda c: c.media.list()).objects] == ["1_abcdefgh"]
    assert client.call(KS, lambda c: c.media.list()).objects == []
    assert client.call(KS, lambda c: c.media.delete("1_abcdefgh")) is None


def test_only_the_wanted_fields_are_asked_for(server: Server, client: Client) -> None:
    server.says(ok(f"<objectType>KalturaMediaListResponse</objectType><objects><item>{ENTRY}</item></objects>"))
    page = client.call(KS, lambda c: c.media.list(), fields=("id", "status"))
    assert server.heard[0].body["responseProfile"] == {
        "objectType": "KalturaDetachedResponseProfile",
        "type": "1",
        "fields": "id,status",
    }
    assert page.objects[0].duration is NotImplemented


def test_a_plugins_service_is_there_when_its_plugin_is(server: Server, client: Client) -> None:
    server.says(ok("<objectType>KalturaScheduleEventListResponse</objectType><objects></objects>"))
    client.call(KS, lambda c: c.schedule.scheduleEvent.list())
    assert server.heard[0].path == "/api_v3/service/schedule_scheduleevent/action/list"


def test_only_the_wanted_plugins_are_loaded(connect: Callable[..., Client]) -> None:
    with pytest.raises(AttributeError, match="virtualEvent"):
        connect("https://kaltura.invalid").call(KS, lambda c: c.virtualEvent.virtualEvent.get(1))


def test_a_path_before_the_api_is_kept(server: Server, connect: Callable[..., Client]) -> None:
    server.says(ok(ENTRY))
    get(connect(server.url + "/behind/a/proxy/"))
    assert server.heard[0].path == "/behind/a/proxy/api_v3/service/media/action/get"


def test_user_text_is_sent_unchanged(server: Server, client: Client) -> None:
    server.says(ok(ENTRY))
    client.call(KS, lambda c: c.media.add(KalturaMediaEntry(name="{1:result:ks} ☃")))
    assert server.heard[0].body["entry"]["name"] == "{1:result:ks} ☃"


@pytest.mark.parametrize("ask", [lambda _: None, lambda c: (c.system.ping(), c.system.ping())], ids=["none", "two"])
def test_a_question_that_is_not_one_call_is_a_bug_of_the_caller(
    server: Server, client: Client, ask: Callable[[Any], Any]
) -> None:
    server.says(ok("1"))
    with pytest.raises(RuntimeError, match="one service call"):
        client.call(KS, ask)
    with pytest.raises(RuntimeError, match="one service call"):
        client.multi(KS).ask(ask)


def test_a_mistake_of_the_caller_is_not_taken_for_a_bad_answer(server: Server, client: Client) -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        client.call(KS, lambda c: c.nonsense.get("1_abcdefgh"))
    assert server.heard == []


# Several at once


def test_several_calls_travel_together_each_with_its_own_ks(server: Server, client: Client) -> None:
    token = "<objectType>KalturaUploadToken</objectType><id>1_token</id>"
    server.says(ok(f"<item>{ENTRY}</item><item>{token}</item><item>{ENTRY}</item><item></item>"))
    multi = client.multi(KS)
    entry = multi.ask(lambda c: c.media.add(KalturaMediaEntry(name="Lesson")))
    upload = multi.ask(lambda c: c.uploadToken.add(KalturaUploadToken(fileName="a.mp4")), ks="another")
    multi.ask(
        lambda c: c.media.addContent(entry.result("id"), KalturaUploadedFileTokenResource(token=upload.result("id")))
    )
    gone = multi.ask(lambda c: c.media.delete("1_ijklmnop"))
    multi.send()
    (heard,) = server.heard
    assert heard.path == "/api_v3/service/multirequest"
    assert [heard.body[key]["ks"] for key in "0123"] == [KS, "another", KS, KS]
    assert [f"{heard.body[key]['service']}.{heard.body[key]['action']}" for key in "0123"] == [
        "media.add",
        "uploadtoken.add",
        "media.addContent",
        "media.delete",
    ]
    assert heard.body["2"]["entryId"] == "{1:result:id}"
    assert heard.body["2"]["resource"]["token"] == "{2:result:id}"
    assert (entry.answer().id, upload.answer().id, gone.answer()) == ("1_abcdefgh", "1_token", None)


def test_text_can_be_added_to_a_reference_on_both_sides(server: Server, client: Client) -> None:
    server.says(ok(f"<item>{ENTRY}</item><item>{ENTRY}</item>"))
    multi = client.multi(KS)
    first = multi.ask(lambda c: c.media.get("1_abcdefgh"))
    multi.ask(lambda c: c.media.get("before_" + first.result("objects", "0", "id") + "_moderators"))
    multi.send()
    assert server.heard[0].body["1"]["entryId"] == "before_{1:result:objects:0:id}_moderators"


def test_a_reference_cannot_turn_into_plain_text_unnoticed(client: Client) -> None:
    reference = client.multi(KS).ask(lambda c: c.media.get("1_abcdefgh")).result("id")
    with pytest.raises(TypeError, match="add text"):
        f"{reference}_moderators"
    with pytest.raises(ValueError, match="braces"):
        reference + "}"
    with pytest.raises(ValueError, match="braces"):
        "{" + reference


def test_a_reference_is_a_path_and_nothing_else(client: Client) -> None:
    asked = client.multi(KS).ask(lambda c: c.media.get("1_abcdefgh"))
    with pytest.raises(ValueError, match="path"):
        asked.result("id}{2:result")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("{1:result:ks}", "{\u20601:result:ks}"),
        ("a {1:result} b {22:result:objects:0:id} c", "a {\u20601:result} b {\u206022:result:objects:0:id} c"),
        ("{{1:result:id}}", "{{\u20601:result:id}}"),
        ("{1:results}", "{\u20601:results}"),
        ("{1:result:id", "{1:result:id"),
        ("{1:result\n}", "{1:result\n}"),
        ("{x:result:id}", "{x:result:id}"),
        ("{1: result}", "{1: result}"),
        ("{ } ☃", "{ } ☃"),
    ],
)
def test_user_text_cannot_become_a_reference(server: Server, client: Client, typed: str, sent: str) -> None:
    server.says(ok(f"<item>{ENTRY}</item>"))
    multi = client.multi(KS)
    multi.ask(lambda c: c.media.add(KalturaMediaEntry(name=typed)))
    multi.send()
    assert server.heard[0].body["0"]["entry"]["name"] == sent


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["{", "}", "1", "٣", ":", "result", "ks", "\n", " ", "é"]), max_size=30).map("".join))
def test_the_server_finds_no_reference_in_any_text(server: Server, client: Client, typed: str) -> None:
    server.says(ok(f"<item>{ENTRY}</item>"))
    multi = client.multi(KS)
    multi.ask(lambda c: c.media.add(KalturaMediaEntry(name=typed)))
    multi.send()
    sent = server.heard[-1].body["0"]["entry"]["name"]
    # KalturaFrontController::getMultiRequestResultsPaths, which knows no Unicode.
    assert not re.search(rb"\{[0-9]+:result:?(.*)?\}", sent.encode())
    assert sent.replace("\u2060", "") == typed


def test_each_call_has_its_own_error_and_the_others_their_answers(server: Server, client: Client) -> None:
    server.says(
        ok(
            f"<item>{refusal('DUPLICATE_USER_BY_ID')}</item><item>{ENTRY}</item>"
            f"<item>{refusal('ACTION_BLOCKED')}</item><item>{refusal('INTERNAL_DATABASE_ERROR')}</item>"
            "<item></item><item><objectType>KalturaUser</objectType></item>"
        )
    )
    multi = client.multi(KS)
    asked = [multi.ask(lambda c: c.media.get("1_abcdefgh")) for _ in range(6)]
    multi.send()
    assert [type(each.error) for each in asked] == [
        Permanent,
        type(None),
        Transient,
        Doubtful,
        Doubtful,
        Doubtful,
    ]
    assert asked[1].answer().id == "1_abcdefgh"
    with pytest.raises(Permanent) as refused:
        asked[0].answer()
    assert (refused.value.code, refused.value.operation) == ("DUPLICATE_USER_BY_ID", "media.get")


def test_an_error_for_the_whole_multirequest_is_raised_by_sending(server: Server, client: Client) -> None:
    server.says(ok(refusal("SERVICE_NOT_SPECIFIED")))
    multi = client.multi(KS)
    asked = [multi.ask(lambda c: c.media.get("1_abcdefgh")) for _ in range(2)]
    with pytest.raises(Permanent, match="SERVICE_NOT_SPECIFIED"):
        multi.send()
    with pytest.raises(RuntimeError, match="not been answered"):
        asked[0].answer()


def test_too_few_answers_answer_nothing(server: Server, client: Client) -> None:
    server.says(ok(f"<item>{ENTRY}</item>"))
    multi = client.multi(KS)
    for _ in range(2):
        multi.ask(lambda c: c.media.get("1_abcdefgh"))
    with pytest.raises(Doubtful) as doubt:
        multi.send()
    assert (doubt.value.code, doubt.value.operation) == ("MALFORMED", "media.get+media.get")


# How it travels


def test_many_calls_need_one_connection(server: Server, client: Client) -> None:
    server.says(ok(ENTRY))
    for _ in range(20):
        get(client)
    assert (len(server.heard), server.connections) == (20, 1)


def test_a_connection_that_was_hung_up_is_replaced_before_anything_is_asked(server: Server, client: Client) -> None:
    server.says(Says(http(xml(ENTRY)), hangs_up=True), ok(ENTRY))
    get(client)
    assert server.hung_up.wait(5)
    assert get(client).id == "1_abcdefgh"
    assert (len(server.heard), server.connections) == (2, 2)


def test_a_server_that_closes_after_each_answer_is_served_all_the_same(server: Server, client: Client) -> None:
    server.says(Says(http(xml(ENTRY), "200 OK", "Connection: close"), hangs_up=True))
    for _ in range(3):
        get(client)
    assert server.connections == 3


def test_a_connection_unused_for_too_long_is_not_trusted(server: Server, connect: Callable[..., Client]) -> None:
    server.says(ok(ENTRY))
    client = connect(server.url, idle_s=0.0)
    get(client)
    get(client)
    assert server.connections == 2


def test_a_failure_does_not_spoil_the_next_call(server: Server, client: Client) -> None:
    server.says(Says(http("busy", "503 Busy")), Says(http(xml(ENTRY))[:-9], hangs_up=True), ok(ENTRY))
    for _ in range(2):
        with pytest.raises(Doubtful):
            get(client)
    assert get(client).id == "1_abcdefgh"


def test_zipped_and_chunked_answers_are_read(server: Server, client: Client) -> None:
    whole = xml(ENTRY).encode()
    chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (10, whole[:10], len(whole) - 10, whole[10:])
    server.says(
        Says(http(gzip.compress(whole), "200 OK", "Content-Encoding: gzip")),
        Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks),
        Says(b"HTTP/1.1 200 OK\r\n\r\n" + whole, hangs_up=True),
    )
    assert [get(client).id for _ in range(3)] == ["1_abcdefgh"] * 3


def test_a_control_character_in_a_title_does_not_hide_the_rest(server: Server, client: Client) -> None:
    server.says(ok(ENTRY.replace("Lesson", "Les\x00\x0bs\ton é")))
    assert get(client).name == "Less\ton é"


def test_threads_that_share_a_client_never_get_each_others_answers(server: Server, client: Client) -> None:
    def echo(heard: WebhookEvent) -> Says:
        return ok(ENTRY.replace("Lesson", heard.body["ks"]).replace("1_abcdefgh", heard.body["entryId"]))

    def ask(number: int) -> tuple[str, str]:
        entry = client.call(f"ks{number}", lambda c: c.media.get(f"1_{number}"))
        return entry.id, entry.name

    server.says(echo)
    switch_interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(ask, range(200)))
    finally:
        sys.setswitchinterval(switch_interval_s)
    assert answers == [(f"1_{number}", f"ks{number}") for number in range(200)]
    assert server.connections <= 8


# What can go wrong


def failure(client: Client) -> ProviderError:
    with pytest.raises(ProviderError) as failed:
        get(client)
    assert (failed.value.provider, failed.value.operation) == ("kaltura", "media.get")
    return failed.value


BOMB = (
    "<!DOCTYPE xml ["
    + '<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]>"
)
SENSELESS: dict[str, bytes] = {
    "73 empty": http(""),
    "74 plain text": http("upstream connect error"),
    "72 html under 200": http("<html><body>It works!</body></html>"),
    "json": http('{"id": "1_abcdefgh"}'),
    "75 cut xml": http(xml(ENTRY)[:-20]),
    "no result": http('<?xml version="1.0" encoding="utf-8"?><xml></xml>'),
    "empty result": http(xml("")),
    "object of no type": http(xml("<id>1_abcdefgh</id>")),
    "object of another type": http(xml("<objectType>KalturaUser</objectType><id>amira</id>")),
    "78 null id": http(xml(ENTRY.replace("1_abcdefgh", ""))),
    "map without keys": http(xml(ENTRY + "<relatedObjects><item></item></relatedObjects>")),
    "76 external entity": http(
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        f"<xml><result>{ENTRY.replace('Lesson', '&e;')}</result></xml>"
    ),
    "76 entity bomb": http(
        f'<?xml version="1.0" encoding="utf-8"?>{BOMB}<xml><result>{ENTRY.replace("Lesson", "&a9;")}</result></xml>'
    ),
    "76 entity of nobody": http(xml(ENTRY.replace("Lesson", "&e;"))),
    "endless nesting": http(xml("<a>" * 100_000)),
    "75 cut zip": http(gzip.compress(xml(ENTRY).encode())[:-4], "200 OK", "Content-Encoding: gzip"),
    "no zip": http(xml(ENTRY), "200 OK", "Content-Encoding: gzip"),
    "wrong utf-8": http(xml(ENTRY).encode().replace(b"Lesson", b"\xff\xfe")),
    "no http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "75 cut head": b"HTTP/1.1 200",
    "endless header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("said", SENSELESS.values(), ids=SENSELESS.keys())
def test_malformed_answer_leaves_the_outcome_unknown(server: Server, client: Client, said: bytes) -> None:
    server.says(Says(said, hangs_up=True))
    error = failure(client)
    assert isinstance(error, Doubtful)
    assert error.code == "MALFORMED"


@pytest.mark.parametrize("status", ["500 Internal Server Error", "503 Busy", "201 Created"], ids="71 {}".format)
def test_a_good_answer_under_a_bad_status_is_no_success(server: Server, client: Client, status: str) -> None:
    server.says(Says(http(xml(ENTRY), status)))
    error = failure(client)
    assert isinstance(error, Doubtful)
    assert error.code == f"HTTP_{status[:3]}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("204 No Content", Doubtful),
        ("502 Bad Gateway", Doubtful),
        ("503 Busy", Doubtful),
        ("504 Late", Doubtful),
        ("301 Moved", Transient),
        ("400 Bad", Transient),
        ("403 Forbidden", Transient),
        ("404 Not Found", Transient),
        ("429 Too Many", Transient),
    ],
    ids=lambda value: f"72 HTML under {value}" if isinstance(value, str) else value.__name__,
)
def test_a_status_says_whether_it_may_have_happened(
    server: Server, client: Client, status: str, kind: type[ProviderError]
) -> None:
    server.says(Says(http("<html>sorry</html>", status, "Content-Type: text/html")))
    error = failure(client)
    assert type(error) is kind
    assert error.code == f"HTTP_{status[:3]}"


def test_a_redirect_takes_no_ks_elsewhere(server: Server, client: Client, running: Callable[..., Server]) -> None:
    elsewhere = running()
    elsewhere.says(ok(ENTRY))
    server.says(Says(http("", "307 Temporary Redirect", f"Location: {elsewhere.url}/api_v3/")))
    assert failure(client).code == "HTTP_307"
    assert elsewhere.heard == []


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def http_date(instant: datetime) -> str:
    return instant.strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize("status", ["429 Too Many", "503 Busy"])
@pytest.mark.parametrize(
    ("asked", "wait_s"),
    [
        ("17", 17),
        ("0", 0),
        pytest.param("1000000000", 3600, id="81 1000000000"),
        pytest.param("9" * 5000, 3600, id="81 a number of five thousand digits"),
        # Their clock is months away from ours: what counts is how far its dates are apart.
        pytest.param(http_date(NOW + timedelta(seconds=90)), 90, id="83 a date by their own clock"),
        pytest.param(http_date(NOW + timedelta(days=900)), 3600, id="81 a date in 900 days"),
        (http_date(NOW - timedelta(seconds=90)), 0),
        ("1e9", None),
        ("-5", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("²", None),
    ],
)
def test_how_long_to_wait_is_believed_up_to_an_hour(
    server: Server, client: Client, status: str, asked: str, wait_s: float | None
) -> None:
    head = f"HTTP/1.1 {status}\r\nDate: {http_date(NOW)}\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n"
    server.says(Says(head.encode("latin-1")))
    error = failure(client)
    assert isinstance(error, Transient)
    assert error.retry_after_s == wait_s


@pytest.mark.parametrize(
    "said",
    [b"", http(xml(ENTRY))[:-1], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n<?xml"],
    ids=["75 before the answer", "75 in the answer", "75 in a chunk of it"],
)
def test_broken_connection_leaves_the_outcome_unknown(server: Server, client: Client, said: bytes) -> None:
    server.says(Says(said, hangs_up=True))
    error = failure(client)
    assert isinstance(error, Doubtful)
    assert error.code == "CONNECTION_LOST"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("said", [b"", http(xml(ENTRY))[:-1]], ids=["at once", "75 in the answer"])
def test_timeout_leaves_the_outcome_unknown(server: Server, connect: Callable[..., Client], said: bytes) -> None:
    server.says(Says(said, falls_silent=True))
    error = failure(connect(server.url, connect_timeout_s=60.0, answer_timeout_s=0.1))
    assert isinstance(error, Doubtful)
    assert error.code == "TIMEOUT"


def test_a_zip_bomb_is_not_unpacked(server: Server, client: Client) -> None:
    server.says(Says(http(gzip.compress(bytes(96 * 1024 * 1024), 1), "200 OK", "Content-Encoding: gzip")))
    tracemalloc.start()
    try:
        assert failure(client).code == "MALFORMED"
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 88 * 1024 * 1024


def test_a_refused_connection_is_certain_not_to_have_done_it(connect: Callable[..., Client]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        error = failure(connect(f"http://127.0.0.1:{port}"))
    assert f"reached at 127.0.0.1:{port}. Check KALTURA_URL" in str(error)
    assert type(error) is Transient
    assert error.code == "UNREACHABLE"


def test_a_name_that_nobody_knows_is_certain_not_to_have_done_it(connect: Callable[..., Client]) -> None:
    error = failure(connect("https://kaltura.invalid"))
    assert str(error) == "Kaltura could not be reached at kaltura.invalid. Check KALTURA_URL and the network."
    assert type(error) is Transient
    assert error.code == "UNREACHABLE"


def test_a_handshake_that_takes_too_long_is_certain_not_to_have_done_it(connect: Callable[..., Client]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = failure(connect(f"https://127.0.0.1:{silent.getsockname()[1]}", connect_timeout_s=0.1))
    assert type(error) is Transient
    assert error.code == "UNREACHABLE"


def test_a_server_without_encryption_is_certain_not_to_have_done_it(
    server: Server, connect: Callable[..., Client]
) -> None:
    server.says(ok(ENTRY))
    with socket.create_server(("127.0.0.1", 0)) as plain:
        answering = threading.Thread(target=lambda: _answer_in_clear(plain))
        answering.start()
        error = failure(connect(f"https://127.0.0.1:{plain.getsockname()[1]}"))
        answering.join()
    assert type(error) is Transient
    assert error.code == "TLS_FAILED"


def _answer_in_clear(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(http("hello"))


@dataclass(frozen=True, slots=True)
class Certificate:
    """
    A certificate for localhost that signs itself.
    """

    file: Path
    context: ssl.SSLContext


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
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
    file = tmp_path / "certificate.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return Certificate(file, context)


def test_a_certificate_of_our_own_is_trusted_when_it_is_named(
    running: Callable[..., Server], connect: Callable[..., Client], certificate: Certificate
) -> None:
    server = running(certificate.context)
    server.says(ok(ENTRY))
    client = connect(server.url, ca_file=str(certificate.file))
    assert [get(client).id for _ in range(3)] == ["1_abcdefgh"] * 3
    assert server.connections == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["unknown issuer", "another name"])
def test_invalid_certificate_receives_no_ks(
    running: Callable[..., Server], connect: Callable[..., Client], certificate: Certificate, host: str
) -> None:
    server = running(certificate.context)
    server.says(ok(ENTRY))
    ca_file = None if host == "localhost" else str(certificate.file)
    error = failure(connect(server.url.replace("localhost", host), ca_file=ca_file))
    assert type(error) is Transient
    assert error.code == "TLS_FAILED"
    assert server.heard == []


@pytest.mark.parametrize("service_url", ["http://www.kaltura.com", "www.kaltura.com", "ftp://kaltura.com", ""])
def test_an_address_that_would_show_a_ks_to_the_network_is_refused(service_url: str) -> None:
    with pytest.raises(Misconfigured):
        Client(service_url)


# What Kaltura refuses


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ENTRY_ID_NOT_FOUND", Permanent),
        ("SERVICE_FORBIDDEN", Permanent),
        ("INVALID_KS", Transient),
        ("MISSING_KS", Permanent),
        ("DUPLICATE_USER_BY_ID", Permanent),
        ("ACTION_BLOCKED", Transient),
        ("LOCK_TIMED_OUT", Transient),
        ("FILE_PENDING", Transient),
        ("INTERNAL_SERVER_ERROR", Doubtful),
        ("INTERNAL_DATABASE_ERROR", Doubtful),
        ("SEARCH_ENGINE_QUERY_FAILED", Doubtful),
    ],
)
def test_a_code_says_whether_it_may_come_again(
    server: Server, client: Client, code: str, kind: type[ProviderError]
) -> None:
    server.says(ok(refusal(code)))
    error = failure(client)
    assert type(error) is kind
    assert error.code == code
    assert code in str(error)


def test_a_validation_names_the_property_and_nothing_else(server: Server, client: Client) -> None:
    args = "".join(
        f"<item><objectType>KalturaApiExceptionArg</objectType><name>{name}</name><value>{value}</value></item>"
        for name, value in [("MAX_LEN", "60"), ("PROP_NAME", "KalturaMediaEntry::name")]
    )
    server.says(ok(refusal("PROPERTY_VALIDATION_MAX_LENGTH", "The property …", args)))
    assert str(failure(client)) == (
        "Kaltura refused media.get: PROPERTY_VALIDATION_MAX_LENGTH (KalturaMediaEntry::name)."
    )


@pytest.mark.parametrize("code", [KS, "lower", "", "A B", "<!-- -->"])
def test_a_code_that_is_none_is_not_repeated(server: Server, client: Client, code: str) -> None:
    server.says(ok(refusal(code)))
    error = failure(client)
    assert type(error) is Permanent
    assert error.code == "UNKNOWN"


def test_a_field_named_error_is_no_refusal(server: Server, client: Client) -> None:
    server.says(ok(ENTRY + "<error>none</error>"))
    assert get(client).id == "1_abcdefgh"


@pytest.mark.parametrize("status", ["99", "-7", "virusScan.Tired"], ids="77 {}".format)
def test_a_status_that_nobody_knows_is_handed_on_and_is_not_taken_for_ready(
    server: Server, client: Client, media: KalturaMedia, status: str
) -> None:
    entry = ENTRY.replace("<status>2", f"<status>{status}")
    server.says(ok(entry))
    assert get(client).status.getValue() == status
    server.says(ok(observed(entry)))
    assert [seen.state for seen in media.observe([PARTS])] == [MediaState.PROCESSING]


# What is made of it


def listed(*objects: str) -> str:
    return f"<objects>{''.join(f'<item>{one}</item>' for one in objects)}</objects>"


def a_list(kind: str, *objects: str) -> str:
    return f"<objectType>Kaltura{kind}ListResponse</objectType>{listed(*objects)}"


def observed(*entries: str) -> str:
    """
    The answer to a look at how uploads stand.
    """
    flavors = a_list("FlavorAsset")
    parts = ("".join(f"<item>{entry}</item>" for entry in entries), flavors, flavors, a_list("UploadToken"))
    return "".join(f"<item>{part}</item>" for part in parts)


def changed(*entries: str) -> str:
    """
    The answer to the question what has changed.
    """
    flavors = a_list("FlavorAsset")
    return "".join(f"<item>{part}</item>" for part in (a_list("Media", *entries), flavors, flavors))


def change(reference_id: str, more: str = "") -> str:
    return f"{ENTRY}<referenceId>{reference_id}</referenceId><updatedAt>1700000000</updatedAt>{more}"


PARTS = {"entryId": "1_abcdefgh", "uploadTokenId": "1_token", "uploaderId": "upload-1"}


@pytest.fixture
def media(server: Server) -> Iterator[KalturaMedia]:
    account = KalturaAccount(
        url=server.url,
        partner_id=102,
        admin_secret="secret",
        namespace="ours",
        upload_role="role",
        documents=MemoryDocuments(),
        clock=lambda: NOW,
    )
    yield KalturaMedia(account)
    account.client.close()


@pytest.mark.parametrize(
    "whose", ["theirs:video:v1:1", "ours2:video:v1:1", "our:s:video:v1:1", "video:v1:1", ""], ids="79 {}".format
)
def test_changes_exclude_objects_of_others(server: Server, media: KalturaMedia, whose: str) -> None:
    of_other = change(whose, "<partnerId>999</partnerId>")
    server.says(ok(changed(of_other, change("ours:video:v2:1"))))
    assert [one.reference for one in media.changes(NOW, 1).items] == ["video:v2:1"]


@pytest.mark.parametrize("other", ["1_ijklmnop", "1_ABCDEFGH", "01_abcdefgh"], ids="79 the entry {}".format)
def test_an_answer_about_another_s_entry_is_none_about_ours(server: Server, media: KalturaMedia, other: str) -> None:
    server.says(ok(observed(ENTRY.replace("1_abcdefgh", other))))
    assert [seen.state for seen in media.observe([PARTS])] == [MediaState.GONE]


@pytest.mark.parametrize("size", [500, 499], ids=["80 a full page", "80 a page that is not full"])
def test_a_second_page_is_asked_for_where_the_first_is_full(server: Server, media: KalturaMedia, size: int) -> None:
    server.says(ok(changed(*[change("ours:video:v1:1")] * size)), ok(changed(change("ours:video:v2:1"))))
    first = media.changes(NOW, 1)
    assert (len(first.items), first.more) == (size, size == 500)
    second = media.changes(NOW, 2)
    assert ([one.reference for one in second.items], second.more) == (["video:v2:1"], False)
    assert [heard.body["0"]["pager"]["pageIndex"] for heard in server.heard] == ["1", "2"]


@pytest.mark.parametrize("status", ["-1", "-2", "virusScan.Infected"], ids="82 READY, then {}".format)
def test_ready_status_follows_the_provider(server: Server, media: KalturaMedia, status: str) -> None:
    server.says(ok(observed(ENTRY)), ok(observed(ENTRY.replace("<status>2", f"<status>{status}"))))
    assert [media.observe([PARTS])[0].state for _ in range(2)] == [MediaState.READY, MediaState.ERROR]


# What is told


def test_no_ks_is_ever_told(
    server: Server, connect: Callable[..., Client], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect(server.url, answer_timeout_s=0.1)
    blame = f"<item><name>PROP_NAME</name><value>{KS}</value></item><item><name>KSID</name><value>{KS}</value></item>"
    server.says(
        ok(refusal("INVALID_KS", f"Invalid KS [{KS}]. Error [-1,INVALID_STR]", blame)),
        Says(http(KS, "502 Bad Gateway", f"X-Echo: {KS}", f"Retry-After: {KS}")),
        Says(http(f"KS {KS}")),
        Says(http(f'<?xml version="1.0" encoding="utf-8"?><xml><result><{KS}>')),
        ok(f"<objectType>{KS}</objectType><id></id>"),
        Says(f"HTTP/1.1 {KS}\r\n\r\n".encode(), hangs_up=True),
        Says(http(xml(KS))[:-30], hangs_up=True),
        Says(b"", falls_silent=True),
    )
    said = []
    for _ in range(8):
        error = failure(client)
        said.append(repr(error) + "".join(traceback.format_exception(error)) + str(vars(error)))
    told = capfd.readouterr()
    assert KS not in "".join(said) + caplog.text + told.out + told.err
    assert len(said) == len(server.heard) == 8
