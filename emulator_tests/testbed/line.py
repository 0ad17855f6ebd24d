"""A line between clients and a server, which breaks, stalls and is slow when a test says so.

Called by tests that upload over a bad line, and by `emulator_tests/browser`, where a page's requests go through it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from emulator_tests.testbed.network import HOST

BLOCK_BYTES: Final = 256 * 1024
"""The most that is read at once."""

SLOW_BLOCK_S: Final = 0.02
"""Seconds that a slow line needs for one block. Short blocks make it slow evenly."""

LATE_BLOCKS_MAX: Final = 64
"""The most blocks that one direction of a connection has on the way. Then its sender waits."""

_FINAL_CHUNK: Final = b'name="finalChunk"\r\n\r\ntrue'


@dataclass(frozen=True, slots=True)
class Break:
    """
    The end of one connection.

    Attributes:
        after_bytes: Not before so many have gone to the server, on all connections together.
        loses_answer: Whether the answer that comes next is what gets lost; else the byte that would go next.
        of_final_chunk: Whether it must be the answer to a file's last chunk.
        resets: Whether both ends see a reset; else the connection is closed.
    """

    after_bytes: int
    loses_answer: bool = False
    of_final_chunk: bool = False
    resets: bool = False


class _Broken(Exception):
    """The connection ends here, because a break or `break_all` says so."""


class _Bucket:
    """
    What one direction may carry, for all connections together: a token bucket that holds `SLOW_BLOCK_S`.
    """

    def __init__(self) -> None:
        self.bytes_per_s: float | None = None
        self._free_at_s = 0.0

    @property
    def block_bytes(self) -> int:
        """
        The most that may be read at once.
        """
        if self.bytes_per_s is None:
            return BLOCK_BYTES
        return max(1, min(BLOCK_BYTES, round(self.bytes_per_s * SLOW_BLOCK_S)))

    async def take(self, size: int) -> None:
        """
        Wait until the line has carried so many bytes.
        """
        if self.bytes_per_s is None:
            return
        now_s = time.monotonic()
        self._free_at_s = max(self._free_at_s, now_s - SLOW_BLOCK_S) + size / self.bytes_per_s
        if self._free_at_s > now_s:
            await asyncio.sleep(self._free_at_s - now_s)


class Line:
    """
    Passes on the bytes of any number of connections.

    Args:
        server: Host and port where it leads.
        breaks: In the order in which they come.

    Attributes:
        address: Host and port where it listens.
        broken: The breaks that have happened.
        sent_bytes: How many bytes have gone to the server.
        connections: How many there have been.
        delay_s: How late each byte arrives.
        flows: Whether anything is carried.
    """

    def __init__(self, server: tuple[str, int], breaks: Sequence[Break] = ()) -> None:
        self.broken: list[Break] = []
        self.sent_bytes = 0
        self.connections = 0
        self._taken_bytes = 0
        self._server = server
        self._breaks = list(breaks)
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self._listener.setblocking(False)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.Task[None]] = set()
        self._up, self._down = _Bucket(), _Bucket()
        self.delay_s = 0.0
        self._is_dead = False
        self.flows = asyncio.Event()
        self.flows.set()
        self._closed = asyncio.Event()

    def serve(self) -> None:
        """
        Serve clients until the line is closed.
        """
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def close(self) -> None:
        """
        End every connection, and let no further client in.
        """
        self._tell(self._closed.set)

    def break_all(self) -> None:
        """
        Reset every connection, and each new one until `heal`.
        """
        self._tell(self._kill)

    def stall(self) -> None:
        """
        Keep every connection, but carry nothing until `heal`.
        """
        self._tell(self.flows.clear)

    def slow_down(self, *, bytes_per_s: float | None = None, delay_s: float = 0.0) -> None:
        """
        Carry so many bytes a second in each direction, each of them so late; a new connection takes a round trip.
        """
        self._tell(lambda: self._set_speed(bytes_per_s, delay_s))

    def break_later(self, *breaks: Break) -> None:
        """
        Break connections after so many more bytes.
        """

        def add() -> None:
            self._breaks += [replace(one, after_bytes=self._taken_bytes + one.after_bytes) for one in breaks]

        self._tell(add)

    def heal(self) -> None:
        """
        Be a good line again. Breaks that have not come do not come any more.
        """
        self._tell(self._heal)

    def _tell(self, change: Callable[[], object]) -> None:
        """
        Change something in the thread of the line, and wait until it is changed.
        """
        changed = threading.Event()

        def run() -> None:
            change()
            changed.set()

        self._loop.call_soon_threadsafe(run)
        changed.wait()

    def _kill(self) -> None:
        self._is_dead = True
        for one in self._open:
            one.cancel()

    def _set_speed(self, bytes_per_s: float | None, delay_s: float) -> None:
        self._up.bytes_per_s = self._down.bytes_per_s = bytes_per_s
        self.delay_s = delay_s

    def _heal(self) -> None:
        self._is_dead = False
        self._breaks.clear()
        self._set_speed(None, 0.0)
        self.flows.set()

    async def _serve(self) -> None:
        accepting = self._loop.create_task(self._accept())
        await self._closed.wait()
        for one in (accepting, *self._open):
            one.cancel()
        await asyncio.gather(accepting, *self._open, return_exceptions=True)
        self._listener.close()

    async def _accept(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._listener)
            self.connections += 1
            task = self._loop.create_task(self._connect(client))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _connect(self, client: socket.socket) -> None:
        """
        Serve one client until an end closes its connection, or the line breaks it.
        """
        with client, socket.socket() as server:
            resets = self._is_dead
            # An end that breaks off by itself ends its connection, not the line.
            with suppress(OSError):
                try:
                    if not resets:
                        await self._pass_on(client, server)
                except _Broken as broken:
                    (coming,) = broken.args
                    self.broken.append(coming)
                    resets = coming.resets
                except asyncio.CancelledError:
                    resets = True
            for one in (client, server) if resets else ():
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        for one in (client, server):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.sleep(2 * self.delay_s)
        await self._loop.sock_connect(server, self._server)
        request = _Request()
        directions = [
            self._loop.create_task(self._carry_up(client, server, request)),
            self._loop.create_task(self._carry_down(server, client, request)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            ends = await asyncio.gather(*directions, return_exceptions=True)
        for end in ends:
            if isinstance(end, _Broken):
                raise end

    async def _carry_up(self, client: socket.socket, server: socket.socket, request: _Request) -> None:
        """
        Carry what a client sends, until it ends or a break comes.
        """
        async with _Delivery(self, server) as delivery:
            while True:
                if self._bytes_until_break() > 0:
                    await self._await_bytes(client)
                # A break may have been asked for meanwhile.
                size = min(self._up.block_bytes, self._bytes_until_break())
                if size <= 0:
                    await delivery.finish()
                    raise self._come_to(self._breaks[0])
                block = await self._loop.sock_recv(client, size)
                if not block:
                    return await delivery.finish()
                self._taken_bytes += len(block)
                request.is_final_chunk = request.is_final_chunk or _FINAL_CHUNK in block
                await self._up.take(len(block))
                await delivery.send(block)
                self.sent_bytes += len(block)

    async def _carry_down(self, server: socket.socket, client: socket.socket, request: _Request) -> None:
        """
        Carry what the server answers, until it ends or an answer is lost.
        """
        async with _Delivery(self, client) as delivery:
            while block := await self._loop.sock_recv(server, self._down.block_bytes):
                coming = self._breaks[0] if self._breaks else None
                if (
                    coming is not None
                    and coming.loses_answer
                    and coming.after_bytes <= self._taken_bytes
                    and (request.is_final_chunk or not coming.of_final_chunk)
                ):
                    raise self._come_to(coming)
                await self._down.take(len(block))
                await delivery.send(block)
            await delivery.finish()

    def _bytes_until_break(self) -> int:
        """
        How many bytes may still be read of a client, as far as the next break allows.
        """
        if not self._breaks or self._breaks[0].loses_answer:
            return BLOCK_BYTES
        return self._breaks[0].after_bytes - self._taken_bytes

    async def _await_bytes(self, client: socket.socket) -> None:
        """
        Wait until a client has sent something, or ended, and read nothing.
        """
        has_sent = asyncio.Event()
        self._loop.add_reader(client, has_sent.set)
        try:
            await has_sent.wait()
        finally:
            self._loop.remove_reader(client)

    def _come_to(self, coming: Break) -> _Broken:
        del self._breaks[0]
        return _Broken(coming)


@dataclass(slots=True)
class _Request:
    """
    What a connection has carried, as far as breaks ask for it.
    """

    is_final_chunk: bool = False


class _Delivery:
    """
    Delivers the blocks of one direction in order: at once, or late on a slow line.
    """

    def __init__(self, line: Line, target: socket.socket) -> None:
        self._line = line
        self._target = target
        self._late = asyncio.Queue[tuple[float, bytes]](LATE_BLOCKS_MAX)

    async def __aenter__(self) -> _Delivery:
        self._delivering = asyncio.get_running_loop().create_task(self._deliver_late())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._delivering.cancel()
        await asyncio.gather(self._delivering, return_exceptions=True)

    async def send(self, block: bytes) -> None:
        """
        Send a block, now or when it is due.

        Raises:
            OSError: The target has broken off.
        """
        if self._line.delay_s:
            await self._unless_ended(self._late.put((time.monotonic() + self._line.delay_s, block)))
        else:
            await self.finish()
            await self._send(block)

    async def finish(self) -> None:
        """
        Wait until every block has been sent.
        """
        await self._unless_ended(self._late.join())

    async def _unless_ended(self, step: Coroutine[Any, Any, None]) -> None:
        waiting = asyncio.get_running_loop().create_task(step)
        try:
            await asyncio.wait({waiting, self._delivering}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._delivering.done():
            self._delivering.result()

    async def _deliver_late(self) -> None:
        while True:
            due_at_s, block = await self._late.get()
            await asyncio.sleep(due_at_s - time.monotonic())
            await self._send(block)
            self._late.task_done()

    async def _send(self, block: bytes) -> None:
        await self._line.flows.wait()
        await asyncio.get_running_loop().sock_sendall(self._target, block)


@contextmanager
def line_to(server: tuple[str, int], breaks: Sequence[Break] = ()) -> Iterator[Line]:
    """
    A line to a server, as long as the block lasts.
    """
    line = Line(server, breaks)
    serving = threading.Thread(target=line.serve)
    serving.start()
    try:
        yield line
    finally:
        line.close()
        serving.join()
