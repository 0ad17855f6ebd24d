"""Import modules of Google's packages without all that these packages import themselves.

Called by the other files of this folder. The `__init__` of such a package imports every client and transport, the
asynchronous ones too, and a cold start would wait for them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from threading import Lock
from typing import Any, Final

_REGISTERING: Final = Lock()


def defer_init(package: str) -> None:
    """
    Let a package's modules be imported without its `__init__`, which runs once another name of the package is needed.
    Repeatable; without effect if the package is imported already.

    Args:
        package: The package's full name; the packages above it are imported.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    with _REGISTERING:
        spec = None if package in sys.modules else find_spec(package)
        if package in sys.modules:
            return
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(f"The package {package} is not installed.", name=package)
        module, loader = module_from_spec(spec), spec.loader

        def load(name: str) -> Any:
            # The special names that are missing before `__init__` has run, such as `__all__`, are asked for by tools.
            if name.startswith("__") or "__getattr__" not in vars(module):
                raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=module)
            del vars(module)["__getattr__"]
            loader.exec_module(module)
            return getattr(module, name)

        vars(module)["__getattr__"] = load
        parent, _, name = package.rpartition(".")
        setattr(import_module(parent), name, module)
        sys.modules[package] = module
