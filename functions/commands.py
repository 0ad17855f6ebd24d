"""What an operator does from their own machine: set up the accounts and check them, have them push, show the hosts,
look for orphans, give them back or delete them, go on after a restore, stop all work and start it again.

Run as `python -m functions.commands --project my-school COMMAND`. Takes the settings of that deployment from
`.env.my-school`, as `firebase deploy` does, and the secret from the environment. Results are printed; progress and what
the code logs go to standard error, so that a result can be piped.
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

from functions import config, wiring
from functions.hooks import ADDRESSES, KALTURA
from functions.orphan_commands import add_orphan_arguments, find_orphans, resume_after_restore
from shared.errors import BackendError, Misconfigured
from shared.hosts.model import CopyState
from shared.hosts.table import sends_kbps
from shared.ports import Finding, Health, Host

COUNTED: Final = (CopyState.COPYING, CopyState.FAILED)
"""What is told of a host's copies beside how many are ready."""

ROOT: Final = Path(__file__).parent.parent


def main(arguments: Sequence[str]) -> int:
    """
    Do one command.

    Returns:
        The exit status: 1 where it could not be done and a sentence says why, or where a check found something needed
        missing; 2 where it was not understood.
    """
    options = _parser().parse_args(arguments)
    _load_settings(options.project)
    command: Callable[[argparse.Namespace], str] = options.command
    try:
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
    A check found that something needed is missing; its text is the result.
    """


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m functions.commands", description=__doc__)
    parser.add_argument("--project", help="the Firebase project's id; else GCLOUD_PROJECT says it")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], str], help_text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help_text, description=help_text)
        added.set_defaults(command=command)
        return added

    add("doctor", _doctor, "Check whether the accounts have everything that this deployment needs.")
    add("setup", _setup, "Make what of that can be made from here.")
    install = add("install-hook", _install_hook, "Have a provider tell this deployment when a video changes.")
    install.add_argument("--url", help="where; else the function of this project that is there for it")
    install.add_argument("--algorithm", help="how Kaltura signs: sha1, sha256 (default) or sha512")
    remove = add("remove-hook", _remove_hook, "Have a provider tell nothing any more; the feed goes on.")
    for of_hook in (install, remove):
        of_hook.add_argument("--provider", choices=ADDRESSES, default=KALTURA, help="whose (default: kaltura)")
    add("make-signing-key", _make_signing_key, "Make a key for CLOUDFLARE_SIGNING_KEY and print it, this once.")
    add("hosts", _hosts, "Show the table of hosts: what each costs, how it stands, what it has.")
    orphans = add("find-orphans", _find_orphans, "Report what exists at a provider or in Firestore without the other.")
    add_orphan_arguments(orphans)
    add(
        "resume-after-restore",
        _resume_after_restore,
        "Show why deletions are held since a restore, and let them go on.",
    )
    stop = add("stop", _stop, "Stop all work; nothing of it is lost.")
    stop.add_argument("--why", required=True, help="for whoever finds it stopped")
    add("start", _start, "Start work again after a stop.")
    return parser


def _load_settings(project: str | None) -> None:
    """
    Fill the environment as a deployed function finds it; what stands there already stays.
    """
    if project is not None:
        os.environ["GCLOUD_PROJECT"] = project
    project = os.environ.get("GCLOUD_PROJECT") or os.environ.get("GOOGLE_CLOUD_PROJECT")
    if not project:
        raise SystemExit("Say which Firebase project is meant: --project my-school.")
    load_dotenv(ROOT / f".env.{project}")
    load_dotenv(ROOT / ".env")


def _doctor(_options: argparse.Namespace) -> str:
    findings = [finding for setup in wiring.setup().values() for finding in setup.check()]
    findings.append(_database_finding())
    told = "\n".join(_diagnosed(findings))
    if any(finding.health is Health.MISSING for finding in findings):
        raise _Lacking(told)
    return told


def _setup(_options: argparse.Namespace) -> str:
    findings = [finding for setup in wiring.setup().values() for finding in setup.make()]
    return "\n".join(_diagnosed(findings))


def _database_finding() -> Finding:
    """
    Whether a restored database is known by its own id.
    """
    if wiring.database_uid()() is not None:
        return Finding("database uid", Health.OK)
    sentence = (
        "Firestore does not tell which database this is: a restore is noticed by other signs alone. Give the account "
        "that the functions run as the role Cloud Datastore User."
    )
    return Finding("database uid", Health.ABSENT, sentence)


def _diagnosed(findings: Sequence[Finding]) -> list[str]:
    """
    Findings as an operator reads them. Pure.
    """
    width = max(len(finding.what) for finding in findings)
    return [f"{finding.health:<8} {finding.what:<{width}}  {finding.sentence}".rstrip() for finding in findings]


def _install_hook(options: argparse.Namespace) -> str:
    url = options.url or f"{config.functions_url()}/{ADDRESSES[options.provider]}"
    names = wiring.hook(options.provider).install(url, options.algorithm)
    how = f", signed with {options.algorithm}" if options.algorithm else ""
    return f"{options.provider.capitalize()} tells {url} of changes{how}: {', '.join(names)}."


def _remove_hook(options: argparse.Namespace) -> str:
    names = wiring.hook(options.provider).remove()
    return f"Removed: {', '.join(names)}." if names else "There was nothing to remove."


def _make_signing_key(_options: argparse.Namespace) -> str:
    return wiring.make_signing_key()


def _hosts(_options: argparse.Namespace) -> str:
    app, now = wiring.app(), wiring.now()
    lines = []
    for name, terms, standing in app.grants.table.rows():
        price = "no price" if math.isinf(terms.price_per_gb) else f"{terms.price_per_gb:g} per GB"
        limit = "no limit" if terms.mbps_max is None else f"of {terms.mbps_max:g} Mbit/s"
        sends = "" if terms.mbps_max is None else f"{sends_kbps(standing.promised, now) / 1000:.1f} "
        health = "plays" if standing.is_healthy else "FAILS"
        since = "never tried" if standing.since is None else f"since {standing.since:%Y-%m-%d %H:%M} UTC"
        copies = "its own videos"
        if name in app.copies.hosts:
            counts = ((state, app.copies.count(name, state)) for state in (CopyState.READY, *COUNTED))
            copies = "copies: " + ", ".join(f"{count} {state.value}" for state, count in counts)
            copies += _reached(app.copies.hosts[name])
        lines.append(f"{name:<20}  {price:<16}  {sends + limit:<22}  {health} {since:<26}  {copies}")
    return "\n".join(lines) or "There are no hosts but the providers; docs/hosts.md says how to have some."


def _reached(host: Host) -> str:
    """
    Why a host cannot be reached with the keys of the table; empty where it can.
    """
    try:
        host.find_copy("copy:nothing:0")
    except BackendError as error:
        return f"; {error}"
    return ""


def _find_orphans(options: argparse.Namespace) -> str:
    _require_task_account()
    return find_orphans(options)


def _resume_after_restore(_options: argparse.Namespace) -> str:
    _require_task_account()
    return resume_after_restore()


def _stop(options: argparse.Namespace) -> str:
    _require_task_account()
    wiring.guard().stop(options.why)
    return "Stopped. Tasks wait, callables that would make work answer `unavailable`; `start` lets all go on."


def _start(_options: argparse.Namespace) -> str:
    _require_task_account()
    wiring.guard().start()
    return "Started. What has come to nothing meanwhile is done within ten minutes."


def _require_task_account() -> None:
    """
    Outside the cloud nobody can be asked as whom tasks call.
    """
    if config.tasks_emulator_host() is None and not config.TASKS_SERVICE_ACCOUNT.value:
        raise Misconfigured("Set TASKS_SERVICE_ACCOUNT to the account that the functions run as.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
