"""The services, one file per group; importing this room fills the table of actions."""

from emulator_tests.simulators.kaltura.services import (
    access,
    assets,
    entries,
    live,
    notifying,
    people,
    schedule,
    sessions,
    thumbs,
    uploads,
)

__all__ = ["access", "assets", "entries", "live", "notifying", "people", "schedule", "sessions", "thumbs", "uploads"]
