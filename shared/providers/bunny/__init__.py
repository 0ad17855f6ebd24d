"""Bunny Stream as a host: Bunny fetches the copies by itself, and players use tokens that are signed here.

Called by `shared/providers/__init__.py` alone. Nothing here imports httpx before the first call.
"""

from shared.providers.bunny.host import BunnyHost, BunnyLibrary

__all__ = ["BunnyHost", "BunnyLibrary"]
