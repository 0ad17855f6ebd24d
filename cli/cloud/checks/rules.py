"""The rules of Firestore, compared with `firestore.rules`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cli.cloud.api import Absent
from cli.cloud.check import check
from cli.cloud.cloud import Cloud, advised, missing
from cli.cloud.plan import DATABASE
from shared.ports import Finding


@check("rules", "roles/firebaserules.viewer")
def check_rules(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that the rules of this checkout are in force. Blanks and empty lines do not count.

    Source: https://firebase.google.com/docs/reference/rules/rest; the name of the release: firebase-tools 15.34.2,
    lib/rulesDeploy.js.
    """
    what, plan = "rules", cloud.plan
    release = "cloud.firestore" if plan.database == DATABASE else f"cloud.firestore/{plan.database}"
    try:
        ruleset = cloud.apis.get("firebaserules", f"v1/projects/{plan.project}/releases/{release}")["rulesetName"]
        if not ruleset.startswith("projects/"):
            raise ValueError("This is not the name of a ruleset.")
        files = cloud.apis.get("firebaserules", f"v1/{ruleset}")["source"]["files"]
    except Absent:
        yield missing(what, f"None are deployed, so clients reach no document. Run {plan.deploy_firestore}.")
        return
    deployed = _lines("\n".join(one["content"] for one in files))
    here = _lines(plan.rules)
    if _in_order(deployed) == _in_order(here):
        return
    lacking, further = Counter(here) - Counter(deployed), Counter(deployed) - Counter(here)
    if lacking or not further:
        yield missing(
            what,
            f"Those in force are not those of this checkout: {lacking.total()} lines are missing and "
            f"{further.total()} are others. Run {plan.deploy_firestore}; if the project's rules are merged from "
            "several apps, merge ours again.",
        )
    else:
        yield advised(
            what,
            f"Those in force have ours and {further.total()} further lines. That is right if you merged them with "
            f"another app's; if not, run {plan.deploy_firestore}.",
        )


def _lines(text: str) -> list[str]:
    return [line for line in (" ".join(line.split()) for line in text.splitlines()) if line]


def _in_order(lines: list[str]) -> str:
    return " ".join(lines)
