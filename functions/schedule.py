"""The schedule: the sweep, which is the floor under everything that a lost event or task would have done, and the daily
search for orphans.
"""

from __future__ import annotations

from firebase_functions.options import MemoryOption
from firebase_functions.scheduler_fn import ScheduledEvent, on_schedule

from functions import config, wiring
from shared.core import log
from shared.erasure import carry_over

ORPHANS_TIMEOUT_S = 1800
"""The longest that a scheduled function may run: everything there is, is looked at."""

SCHEDULE_MEMORY = MemoryOption.MB_512
"""With everything loaded a process has taken 124 MiB; it goes through documents and a provider's lists by pages."""


@on_schedule(schedule="every 5 minutes", timeout_sec=300, memory=SCHEDULE_MEMORY, secrets=config.provider_secrets())
def sweep(_event: ScheduledEvent) -> None:
    """
    Leave tasks for what is overdue or was never noticed, and release what no document names and is empty.
    """
    if wiring.kill_switch().is_stopped():
        log.stopped("sweep")
        return
    wiring.app().sweep.run()


@on_schedule(
    schedule="every 24 hours",
    timeout_sec=ORPHANS_TIMEOUT_S,
    memory=SCHEDULE_MEMORY,
    secrets=config.provider_secrets(),
)
def findOrphans(_event: ScheduledEvent) -> None:
    """
    Report what exists at the provider without a document and the other way round. Where ORPHANS_CLEAN_UP is set, what
    is empty goes and what is missing is made anew; what has content is kept, whatever the settings say. What an earlier
    release had begun to erase is carried on.
    """
    if wiring.kill_switch().is_stopped():
        log.stopped("findOrphans")
        return
    carry_over(wiring.documents(), wiring.queue(), wiring.now)
    wiring.app().orphans.find(clean_up=config.ORPHANS_CLEAN_UP.value)
