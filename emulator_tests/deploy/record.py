"""Write `gcloud.json`: the arguments of the gcloud commands of `deploy/*.sh`, and the fields of what they send.

Run by hand, with gcloud installed, after an upgrade of gcloud or a change of the commands below:

    venv/bin/python -m emulator_tests.deploy.record

Both come from gcloud itself: its parser of arguments, and its generated clients of the APIs. `recorded.py` reads the
file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("gcloud.json")

COMMANDS: Final = (
    "artifacts repositories describe",
    "artifacts repositories set-cleanup-policies",
    "auth print-access-token",
    "beta services identity create",
    "firestore backups schedules create",
    "firestore backups schedules list",
    "firestore databases create",
    "firestore databases delete",
    "firestore databases describe",
    "firestore databases update",
    "functions list",
    "functions regions list",
    "iam service-accounts add-iam-policy-binding",
    "iam service-accounts create",
    "iam service-accounts delete",
    "iam service-accounts describe",
    "logging metrics create",
    "logging metrics delete",
    "logging metrics describe",
    "logging metrics update",
    "monitoring dashboards create",
    "monitoring dashboards delete",
    "monitoring dashboards list",
    "projects add-iam-policy-binding",
    "projects describe",
    "projects get-iam-policy",
    "projects remove-iam-policy-binding",
    "scheduler jobs delete",
    "scheduler jobs list",
    "scheduler locations list",
    "secrets delete",
    "secrets get-iam-policy",
    "secrets list",
    "secrets remove-iam-policy-binding",
    "services enable",
    "tasks locations list",
    "tasks queues delete",
    "tasks queues list",
)
"""The commands that the scripts use."""

MESSAGES: Final = (
    ("monitoring.v1.monitoring_v1_messages", "Dashboard"),
    ("monitoring.v3.monitoring_v3_messages", "AlertPolicy"),
    ("logging.v2.logging_v2_messages", "LogMetric"),
)
"""The modules of gcloud's generated clients, and what `provision.sh` creates with them."""


def argument_of(found: Any) -> dict[str, Any]:
    """Return a group of arguments, or one argument, as `gcloud.json` has it."""
    told: dict[str, Any] = {"required": bool(found.is_required)}
    if found.is_group:
        inner = [argument_of(one) for one in found.arguments if one.is_group or not getattr(one, "is_global", False)]
        return {
            **told,
            "mutex": bool(found.is_mutex),
            "arguments": [one for one in inner if one.get("arguments", True)],
        }
    if found.is_positional:
        return {**told, "positional": found.name, "nargs": found.nargs}
    told |= {"flag": found.name, "takes_value": found.type != "bool"}
    return {**told, "choices": sorted(found.choices)} if found.choices else told


def message_of(kind: type, told: dict[str, Any]) -> None:
    """Add a message's fields, and those of the messages within it."""
    from apitools.base.protorpclite import messages  # type: ignore[import-not-found]

    if kind.__name__ in told:
        return
    fields: dict[str, Any] = {}
    told[kind.__name__] = fields
    for field in kind.all_fields():  # type: ignore[attr-defined]
        one: dict[str, Any] = {"repeated": True} if field.repeated else {}
        if isinstance(field, messages.EnumField):
            one["values"] = sorted(field.type.names())
        elif isinstance(field, messages.MessageField):
            if any(inner.name == "additionalProperties" for inner in field.type.all_fields()):
                one["map"] = True
            else:
                one["message"] = field.type.__name__
                message_of(field.type, told)
        else:
            one["value"] = field.variant.name.lower()
        fields[field.name] = one


def recorded() -> dict[str, Any]:
    """Return what `gcloud.json` holds. Runs in gcloud's own interpreter."""
    cli_tree: Any = import_module("googlecloudsdk.calliope.cli_tree")
    gcloud_main: Any = import_module("googlecloudsdk.gcloud_main")
    config: Any = import_module("googlecloudsdk.core.config")
    top = gcloud_main.CreateCLI([])._TopElement()
    commands = {}
    everywhere: dict[str, Any] = {}
    for name in COMMANDS:
        command = cli_tree.Command(top.LoadSubElementByPath(name.split()), None)
        commands[name] = argument_of(command.constraints)
        everywhere |= {flag: argument_of(one) for flag, one in command.flags.items() if one.is_global}
    messages = {}
    for module, kind in MESSAGES:
        inner: dict[str, Any] = {}
        message_of(getattr(import_module(f"googlecloudsdk.generated_clients.apis.{module}"), kind), inner)
        messages[kind] = inner
    return {
        "version": config.CLOUD_SDK_VERSION,
        "global_flags": [everywhere[flag] for flag in sorted(everywhere) if not flag.startswith("---")],
        "commands": commands,
        **messages,
    }


def in_lines(told: dict[str, Any]) -> str:
    """Return JSON with a line for each command and each message, so that a change of one shows as one."""

    def shown(section: Any) -> str:
        if not isinstance(section, dict):
            return json.dumps(section)
        return "{\n" + ",\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in section.items()) + "\n }"

    return "{\n" + ",\n".join(f" {json.dumps(name)}: {shown(section)}" for name, section in told.items()) + "\n}\n"


def main() -> None:
    """Start gcloud's interpreter with this file, or write the file there."""
    root = Path(os.environ.get("GCLOUD_ROOT", ""))
    if root == Path():
        asked = ["gcloud", "info", "--format=value(installation.sdk_root, basic.python_location)"]
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
        os.execve(told[1], [told[1], __file__], {**os.environ, "GCLOUD_ROOT": told[0]})
    sys.path[:0] = [str(root / "lib"), str(root / "lib" / "third_party")]
    FILE.write_text(in_lines(recorded()))


if __name__ == "__main__":
    main()
