"""Record the shapes of the answers of Google's APIs that `doctor --cloud` asks, from their public discovery documents.

    pip download --no-deps google-api-python-client==2.202.0 && unzip google_api_python_client-*.whl
    python -m emulator_tests.pure.google_shapes googleapiclient/discovery_cache/documents

The result, `google_shapes.json`, has of each API the methods that are used, with their parameters, and the fields of
their answers. `google_apis.py` refuses to give another answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

SHAPES: Final = Path(__file__).with_suffix(".json")

METHODS: Final = {
    "artifactregistry.v1": ["projects.locations.repositories.get"],
    "cloudbilling.v1": ["projects.getBillingInfo"],
    "cloudfunctions.v2": ["projects.locations.functions.list"],
    "cloudresourcemanager.v3": ["projects.get", "projects.getIamPolicy"],
    "cloudscheduler.v1": ["projects.locations.jobs.get"],
    "cloudtasks.v2": ["projects.locations.queues.list"],
    "eventarc.v1": ["projects.locations.triggers.get"],
    "firebaserules.v1": ["projects.releases.get", "projects.rulesets.get"],
    "firestore.v1": [
        "projects.databases.get",
        "projects.databases.backupSchedules.list",
        "projects.databases.collectionGroups.fields.list",
        "projects.databases.collectionGroups.indexes.list",
        "projects.locations.backups.list",
    ],
    "iam.v1": ["projects.serviceAccounts.get", "projects.serviceAccounts.getIamPolicy"],
    "monitoring.v3": ["projects.alertPolicies.list"],
    "orgpolicy.v2": ["projects.policies.getEffectivePolicy"],
    "run.v2": ["projects.locations.services.get", "projects.locations.services.getIamPolicy"],
    "secretmanager.v1": [
        "projects.secrets.getIamPolicy",
        "projects.secrets.versions.access",
        "projects.secrets.versions.get",
    ],
    "serviceusage.v1": ["services.batchGet"],
}


def recorded(folder: Path) -> dict[str, Any]:
    """
    Return the shapes, by the name of the API.
    """
    return {api.partition(".")[0]: _shapes(folder / f"{api}.json", names) for api, names in METHODS.items()}


def _shapes(file: Path, names: list[str]) -> dict[str, Any]:
    document = json.loads(file.read_text())
    methods = {one["id"].partition(".")[2]: one for one in _methods(document)}
    used = {
        name: {
            "verb": methods[name]["httpMethod"],
            "path": methods[name]["path"],
            "pattern": {
                key: one["pattern"] for key, one in methods[name]["parameters"].items() if one["location"] == "path"
            },
            "query": sorted(key for key, one in methods[name]["parameters"].items() if one["location"] == "query"),
            "answer": methods[name]["response"]["$ref"],
        }
        for name in names
    }
    schemas: dict[str, Any] = {}
    waiting = [one["answer"] for one in used.values()]
    while waiting:
        name = waiting.pop()
        if name not in schemas:
            schemas[name] = {key: _type(one) for key, one in document["schemas"][name].get("properties", {}).items()}
            waiting += [one[1:] for one in map(_innermost, schemas[name].values()) if one.startswith("#")]
    return {"revision": document["revision"], "methods": used, "schemas": schemas}


def _methods(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from part.get("methods", {}).values()
    for one in part.get("resources", {}).values():
        yield from _methods(one)


def _type(of: Mapping[str, Any]) -> Any:
    """
    Return `string`, `#Schema`, a list of the possible texts, `["array", type]` or `["map", type]`.
    """
    if "$ref" in of:
        return f"#{of['$ref']}"
    if of["type"] == "array":
        return ["array", _type(of["items"])]
    if of["type"] == "object":
        return ["map", _type(of["additionalProperties"])] if "additionalProperties" in of else "object"
    return ["enum", *of["enum"]] if "enum" in of else of["type"]


def _innermost(kind: Any) -> str:
    while isinstance(kind, list):
        kind = kind[1]
    return str(kind)


if __name__ == "__main__":
    lines = (f"{json.dumps(api)}: {json.dumps(one)}" for api, one in recorded(Path(sys.argv[1])).items())
    SHAPES.write_text("{\n" + ",\n".join(lines) + "\n}\n")
