"""Serve until SIGTERM or SIGINT: `python -m emulator_tests.testbed.cloud_tasks --port P`.

With `--functions` it also creates the queues of a functions emulator, as that loads its functions; with `--project` in
another project than `demo-greenroom`.
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


async def serve(host: str, port: int, functions_host: str | None, project_id: str) -> None:
    """
    Serve until told to end.

    Args:
        host: Where to listen.
        port: Likewise.
        functions_host: `host:port` of a functions emulator whose queues are created; `None` creates none.
        project_id: Its project, which it does not tell.
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
        creating = asyncio.create_task(_create_queues(f"{host}:{port}", functions_host, project_id))
        await ended.wait()
        creating.cancel()
        await server.stop(grace=None)


async def _create_queues(tasks_host: str, functions_host: str | None, project_id: str) -> None:
    """
    Create the queues of a functions emulator, which may not have started yet, and lists its functions one by one.
    """
    if functions_host is None:
        return
    created: set[str] = set()
    while True:
        triggers: list[dict[str, Any]] = []
        with suppress(OSError):
            triggers = await asyncio.to_thread(triggers_of, functions_host)
        if queues := [queue for queue in queues_of(triggers) if queue["name"] not in created]:
            await asyncio.to_thread(create_queues, tasks_host, project_id, queues)
            created.update(queue["name"] for queue in queues)
            print(f"created the queues {', '.join(queue['name'] for queue in queues)} of {project_id}", flush=True)
        await asyncio.sleep(ASKED_EVERY_S)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Google Cloud Tasks on this machine, for HTTP tasks.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--functions", metavar="HOST:PORT", help="a functions emulator whose queues to create")
    parser.add_argument("--project", metavar="ID", default="demo-greenroom", help="the project of these functions")
    options = parser.parse_args()
    asyncio.run(serve(options.host, options.port, options.functions, options.project))
