"""The findings of `doctor` about the bucket, the converter and the chat server of shared live media."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import pytest

from emulator_tests.pure.deployment import Deployment, refusal
from shared.app import App
from shared.cloud.storage_arguments import UPLOAD_HEADERS, CorsRule, cors_problem
from shared.core.errors import BackendError, Misconfigured
from shared.ports import Finding, Health
from shared.registry import RESOURCES
from shared.slides.resource import RESOURCE

T = TypeVar("T")

NO_ORIGIN: Final = "The CORS of the bucket allows uploads from no origin."
RULE: Final = CorsRule(("https://app.example",), ("POST", "PUT"), UPLOAD_HEADERS)


def school() -> Deployment:
    """A deployment in which all is well."""
    deployment = Deployment()
    deployment.storage.rules = [RULE]
    return deployment


def found(app: App) -> dict[str, Finding]:
    """The findings, by the names of what they are about."""
    assert RESOURCE in RESOURCES
    assert RESOURCE.findings is not None
    return {one.what: one for one in RESOURCE.findings(app)}


def refusing(deployment: Deployment, refused: str, error: BackendError) -> None:
    """Refuse one operation."""

    def refuse(operation: str, do: Callable[[], T]) -> T:
        if operation == refused:
            raise error
        return do()

    deployment.disturb = refuse


def test_all_is_well_and_nothing_is_left_behind() -> None:
    deployment = school()
    findings = found(deployment.app)
    assert {one.health for one in findings.values()} == {Health.OK}
    assert list(findings) == ["slides bucket", "slides addresses", "slides CORS", "slides converter", "chat server"]
    assert (deployment.storage.alive(), deployment.chat.rooms) == ([], {})
    assert found(deployment.app) == findings


def test_what_a_deployment_does_not_have_is_not_checked() -> None:
    deployment = school()
    deployment.app.chat = None
    assert "chat server" not in found(deployment.app)
    deployment.app.converter = None
    missing = found(deployment.app)["slides converter"]
    assert missing.health is Health.MISSING
    assert "SLIDES_CONVERTER_URL" in missing.sentence
    deployment.app.storage = None
    assert found(deployment.app) == {}


INVOKER: Final = Misconfigured("Grant the functions' account the role roles/run.invoker.")
ROLE: Final = Misconfigured("Give the account the role roles/storage.objectUser.")
SIGNING: Final = Misconfigured("Grant the account roles/iam.serviceAccountTokenCreator on itself.")
PASSWORD: Final = Misconfigured("Set XMPP_PASSWORD.")


@pytest.mark.parametrize(
    ("operation", "error", "what", "health", "sentence"),
    [
        ("check", INVOKER, "slides converter", Health.MISSING, "roles/run.invoker"),
        ("write", ROLE, "slides bucket", Health.MISSING, "roles/storage.objectUser"),
        ("list_objects", ROLE, "slides bucket", Health.MISSING, "roles/storage.objectUser"),
        ("read", ROLE, "slides bucket", Health.MISSING, "roles/storage.objectUser"),
        ("delete", ROLE, "slides bucket", Health.MISSING, "roles/storage.objectUser"),
        ("write", refusal("write"), "slides bucket", Health.MISSING, "Try again"),
        ("read_address", SIGNING, "slides addresses", Health.MISSING, "serviceAccountTokenCreator"),
        ("read_address", refusal("signBlob"), "slides addresses", Health.ABSENT, "serviceAccountTokenCreator"),
        ("cors_problem", ROLE, "slides CORS", Health.ABSENT, "roles/storage"),
        ("cors_problem", refusal("cors_problem"), "slides CORS", Health.MISSING, "Try again"),
        ("destroy_room", PASSWORD, "chat server", Health.MISSING, "Set XMPP_PASSWORD."),
        ("destroy_room", refusal("destroy"), "chat server", Health.MISSING, "Try again"),
    ],
)
def test_each_finding_says_what_to_do(
    operation: str, error: BackendError, what: str, health: Health, sentence: str
) -> None:
    deployment = school()
    refusing(deployment, operation, error)
    findings = found(deployment.app)
    assert findings[what].health is health
    assert sentence in findings[what].sentence
    assert {one.health for name, one in findings.items() if name != what} == {Health.OK}


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ([], NO_ORIGIN),
        ([CorsRule((), ("POST", "PUT"), UPLOAD_HEADERS)], NO_ORIGIN),
        ([CorsRule(RULE.origins, ("GET", "PUT"), UPLOAD_HEADERS)], "The CORS of the bucket does not allow POST."),
        (
            [CorsRule(RULE.origins, RULE.methods, ("Content-Type",))],
            "The CORS of the bucket does not allow location, x-",
        ),
        (
            [CorsRule(RULE.origins, RULE.methods), CorsRule(RULE.origins, ("PUT",), UPLOAD_HEADERS)],
            "The CORS of the bucket does not allow POST.",
        ),
        ([RULE], ""),
        ([CorsRule(("*",), ("*",), ("*",))], ""),
        ([CorsRule(RULE.origins, ("GET",)), RULE], ""),
        ([CorsRule(RULE.origins, ("post", "Put"), tuple(map(str.upper, UPLOAD_HEADERS)))], ""),
    ],
)
def test_a_rule_must_allow_uploads(rules: list[CorsRule], sentence: str) -> None:
    assert cors_problem(rules).startswith(sentence)
    assert bool(cors_problem(rules)) is bool(sentence)
    deployment = school()
    deployment.storage.rules = rules
    finding = found(deployment.app)["slides CORS"]
    assert finding.health is (Health.MISSING if sentence else Health.OK)
    assert sentence in finding.sentence


def test_headers_of_an_upload_are_those_that_a_rule_needs() -> None:
    headers = school().storage.upload_address("a", "application/pdf", 1, 60).headers
    assert {*(name.lower() for name in headers), "location"} == set(UPLOAD_HEADERS)
