"""Check the files of settings, `.env.<project id>` and `.env` of the checkout that is deployed.

Called by `doctor`, which reports what is wrong, and for every other command, which refuses a misspelled setting.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from shared.core.errors import Misconfigured
from shared.ports import Finding, Health

ALIKE_AT_LEAST: Final = 0.85
"""How much alike two names of settings are, of 1, for one to be taken for a misspelling of the other."""


def check_settings(folder: Path, project: str, known: Collection[str]) -> Sequence[Finding]:
    """
    Check that the file of settings is there, and that what it sets are settings.

    Args:
        folder: The checkout that is deployed.
        project: The project's id.
        known: The names of all settings.
    """
    name = f".env.{project}"
    there = [one for one in (folder / name, folder / ".env") if one.exists()]
    if folder / name not in there:
        sentence = f"There is no {name} in {folder}. Settings are those of the environment, and else the defaults."
        findings = [Finding("settings", Health.ABSENT, sentence)]
    else:
        findings = [Finding("settings", Health.OK, f"{folder / name}")]
    for file in there:
        for one in sorted(set(dotenv_values(file)) - set(known)):
            findings.append(_unknown_setting(file, one, known))
    return findings


def _unknown_setting(file: Path, name: str, known: Collection[str]) -> Finding:
    alike = get_close_matches(name, known, 1, ALIKE_AT_LEAST)
    if alike:
        return Finding("settings", Health.MISSING, f"{file.name} sets {name}, which is unknown. Is it {alike[0]}?")
    return Finding("settings", Health.ABSENT, f"{file.name} sets {name}, which is no setting of Greenroom.")


def require_spelling(folder: Path, project: str, known: Collection[str]) -> None:
    """
    Refuse a name that is nearly that of a setting.

    Args:
        folder: The checkout that is deployed.
        project: The project's id.
        known: The names of all settings.

    Raises:
        Misconfigured: There is such a name; the sentence lists all (never, until it is corrected).
    """
    found = check_settings(folder, project, known)
    misspelled = [one.sentence for one in found if one.health is Health.MISSING]
    if misspelled:
        raise Misconfigured(" ".join(misspelled))
