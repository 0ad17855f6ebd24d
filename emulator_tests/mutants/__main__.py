"""Run mutmut on the modules that decide, and compare the mutants that survive with those that are accepted.

Called by `make mutants`; an argument chooses modules: `python -m emulator_tests.mutants hosts/decide`. mutmut mutates
one module at a time, in a copy of this tree, and runs only that module's tests of `TESTS`, in forked processes.

`survivors.toml` lists the accepted mutants, each with a reason. They are identified by the lines that they change, as
mutmut's numbers change with every edit. Fails if a mutant that survives is not listed, or a listed one does not
survive.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from emulator_tests.testbed.places import ROOT

TESTS: Final = {
    "shared/admissions/decide.py": ("admissions_decide",),
    "shared/deletions/decide.py": ("deletions",),
    "shared/erasure/decide.py": ("erasure",),
    "shared/hosts/decide.py": ("copies_decide",),
    "shared/operations/kill_switch.py": ("kill_switch",),
    "shared/reconcile/backoff.py": ("reconcile",),
    "shared/reconcile/bulk.py": ("kill_switch",),
    "shared/reconcile/controller.py": ("reconcile",),
    "shared/reconcile/edited.py": ("edited_epoch",),
    "shared/reconcile/epoch.py": ("edited_epoch", "epoch"),
    "shared/reconcile/model.py": ("reconcile",),
    "shared/reconcile/reconciler.py": ("reconcile",),
    "shared/reconcile/slots.py": ("slots",),
    "shared/sessions/decide.py": ("sessions_decide",),
    "shared/transfers/decide.py": ("transfers",),
    "shared/videos/decide.py": ("videos_decide",),
    "shared/videos/transitions.py": ("videos_decide", "videos_transitions"),
}
"""For each module, its tests: `emulator_tests/pure/test_….py`."""

ACCEPTED: Final = Path(__file__).with_name("survivors.toml")

MUTMUT: Final = (sys.executable, "-m", "mutmut")

NOT_COPIED: Final = (".*", "venv", "node_modules", "__pycache__")

KILLED: Final = frozenset({1, 3, 24, 36, 152, 255, -24})
"""mutmut's exit codes of a mutant whose tests fail, or do not end."""

CONFIG: Final = """
[tool.mutmut]
source_paths = ["shared/"]
only_mutate = [{module}]
also_copy = ["emulator_tests/", "functions/", "schema/", "main.py", "firestore.rules"]
pytest_add_cli_args = ["-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = {tests}
timeout_multiplier = 6
timeout_constant = 2
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """
    A change of one line, or of one expression that stands on several.

    Attributes:
        module: The file.
        function: The function's or method's name.
        before: The removed lines, stripped and joined.
        after: The added lines, stripped and joined.
    """

    module: str
    function: str
    before: str
    after: str

    def __str__(self) -> str:
        fields = (("module", self.module), ("function", self.function), ("before", self.before), ("after", self.after))
        return "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields)


def survivors(work: Path, module: str) -> tuple[int, list[Mutant]]:
    """
    Return the number of mutants of a module, and those that its tests do not kill.
    """
    tests = [f"emulator_tests/pure/test_{name}.py" for name in TESTS[module]]
    pyproject = (ROOT / "pyproject.toml").read_text()
    (work / "pyproject.toml").write_text(pyproject + CONFIG.format(module=json.dumps(module), tests=json.dumps(tests)))
    shutil.rmtree(work / "mutants", ignore_errors=True)
    subprocess.run([*MUTMUT, "run", "--max-children", str(os.cpu_count() or 1)], cwd=work, check=True)
    check_test_ids(work)
    codes = json.loads((work / "mutants" / f"{module}.meta").read_text())["exit_code_by_key"]
    return len(codes), [mutant_of(work, module, name) for name, code in codes.items() if code not in KILLED]


def check_test_ids(work: Path) -> None:
    """
    Check that pytest finds the tests by the ids that mutmut gave it. If it does not find one, the tests of each mutant
    end with an error, and mutmut takes that for a failure.
    """
    stats = json.loads((work / "mutants" / "mutmut-stats.json").read_text())
    ids = sorted({test for tests in stats["tests_by_mangled_function_name"].values() for test in tests})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider", *ids]
    subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)


def mutant_of(work: Path, module: str, name: str) -> Mutant:
    shown = subprocess.run([*MUTMUT, "show", name], cwd=work, check=True, capture_output=True, text=True).stdout
    lines = shown.partition("@@\n")[2].splitlines()
    before, after = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in ("-", "+"))
    # "shared.hosts.decide.x_begun__mutmut_3", "shared.reconcile.bulk.xǁEpochsǁcheck__mutmut_7"
    function = name.rpartition("__mutmut_")[0].rpartition(".")[2].removeprefix("x").strip("ǁ").replace("ǁ", ".")
    return Mutant(module, function.removeprefix("_"), before, after)


def accepted() -> Iterator[Mutant]:
    """
    Yield the mutants of `survivors.toml`.

    Raises:
        ValueError: One has no reason (never).
    """
    for entry in tomllib.loads(ACCEPTED.read_text()).get("survivor", []):
        if not entry.pop("reason", ""):
            raise ValueError(f"{entry} needs a reason in {ACCEPTED.name}.")
        yield Mutant(**entry)


def main(chosen: list[str]) -> int:
    """
    Return the exit code.
    """
    modules = [module for module in TESTS if not chosen or any(part in module for part in chosen)]
    listed = Counter(accepted())
    rows, differences = [], 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        work = Path(folder) / "tree"
        shutil.copytree(ROOT, work, ignore=shutil.ignore_patterns(*NOT_COPIED))
        for number, module in enumerate(modules, 1):
            print(f"\n{module} ({number} of {len(modules)})", flush=True)
            begun = monotonic()
            count, left = survivors(work, module)
            found, expected = Counter(left), Counter({one: n for one, n in listed.items() if one.module == module})
            for mutant in (found - expected).elements():
                print(f"\n# survives, and is not in {ACCEPTED.name}:\n{mutant}")
            for mutant in (expected - found).elements():
                print(f"\n# does not survive, or does not exist, and is in {ACCEPTED.name}:\n{mutant}")
            differences += (found - expected).total() + (expected - found).total()
            rows.append(f"{module:34} {count:4} mutants, {len(left):3} survive, {monotonic() - begun:4.0f} s")
            print("", *rows, sep="\n", flush=True)
    print(f"\n{differences} differences from {ACCEPTED.name}.")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
