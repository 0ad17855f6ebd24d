"""The operator's command `greenroom`: its help, its exit statuses, its output for programs, and its installation."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
import pytest

from cli.main import LINE_LONGEST, SECTIONS, app, main
from cli.output import LINE_EVERY_S, Lines, Output, Result, table
from cli.running import Options, Status
from emulator_tests.testbed.places import ROOT, VENV
from emulator_tests.testbed.steps import steps
from functions.hooks import ADDRESSES

WITHIN_S: Final = 60


def leaves(command: click.Command, path: str = "") -> dict[str, click.Command]:
    """
    Return the commands of a group, also those in groups of its own, by what the operator types.
    """
    if not isinstance(command, click.Group):
        return {path: command}
    return {
        words: leaf
        for name, one in command.commands.items()
        for words, leaf in leaves(one, f"{path} {name}".lstrip()).items()
    }


COMMANDS: Final = leaves(app)
EXAMPLES: Final = [
    line.strip().partition(" | ")[0].removeprefix("greenroom ")
    for one in COMMANDS.values()
    for line in (one.epilog or "").splitlines()
    if line.startswith("  greenroom ")
]


def parsed(words: list[str]) -> click.Context:
    """
    Parse a command without running it.
    """
    context = app.make_context("greenroom", words)
    while isinstance(context.command, click.Group):
        name, command, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        context = command.make_context(name, rest, parent=context)
    return context


def run(
    *arguments: str, environment: Mapping[str, str] | None = None, program: str = "from cli.main import *"
) -> subprocess.CompletedProcess[str]:
    """
    Run `greenroom` in a process of its own, because it changes the environment.

    Args:
        program: What is done before.
    """
    return subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nsys.exit(main({list(arguments)!r}))"],
        env={"PATH": os.environ["PATH"], **(environment or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


# --- help ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [app, *COMMANDS.values()], ids=["greenroom", *COMMANDS])
def test_every_command_and_option_is_explained_in_a_sentence(command: click.Command) -> None:
    assert (command.help or "").rstrip().endswith(".")
    unexplained = [one.opts for one in command.params if isinstance(one, click.Option) and not one.help]
    assert unexplained == []
    assert all(one.help.endswith((".", ")")) for one in command.params if isinstance(one, click.Option) and one.help)


@pytest.mark.parametrize("width", ["80", "200"])
@pytest.mark.parametrize("words", ["", *COMMANDS])
def test_help_has_examples_and_no_long_lines(
    words: str, width: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)

    assert main([*words.split(), "--help"]) == Status.DONE

    lines = capsys.readouterr().out.splitlines()
    assert any(line.strip() == "Examples:" for line in lines)
    assert [line for line in lines if len(line) > LINE_LONGEST] == []


def test_help_lists_every_command_once(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])

    words = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ") and line.strip()]
    listed = [one.name for section in SECTIONS for one in section.commands]
    assert sorted(map(str, listed)) == sorted(app.commands)
    assert {name: words.count(name) for name in app.commands} == dict.fromkeys(app.commands, 1)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_understood(example: str) -> None:
    assert parsed(shlex.split(example)).command in COMMANDS.values()


@pytest.mark.parametrize("name", ["install-hook", "remove-hook"])
def test_help_names_every_provider_that_can_notify(name: str) -> None:
    (option,) = [one for one in app.commands[name].params if one.name == "provider"]
    assert isinstance(option, click.Option)
    assert option.help == f"The provider: {' or '.join(ADDRESSES).replace(' ', ' (default) ', 1)}."


@pytest.mark.long
def test_help_does_not_load_what_commands_need() -> None:
    """It would take more than a second, and so would each completion of a shell."""
    heavy = {"functions.config", "firebase_admin", "google.cloud.firestore", "rich"}
    program = f"from cli.main import *\nassert not {heavy!r} & set(sys.modules)"
    done = run("--help", program=program)
    assert done.returncode == Status.DONE, done.stderr


# --- options and exit statuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["--project", "p", "--json", "hosts"], ["hosts", "--project", "p", "--json"]], ids=["before", "after"]
)
def test_common_options_stand_before_or_after_the_command(words: list[str]) -> None:
    assert parsed(words).find_object(Options) == Options("p", is_json=True)


def test_option_after_the_command_wins() -> None:
    assert parsed(["--project", "p", "hosts", "--project", "other"]).find_object(Options) == Options("other")


@pytest.mark.parametrize(
    "words",
    [
        ["find-orphan"],
        ["hosts", "--all"],
        ["stop"],
        ["grant", "uid", "pupil"],
        ["grant", "uid"],
        [],
    ],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_command_that_is_not_understood_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == Status.NOT_UNDERSTOOD
    told = capsys.readouterr()
    assert told.out == ""
    assert "Usage: greenroom" in told.err


@pytest.mark.parametrize("words", COMMANDS)
def test_missing_project_is_a_sentence_and_1(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GCLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    (example, *_) = [one for one in EXAMPLES if one.startswith(words)]

    assert main(shlex.split(example)) == Status.FAILED

    assert capsys.readouterr() == ("", "Name the Firebase project: --project my-school.\n")


PROBE: Final = """
import click
from google.auth.exceptions import DefaultCredentialsError
from cli.main import *
from cli.output import Result
from cli.running import command
from shared.core.errors import BadRequest

@command("probe")
@click.argument("what")
def probe(output, what):
    "Do what is asked."
    print("a library prints")
    with output.progress("Probing", 2) as progress:
        progress.show("half [way]")
        progress.advance(2)
    match what:
        case "part":
            return Result("A part.", {"done": ["a"]}, is_complete=False)
        case "fail":
            raise BadRequest("Ask for something else.", reason="OPTION_INVALID")
        case "interrupt":
            raise KeyboardInterrupt
        case "credentials":
            raise DefaultCredentialsError("What Google says.")
        case "doubt":
            raise click.UsageError("Ask for one thing.")
    return Result("All.", {"done": ["a", "b"]})

app.add_command(probe)
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("what", "status", "result", "sentence"),
    [
        ("all", 0, "All.\n", ""),
        ("part", 1, "A part.\n", ""),
        ("fail", 1, "", "Ask for something else."),
        ("credentials", 1, "", "\nThere are no credentials for Google. Run `gcloud auth application-default login`.\n"),
        ("doubt", 2, "", "Ask for one thing."),
        ("interrupt", 130, "", "Interrupted. What was done stays done; run the command again for the rest."),
    ],
)
def test_results_are_apart_from_everything_else(what: str, status: int, result: str, sentence: str) -> None:
    told = run("--project", "demo-cli", "probe", what, program=PROBE)

    assert (told.returncode, told.stdout) == (status, result), told.stderr
    assert told.stderr.startswith("a library prints\n  half [way]\n  Probing: 2 of 2\n")
    assert sentence in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.long
@pytest.mark.parametrize(("what", "done"), [("all", ["a", "b"]), ("part", ["a"])])
def test_json_is_one_value(what: str, done: list[str]) -> None:
    told = run("--project", "demo-cli", "probe", what, "--json", program=PROBE)
    assert json.loads(told.stdout) == {"done": done}


SETTINGS: Final = {
    "GCLOUD_PROJECT": "demo-cli",
    "KALTURA_PARTNER_ID": "102",
    "KALTURA_ADMIN_SECRET": "secret-of-a-test",
    # Nothing listens there.
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
}


@pytest.mark.long
def test_hosts_are_shown_to_people_and_programs() -> None:
    told = run("hosts", environment=SETTINGS)
    assert told.stdout == "There are no hosts besides the providers. docs/hosts.md explains how to add one.\n", (
        told.stderr
    )
    assert json.loads(run("hosts", "--json", environment=SETTINGS).stdout) == {"hosts": []}


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "settings", "status", "sentence"),
    [
        (["hosts"], {"KALTURA_PARTNER_ID": "acme"}, 1, "KALTURA_PARTNER_ID must be a whole number"),
        (["start"], {}, 1, "Set SERVICE_ACCOUNT, or TASKS_SERVICE_ACCOUNT, to the account"),
        (["find-orphans", "--session", "s"], {}, 1, "Use only one of --clean-up"),
        (["find-orphans", "video:v:1"], {}, 2, "References are used with --adopt or --delete-content."),
        (["find-orphans", "--delete-content"], {}, 2, "Name the orphans to delete: --delete-content REFERENCE."),
        (["install-hook", "--provider", "lamp"], {}, 2, "'lamp' is not one of kaltura, cloudflare."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_a_sentence(words: list[str], settings: Mapping[str, str], status: int, sentence: str) -> None:
    told = run(*words, environment={**SETTINGS, **settings})
    assert (told.returncode, told.stdout) == (status, "")
    assert sentence in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.long
def test_packages_of_the_functions_that_are_missing_are_named() -> None:
    program = "sys.modules['google.auth'] = None\nfrom cli.main import *"
    assert run("--help", program=program).returncode == Status.DONE
    told = run("hosts", environment=SETTINGS, program=program)
    assert (told.returncode, told.stdout) == (Status.FAILED, "")
    assert told.stderr.startswith("google.auth.exceptions is not installed. Install the packages of the functions")
    assert "Traceback" not in told.stderr


# --- output -------------------------------------------------------------------------------------------------------


def test_table_is_aligned_and_has_no_blanks_at_the_ends_of_lines() -> None:
    assert table([["own", "0 per GB"], ["bunny", ""]], ["name", "price"]) == "name   price\nown    0 per GB\nbunny"
    assert table([], ["name"]) == ""


def test_a_count_is_printed_from_time_to_time_and_at_the_end() -> None:
    stream, times = io.StringIO(), iter([0, LINE_EVERY_S - 1, LINE_EVERY_S, LINE_EVERY_S, LINE_EVERY_S + 1])
    lines = Lines(stream, "Archiving", 4, clock=lambda: next(times, 0.0))
    lines.advance()
    lines.advance()
    lines.advance()
    lines.note("0_a: archived")
    assert stream.getvalue() == "  Archiving: 2 of 4\n  0_a: archived\n"
    lines.end()
    lines.end()
    assert stream.getvalue().endswith("  0_a: archived\n  Archiving: 3 of 4\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    messages = Terminal()
    with Output(messages=messages).progress("Archiving", 4, is_bytes=True) as progress:
        progress.advance(1)
        progress.show("the video [of] today")
        progress.note("0_a [x]: archived")
    assert "Archiving: the video [of] today" in messages.getvalue()
    assert "  0_a [x]: archived" in messages.getvalue()
    assert "━" in messages.getvalue()


def test_result_is_printed_as_text_or_json() -> None:
    result = Result("Two videos.", {"videos": ["Größe", None]})
    texts = []
    for is_json in (False, True):
        stream = io.StringIO()
        Output(is_json, results=stream).print(result)
        texts.append(stream.getvalue())
    assert texts[0] == "Two videos.\n"
    assert json.loads(texts[1]) == result.data
    assert "Größe" in texts[1]


# --- completion and installation ----------------------------------------------------------------------------------


@pytest.mark.long
def test_bash_completes_commands_and_options() -> None:
    script = run(environment={"_GREENROOM_COMPLETE": "bash_source"})
    assert "complete -o nosort -F _greenroom_completion greenroom" in script.stdout
    subprocess.run(["bash", "-n"], input=script.stdout, text=True, check=True, timeout=WITHIN_S)

    def completed(words: str) -> list[str]:
        asked = {"_GREENROOM_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        return [line.partition(",")[2] for line in run(environment=asked).stdout.splitlines()]

    assert completed("greenroom find") == ["find-orphans"]
    assert set(completed("greenroom find-orphans --a")) == {"--adopt"}
    assert completed("greenroom grant uid t") == ["teacher"]
    assert completed("greenroom install-hook --provider c") == ["cloudflare"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A virtual environment into which set-up has installed the command. The packages of the lock are those of this one.
    """
    folder = tmp_path_factory.mktemp("clean")
    uv = VENV / "bin" / "uv"
    made = [str(uv), "venv", "--quiet", "--offline", "--python", sys.executable, str(folder / "venv")]
    (step,) = (one for one in steps() if one.name == "greenroom")
    (install,) = (
        [word.replace(f"{VENV}/bin/python", f"{folder}/venv/bin/python") for word in one] for one in step.commands
    )
    for command in (made, install):
        subprocess.run(command, cwd=ROOT, check=True, timeout=WITHIN_S)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (packages / "lock.pth").write_text(f"{Path(click.__file__).parents[1]}\n")
    return folder


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--version"], 0, "greenroom 0.1.0\n"),
        (["hosts"], 0, "There are no hosts besides"),
        (["start"], 1, ""),
        (["nothing"], 2, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_installed_command_runs_anywhere(installed: Path, words: list[str], status: int, told: str) -> None:
    done: Any = subprocess.run(
        [installed / "venv" / "bin" / "greenroom", *words],
        env={"PATH": os.environ["PATH"], **SETTINGS},
        cwd=installed,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
    assert done.stdout.startswith(told)
