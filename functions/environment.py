"""Tell where this code runs: in which project, in the cloud or beside emulators. Set by the platform, not by operators.

Called by `config.py`, `wiring.py` and the operator's commands.
"""

from __future__ import annotations

import os


def project_id() -> str:
    """
    Return the id of the project that this code runs in.
    """
    return os.environ.get("GCLOUD_PROJECT") or os.environ["GOOGLE_CLOUD_PROJECT"]


def firestore_emulator_host() -> str | None:
    """
    Return `host:port` of the Firestore emulator, `None` in the cloud.
    """
    return os.environ.get("FIRESTORE_EMULATOR_HOST")


def tasks_emulator_host() -> str | None:
    """
    Return `host:port` of the Cloud Tasks emulator, `None` in the cloud.
    """
    return os.environ.get("TASKS_EMULATOR_HOST")


def storage_emulator_url() -> str | None:
    """
    Return the address of the emulator of Cloud Storage, `None` in the cloud.
    """
    return os.environ.get("STORAGE_EMULATOR_HOST")


def revision() -> str:
    """
    Return the revision of the deployed function that this code runs in; empty outside of the cloud.

    Source: https://cloud.google.com/run/docs/container-contract#services-env-vars
    """
    return os.environ.get("K_REVISION", "")


def is_emulated() -> bool:
    """
    Tell whether documents or tasks are those of emulators.
    """
    return firestore_emulator_host() is not None or tasks_emulator_host() is not None


def is_deployed() -> bool:
    """
    Tell whether this is an instance in the cloud. Cloud Run sets this variable in each instance, and the emulator does
    not. firebase-tools refuses an `.env` that sets it.

    Source: https://cloud.google.com/run/docs/container-contract#services-env-vars; `RESERVED_KEYS` of firebase-tools,
    lib/functions/env.js, and `getSystemEnvs` of its lib/emulator/functionsEmulator.js.
    """
    return "K_CONFIGURATION" in os.environ
