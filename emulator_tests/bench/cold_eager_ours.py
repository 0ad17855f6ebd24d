"""The peer of cold starts to a useful answer: our own functions, with all of Greenroom and all that it calls imported
at once.

Served by functions-framework in place of `main.py`. Only imports differ.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import google.cloud.firestore
import google.cloud.tasks_v2  # noqa: F401 - to be loaded

import main
import shared

for name in sorted({*main.FUNCTIONS.values(), *(one.name for one in walk_packages(shared.__path__, "shared."))}):
    import_module(name)


def __getattr__(name: str) -> Any:
    return getattr(main, name)
