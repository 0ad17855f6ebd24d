"""The settings of the chat server: what they may be, and which functions get its secrets."""

from __future__ import annotations

from typing import Final

import pytest

from functions import config
from functions.config import SETTINGS
from shared.core.errors import Misconfigured, Permanent
from shared.providers.settings import Use
from shared.providers.xmpp.addresses import NAME_BYTES_MAX, name_of
from shared.providers.xmpp.settings import Settings

ENVIRONMENT: Final = {
    "XMPP_ADDRESS": "chat.example.com:5222",
    "XMPP_DOMAIN": "chat.example.com",
    "XMPP_CONFERENCE": "rooms.chat.example.com",
    "XMPP_WEBSOCKET_URL": "wss://chat.example.com:5281/xmpp-websocket",
    "XMPP_PASSWORD": "p" * 40,
    "XMPP_JWT_SECRET": "s" * 40,
}


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("XMPP_ADDRESS", "Chat.Example.com:5222\n", "chat.example.com:5222"),
        ("XMPP_ADDRESS", "127.0.0.1:15222", "127.0.0.1:15222"),
        ("XMPP_ADDRESS", "[::1]:5222", "[::1]:5222"),
        ("XMPP_DOMAIN", "Chat.Example.com", "chat.example.com"),
        ("XMPP_WEBSOCKET_URL", "WSS://Chat.Example.com/xmpp-websocket/", "wss://chat.example.com/xmpp-websocket"),
        ("XMPP_WEBSOCKET_URL", "ws://127.0.0.1:5280/xmpp-websocket", "ws://127.0.0.1:5280/xmpp-websocket"),
    ],
)
def test_a_setting_has_one_form(monkeypatch: pytest.MonkeyPatch, name: str, written: str, value: str) -> None:
    monkeypatch.setenv(name, written)
    assert SETTINGS[name].value == value


@pytest.mark.parametrize(
    ("name", "written"),
    [
        *(("XMPP_ADDRESS", text) for text in ("chat.example.com", "chat:0", "chat:65536", ":5222", "a b:1", "a/b:1")),
        *(("XMPP_DOMAIN", text) for text in ("chat", "a@chat.example.com", "chat.example.com/x", "-.com", "ä.com")),
        *(
            ("XMPP_WEBSOCKET_URL", text)
            for text in ("ws://chat.example.com", "https://chat.example.com", "chat.example.com", "wss://", "wss://a?b")
        ),
        *(("XMPP_PASSWORD", text) for text in ("short", "p" * 31, "p" * 20 + " " + "p" * 20, "ü" * 40)),
        ("XMPP_JWT_SECRET", "s" * 31),
    ],
)
def test_a_wrong_setting_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, name: str, written: str) -> None:
    monkeypatch.setenv(name, written)
    with pytest.raises(Misconfigured, match=f"^{name} must be ") as caught:
        _ = SETTINGS[name].value
    assert (written in str(caught.value)) != SETTINGS[name].is_secret


def test_a_deployment_without_the_settings_has_no_chat_and_no_secrets() -> None:
    assert config.chat_server() is None
    assert not any(config.secrets_of("xmpp", use) for use in Use)


@pytest.mark.usefixtures("deployed")
def test_each_secret_goes_to_the_functions_that_need_it() -> None:
    assert [one.name for one in config.secrets_of("xmpp", Use.CALLS)] == ["XMPP_PASSWORD"]
    assert [one.name for one in config.secrets_of("xmpp", Use.CHATS)] == ["XMPP_JWT_SECRET"]
    assert "XMPP_PASSWORD" in [one.name for one in config.provider_secrets()]
    assert "XMPP_JWT_SECRET" in [one.name for one in config.chat_secrets()]


@pytest.mark.usefixtures("deployed")
def test_the_settings_are_read_and_their_secrets_are_not_shown() -> None:
    settings = config.chat_server()
    assert settings == Settings(
        address=ENVIRONMENT["XMPP_ADDRESS"],
        domain=ENVIRONMENT["XMPP_DOMAIN"],
        conference=ENVIRONMENT["XMPP_CONFERENCE"],
        websocket_url=ENVIRONMENT["XMPP_WEBSOCKET_URL"],
        password=ENVIRONMENT["XMPP_PASSWORD"],
        jwt_secret=ENVIRONMENT["XMPP_JWT_SECRET"],
    )
    assert not any(ENVIRONMENT[name] in repr(settings) for name in ("XMPP_PASSWORD", "XMPP_JWT_SECRET"))


@pytest.mark.parametrize("missing", ["XMPP_DOMAIN", "XMPP_CONFERENCE", "XMPP_WEBSOCKET_URL", "XMPP_PASSWORD"])
@pytest.mark.usefixtures("deployed")
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(
        Misconfigured, match=rf"^Set {missing}\.( A secret is set with `firebase functions:secrets:set {missing}`\.)?$"
    ):
        config.chat_server()


@pytest.mark.parametrize(
    ("text", "name"),
    [("session-1.a", "session-1.a"), ("AbC", "=41b=43"), ("=41", "=3d41"), ("é", "=c3=a9"), ("\0 @/", "=00=20=40=2f")],
)
def test_an_id_is_escaped(text: str, name: str) -> None:
    assert name_of("create", text) == name


@pytest.mark.parametrize("text", ["", "a" * (NAME_BYTES_MAX + 1), "A" * (NAME_BYTES_MAX // 3 + 1)])
def test_an_id_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(Permanent) as caught:
        name_of("create", text)
    assert caught.value.code == "ID_LENGTH"


def test_the_longest_id_has_a_name() -> None:
    assert len(name_of("create", "A" * (NAME_BYTES_MAX // 3))) == NAME_BYTES_MAX
