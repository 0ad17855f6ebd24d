"""The commands about what a deployment needs: `doctor` and `setup`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from cli.output import Output, Result, table
from cli.running import ROOT, Section, command
from cli.settings import check_settings
from shared.core.errors import BadRequest, Misconfigured
from shared.ports import Finding, Health

if TYPE_CHECKING:
    from cli.checkup import Kind

RULES: Final = "firestore.rules"


@command("doctor", examples=["doctor", "doctor --cloud", "doctor --json"], needs_secrets=True, reports_settings=True)
@click.option("--cloud", "is_cloud", is_flag=True, help="Also check everything that the deployment needs at Google.")
def doctor(output: Output, is_cloud: bool) -> Result:
    """
    Check settings, accounts, hosts, rules, database and functions. Changes nothing.

    Reports what is missing or wrong, and what to do. The exit status is 1 if something needed is missing, or could not
    be checked.
    """
    from cli import checkup
    from functions import config, environment, wiring

    project = environment.project_id()
    if is_cloud and environment.is_emulated():
        raise BadRequest(
            "--cloud checks a project at Google. Leave it out for a stack on this machine, or unset "
            "FIRESTORE_EMULATOR_HOST and TASKS_EMULATOR_HOST.",
            reason="OPTION_INVALID",
        )
    with output.progress("Checking") as progress:
        findings = [*check_settings(ROOT, project, config.SETTINGS)]
        progress.show("accounts")
        findings += _of_accounts()
        progress.show("resources")
        findings += _unless_said(
            findings, checkup.findings_of("resources", lambda: checkup.check_resources(wiring.app()), Misconfigured)
        )
        progress.show("rules and database")
        findings += checkup.check_rules(ROOT / RULES, config.claim_names())
        database = config.FIRESTORE_DATABASE.value
        findings += checkup.check_database(database, wiring.documents, wiring.now, wiring.database_uid())
        progress.show("functions")
        findings += checkup.check_functions(config.functions_url(), _reachable())
        if is_cloud:
            progress.show("the project at Google")
            findings += _of_cloud()
    return _diagnosed(findings)


def _of_accounts() -> Iterable[Finding]:
    """
    Check each account, even if a setting of another is missing.
    """
    from cli.checkup import check_accounts, findings_of
    from functions import config, wiring

    chosen = config.chosen_providers()
    if not chosen:
        yield from findings_of("accounts", lambda: check_accounts(wiring.setup()), Misconfigured)
    for name in chosen:
        yield from findings_of(f"{name} account", partial(_of_account, name), Misconfigured)


def _of_account(name: str) -> Iterable[Finding]:
    from cli.checkup import check_accounts
    from functions import wiring

    return check_accounts({name: wiring.setup_of(name)})


def _unless_said(before: Iterable[Finding], found: Iterable[Finding]) -> Sequence[Finding]:
    """
    Leave out what another check said in the same words. Pure.
    """
    said = {one.sentence for one in before if one.health is Health.MISSING}
    return [one for one in found if one.health is not Health.MISSING or one.sentence not in said]


def _of_cloud() -> Sequence[Finding]:
    from cli.cloud.api import apis_of
    from cli.cloud.check import check_cloud, checks
    from cli.cloud.cloud import Cloud
    from cli.cloud.plan import plan_of

    plan = plan_of(ROOT)
    return check_cloud(Cloud(apis_of(plan.project), plan), checks())


def _reachable() -> dict[str, Kind]:
    """
    Return the deployed functions that can be reached from outside, by the names that they are deployed under, without
    webhooks of providers that have no account.
    """
    import main
    from cli.checkup import Kind, kind_of
    from functions import config, environment
    from functions.hooks import ADDRESSES

    kinds = {name: kind_of(getattr(main, name)) for name in main.FUNCTIONS}
    of_others = {function for provider, function in ADDRESSES.items() if provider not in config.chosen_providers()}
    found = {
        config.deployed_name(name): kind for name, kind in kinds.items() if kind is not None and name not in of_others
    }
    if environment.tasks_emulator_host() is None:
        return found
    # In an emulator there is nothing in front of a worker that asks for a token, and each function that is called
    # starts a server of its own. So one callable stands for all.
    one = next(name for name, kind in found.items() if kind is Kind.CALLABLE)
    return {name: kind for name, kind in found.items() if name == one or kind is Kind.ENDPOINT}


@command("setup", examples=["setup"], needs_secrets=True)
def setup(_output: Output) -> Result:
    """
    Create what `doctor` finds missing and can be created from here.
    """
    from functions import wiring

    made = [finding for setup in wiring.setup().values() for finding in setup.make()]
    # `doctor` reports what cannot be created from here.
    return Result(_text(made), _data(made))


def _diagnosed(findings: Sequence[Finding]) -> Result:
    is_complete = not any(finding.health in (Health.MISSING, Health.UNKNOWN) for finding in findings)
    return Result(_text(findings), _data(findings), is_complete)


def _text(findings: Sequence[Finding]) -> str:
    """
    Format findings for an operator. Pure.
    """
    return table([(finding.health, finding.what, finding.sentence) for finding in findings])


def _data(findings: Sequence[Finding]) -> dict[str, object]:
    return {"findings": [{"what": one.what, "health": one.health, "sentence": one.sentence} for one in findings]}


SECTION: Final = Section("Set up and check", (doctor, setup))
