"""The settings of a video library at Bunny Stream: the fields of its row of `HOSTS`.

Registered in `shared/providers/registry.py`. The adapter is imported when a host is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shared.core import reading
from shared.ports import Host
from shared.providers.settings import Context, HostSettings, optional, required


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(HostSettings):
    """
    The settings of a video library.
    """

    title: ClassVar[str] = "Bunny Stream"

    library_id: str = required("libraryId", reading.line, "Bunny's id of the library.")
    api_key: str = required("apiKey", reading.line, "Key of the library.", is_secret=True)
    playback_url: str = required("playbackUrl", reading.url, "Address of the library's pull zone, which plays videos.")
    token_key: str = required("tokenKey", reading.line, "Token authentication key of that pull zone.", is_secret=True)
    url: str = optional("url", reading.url, "Address of Bunny's API.", "https://video.bunnycdn.com")

    def open(self, name: str, context: Context) -> Host:
        from shared.providers.bunny.host import BunnyHost, BunnyLibrary

        library = BunnyLibrary(
            name=name,
            url=self.url,
            library_id=self.library_id,
            api_key=self.api_key,
            playback_url=self.playback_url,
            token_key=self.token_key,
            namespace=context.namespace,
            clock=context.clock,
        )
        return BunnyHost(library)
