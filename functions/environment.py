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


def functions_prefix() -> str | None:
    """
    Return what stands before the names of the deployed functions, such as `gr-`; `None` if this process is not one of
    them. firebase-tools adds a prefix to the names only, and leaves the entry point as it is. The longer variable is
    asked first, because Cloud Run writes its own in small letters; the emulator has only that.

    Source: `applyEndpointPrefix` and `EVENTARC_SOURCE_ENV` of firebase-tools, lib/deploy/functions/build.js and
    prepare.js; `FUNCTION_TARGET` of its lib/gcp/cloudfunctionsv2.js; `getSystemEnvs` of its
    lib/emulator/functionsEmulator.js.
    """
    entry_point = os.environ.get("FUNCTION_TARGET", "")
    name = os.environ.get("EVENTARC_CLOUD_EVENT_SOURCE", "").rpartition("/")[2] or os.environ.get("K_SERVICE", "")
    if not entry_point or not name.lower().endswith(entry_point.lower()):
        return None
    return name[: -len(entry_point)]


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


def eventarc_emulator_url() -> str | None:
    """
    Return the address of the emulator of Eventarc, `None` in the cloud. firebase-tools sets it.
    """
    return os.environ.get("CLOUD_EVENTARC_EMULATOR_HOST")


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
