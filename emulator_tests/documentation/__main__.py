"""Write every generated part of the documentation: `python -m emulator_tests.documentation`."""

from __future__ import annotations

from emulator_tests.documentation.pages import generated


def main() -> None:
    """
    Write the files.
    """
    for path, text in generated().items():
        path.write_text(text)
        print(path.name)


if __name__ == "__main__":
    main()
