"""`deploy/monitoring/`: its filters match lines of `shared/core/log.py`, and its files are as the APIs want them.

The filters are applied to the lines themselves, as Cloud Run logs them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import main
from emulator_tests.deploy.recorded import NotAccepted, check_message
from emulator_tests.pure.test_log import SENTENCES
from emulator_tests.testbed.places import ROOT
from shared.core import log
from shared.core.errors import Permanent
from shared.core.paths import RECONCILE_DELETION

FOLDER: Final = ROOT / "deploy" / "monitoring"
POLICIES: Final = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "policies").glob("*.json"))}
METRICS: Final = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "metrics").glob("*.json"))}
DASHBOARD: Final = json.loads((FOLDER / "dashboard.json").read_text())
SEVERITIES: Final = ("DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
PREFIX: Final = "gr-"

Entry = dict[str, Any]


# --- Cloud Logging's filters, as far as ours go -------------------------------------------------------------------


def value_of(entry: Entry, path: str) -> object:
    found: object = entry
    for name in path.split("."):
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return found


def matches(text: str, entry: Entry) -> bool:
    return all(term_matches(term, entry) for term in text.replace("${prefix}", PREFIX).split(" AND "))


def term_matches(term: str, entry: Entry) -> bool:
    if term.startswith("NOT "):
        return not term_matches(term.removeprefix("NOT "), entry)
    found = re.fullmatch(r"([\w.]+)(>=|=~|=|:)(.+)", term)
    assert found is not None, term
    path, sign, wanted = found.groups()
    value = value_of(entry, path)
    if sign == ":":
        assert wanted == "*", term
        return value is not None
    if sign == ">=":
        assert path == "severity", term
        return SEVERITIES.index(str(value)) >= SEVERITIES.index(wanted)
    if sign == "=~":
        return re.search(json.loads(wanted), str(value)) is not None
    if wanted.startswith("("):
        return value in [json.loads(one) for one in wanted.strip("()").split(" OR ")]
    return value == (wanted if path == "severity" else json.loads(wanted))


# --- what is logged -----------------------------------------------------------------------------------------------


def entry_of(line: str, service: str = "gr-reconcilevideo") -> Entry:
    """A line as Cloud Logging has it. `severity` leaves the payload, and `message` stays in it."""
    payload = json.loads(line)
    resource = {"type": "cloud_run_revision", "labels": {"service_name": service}}
    return {"severity": payload.pop("severity"), "jsonPayload": payload, "resource": resource}


@pytest.fixture
def entries(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str], Entry]:
    """One entry of each message and severity."""
    capsys.readouterr()
    for sayings in SENTENCES.values():
        for say, _ in sayings:
            say("x")
    told = capsys.readouterr()
    found = [entry_of(line) for line in (told.out + told.err).splitlines()]
    return {(one["jsonPayload"]["message"], one["severity"]): one for one in found}


def log_filters() -> Iterator[tuple[str, str]]:
    """Every filter of log lines, by the name of its file."""
    for name, metric in METRICS.items():
        yield name, metric["filter"]
    for name, policy in POLICIES.items():
        for condition in policy["conditions"]:
            if "conditionMatchedLog" in condition:
                yield name, condition["conditionMatchedLog"]["filter"]


def matching(name: str, entries: dict[tuple[str, str], Entry]) -> set[tuple[str, str]]:
    return {
        key for key, entry in entries.items() if any(matches(text, entry) for of, text in log_filters() if of == name)
    }


@pytest.mark.parametrize(("name", "text"), [pytest.param(*one, id=one[0]) for one in log_filters()])
def test_messages_of_a_filter_are_logged_with_that_severity(
    name: str, text: str, entries: dict[tuple[str, str], Entry]
) -> None:
    (severity,) = re.findall(r"severity>?=(\w+)", text)
    least = SEVERITIES.index(severity)
    written = {message for message, of in entries if SEVERITIES.index(of) >= least}
    named = {
        message
        for term in re.findall(r"jsonPayload\.message=(\([^)]*\)|\"[^\"]*\")", text)
        for message in re.findall(r'"([^"]*)"', term)
    }
    assert named - written == set(), f"{name} waits for lines that nobody writes"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tasks-limit", {("tasks limit reached", "ALERT")}),
        (
            "misconfigured",
            {("misconfigured", "ERROR"), ("step misconfigured", "ERROR"), ("chat misconfigured", "ERROR")},
        ),
        ("stopped", {("work is stopped", "WARNING")}),
        ("sweeps", {("sweep finished", "INFO")}),
    ],
)
def test_filter_matches_these_lines_and_no_others(
    name: str, expected: set[tuple[str, str]], entries: dict[tuple[str, str], Entry]
) -> None:
    assert matching(name, entries) == expected


def test_every_alert_is_notified_by_exactly_one_policy(entries: dict[tuple[str, str], Entry]) -> None:
    alerts = {key for key in entries if key[1] == "ALERT"}
    assert len(alerts) > 5
    for alert in alerts:
        assert len([name for name in POLICIES if alert in matching(name, entries)]) == 1, alert
    assert {severity for _, severity in matching("alert", entries)} == {"ALERT"}


def test_metric_of_errors_counts_every_error(entries: dict[tuple[str, str], Entry]) -> None:
    assert matching("errors", entries) == {key for key in entries if key[1] in ("ERROR", "ALERT")}


@pytest.mark.parametrize(
    ("queue", "final", "expected"),
    [(RECONCILE_DELETION, True, True), (RECONCILE_DELETION, False, False), ("reconcileVideo", True, False)],
)
def test_only_a_deletion_that_is_given_up_is_notified(
    queue: str, final: bool, expected: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    error = Permanent("No.", provider="kaltura", operation="media.delete", code="NO")
    log.step_failed(queue, "k1", "delete", error, 9, final=final)
    told = capsys.readouterr()
    found = {("step failed", "ERROR"): entry_of(told.out + told.err)}
    assert bool(matching("deletion-given-up", found)) is expected


@pytest.mark.parametrize("service", ["sweep", "shop-sweep", "agr-sweep"])
def test_lines_of_other_services_are_nobodys_alert(service: str, entries: dict[tuple[str, str], Entry]) -> None:
    for entry in entries.values():
        entry["resource"]["labels"]["service_name"] = service
    assert {name for name, _ in log_filters() if matching(name, entries)} == set()


def test_a_filter_of_a_message_that_nobody_writes_is_noticed(entries: dict[tuple[str, str], Entry]) -> None:
    former = METRICS["sweeps"]["filter"].replace("sweep finished", "swept")
    assert not any(matches(former, entry) for entry in entries.values())


# --- the files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        *(pytest.param("AlertPolicy", one, id=name) for name, one in POLICIES.items()),
        *(pytest.param("LogMetric", one, id=name) for name, one in METRICS.items()),
        pytest.param("Dashboard", DASHBOARD, id="dashboard"),
    ],
)
def test_file_is_as_the_api_wants_it(kind: str, message: dict[str, Any]) -> None:
    check_message(kind, message)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"severity": "URGENT"}, "AlertPolicy.severity is none of"),
        ({"channels": []}, "AlertPolicy has no field channels"),
        ({"conditions": {}}, "AlertPolicy.conditions must be a list"),
        ({"combiner": ["OR"]}, "AlertPolicy.combiner must not be a list"),
        ({"displayName": 1}, "AlertPolicy.displayName must be of type string"),
        ({"userLabels": {"a": 1}}, "AlertPolicy.userLabels must be a map of texts"),
        ({"conditions": [{"conditionMatchedLog": {"query": ""}}]}, "conditionMatchedLog has no field query"),
    ],
)
def test_wrong_field_is_noticed(change: dict[str, Any], wrong: str) -> None:
    with pytest.raises(NotAccepted, match=wrong):
        check_message("AlertPolicy", POLICIES["alert"] | change)


@pytest.mark.parametrize("name", POLICIES)
def test_policy_is_found_again_by_its_name_and_says_what_to_do(name: str) -> None:
    policy = POLICIES[name]
    # provision.sh asks for a policy by the name of its file.
    assert policy["displayName"] == "Greenroom ${prefix}" + name
    assert policy["userLabels"] == {"greenroom": "${version}"}
    assert policy["notificationChannels"] == ["${channels}"]
    assert len(policy["documentation"]["content"]) > 60
    is_logged = any("conditionMatchedLog" in one for one in policy["conditions"])
    assert is_logged == ("notificationRateLimit" in policy["alertStrategy"])
    assert len(policy["conditions"]) == 1 or not is_logged


def test_functions_and_pages_that_a_policy_names_exist() -> None:
    texts = " ".join(one["documentation"]["content"] for one in POLICIES.values())
    operating = (ROOT / "docs" / "operating.md").read_text()
    for page in re.findall(r"docs/\S+\.md", texts):
        assert (ROOT / page).exists(), page
    sections = re.findall(r"section ([A-Z][A-Za-z ]+?)(?:[.,]|$)", texts)
    assert sections
    assert [one for one in sections if f"\n## {one}\n" not in operating] == []
    assert "requeueDeletion" in main.FUNCTIONS
    assert "sweep" in main.FUNCTIONS


def test_every_metric_of_ours_that_is_used_is_defined() -> None:
    used = set(re.findall(r"logging\.googleapis\.com/user/([^\\\"]+)", json.dumps([POLICIES, DASHBOARD])))
    assert used == {metric["name"] for metric in METRICS.values()}
    assert {metric["name"] for metric in METRICS.values()} == {"greenroom-${prefix}" + name for name in METRICS}


def test_placeholders_are_known() -> None:
    found = {one for path in FOLDER.rglob("*.json") for one in placeholders(path)}
    assert found == {"prefix", "version", "channels"}


def placeholders(path: Path) -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", path.read_text()))


def test_labels_that_a_metric_extracts_are_declared() -> None:
    for metric in METRICS.values():
        declared = {one["key"] for one in metric["metricDescriptor"].get("labels", [])}
        assert declared == set(metric.get("labelExtractors", {}))
