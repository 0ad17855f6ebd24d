"""Serve until SIGTERM or SIGINT: `python -m emulator_tests.testbed.cloud_tasks --port P`."""

from __future__ import annotations

import argparse
import asyncio
import signal

import grpc
import httpx

from emulator_tests.testbed.cloud_tasks.service import CloudTasks, service


async def serve(host: str, port: int) -> None:
    """
    Serve until told to end.
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
        await ended.wait()
        await server.stop(grace=None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Google Cloud Tasks on this machine, for HTTP tasks.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.host, options.port))
