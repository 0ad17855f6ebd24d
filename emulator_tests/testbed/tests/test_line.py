"""A line carries bytes as they are, and breaks, stalls and slows down as it is told."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from emulator_tests.testbed.line import Break, Line, line_to

BYTES = bytes(range(256)) * 4096  # 1 MiB
WITHIN_S = 30.0


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """
    A server that sends back what it gets.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                while block := self.request.recv(65536):
                    self.request.sendall(block)
            except ConnectionError:
                pass

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield ("127.0.0.1", server.server_address[1])
        server.shutdown()


@pytest.fixture
def line(echo: tuple[str, int]) -> Iterator[Line]:
    """
    A good line to that server.
    """
    with line_to(echo) as running:
        yield running


def client_of(line: Line) -> socket.socket:
    return socket.create_connection(line.address, WITHIN_S)


def echoed(client: socket.socket, content: bytes) -> bytes:
    """
    What comes back of some bytes before the connection ends.
    """

    def send() -> None:
        with suppress(ConnectionError):
            client.sendall(content)

    sending = threading.Thread(target=send)
    sending.start()
    got = bytearray()
    with suppress(ConnectionError):
        while len(got) < len(content) and (block := client.recv(65536)):
            got += block
    sending.join()
    return bytes(got)


def carries(line: Line) -> bool:
    """
    Return true if a new connection carries bytes there and back.
    """
    try:
        with client_of(line) as client:
            return echoed(client, BYTES) == BYTES
    except ConnectionResetError:
        return False


def test_many_connections_get_their_own_bytes(line: Line) -> None:
    clients = [client_of(line) for _ in range(5)]
    contents = [bytes([number]) + BYTES for number in range(5)]
    got: dict[int, bytes] = {}

    def ask(number: int) -> None:
        with clients[number] as client:
            got[number] = echoed(client, contents[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[number] for number in range(5)] == contents
    assert (line.connections, line.sent_bytes) == (5, 5 * (len(BYTES) + 1))


def test_break_all_resets_open_and_new_connections_until_healed(line: Line) -> None:
    with client_of(line) as open_before:
        assert echoed(open_before, b"x") == b"x"
        line.break_all()
        with pytest.raises(ConnectionResetError):
            open_before.recv(1)
    assert not carries(line)
    line.heal()
    assert carries(line)


def test_stalled_line_carries_nothing_and_loses_nothing(line: Line) -> None:
    with client_of(line) as client:
        assert echoed(client, b"x") == b"x"
        line.stall()
        client.sendall(b"late")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(WITHIN_S)
        line.heal()
        assert client.recv(4) == b"late"


def test_slow_line_keeps_to_its_speed_for_all_connections_together(line: Line) -> None:
    line.slow_down(bytes_per_s=2 * len(BYTES))
    clients = [client_of(line) for _ in range(2)]
    began_s = time.monotonic()
    threads = [threading.Thread(target=echoed, args=(client, BYTES)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s = time.monotonic() - began_s
    for client in clients:
        client.close()
    # Two MiB at two MiB a second, and the last of it back again.
    assert 0.9 < took_s < 5


def test_slow_line_delays_without_lessening_the_speed(line: Line) -> None:
    line.slow_down(bytes_per_s=4 * len(BYTES), delay_s=0.2)
    began_s = time.monotonic()
    with client_of(line) as client:
        assert echoed(client, b"x") == b"x"
        first_s = time.monotonic() - began_s
        # Two ways to connect, one there, one back.
        assert 0.8 <= first_s < 3
        began_s = time.monotonic()
        assert echoed(client, BYTES) == BYTES
        assert 0.6 <= time.monotonic() - began_s < 5


def test_breaks_come_after_their_bytes_in_order(echo: tuple[str, int]) -> None:
    breaks = [Break(1000, resets=True), Break(1000), Break(1500, loses_answer=True)]
    with line_to(echo, breaks) as line:
        with client_of(line) as first:
            assert len(echoed(first, bytes(5000))) <= 1000
        assert line.sent_bytes == 1000
        with client_of(line) as second:
            assert second.recv(1) == b""
        with client_of(line) as third:
            assert echoed(third, b"x") == b"x"
            third.sendall(bytes(700))
            assert third.recv(1) == b""
        with client_of(line) as fourth:
            assert echoed(fourth, b"x") == b"x"
        assert line.broken == breaks


def test_later_break_counts_from_now_and_heal_calls_it_off(line: Line) -> None:
    with client_of(line) as client:
        assert echoed(client, BYTES) == BYTES
        line.break_later(Break(10))
        assert len(echoed(client, BYTES)) <= 10
    line.break_later(Break(10))
    line.heal()
    with client_of(line) as client:
        assert echoed(client, BYTES) == BYTES
    assert line.broken == [Break(len(BYTES) + 10)]


def test_server_that_is_away_ends_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = nobody.getsockname()
    with line_to(address) as line, client_of(line) as client:
        assert client.recv(1) == b""
