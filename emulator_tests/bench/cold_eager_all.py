"""The same as `cold_eager_ours.py`, after everything that `cold_eager.py` imports: what a back end like this one
imports if it uses Kaltura's library and lists its imports at the top of each file.
"""

from __future__ import annotations

from typing import Any

import google.cloud.storage  # noqa: F401 - to be loaded
import KalturaClient
import KalturaClient.Plugins.Core  # noqa: F401 - to be loaded
from firebase_admin import firestore  # noqa: F401 - to be loaded
from firebase_functions import firestore_fn, https_fn, scheduler_fn, tasks_fn  # noqa: F401 - to be loaded

from emulator_tests.bench import cold_eager_ours


def __getattr__(name: str) -> Any:
    return getattr(cold_eager_ours, name)
