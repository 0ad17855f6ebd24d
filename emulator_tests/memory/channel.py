"""The channel port in memory."""

from __future__ import annotations

from emulator_tests.memory.effect import Effect, undisturbed
from shared.ports import CloudEvent


class MemoryChannel:
    """
    The channel port in memory.

    Args:
        effect: Wraps every call.

    Attributes:
        published: The events that were published, in their order.
    """

    def __init__(self, effect: Effect = undisturbed) -> None:
        self.published: list[CloudEvent] = []
        self._effect = effect

    def publish(self, event: CloudEvent) -> None:
        self._effect("publish", lambda: self.published.append(event))
