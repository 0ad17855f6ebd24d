"""The indexes and TTL policies of Firestore, compared with `firestore.indexes.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cli.cloud.api import Absent, Fields
from cli.cloud.check import check
from cli.cloud.cloud import Cloud, missing, named
from shared.ports import Finding

OVERRIDDEN: Final = "indexConfig.usesAncestorConfig=false OR ttlConfig:*"
"""The filter that lists the fields with settings of their own. Source: firebase-tools 15.34.2, lib/firestore/api.js."""

Key = tuple[str, str, tuple[tuple[str, str], ...]]


@check("indexes", "roles/datastore.viewer")
def check_indexes(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that each composite index can be used.

    Source: https://cloud.google.com/firestore/docs/reference/rest/v1/projects.databases.collectionGroups.indexes
    """
    what, plan = "indexes", cloud.plan
    path = f"v1/{plan.database_name}/collectionGroups/-/indexes"
    try:
        found = {_key(_group(one), one): one["state"] for one in cloud.apis.every("firestore", path, "indexes")}
    except Absent:
        # The check of the database says so.
        return
    expected = {_key(one["collectionGroup"], one) for one in plan.indexes["indexes"]}
    lacking = {_told(key) for key in expected - found.keys()}
    if lacking:
        yield missing(what, f"Queries of these fail: {named(lacking)}. Run {plan.deploy_firestore}.")
    building = {_told(key) for key in expected & found.keys() if found[key] == "CREATING"}
    if building:
        yield missing(what, f"Google still builds {named(building)}; until then their queries fail. Wait.")
    broken = {_told(key) for key in expected & found.keys() if found[key] not in ("CREATING", "READY")}
    if broken:
        yield missing(
            what, f"These are damaged: {named(broken)}. Delete them in the console, and run {plan.deploy_firestore}."
        )


def _group(found: Fields) -> str:
    # projects/P/databases/D/collectionGroups/G/indexes/I, and likewise for fields.
    return str(found["name"].split("/")[5])


def _key(group: str, index: Fields) -> Key:
    """
    Return what tells an index from others. Google adds the document's name to its fields. Pure.
    """
    fields = [(one["fieldPath"], one.get("order") or one.get("arrayConfig") or "") for one in index["fields"]]
    return group, index["queryScope"], tuple(one for one in fields if one[0] != "__name__")


def _told(key: Key) -> str:
    group, _, fields = key
    return f"{group} ({', '.join(name for name, _ in fields)})"


@check("TTL policies", "roles/datastore.viewer")
def check_fields(cloud: Cloud) -> Iterable[Finding]:
    """
    Check that each TTL policy is active, and that each field that needs no index has none.

    Source: https://cloud.google.com/firestore/docs/reference/rest/v1/projects.databases.collectionGroups.fields
    """
    what, plan = "TTL policies", cloud.plan
    path = f"v1/{plan.database_name}/collectionGroups/-/fields"
    try:
        found = {_field(one): one for one in cloud.apis.every("firestore", path, "fields", filter=OVERRIDDEN)}
    except Absent:
        # The check of the database says so.
        return
    expected: Mapping[tuple[str, str], Fields] = {
        (one["collectionGroup"], one["fieldPath"]): one for one in plan.indexes["fieldOverrides"]
    }
    states = {
        key: found.get(key, {}).get("ttlConfig", {}).get("state") for key, one in expected.items() if one.get("ttl")
    }
    for (group, name), state in states.items():
        if state == "ACTIVE":
            continue
        enable = (
            f"`gcloud firestore fields ttls update {name} --collection-group={group} --enable-ttl "
            f"--database='{plan.database}' --project={plan.project}`"
        )
        if state == "CREATING":
            yield missing(what, f"Google still sets up {group}.{name}. Wait.")
        else:
            yield missing(what, f"Documents of {group} stay when {name} is over. Run {enable}.")
    indexed = [
        f"{group}.{name}"
        for (group, name), one in expected.items()
        if not one["indexes"] and _is_indexed(found.get((group, name), {}))
    ]
    if indexed:
        yield missing(
            what,
            f"Google indexes fields that no query needs, and refuses large documents for it: {named(indexed)}. "
            f"Run {plan.deploy_firestore}.",
        )


def _field(found: Fields) -> tuple[str, str]:
    return _group(found), str(found["name"].split("/")[7])


def _is_indexed(field: Fields) -> bool:
    """
    Tell whether a field has single-field indexes: those of every field, or its own. Pure.
    """
    config = field.get("indexConfig", {"usesAncestorConfig": True})
    return config.get("usesAncestorConfig") is True or bool(config.get("indexes"))
