"""Bunny Stream as a host: copies that it fetches by itself, played with tokens that are signed here.

Called by `shared/providers/__init__.py` alone. Nothing here imports httpx before the first call.
"""

from shared.providers.bunny.host import BunnyHost, BunnyLibrary

__all__ = ["BunnyHost", "BunnyLibrary"]
