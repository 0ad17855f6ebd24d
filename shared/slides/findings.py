"""Check what shared live media need from outside: the bucket, signatures, CORS, the converter, and the chat server.

Called by the operator's command `doctor`, and done as the account that runs it. Each sentence says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from shared.core.errors import BackendError, Misconfigured, Transient
from shared.ports import Converter, Finding, Health, Storage
from shared.reconcile.deployment import Deployment

PROBE: Final = "doctor/probe"
"""The object that is written, read and deleted again. It is in the folder of no media."""

CONTENT: Final = b"doctor wrote this. Delete it."
LIFETIME_S: Final = 60

NO_ROOM: Final = "doctor"
"""A room that does not exist: its destruction changes nothing."""


def findings(deployment: Deployment) -> Iterator[Finding]:
    """
    Return what is found about the parts that this deployment has.
    """
    storage, chat = deployment.storage, deployment.chat
    if storage is not None:
        yield _attempted("slides bucket", lambda: _use(storage))
        yield _signatures(storage)
        yield _cors(storage)
        yield _converter(deployment.converter)
    if chat is not None:
        yield _attempted("chat server", lambda: chat().destroy_room(NO_ROOM))


def _use(storage: Storage) -> None:
    """
    Write, list, read and delete an object.
    """
    stored = storage.write(PROBE, CONTENT, "text/plain")
    storage.list_objects(PROBE, 1)
    storage.read(PROBE, stored.generation, 0, len(CONTENT))
    storage.delete(PROBE)


def _attempted(what: str, attempt: Callable[[], None]) -> Finding:
    try:
        attempt()
    except BackendError as error:
        return Finding(what, Health.MISSING, str(error))
    return Finding(what, Health.OK)


def _converter(converter: Converter | None) -> Finding:
    what = "slides converter"
    if converter is None:
        return Finding(what, Health.MISSING, "Deploy the converter, see docs/slides.md, and set SLIDES_CONVERTER_URL.")
    return _attempted(what, converter.check)


def _signatures(storage: Storage) -> Finding:
    what = "slides addresses"
    try:
        storage.read_address(PROBE, LIFETIME_S)
    except Transient:
        sentence = (
            "No account of this machine can sign addresses, so it is not known whether the functions can. Their "
            "account needs the role roles/iam.serviceAccountTokenCreator on itself."
        )
        return Finding(what, Health.ABSENT, sentence)
    except BackendError as error:
        return Finding(what, Health.MISSING, str(error))
    return Finding(what, Health.OK)


def _cors(storage: Storage) -> Finding:
    what = "slides CORS"
    try:
        sentence = storage.cors_problem()
    except Misconfigured as error:
        return Finding(what, Health.ABSENT, str(error))
    except BackendError as error:
        return Finding(what, Health.MISSING, str(error))
    return Finding(what, Health.MISSING if sentence else Health.OK, sentence)
