"""Webhooks only bring reconciliations forward.

Called by the HTTP functions of `functions/hooks.py`. The provider's `Webhook` verifies that a request is the
provider's, and the reconciliation finds out the state. So a request that is repeated, late or out of order changes
nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from shared.core import log
from shared.core.references import read
from shared.ports import Queue, Task, Webhook
from shared.reconcile.resource import Resource


def handle_webhook(
    provider: str,
    webhook: Webhook,
    headers: Mapping[str, str],
    body: bytes,
    queue: Queue,
    resources: Sequence[Resource],
) -> str | None:
    """
    Enqueue a task for each thing that a webhook names, if webhooks concern its resource; other references are
    skipped. A repeated request merges with the first.

    Args:
        provider: Our name of the provider, for the log.
        webhook: Verifies and parses the provider's requests.
        headers: By lower-case names.
        body: The unmodified body.
        queue: Gets the tasks.
        resources: All resources.

    Returns:
        The namespace of another deployment on the same account, if the webhook is for that.

    Raises:
        NotAllowed: It is not from the provider (never).
        BadRequest: It cannot be parsed (never).
        Transient: The queue could not be reached (again).
    """
    once = hashlib.sha256(body).hexdigest()
    heard = webhook.heard(headers, body)
    workers = {one.kind: one.worker.queue for one in resources if one.has_webhooks}
    for reference in filter(None, (read(provider, text) for text in heard.references)):
        log.push_heard(provider, str(reference))
        if reference.kind in workers:
            queue.put(Task(workers[reference.kind], reference.key, once=once))
    return heard.elsewhere
