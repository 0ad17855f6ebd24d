"""Scheduled functions: the sweep, which does what a lost event or task would have done, and the daily search for
orphans.
"""

from __future__ import annotations

from firebase_functions.options import MemoryOption
from firebase_functions.scheduler_fn import ScheduledEvent, on_schedule

from functions import config, environment, wiring
from shared.core import log
from shared.erasure.commands import carry_over

ORPHANS_TIMEOUT_S = 1800
"""The longest that a scheduled function may run. The search reads everything that there is."""

STORED_PAGES_MAX = 5000
"""The pages of the bucket that one run reads, each in some 0.1 s. The next run continues there."""

SCHEDULE_MEMORY = MemoryOption.MB_512
"""With everything loaded a process has used 124 MiB. Documents and a provider's lists are read by pages."""


@on_schedule(
    schedule="every 5 minutes",
    timeout_sec=300,
    memory=SCHEDULE_MEMORY,
    secrets=[*config.provider_secrets(), *config.archive_secrets()],
)
def sweep(_event: ScheduledEvent) -> None:
    """
    Enqueue tasks for what is overdue or was never noticed, and release things without content that no document names.
    """
    if wiring.kill_switch().is_stopped():
        log.stopped("sweep")
        return
    wiring.app().sweep.run(environment.revision())


@on_schedule(
    schedule="every 24 hours",
    timeout_sec=ORPHANS_TIMEOUT_S,
    memory=SCHEDULE_MEMORY,
    secrets=[*config.provider_secrets(), *config.archive_secrets()],
)
def findOrphans(_event: ScheduledEvent) -> None:
    """
    Report what exists at the provider without a document, and what documents name that does not exist. If
    ORPHANS_CLEAN_UP is set, orphans without content are deleted and missing things are recreated. Orphans with content
    are kept, whatever the settings say. Erasures that an earlier release began are carried on.
    """
    if wiring.kill_switch().is_stopped():
        log.stopped("findOrphans")
        return
    carry_over(wiring.documents(), wiring.queue(), wiring.now)
    wiring.app().orphans.find(clean_up=config.ORPHANS_CLEAN_UP.value, stored_pages_max=STORED_PAGES_MAX)
