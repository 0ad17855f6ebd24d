"""Record a run of the demo (`make recording`). The picture of the README is drawn from it.

The demo runs as a user sees it; its lines are printed and kept. If the demo fails, the previous recording stays.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from emulator_tests.testbed.places import HOME, ROOT

RECORDING: Final = Path(__file__).with_name("recording.txt")
COMMAND: Final = "$ make demo"


def main() -> int:
    """
    Run the demo, and write the recording.

    Returns:
        The demo's exit code.
    """
    lines = [COMMAND]
    demo = [sys.executable, "-m", "emulator_tests.demo"]
    with subprocess.Popen(demo, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip().replace(str(HOME), ".testbed").replace(str(ROOT), "."))
    if running.returncode == 0:
        RECORDING.write_text("\n".join(lines) + "\n")
    return running.returncode


if __name__ == "__main__":
    sys.exit(main())
