"""A Prosody with our modules, as deploy/prosody describes it: an XMPP server on free ports of this machine.

Started by `stack.py` in a stack with a chat, and by the tests that need a chat server alone. It has the example
configuration, with other names and secrets. Nothing is kept on disk, so a server that is started again has no rooms.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from emulator_tests.testbed.keeper import children
from emulator_tests.testbed.network import HOST, free_ports
from emulator_tests.testbed.part import Part
from emulator_tests.testbed.places import ROOT

PROGRAM = "prosody"
DEPLOYED = ROOT / "deploy" / "prosody"
DOMAIN = "chat.school.test"
CONFERENCE = "rooms.chat.school.test"
READY_WITHIN_S = 30.0
PORTS = "xmpp chat"

GLOBAL = """\
run_as_root = true
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
certificates = "{folder}/certs"
plugin_paths = {{ "{modules}" }}
storage = "memory"
log = {{ {{ levels = {{ min = "info" }}, to = "console" }} }}
interfaces = {{ "{host}" }}
c2s_ports = {{ {c2s} }}
s2s_ports = {{}}
http_interfaces = {{ "{host}" }}
http_ports = {{ {websocket} }}
https_ports = {{}}
http_default_host = "{domain}"
consider_websocket_secure = true
c2s_require_encryption = {requires_tls}
allow_unencrypted_plain_auth = {allows_plain}
{ssl}

"""


class Prosody:
    """
    The server, from `start` to `stop`.

    Args:
        folder: Where it writes.
        certificate: Its certificate and its key, two paths; without them it talks in the clear.
        ports: Its ports, `xmpp` and `chat`, the second for WebSockets. Without them it takes free ones.
        logs: The folder of its log, if that is another one.

    Attributes:
        part: The program, for a stack that starts it beside others.
    """

    def __init__(
        self,
        folder: Path,
        certificate: tuple[Path, Path] | None = None,
        *,
        ports: Mapping[str, int] | None = None,
        logs: Path | None = None,
    ) -> None:
        self.password = secrets.token_hex(20)
        self.jwt_secret = secrets.token_hex(20)
        ports = ports or free_ports(PORTS)
        self.host, self.port = HOST, ports["xmpp"]
        self.websocket_url = f"ws://{HOST}:{ports['chat']}/xmpp-websocket"
        for name in ("data", "certs"):
            (folder / name).mkdir(parents=True)
        ssl = "" if certificate is None else f'ssl = {{ certificate = "{certificate[0]}", key = "{certificate[1]}" }}'
        encrypted = "false" if certificate is None else "true"
        text = GLOBAL.format(
            folder=folder,
            modules=DEPLOYED / "modules",
            host=HOST,
            c2s=self.port,
            websocket=ports["chat"],
            domain=DOMAIN,
            requires_tls=encrypted,
            allows_plain="true" if certificate is None else "false",
            ssl=ssl,
        )
        configuration = folder / "prosody.cfg.lua"
        configuration.write_text(text + self._example())
        self.part = Part(
            name=PROGRAM,
            command=[PROGRAM, "-F", "--config", str(configuration)],
            environment={"PATH": os.environ["PATH"], "HOME": str(folder)},
            directory=folder,
            log=(logs or folder) / f"{PROGRAM}.log",
            grace_s=0,
        )

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """
        Its names and addresses: for the functions, and for browsers.
        """
        return [("XMPP", f"{self.host}:{self.port}"), ("XMPP for browsers", self.websocket_url)]

    @property
    def settings(self) -> dict[str, str]:
        """
        The settings of functions that talk to it, by name.
        """
        return {
            "XMPP_ADDRESS": f"{self.host}:{self.port}",
            "XMPP_CONFERENCE": CONFERENCE,
            "XMPP_DOMAIN": DOMAIN,
            "XMPP_WEBSOCKET_URL": self.websocket_url,
        }

    @property
    def secret_settings(self) -> dict[str, str]:
        """
        The secrets of functions that talk to it, by name.
        """
        return {"XMPP_JWT_SECRET": self.jwt_secret, "XMPP_PASSWORD": self.password}

    @property
    def log(self) -> str:
        """
        What the server wrote since it was started last.
        """
        return self.part.log.read_text(errors="replace")

    def start(self) -> None:
        """
        Start the server, and wait until clients can connect. It may be started again after `kill`.

        Raises:
            PartFailed: It does not start.
        """
        self.part.start()
        self.part.wait_until("take connections", self.takes_connections, time.monotonic() + READY_WITHIN_S)

    def kill(self) -> None:
        """
        End the server at once.
        """
        self.part.let_go()
        self.part.wait()

    def freeze(self) -> None:
        """
        Let the server do nothing until `thaw`; its system still takes connections.
        """
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """
        Let the server go on.
        """
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in children()[self.part.keeper_id]:
            os.kill(process, number)

    def takes_connections(self) -> bool:
        """
        Connect as a client does.

        Raises:
            OSError: It takes no connections yet.
        """
        socket.create_connection((self.host, self.port), 1).close()
        return True

    def _example(self) -> str:
        text = (DEPLOYED / "greenroom.cfg.lua").read_text()
        for example, ours in (
            ("rooms.chat.example.com", CONFERENCE),
            ("chat.example.com", DOMAIN),
            ("the same as the secret XMPP_JWT_SECRET", self.jwt_secret),
            ("the same as the secret XMPP_PASSWORD", self.password),
        ):
            text = text.replace(f'"{example}"', f'"{ours}"')
        return text


@contextmanager
def running_prosody(folder: Path, certificate: tuple[Path, Path] | None = None) -> Iterator[Prosody]:
    """
    Run a Prosody, and end it afterwards.
    """
    server = Prosody(folder, certificate)
    try:
        server.start()
        yield server
    finally:
        server.kill()
