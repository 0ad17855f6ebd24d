"""The commands about roles: `grant` and `revoke`."""

from __future__ import annotations

from typing import Final

import click

from cli.output import Output, Result
from cli.running import Section, command

TEACHER: Final = "teacher"
ADMIN: Final = "admin"
"""The roles, whatever their claims are called."""


@command("grant", examples=["grant UID teacher"])
@click.argument("uid")
@click.argument("role", type=click.Choice([TEACHER, ADMIN]))
def grant(_output: Output, uid: str, role: str) -> Result:
    """
    Give an account the claim of a role.

    UID is the account's uid in Firebase Auth. Its other claims stay as they are.
    """
    from cli.claims import give_claim
    from functions import environment

    claim = _claim_of(role)
    is_new = give_claim(environment.project_id(), uid, claim)
    told = (
        f"{uid} now has the claim {claim}, beside its other claims. The next ID token of the account has it."
        if is_new
        else f"{uid} already has the claim {claim}."
    )
    return Result(told, {"uid": uid, "claim": claim, "isChanged": is_new})


@command("revoke", examples=["revoke UID teacher"])
@click.argument("uid")
@click.argument("role", type=click.Choice([TEACHER, ADMIN]))
def revoke(_output: Output, uid: str, role: str) -> Result:
    """
    Take the claim of a role from an account.

    UID is the account's uid in Firebase Auth. Its other claims stay as they are.
    """
    from cli.claims import take_claim
    from functions import environment

    claim = _claim_of(role)
    was_there = take_claim(environment.project_id(), uid, claim)
    told = (
        f"{uid} no longer has the claim {claim}. An ID token issued before still has it, for at most an hour."
        if was_there
        else f"{uid} does not have the claim {claim}."
    )
    return Result(told, {"uid": uid, "claim": claim, "isChanged": was_there})


def _claim_of(role: str) -> str:
    from functions import config

    names = config.claim_names()
    return {TEACHER: names.teacher, ADMIN: names.admin}[role]


SECTION: Final = Section("Roles", (grant, revoke))
