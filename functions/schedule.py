"""The schedule: the sweep, the floor under everything that a lost event or task would have done."""

from __future__ import annotations

from firebase_functions.scheduler_fn import ScheduledEvent, on_schedule

from functions import config, wiring


@on_schedule(schedule="every 5 minutes", timeout_sec=300, secrets=[config.KALTURA_ADMIN_SECRET])
def sweep(_event: ScheduledEvent) -> None:
    """
    Leave notes for what is overdue or was never noticed, and delete at the provider what nobody recorded.
    """
    wiring.app().sweep.run()
