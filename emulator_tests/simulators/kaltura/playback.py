"""stub"""
from starlette.requests import Request
from starlette.responses import Response

from emulator_tests.simulators.kaltura.world import World


async def answer(world: World, request: Request, path: str) -> Response | None:
    return None
