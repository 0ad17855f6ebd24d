"""Declare commands, and run one: read the settings, call it, print its result, return the exit status.

Called by the files of the commands. Errors are turned into sentences by `main.py`.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from dotenv import load_dotenv

from cli.cloud import CREDENTIALS_REFUSED, NO_CREDENTIALS
from cli.output import Output, Result, log_in_words
from cli.settings import require_spelling
from shared.core.errors import Misconfigured
from shared.core.log_format import in_words

if TYPE_CHECKING:
    from shared.app import App
    from shared.ports import Source

ROOT: Final = Path(__file__).resolve().parents[1]
"""The checkout that is deployed: `.env.<project>` and the rules are there."""


class Status(IntEnum):
    """
    The exit statuses.
    """

    DONE = 0
    FAILED = 1
    """The command failed or was done in part, and a sentence says why, or a check found that something is missing."""
    NOT_UNDERSTOOD = 2
    INTERRUPTED = 130


@dataclass(slots=True)
class Options:
    """
    The options that every command has, before or after its name.

    Attributes:
        project: The Firebase project's id; `None` takes that of the environment.
        is_json: Whether the result is printed as JSON.
        surroundings: What commands work on; `None` opens the deployment of the settings.
    """

    project: str | None = None
    is_json: bool = False
    surroundings: Surroundings | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    The deployment that commands work on, and how they read and wait.

    Attributes:
        app: The deployment.
        read: Reads the file at an address to its end, within some seconds.
        pause: Waits until an event is set, or some seconds are over; returns whether it is set.
    """

    app: App
    read: Callable[[Source, float], Iterator[bytes]]
    pause: Callable[[threading.Event, float], bool] = threading.Event.wait


@dataclass(frozen=True, slots=True)
class Section:
    """
    Commands that `greenroom --help` lists together.
    """

    title: str
    commands: Sequence[click.Command]


def common_options() -> list[click.Parameter]:
    """
    Return the options that every command has.
    """
    return [
        click.Option(
            ["--project"],
            metavar="ID",
            expose_value=False,
            callback=_keep,
            help="The id of the Firebase project. Default: GCLOUD_PROJECT.",
        ),
        click.Option(
            ["--json", "is_json"],
            is_flag=True,
            expose_value=False,
            callback=_keep,
            help="Print the result as JSON, for programs.",
        ),
    ]


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    options = context.ensure_object(Options)
    if value and parameter.name is not None:
        setattr(options, parameter.name, value)


Run = Callable[..., Result]


def command(
    name: str, *, examples: Sequence[str] = (), needs_secrets: bool = False, reports_settings: bool = False
) -> Callable[[Run], click.Command]:
    """
    Declare a command. The function is called with the `Output` and the values of its options; its docstring is the
    help.

    Args:
        name: The name that the operator types.
        examples: Lines that the help shows, without `greenroom`.
        needs_secrets: Whether it calls providers, hosts or stores, so that secrets are read if the environment lacks
            them.
        reports_settings: Whether it reports misspelled settings. Others refuse them: without `FIRESTORE_DATABASE`, for
            example, they would work on the database of the app.
    """

    def declare(function: Run) -> click.Command:
        # Where `click.option` and `click.argument` leave what they declare.
        own: list[click.Parameter] = list(reversed(getattr(function, "__click_params__", [])))
        lines = [f"  greenroom {example}" for example in examples]
        return click.Command(
            name,
            callback=click.pass_context(partial(_run, function, needs_secrets, reports_settings)),
            params=[*own, *common_options()],
            help=inspect.cleandoc(function.__doc__ or ""),
            # The mark keeps click from filling the lines.
            epilog="\n".join(["\b", "Examples:", *lines]) if lines else None,
        )

    return declare


def _run(function: Run, needs_secrets: bool, reports_settings: bool, context: click.Context, **values: Any) -> int:
    options = context.ensure_object(Options)
    output = Output(options.is_json)
    with in_words(log_in_words) if output.messages.isatty() else nullcontext():
        return _run_with(
            function, options, output, values, needs_secrets=needs_secrets, reports_settings=reports_settings
        )


def _run_with(
    function: Run,
    options: Options,
    output: Output,
    values: dict[str, Any],
    *,
    needs_secrets: bool,
    reports_settings: bool,
) -> int:
    if options.surroundings is not None:
        with redirect_stdout(sys.stderr):
            result = function(output, **values)
        return _ended(output, result)
    load_settings(options.project)
    try:
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

        from functions import config, environment
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            f"{missing.name} is not installed. Install the packages of the functions beside greenroom: "
            "pip install --require-hashes -r requirements.txt."
        ) from missing
    # Libraries that print must not spoil the result.
    with redirect_stdout(sys.stderr):
        config.require_agreement()
        if not reports_settings:
            require_spelling(ROOT, environment.project_id(), config.SETTINGS)
        if needs_secrets:
            _load_secrets(output)
        try:
            result = function(output, **values)
        except DefaultCredentialsError as error:
            raise Misconfigured(NO_CREDENTIALS) from error
        except GoogleAuthError as error:
            raise Misconfigured(CREDENTIALS_REFUSED) from error
    return _ended(output, result)


def _ended(output: Output, result: Result) -> Status:
    output.print(result)
    if result.is_interrupted:
        return Status.INTERRUPTED
    return Status.DONE if result.is_complete else Status.FAILED


def surroundings() -> Surroundings:
    """
    Return what the command that runs works on.

    Raises:
        Misconfigured: A setting is missing (never, until it is set).
    """
    given = click.get_current_context().ensure_object(Options).surroundings
    if given is not None:
        return given
    from functions import config, wiring
    from shared.providers.addresses import read_whole

    return Surroundings(wiring.app(), partial(read_whole, domains=config.DELIVERY_DOMAINS.value))


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """
    Set an event at the first Ctrl-C, so that a command can come to a good end. The second one ends it at once.
    """
    is_stopped = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        is_stopped.set()
        signal.signal(signal.SIGINT, before)
        print("Stopping. Press Ctrl-C again to stop at once.", file=sys.stderr)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield is_stopped
    finally:
        signal.signal(signal.SIGINT, before)


def load_settings(project: str | None) -> None:
    """
    Fill the environment as a deployed function finds it. Variables that are already set are kept.

    Raises:
        Misconfigured: No project is named (never).
    """
    if project is not None:
        os.environ["GCLOUD_PROJECT"] = project
    project = os.environ.get("GCLOUD_PROJECT") or os.environ.get("GOOGLE_CLOUD_PROJECT")
    if not project:
        raise Misconfigured("Name the Firebase project: --project my-school.")
    load_dotenv(ROOT / f".env.{project}")
    load_dotenv(ROOT / ".env")


def _load_secrets(output: Output) -> None:
    """
    Read from Secret Manager the secrets that the environment lacks. A stack on this machine has them all there.
    """
    from functions import config, environment

    lacking = [name for name in config.demanded_secrets() if not os.environ.get(name)]
    if not lacking or environment.is_emulated():
        return
    from cli.cloud.api import apis_of
    from cli.secrets import load_secrets

    try:
        sentences = list(load_secrets(lacking, apis_of(environment.project_id())))
    except Misconfigured as error:
        sentences = [f"{', '.join(lacking)} are not in the environment, and could not be read. {error}"]
    for sentence in sentences:
        print(sentence, file=output.messages)


def require_task_account() -> None:
    """
    Require a setting for the account that tasks call as: outside the cloud there is no metadata server to ask.
    """
    from functions import config, environment

    if click.get_current_context().ensure_object(Options).surroundings is not None:
        return
    if environment.tasks_emulator_host() is None and config.tasks_service_account() is None:
        raise Misconfigured("Set SERVICE_ACCOUNT, or TASKS_SERVICE_ACCOUNT, to the account that the functions run as.")
