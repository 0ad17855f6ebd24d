"""The documentation: links lead somewhere, what pages name exists, and generated parts are as the code is."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest

import main
from emulator_tests.demo.picture import COLUMNS, LINE_PX, ROWS, draw
from emulator_tests.documentation.pages import generated, replaced
from emulator_tests.documentation.settings import OTHERS, default_of, grouped, requirement_of, unit_of
from emulator_tests.testbed.places import ROOT
from functions import config
from functions.settings import Setting
from shared.core.reading import whole

DOCS: Final = ROOT / "docs"
PAGES: Final = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
WRITTEN: Final = [page for page in PAGES if page.name != "CHANGELOG.md"]
API: Final = (DOCS / "api.md").read_text()
CODES: Final = json.loads((ROOT / "schema" / "errors.json").read_text())["codes"]

# Each folder by itself: among them are the many folders of node_modules.
SOURCES: Final = "".join(
    path.read_text()
    for pattern in ("*/test_*.py", "*/tests/test_*.py")
    for path in (ROOT / "emulator_tests").glob(pattern)
)

LINE_MAX: Final = 120
README_LINES_MAX: Final = 150
ROW_MAX: Final = 180
"""Rows of tables cannot be broken."""


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        further = (f"{anchor}-{number}" for number in range(1, 100))
        found.add(anchor if anchor not in found else next(one for one in further if one not in found))
    return found


def links(page: Path) -> Iterator[str]:
    yield from re.findall(r"\]\(([^)\s]+)\)", prose(page))


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in links(page):
        if re.match("https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


def test_one_version_is_named_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    packages = [ROOT / "web" / "package.json", ROOT / "web" / "greenroom" / "package.json"]
    assert {json.loads(path.read_text())["version"] for path in packages} == {version}
    (newest, *_) = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == version


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_link_to_nothing_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One, two\n\n[a](#one-two) [b](#three) [c](page.md#one-two) [d](none.md) [e](https://x.org)\n")
    assert broken(page) == ["#three", "none.md"]


@pytest.mark.parametrize("page", WRITTEN, ids=named)
def test_lines_are_short_and_every_page_has_one_title(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert [one for one in lines if len(one) > LINE_MAX and not one.lstrip().startswith("|")] == []
    assert [one for one in lines if len(one) > ROW_MAX] == []
    assert len(re.findall("^# ", prose(page), re.MULTILINE)) == 1


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES_MAX


@pytest.mark.parametrize("page", WRITTEN, ids=named)
def test_files_and_tests_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text()
    top = "cli(?=/)|functions|shared|schema|emulator_tests|docs|firestore|main|requirements"
    paths = re.findall(rf"(?<![\w/.-])((?:{top})[\w/.-]*?(?:/|\.(?:py|json|md|rules|in|txt|mjs)))(?![\w/])", text)
    assert sorted({path for path in paths if not (ROOT / path).exists() and "/lamps/" not in path}) == []
    named_tests = {name for name in re.findall(r"(?<![/\w])test_\w+(?!\w*\.py)\b", text) if not name.endswith("_")}
    assert sorted(name for name in named_tests if f"def {name}(" not in SOURCES) == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
            waiting += [target for target in targets if target.suffix == ".md" and target.exists()]
    assert set(PAGES) - reached == set()


# --- generated ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "text"), generated().items(), ids=[named(page) for page in generated()])
def test_generated_pages_match_the_code(page: Path, text: str) -> None:
    assert page.read_text() == text, "run `make docs`"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks of error codes"):
        replaced("# A page\n", "error codes", "text")


def test_the_settings_page_has_every_setting() -> None:
    told = re.findall(r"^\| `([A-Z0-9_]+)` \|", (DOCS / "settings.md").read_text(), re.MULTILINE)
    assert sorted(told) == sorted(config.SETTINGS)


def test_a_setting_in_no_group_is_among_the_others() -> None:
    of_lamp = Setting("LAMP_S", whole(1, 3), 2, "Seconds of light.")
    assert grouped([of_lamp])[OTHERS] == [of_lamp]


@pytest.mark.parametrize(
    ("setting", "default", "unit", "requirement"),
    [
        (Setting("A_S", whole(1, 9), 7200, "."), "`7200` (2 hours)", "seconds", "must be a whole number from 1 to 9"),
        (Setting("A_BYTES_MAX", whole(1, 9), 1024**3, "."), "`1073741824` (1 GiB)", "bytes", ""),
        (Setting("A_MAX", whole(1, 9), 3600, "."), "`3600`", "number", ""),
        (Setting("A_S", whole(0, 9), 0, "."), "`0`", "seconds", ""),
        (Setting("A", str, "", "."), "empty", "", ""),
        (Setting("A", str, "x", ".", is_secret=True), "secret", "", ""),
    ],
    ids=["hours", "GiB", "no unit", "zero", "empty", "secret"],
)
def test_a_setting_is_told_by_unit_default_and_range(
    setting: Setting[object], default: str, unit: str, requirement: str
) -> None:
    assert (default_of(setting), unit_of(setting)) == (default, unit)
    assert requirement in requirement_of(setting)


# --- the picture -------------------------------------------------------------------------------------------------

RUN: Final = """$ make demo
  the stack is up (22 s)

A teacher uploads
  0.19 s  (+0.19)  the teacher has <signed> in
              [####..]  66 %  sent
"""


def shown(picture: str) -> list[str]:
    """The lines of a picture, as they are read."""
    texts = ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(text.itertext()) for text in texts]


def test_picture_leaves_out_the_start_of_the_stack() -> None:
    assert shown(draw(RUN)) == ["$ make demo", "  …", *RUN.splitlines()[3:]]


def test_picture_wraps_long_lines_with_indent() -> None:
    first, second = shown(draw(f"$ make demo\n\n  1.00 s  (+1.00)  {'word ' * 30}\n"))[1:]
    assert first.startswith("  1.00 s  (+1.00)  word word")
    assert second.startswith(" " * len("  1.00 s  (+1.00)  ") + "word")
    assert max(len(first), len(second)) <= COLUMNS


def test_picture_scrolls_when_lines_exceed_the_window() -> None:
    assert "@keyframes" not in draw(RUN)
    picture = draw("$ make demo\n\n" + "a line\n" * (ROWS + 5))
    assert f"translateY({-7 * LINE_PX}px)" in picture
    assert f"translateY({-8 * LINE_PX}px)" not in picture


# --- docs/api.md -------------------------------------------------------------------------------------------------

CALLABLES: Final = [
    name for name in main.FUNCTIONS if getattr(main, name).__firebase_endpoint__.callableTrigger is not None
]
SECTIONS: Final = dict(re.findall(r"^### (\w+)\n(.*?)(?=^###? |\Z)", API, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("name", CALLABLES)
def test_every_callable_has_its_section(name: str) -> None:
    section = SECTIONS[name]
    assert "```json" in section, "an example"
    assert re.search(r"^Errors: ", section, re.MULTILINE)
    assert f"<!-- begin: {name} -->" in section
    for example in re.findall(r"```json\n(.*?)```", section, re.DOTALL):
        assert isinstance(json.loads(example), dict)


def test_every_code_is_one_of_a_callable_of_all_of_them_or_of_none() -> None:
    told = " ".join(re.findall(r"^Errors: .*?(?=\n\n)", API, re.MULTILINE | re.DOTALL))
    common, of_none = re.search(r"^From every callable: (.*?)\n\n^From none: (.*?)\n\n", API, re.M | re.S).groups()  # type: ignore[union-attr]
    of_callables, of_all, others = (set(re.findall("`([A-Z]+(?:_[A-Z]+)*)`", one)) for one in (told, common, of_none))
    assert of_callables | of_all | others == set(CODES)
    assert (of_callables | of_all) & others == set()


def test_every_failure_code_of_ours_that_the_api_page_names_is_raised() -> None:
    table = API[API.index("| code of a video |") :].partition("\n\n")[0]
    codes = re.findall("`([A-Z]+(?:_[A-Z]+)*)`", table)
    sources = "".join(path.read_text() for path in (ROOT / "shared" / "videos").glob("*.py"))
    assert len(codes) == 12
    assert [code for code in codes if f'"{code}"' not in sources] == []


# --- decisions ---------------------------------------------------------------------------------------------------


def test_decisions_are_numbered_and_listed() -> None:
    pages = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    numbers = [int(page.name[:3]) for page in pages]
    assert len(set(numbers)) == len(pages)
    listed = (DOCS / "decisions" / "README.md").read_text()
    for number, page in zip(numbers, pages, strict=True):
        title = page.read_text().partition("\n")[0]
        assert title.startswith(f"# {number}. ")
        assert f"| {number} | [{title.partition('. ')[2]}]({page.name}) |" in listed


@pytest.mark.parametrize(
    ("name", "pattern", "at_least"),
    [
        ("requirements.in", r"^([A-Za-z][\w-]*)", 11),
        ("requirements-dev.in", r"^([A-Za-z][\w-]*)", 11),
        ("pyproject.toml", r'^  "([\w-]+)==', 3),
    ],
)
def test_every_package_has_its_decision(name: str, pattern: str, at_least: int) -> None:
    packages = re.findall(pattern, (ROOT / name).read_text(), re.MULTILINE)
    decided = "".join(page.read_text() for page in (DOCS / "decisions").glob("[0-9]*.md"))
    assert len(packages) >= at_least
    assert [package for package in packages if f"`{package}`" not in decided] == []


def test_trigger_in_node_is_the_tested_example() -> None:
    _, _, program = (ROOT / "examples" / "notify-node" / "index.js").read_text().split("\n", 2)
    assert f"```js\n{program}```" in (ROOT / "docs" / "events.md").read_text()
