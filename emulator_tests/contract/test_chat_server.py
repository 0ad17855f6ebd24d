"""The connection to a chat server: what fails, how it is told, and how it comes back."""

from __future__ import annotations

import base64
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from emulator_tests.contract.chat_site import ProsodySite, at_prosody, chat_of, client_of, now
from emulator_tests.memory import ManualClock, MemoryDocuments, SentMessage
from emulator_tests.testbed.prosody import CONFERENCE, DOMAIN, Prosody, running_prosody
from shared.core.errors import Doubtful, Misconfigured, Permanent, ProviderError, SecretRejected, Transient
from shared.ports.chat import BODY_BYTES_MAX
from shared.providers.settings import Context
from shared.providers.xmpp.chat import XmppChat
from shared.providers.xmpp.client import Client, Patience
from shared.providers.xmpp.settings import Settings, host_of, tls_to

SHORT: Final = Patience(connect_s=3.0, answer_s=3.0)
PATIENT: Final = Patience(connect_s=60.0, answer_s=60.0)
BOUND_S: Final = 30.0

WRONG: Final = "this-is-not-the-password-of-the-service"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ProsodySite]:
    """
    A chat at a server that this test may stop.
    """
    with running_prosody(tmp_path / "own") as server, at_prosody(server, SHORT) as site:
        yield site


@contextmanager
def failing_within_bound(kind: type[ProviderError], code: str) -> Iterator[None]:
    """
    Expect an error of exactly this kind, in time.
    """
    began_at_s = time.monotonic()
    with pytest.raises(kind) as caught:
        yield
    assert time.monotonic() - began_at_s < BOUND_S
    assert (type(caught.value), caught.value.code) == (kind, code)


def test_a_server_that_is_down_is_transient_and_one_that_is_back_is_used(own: ProsodySite) -> None:
    own.chat.create_room("s1")
    own.server.kill()
    for _ in range(3):
        with failing_within_bound(Transient, "UNREACHABLE"):
            own.chat.broadcast("s1", "start_sharing", "{}")

    own.server.start()

    # It kept nothing.
    with pytest.raises(Permanent, match="does not exist"):
        own.chat.broadcast("s1", "start_sharing", "{}")
    own.chat.create_room("s1")
    listener = own.listen("s1")
    own.chat.broadcast("s1", "start_sharing", "{}")
    assert listener.heard() == [SentMessage("start_sharing", "{}")]


def test_a_restart_between_two_messages_is_not_noticed(own: ProsodySite) -> None:
    own.chat.create_room("s1")
    own.server.kill()
    own.server.start()
    own.chat.create_room("s1")


def test_a_server_that_never_answers_is_transient(prosody: Prosody) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client("127.0.0.1", silent.getsockname()[1], DOMAIN, prosody.password, None, SHORT)
        with closing(chat_of(prosody, client)) as chat, failing_within_bound(Transient, "TIMEOUT"):
            chat.create_room("s1")


def test_a_name_without_an_address_is_transient(prosody: Prosody) -> None:
    client = Client("nowhere.invalid", 5222, DOMAIN, prosody.password, None, SHORT)
    with closing(chat_of(prosody, client)) as chat, pytest.raises(Transient):
        chat.create_room("s1")


def test_a_request_without_an_answer_is_doubtful_and_may_have_been_done(own: ProsodySite) -> None:
    own.chat.create_room("s1")
    listener = own.listen("s1")
    own.server.freeze()
    with failing_within_bound(Doubtful, "TIMEOUT"):
        own.chat.broadcast("s1", "start_sharing", '{"revision": 1}')
    own.server.thaw()

    own.chat.broadcast("s1", "start_sharing", '{"revision": 2}')

    assert [one.body for one in listener.heard()] == ['{"revision": 1}', '{"revision": 2}']


def test_a_connection_that_ends_before_the_answer_is_doubtful(own: ProsodySite) -> None:
    own.chat.create_room("s1")
    own.server.freeze()
    threading.Timer(0.2, own.server.kill).start()
    with failing_within_bound(Doubtful, "CONNECTION_LOST"):
        own.chat.broadcast("s1", "start_sharing", "{}")


def test_an_idle_connection_is_tried_before_it_is_used(own: ProsodySite) -> None:
    with at_prosody(own.server, replace(SHORT, idle_s=0.0, ping_s=0.5)) as idle:
        idle.chat.create_room("s1")
        listener = own.listen("s1")
        own.server.freeze()
        # Nothing was sent, so nothing is in doubt.
        with failing_within_bound(Transient, "TIMEOUT"):
            idle.chat.broadcast("s1", "start_sharing", "{}")
        own.server.thaw()
        assert listener.heard() == []
        idle.chat.broadcast("s1", "end_sharing", "{}")
        assert listener.heard() == [SentMessage("end_sharing", "{}")]


def test_what_cannot_be_sent_is_refused_without_a_server(own: ProsodySite) -> None:
    own.server.kill()
    for body, event in (("a" * 256 * 1024, "start_sharing"), ("{}", "unknown")):
        with pytest.raises(Permanent):
            own.chat.broadcast("s1", event, body)


def test_threads_share_one_connection(own: ProsodySite) -> None:
    own.chat.create_room("s1")
    listener = own.listen("s1")
    sent = [f'{{"thread": {number}}}' for number in range(8)]

    def send(body: str) -> None:
        for _ in range(10):
            own.chat.broadcast("s1", "navigate_sharing", body)

    own.chat.close()
    threads = [threading.Thread(target=send, args=(body,)) for body in sent]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(one.body for one in listener.heard()) == sorted(sent * 10)
    assert own.server.log.count(f"Authenticated as service@{DOMAIN}") == 2


def test_a_component_without_our_module_is_transient_and_names_the_remedy(prosody: Prosody) -> None:
    with closing(client_of(prosody)) as client, pytest.raises(Transient, match="mod_greenroom_rooms") as caught:
        client.ask("create", f"s1@{DOMAIN}")
    assert not isinstance(caught.value, Doubtful)
    assert caught.value.retry_after_s


def test_a_rejected_password_is_told_to_the_operator(prosody: Prosody, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(client_of(prosody, password=WRONG)) as client, pytest.raises(SecretRejected) as caught:
        client.ask("create", "s1@nowhere.test")
    assert caught.value.code == "UNAUTHORIZED"
    assert "XMPP_PASSWORD" in capsys.readouterr().err


def test_secrets_are_in_no_log_no_error_and_no_repr(
    prosody: Prosody, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = []
    for password in (WRONG, prosody.password):
        with closing(client_of(prosody, password=password)) as client:
            chat = chat_of(prosody, client)
            shown += [repr(client), repr(chat), repr(vars(chat))]
            try:
                chat.create_room("s1")
                chat.broadcast("s1", "start_sharing", "the body")
            except SecretRejected as error:
                shown += [repr(error), repr(error.__cause__), repr(error.__context__)]
            shown.append(repr(chat.login("s1", "anna", is_moderator=False, lifetime_s=60)))
    told = capsys.readouterr()
    text = "\n".join([*shown[:-1], told.out, told.err, caplog.text])
    for password in (WRONG, prosody.password):
        assert password not in text
        assert base64.b64encode(f"\0service\0{password}".encode()).decode() not in text
    assert "the body" not in text


@pytest.mark.parametrize("missing", ["password", "jwt_secret"])
def test_a_missing_secret_is_named(prosody: Prosody, missing: str) -> None:
    secrets_of = {"password": prosody.password, "jwt_secret": prosody.jwt_secret} | {missing: ""}
    client = Client(prosody.host, prosody.port, DOMAIN, secrets_of["password"], None)
    chat = XmppChat(client, DOMAIN, CONFERENCE, prosody.websocket_url, secrets_of["jwt_secret"], now)
    uses: dict[str, Callable[[], object]] = {
        "password": lambda: chat.create_room("s1"),
        "jwt_secret": lambda: chat.login("s1", "anna", is_moderator=False, lifetime_s=60),
    }
    with pytest.raises(Misconfigured, match=f"XMPP_{missing.upper()}"):
        uses[missing]()


def test_a_deployment_opens_its_chat_by_its_settings(prosody: Prosody) -> None:
    settings = Settings(
        address=f"{prosody.host}:{prosody.port}",
        domain=DOMAIN,
        conference=CONFERENCE,
        websocket_url=prosody.websocket_url,
        password=prosody.password,
        jwt_secret=prosody.jwt_secret,
    )
    clock = ManualClock()
    context = Context("school", MemoryDocuments(), clock, 60, 60, True, 60)
    chat = settings.open(context)
    assert isinstance(chat, XmppChat)
    with closing(chat):
        chat.create_room("s1")
    assert prosody.password not in repr(settings)
    assert prosody.jwt_secret not in repr(settings)


# --- encryption ----------------------------------------------------------------------------------------------------


def certificate(folder: Path, domain: str) -> tuple[Path, Path]:
    """
    Make a certificate that signs itself.
    """
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(hours=1))
        .not_valid_after(now() + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "chat.crt", folder / "chat.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.mark.parametrize(
    ("domain", "is_trusted"), [(DOMAIN, True), (DOMAIN, False), ("another.school.test", True)], ids=str
)
def test_the_certificate_is_checked_before_the_password_is_sent(tmp_path: Path, domain: str, is_trusted: bool) -> None:
    files = certificate(tmp_path / "certificate", domain)
    trust = ssl.create_default_context(cafile=str(files[0]) if is_trusted else None)
    with running_prosody(tmp_path / "own", files) as server:
        is_let_in = domain == DOMAIN and is_trusted
        client = Client(server.host, server.port, DOMAIN, server.password, trust, PATIENT if is_let_in else SHORT)
        with closing(chat_of(server, client)) as chat:
            if is_let_in:
                chat.create_room("s1")
                chat.broadcast("s1", "start_sharing", '"' * BODY_BYTES_MAX)
            else:
                with failing_within_bound(Transient, "UNREACHABLE"):
                    chat.create_room("s1")
        assert ("Authenticated as service" in server.log) == is_let_in


OFFERS_NO_ENCRYPTION: Final = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    f"id='1' version='1.0' from='{DOMAIN}'><stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
    "<mechanism>PLAIN</mechanism></mechanisms></stream:features>"
)


@pytest.mark.parametrize("is_encrypted", [True, False], ids=["must be encrypted", "may be in the clear"])
def test_a_server_that_offers_no_encryption_is_not_told_the_password(prosody: Prosody, is_encrypted: bool) -> None:
    received = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                received.extend(connection.recv(65536))
                connection.sendall(OFFERS_NO_ENCRYPTION.encode())
                received.extend(connection.recv(65536))

        thread = threading.Thread(target=serve)
        thread.start()
        tls = ssl.create_default_context() if is_encrypted else None
        client = Client("127.0.0.1", server.getsockname()[1], DOMAIN, prosody.password, tls, SHORT)
        with closing(chat_of(prosody, client)) as chat, failing_within_bound(Transient, "UNREACHABLE"):
            chat.create_room("s1")
        thread.join()
    assert b"<stream:stream" in received
    assert (b"<auth" in received) != is_encrypted


@pytest.mark.parametrize(
    ("address", "is_encrypted"),
    [("127.0.0.1:5222", False), ("localhost:5222", False), ("[::1]:5222", False), ("127.0.0.1.example.com:5222", True)],
)
def test_only_this_machine_is_talked_to_in_the_clear(address: str, is_encrypted: bool) -> None:
    assert (tls_to(host_of(address)) is not None) == is_encrypted
