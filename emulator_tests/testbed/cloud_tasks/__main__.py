"""Serve until SIGTERM or SIGINT: `python -m emulator_tests.testbed.cloud_tasks --port P`.

With `--functions` it also creates the queues of a functions emulator, as soon as that has loaded its functions.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from contextlib import suppress
from typing import Any

import grpc
import httpx

from emulator_tests.testbed.cloud_tasks.service import CloudTasks, service
from emulator_tests.testbed.queues import create_queues, queues_of, triggers_of

ASKED_EVERY_S = 0.5


async def serve(host: str, port: int, functions_host: str | None, location: str) -> None:
    """
    Serve until told to end.

    Args:
        host: Where to listen.
        port: Likewise.
        functions_host: `host:port` of a functions emulator whose queues are created; `None` creates none.
        location: The parent of its queues, `projects/P/locations/L`.
    """
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=None, limits=limits, trust_env=False) as http:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((service(CloudTasks(http)),))
        server.add_insecure_port(f"{host}:{port}")
        await server.start()
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        print(f"ready on {host}:{port}", flush=True)
        creating = asyncio.create_task(_create_queues(f"{host}:{port}", functions_host, location))
        await ended.wait()
        creating.cancel()
        await server.stop(grace=None)


async def _create_queues(tasks_host: str, functions_host: str | None, location: str) -> None:
    """
    Create the queues of a functions emulator, which may not have started yet.
    """
    if functions_host is None:
        return
    queues: dict[str, dict[str, Any]] = {}
    while not queues:
        with suppress(OSError):
            queues = queues_of(await asyncio.to_thread(triggers_of, functions_host))
        await asyncio.sleep(ASKED_EVERY_S)
    await asyncio.to_thread(create_queues, tasks_host, location, queues)
    print(f"created the queues {', '.join(queues)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Google Cloud Tasks on this machine, for HTTP tasks.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--functions", metavar="HOST:PORT", help="a functions emulator whose queues to create")
    parser.add_argument("--location", default="projects/demo-greenroom/locations/us-central1")
    options = parser.parse_args()
    asyncio.run(serve(options.host, options.port, options.functions, options.location))
