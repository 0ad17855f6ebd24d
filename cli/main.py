"""The operator's commands, run from their own machine: set up the accounts and check them, give roles, install
webhooks, show the hosts, find orphans and adopt them, resume after a restore, stop all work and start it again.

Run as `python -m cli.main --project my-school COMMAND`. The settings of that deployment are read from
`.env.my-school`, as `firebase deploy` does, and the secrets from the environment. Results are printed. Progress and log
lines go to standard error, so that a result can be piped.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from dotenv import load_dotenv
from google.auth.exceptions import GoogleAuthError

from cli import checkup
from cli.claims import give_claim, take_claim
from cli.orphans import add_orphan_arguments, find_orphans, resume_after_restore
from functions import config, environment, wiring
from functions.hooks import ADDRESSES
from shared.core.errors import BackendError, Misconfigured
from shared.hosts.model import CopyState
from shared.hosts.promises import sends_kbps
from shared.hosts.reach import unreached
from shared.hosts.resource import controller as copy_controller
from shared.operations.kill_switch import SWITCH_READ_S
from shared.ports import Finding, Health
from shared.videos.resource import playbacks

COUNTED: Final = (CopyState.COPYING, CopyState.FAILED)
"""The states of a host's copies that are shown beside the number of ready ones."""

ROOT: Final = Path(__file__).parent.parent
RULES: Final = "firestore.rules"

TEACHER: Final = "teacher"
ADMIN: Final = "admin"
"""The roles, whatever their claims are called."""


def main(arguments: Sequence[str]) -> int:
    """
    Run one command.

    Returns:
        The exit status. 1: the command failed or was done in part, and a sentence says why, or a check found that
        something needed is missing. 2: the command was not understood.
    """
    options = parser().parse_args(arguments)
    _load_settings(options.project)
    command: Callable[[argparse.Namespace], str] = options.command
    try:
        config.require_agreement()
        with redirect_stdout(sys.stderr):
            result = command(options)
    except _Lacking as lacking:
        print(lacking)
        return 1
    except (BackendError, GoogleAuthError) as error:
        print(error, file=sys.stderr)
        return 1
    print(result)
    return 0


class _Lacking(Exception):
    """
    Something needed is missing, or not everything that was named could be done. The text of the exception is the
    result.
    """


def parser() -> argparse.ArgumentParser:
    """
    Return the parser of the commands and their options.
    """
    parser = argparse.ArgumentParser(prog="python -m cli.main", description=__doc__)
    parser.add_argument("--project", help="the Firebase project's id; default: GCLOUD_PROJECT")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], str], help_text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help_text, description=help_text)
        added.set_defaults(command=command)
        return added

    add(
        "doctor",
        _doctor,
        "Check accounts, hosts, rules and functions, and report what is missing or wrong. Changes nothing.",
    )
    add("setup", _setup, "Create what `doctor` finds missing and can be created from here.")
    for name, command, help_text in (
        ("grant", _grant, "Give an account the claim of a role, and leave its other claims as they are."),
        ("revoke", _revoke, "Take the claim of a role from an account, and leave its other claims as they are."),
    ):
        of_role = add(name, command, help_text)
        of_role.add_argument("uid", help="the account's uid in Firebase Auth")
        of_role.add_argument("role", choices=(TEACHER, ADMIN))
    install = add(
        "install-hook", _install_hook, "Have a provider send this deployment a notification when a video changes."
    )
    install.add_argument("--url", help="the address to notify (default: this project's webhook function)")
    install.add_argument("--algorithm", help="the algorithm that Kaltura signs with: sha256 (default) or sha512")
    remove = add("remove-hook", _remove_hook, "Stop a provider's notifications. The feed still finds every change.")
    for of_hook in (install, remove):
        of_hook.add_argument(
            "--provider", choices=ADDRESSES, default=next(iter(ADDRESSES)), help="the provider (default: %(default)s)"
        )
    add(
        "make-signing-key",
        _make_signing_key,
        "Create a key for CLOUDFLARE_SIGNING_KEY and print it. It cannot be shown again.",
    )
    add("hosts", _hosts, "Show the hosts: price, bandwidth, health and number of copies.")
    orphans = add(
        "find-orphans",
        _find_orphans,
        "Report orphans: what a provider has and no document names, or a document names and no provider has.",
    )
    add_orphan_arguments(orphans)
    add(
        "resume-after-restore",
        _resume_after_restore,
        "Show why deletions are held after a restore, and let them continue.",
    )
    stop = add("stop", _stop, "Stop all work. No work is lost.")
    stop.add_argument("--why", required=True, help="the reason, for other operators")
    add("start", _start, "Start work again after `stop`.")
    return parser


def _load_settings(project: str | None) -> None:
    """
    Fill the environment as a deployed function finds it. Variables that are already set are kept.
    """
    if project is not None:
        os.environ["GCLOUD_PROJECT"] = project
    project = os.environ.get("GCLOUD_PROJECT") or os.environ.get("GOOGLE_CLOUD_PROJECT")
    if not project:
        raise SystemExit("Name the Firebase project: --project my-school.")
    load_dotenv(ROOT / f".env.{project}")
    load_dotenv(ROOT / ".env")


def _doctor(_options: argparse.Namespace) -> str:
    findings = list(checkup.check_accounts(wiring.setup()))
    findings += checkup.check_resources(wiring.app())
    findings += checkup.check_rules(ROOT / RULES, config.claim_names())
    findings += checkup.check_database(wiring.database_uid())
    findings += checkup.check_functions(config.functions_url(), _reachable())
    told = "\n".join(_diagnosed(findings))
    if any(finding.health is Health.MISSING for finding in findings):
        raise _Lacking(told)
    return told


def _reachable() -> dict[str, checkup.Kind]:
    """
    Return the deployed functions that can be reached from outside, by name, without webhooks of providers that have no
    account.
    """
    import main

    kinds = {name: checkup.kind_of(getattr(main, name)) for name in main.FUNCTIONS}
    of_others = {function for provider, function in ADDRESSES.items() if provider not in wiring.setup()}
    found = {name: kind for name, kind in kinds.items() if kind is not None and name not in of_others}
    if environment.tasks_emulator_host() is None:
        return found
    # In an emulator there is nothing in front of a worker that asks for a token, and each function that is called
    # starts a server of its own. So one callable stands for all.
    one = next(name for name, kind in found.items() if kind is checkup.Kind.CALLABLE)
    return {name: kind for name, kind in found.items() if name == one or kind is checkup.Kind.ENDPOINT}


def _grant(options: argparse.Namespace) -> str:
    claim = _claim_of(options.role)
    if not give_claim(environment.project_id(), options.uid, claim):
        return f"{options.uid} already has the claim {claim}."
    return f"{options.uid} now has the claim {claim}, beside its other claims. The next ID token of the account has it."


def _revoke(options: argparse.Namespace) -> str:
    claim = _claim_of(options.role)
    if not take_claim(environment.project_id(), options.uid, claim):
        return f"{options.uid} does not have the claim {claim}."
    return (
        f"{options.uid} no longer has the claim {claim}. An ID token issued before still has it, for at most an hour."
    )


def _claim_of(role: str) -> str:
    names = config.claim_names()
    return {TEACHER: names.teacher, ADMIN: names.admin}[role]


def _setup(_options: argparse.Namespace) -> str:
    findings = [finding for setup in wiring.setup().values() for finding in setup.make()]
    return "\n".join(_diagnosed(findings))


def _diagnosed(findings: Sequence[Finding]) -> list[str]:
    """
    Format findings for an operator. Pure.
    """
    width = max(len(finding.what) for finding in findings)
    return [f"{finding.health:<8} {finding.what:<{width}}  {finding.sentence}".rstrip() for finding in findings]


def _install_hook(options: argparse.Namespace) -> str:
    url = options.url or f"{config.functions_url()}/{ADDRESSES[options.provider]}"
    names = wiring.webhook(options.provider).install(url, options.algorithm)
    how = f", signed with {options.algorithm}" if options.algorithm else ""
    return f"{options.provider.capitalize()} now notifies {url} of changes{how}: {', '.join(names)}."


def _remove_hook(options: argparse.Namespace) -> str:
    names = wiring.webhook(options.provider).remove()
    return f"Removed: {', '.join(names)}." if names else "There was nothing to remove."


def _make_signing_key(_options: argparse.Namespace) -> str:
    return wiring.make_signing_key()


def _hosts(_options: argparse.Namespace) -> str:
    app, now = wiring.app(), wiring.now()
    lines = []
    for name, terms, standing in app.get(playbacks).table.rows():
        price = "no price" if math.isinf(terms.price_per_gb) else f"{terms.price_per_gb:g} per GB"
        limit = "no limit" if terms.mbps_max is None else f"of {terms.mbps_max:g} Mbit/s"
        sends = "" if terms.mbps_max is None else f"{sends_kbps(standing.promised, now) / 1000:.1f} "
        health = "plays" if standing.is_healthy else "FAILS"
        since = "never tried" if standing.since is None else f"since {standing.since:%Y-%m-%d %H:%M} UTC"
        copies = "its own videos"
        if name in app.get(copy_controller).hosts:
            counts = ((state, app.get(copy_controller).count(name, state)) for state in (CopyState.READY, *COUNTED))
            copies = "copies: " + ", ".join(f"{count} {state.value}" for state, count in counts)
            failure = unreached(app.get(copy_controller).hosts[name])
            copies += failure and f"; {failure}"
        lines.append(f"{name:<20}  {price:<16}  {sends + limit:<22}  {health} {since:<26}  {copies}")
    return "\n".join(lines) or "There are no hosts besides the providers. docs/hosts.md explains how to add one."


def _find_orphans(options: argparse.Namespace) -> str:
    _require_task_account()
    result, is_complete = find_orphans(options)
    if not is_complete:
        raise _Lacking(result)
    return result


def _resume_after_restore(_options: argparse.Namespace) -> str:
    _require_task_account()
    return resume_after_restore()


def _stop(options: argparse.Namespace) -> str:
    _require_task_account()
    wiring.kill_switch().stop(options.why)
    return (
        f"Stopped: from {SWITCH_READ_S} seconds on no task runs. New uploads, transfers and erasures are refused with "
        "`PAUSED`. Other changes are recorded, and done after `start`."
    )


def _start(_options: argparse.Namespace) -> str:
    _require_task_account()
    wiring.kill_switch().start()
    return "Started. Work that waited is done within ten minutes."


def _require_task_account() -> None:
    """
    Require a setting for the account that tasks call as: outside the cloud there is no metadata server to ask.
    """
    if environment.tasks_emulator_host() is None and config.tasks_service_account() is None:
        raise Misconfigured("Set SERVICE_ACCOUNT, or TASKS_SERVICE_ACCOUNT, to the account that the functions run as.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
