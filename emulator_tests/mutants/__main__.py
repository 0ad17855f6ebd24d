"""Mutate the modules that decide, run the tests of each on every mutant, and compare the survivors with those accepted.

Called by `make mutants`; an argument chooses modules: `python -m emulator_tests.mutants hosts/decide`. The mutants are
mutmut's: one changed operator, constant, argument or branch each. `runs.py` runs the tests.

`survivors.toml` lists the accepted mutants, each with a reason. They are identified by the lines that they change, as
mutmut's numbers change with every edit. Fails if a mutant that survives is not listed, or a listed one does not
survive.
"""

from __future__ import annotations

import ast
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import Final

from mutmut.mutation.file_mutation import mutate_file_contents

from emulator_tests.mutants.runs import survivors
from emulator_tests.testbed.places import ROOT

TESTS: Final = {
    "shared/sessions/admissions/decide.py": ("admissions_decide",),
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
    "shared/reconcile/heartbeat.py": ("heartbeat",),
    "shared/reconcile/reconciler.py": ("heartbeat", "reconcile"),
    "shared/reconcile/slots.py": ("slots",),
    "shared/sessions/decide.py": ("sessions_decide",),
    "shared/slides/timelines/decide.py": ("timelines_decide",),
    "shared/transfers/decide.py": ("transfers",),
    "shared/videos/decide.py": ("videos_decide",),
    "shared/videos/transitions.py": ("videos_transitions",),
}
"""For each module, its tests: `emulator_tests/pure/test_….py`."""

ACCEPTED: Final = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True, slots=True)
class Mutant:
    """
    A changed function.

    Attributes:
        module: The file.
        function: The function's name, with its class before a dot.
        before: The removed lines, stripped and joined.
        after: The added lines, stripped and joined.
    """

    module: str
    function: str
    before: str
    after: str

    def __str__(self) -> str:
        fields = (("module", self.module), ("function", self.function), ("before", self.before), ("after", self.after))
        return "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in fields)


def described(module: str, code: str, names: list[str]) -> Iterator[Mutant]:
    """
    Yield mutants by their names in mutmut's code, such as `x_begun__mutmut_3` or `xǁEpochsǁcheck__mutmut_7`.
    """
    lines = code.splitlines()
    functions = {
        node.name: [line.strip().replace(node.name, "") for line in lines[node.lineno - 1 : node.end_lineno]]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef)
    }
    for name in names:
        mangled = name.rpartition("__mutmut_")[0]
        diff = list(unified_diff(functions[f"{mangled}__mutmut_orig"], functions[name], n=0))[3:]
        before, after = (" ".join(line[1:] for line in diff if line.startswith(sign)) for sign in "-+")
        yield Mutant(module, mangled.removeprefix("x_").removeprefix("xǁ").replace("ǁ", "."), before, after)


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
    if not modules:
        sys.exit(f"No module is called {' or '.join(chosen)}. Choose among {', '.join(TESTS)}.")
    listed = Counter(accepted())
    rows, differences = [], 0
    for module in modules:
        begun = monotonic()
        mutated = mutate_file_contents(module, (ROOT / module).read_text())
        tests = [f"emulator_tests/pure/test_{name}.py" for name in TESTS[module]]
        # Each module in a process of its own, which imports it mutated.
        with get_context("fork").Pool(1) as pool:
            left = pool.apply(survivors, (module, mutated.code, list(mutated.mutant_names), tests))
        found = Counter(described(module, mutated.code, left))
        expected = Counter({mutant: count for mutant, count in listed.items() if mutant.module == module})
        for mutant in (found - expected).elements():
            print(f"\n# survives, and is not in {ACCEPTED.name}:\n{mutant}")
        for mutant in (expected - found).elements():
            print(f"\n# does not survive, or does not exist, and is in {ACCEPTED.name}:\n{mutant}")
        differences += (found - expected).total() + (expected - found).total()
        rows.append((module, len(mutated.mutant_names), len(left), monotonic() - begun))
    print()
    for row in [*rows, ("in all", *(sum(column) for column in list(zip(*rows, strict=True))[1:]))]:
        print("{:34} {:4} mutants, {:3} survive, {:4.0f} s".format(*row))
    print(f"{differences} differences from {ACCEPTED.name}.")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
