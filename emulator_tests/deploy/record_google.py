"""Write `google_provider/google.json`: the schema of Terraform's google provider, for what `deploy/terraform` uses.

The provider itself is not to be had in every place where the tests run. HashiCorp has generated a library from its
schema, whose types name every argument, which of them are required, and how often a block may stand. Run by hand:

    npm pack @cdktf/provider-google@16.12.1 && tar xzf cdktf-provider-google-*.tgz
    venv/bin/python -m emulator_tests.deploy.record_google package
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parent / "google_provider" / "google.json"
RESOURCES: Final = (
    "firestore_backup_schedule",
    "firestore_database",
    "logging_metric",
    "monitoring_alert_policy",
    "monitoring_dashboard",
    "project_iam_member",
    "project_service",
    "service_account",
    "service_account_iam_member",
)
DATA: Final = ("project",)

TYPES: Final = {
    "string": "string",
    "number": "number",
    "boolean | cdktf.IResolvable": "bool",
    "string[]": ["list", "string"],
    "number[]": ["list", "number"],
    "cdktf.StringMap": ["map", "string"],
    "cdktf.IResolvable": "bool",
}
"""The types of attributes, as Terraform writes them. The last one stands for a computed truth value."""


def snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)


def schema_of(package: Path, name: str) -> dict[str, Any]:
    """Return the block of a resource, or of a data source."""
    text = (package / "lib" / name.replace("_", "-") / "index.d.ts").read_text()
    kind = "".join(word.capitalize() for word in name.split("_"))
    block = block_of(text, f"{kind}Config")
    set_by_config = {*block["attributes"], *block["blocks"]}
    (body,) = re.findall(rf"^export declare class {kind} extends [^\n]*\n(.*?)^\}}", text, re.MULTILINE | re.DOTALL)
    for getter, type_ in re.findall(r"^    get (\w+)\(\): ([^;]+);", body, re.MULTILINE):
        if snake(getter) not in set_by_config and not getter.endswith("Input") and type_ in TYPES:
            block["attributes"][snake(getter)] = {"type": TYPES[type_], "computed": True}
    for computed in ("id", "project"):
        if computed in block["attributes"] and not block["attributes"][computed].get("required"):
            block["attributes"][computed] |= {"computed": True}
    return block


def block_of(text: str, interface: str) -> dict[str, Any]:
    """Return a block by the interface of its arguments."""
    (body,) = re.findall(rf"^export interface {interface} [^{{]*\{{\n?(.*?)^\}}", text, re.MULTILINE | re.DOTALL)
    attributes: dict[str, Any] = {}
    blocks: dict[str, Any] = {}
    for name, optional, type_ in re.findall(r"^    readonly (\w+)(\??): ((?:\{[^}]*\}|[^;])+);", body, re.MULTILINE):
        required = not optional
        if type_.startswith("{"):
            attributes[snake(name)] = {"type": ["map", "string"], "required": required}
        elif type_ in TYPES:
            attributes[snake(name)] = {"type": TYPES[type_], "required": required}
        elif name != "timeouts":
            inner = type_.partition("[")[0].partition(" ")[0]
            blocks[snake(name)] = {
                "min": int(required),
                "max": 0 if "[]" in type_ else 1,
                "block": block_of(text, inner),
            }
    return {"attributes": attributes, "blocks": blocks}


def main() -> None:
    package = Path(sys.argv[1])
    (version,) = re.findall(r"provider version ([\d.]+)", (package / "README.md").read_text())
    told = {
        "version": version,
        "resources": {f"google_{name}": schema_of(package, name) for name in RESOURCES},
        "data": {f"google_{name}": schema_of(package, f"data_google_{name}") for name in DATA},
    }
    FILE.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
