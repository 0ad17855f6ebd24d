"""The test bed: everything Greenroom stands on, started on this machine and stopped without a trace.

`with Testbed(state) as testbed:` runs the stack, for pytest and the demo; `python -m emulator_tests.testbed` does it
until Ctrl-C; `python3 -m emulator_tests.testbed.setup` installs what it needs, with nothing but the standard library.
"""

from emulator_tests.testbed.part import TestbedError
from emulator_tests.testbed.stack import Testbed

__all__ = ["Testbed", "TestbedError"]
