"""What a provider tells by itself brings reconciles forward, and does nothing else.

Called by the HTTP functions of `functions/hooks.py`. Leaves to the provider's `Hook` whether a request is the
provider's, and to the reconciliation how things stand: so a request that comes again, late, or out of order changes
nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from shared.core import log
from shared.core.paths import RECONCILE_SESSION, RECONCILE_VIDEO
from shared.core.references import Kind, read
from shared.ports import Queue, Task, Webhook

VISITORS: Final = {Kind.VIDEO: RECONCILE_VIDEO, Kind.SESSION: RECONCILE_SESSION}
"""Who reconciles what a reference speaks of."""


def handle_webhook(
    provider: str, webhook: Webhook, headers: Mapping[str, str], body: bytes, queue: Queue
) -> str | None:
    """
    Enqueue a task for each video, and each session, that a provider's request speaks of; what it names otherwise is
    skipped. The same request again merges with the first.

    Args:
        provider: Our name of it, for the log.
        hook: Reads its requests.
        headers: By lower-case names.
        body: Exactly as it came.
        queue: For tasks.

    Returns:
        The namespace of another deployment on the same account, where it speaks of that.

    Raises:
        NotAllowed: It is not from the provider (never).
        BadRequest: It cannot be understood (never).
        Transient: The queue could not be reached (again).
    """
    once = hashlib.sha256(body).hexdigest()
    heard = webhook.heard(headers, body)
    for reference in filter(None, (read(provider, text) for text in heard.references)):
        log.push_heard(provider, str(reference))
        if reference.kind in VISITORS:
            queue.put(Task(VISITORS[reference.kind], reference.key, once=once))
    return heard.elsewhere
