"""A Prosody with our modules, as deploy/prosody describes it: an XMPP server on free ports of this machine.

Started by the tests that need it. It has the example configuration, with other names and secrets. Nothing is kept on
disk, so a server that is started again has no rooms.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator
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
    """

    def __init__(self, folder: Path, certificate: tuple[Path, Path] | None = None) -> None:
        self.password = secrets.token_hex(20)
        self.jwt_secret = secrets.token_hex(20)
        self._folder = folder
        self._starts = 0
        ports = free_ports("c2s websocket")
        self.host, self.port = HOST, ports["c2s"]
        self.websocket_url = f"ws://{HOST}:{ports['websocket']}/xmpp-websocket"
        for name in ("data", "certs"):
            (folder / name).mkdir(parents=True)
        ssl = "" if certificate is None else f'ssl = {{ certificate = "{certificate[0]}", key = "{certificate[1]}" }}'
        encrypted = "false" if certificate is None else "true"
        text = GLOBAL.format(
            folder=folder,
            modules=DEPLOYED / "modules",
            host=HOST,
            c2s=self.port,
            websocket=ports["websocket"],
            domain=DOMAIN,
            requires_tls=encrypted,
            allows_plain="true" if certificate is None else "false",
            ssl=ssl,
        )
        self._configuration = folder / "prosody.cfg.lua"
        self._configuration.write_text(text + self._example())
        self._part = self._new_part()

    @property
    def log(self) -> str:
        """
        What the server wrote since it was started last.
        """
        return self._part.log.read_text(errors="replace")

    def start(self) -> None:
        """
        Start the server, and wait until clients can connect. It may be started again after `kill`.

        Raises:
            PartFailed: It does not start.
        """
        self._part = self._new_part()
        self._part.start()
        self._part.wait_until("take connections", self._takes_connections, time.monotonic() + READY_WITHIN_S)

    def kill(self) -> None:
        """
        End the server at once.
        """
        self._part.let_go()
        self._part.wait()

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
        for process in children()[self._part.keeper_id]:
            os.kill(process, number)

    def _new_part(self) -> Part:
        self._starts += 1
        return Part(
            name=PROGRAM,
            command=[PROGRAM, "-F", "--config", str(self._configuration)],
            environment={"PATH": os.environ["PATH"], "HOME": str(self._folder)},
            directory=self._folder,
            log=self._folder / f"prosody-{self._starts}.log",
            grace_s=0,
        )

    def _takes_connections(self) -> bool:
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
