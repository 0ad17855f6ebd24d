"""Fill the channel port with a channel of Eventarc.

Built by `functions/wiring.py`. Events are sent as the message `io.cloudevents.v1.CloudEvent`, as Firebase's own SDK
sends them: the Eventarc emulator of firebase-tools takes no other form. Every attribute that it and `eventarc_fn` of
the Python SDK read is set; the latter needs fractions of seconds in `time`.

Source: https://cloud.google.com/eventarc/docs/reference/publishing/rest/v1/projects.locations.channels/publishEvents;
lib/emulator/eventarcEmulatorUtils.js of firebase-tools; firebase_functions/eventarc_fn.py
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from http import HTTPStatus
from typing import Any, Final

from shared.cloud.posting import Post
from shared.core.errors import Doubtful, Misconfigured, Permanent, Transient
from shared.ports import CloudEvent

PROVIDER: Final = "eventarc"
OPERATION: Final = "channels.publishEvents"
EVENTARC_URL: Final = "https://eventarcpublishing.googleapis.com/v1"
EVENT: Final = "type.googleapis.com/io.cloudevents.v1.CloudEvent"

REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
NOT_PUBLISHED: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class EventarcChannel:
    """
    Publishes on one channel.

    Attributes:
        name: Its full name, `projects/P/locations/L/channels/C`.
        source: The source of the events, a URI reference. With the id of an event it is unique.
        post: Sends a request.
        url: The address of Eventarc's API, with its version.
    """

    name: str
    source: str
    post: Post
    url: str = EVENTARC_URL

    def publish(self, event: CloudEvent) -> None:
        """
        See `ports.Channel`.
        """
        try:
            status = self.post(f"{self.url}/{self.name}:publishEvents", {"events": [self._message(event)]})
        except OSError:
            raise Doubtful(
                "Eventarc did not answer.", provider=PROVIDER, operation=OPERATION, code="CONNECTION_LOST"
            ) from None
        if status == HTTPStatus.OK:
            return
        if status in REFUSED:
            raise Misconfigured(
                f"Events cannot be published on {self.name} (HTTP {status}). Grant the functions' account the role "
                "roles/eventarc.publisher, and check that EVENTARC_CHANNEL names a channel of yours: docs/events.md."
            )
        if status == HTTPStatus.NOT_FOUND:
            raise Misconfigured(
                f"The channel {self.name} does not exist. Create it, or set EVENTARC_CHANNEL to one that does: "
                "docs/events.md."
            )
        code = f"HTTP_{status}"
        if status in NOT_PUBLISHED:
            raise Transient("The event was not published.", provider=PROVIDER, operation=OPERATION, code=code)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Doubtful("The event may be published.", provider=PROVIDER, operation=OPERATION, code=code)
        raise Permanent("Eventarc refuses the event.", provider=PROVIDER, operation=OPERATION, code=code)

    def _message(self, event: CloudEvent) -> dict[str, Any]:
        at = event.time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {
            "@type": EVENT,
            "id": event.id,
            "source": self.source,
            "specVersion": "1.0",
            "type": event.type,
            "attributes": {
                "datacontenttype": {"ceString": "application/json"},
                "subject": {"ceString": event.subject},
                "time": {"ceTimestamp": at},
            },
            "textData": json.dumps(dict(event.data)),
        }
