"""Count everything anew, write docs/cost.md, and print its tables: `make cost`."""

from __future__ import annotations

from emulator_tests.cost.page import PAGE, blocks
from emulator_tests.cost.record import count_all
from emulator_tests.documentation.pages import cost_page


def main() -> None:
    """
    Count, write, print.
    """
    record = count_all(lambda name: print(f"  {name} …", flush=True))
    record.save()
    PAGE.write_text(cost_page())
    for name, text in blocks(record).items():
        print(f"\n{name}\n\n{text}")


if __name__ == "__main__":
    main()
