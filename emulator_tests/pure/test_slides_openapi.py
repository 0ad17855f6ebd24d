"""The OpenAPI document of shared live media: schemathesis calls the API with whatever the document allows, and more."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
import schemathesis
from flask import Flask, Request, Response
from flask import request as received
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from emulator_tests.pure.test_slides_api import Api
from functions import openapi, slides
from functions.edge import answers
from functions.edge.http import respond

pytestmark = pytest.mark.long

EXAMPLES: Final = 40
"""The calls of each operation."""

CHECKS: Final = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
"""Fields that clients may not write are ignored, as clients know it, so calls with them are accepted."""


def application(api: Api) -> Flask:
    """The API as a WSGI application."""
    flask = Flask("slides")

    @flask.route("/<path:_path>", methods=[*slides.METHODS])
    def answer(_path: str) -> Response:
        if received.path == openapi.PATH:
            return answers.json_response(openapi.document(), 200)
        return respond(api.endpoint, Request(received.environ))

    return flask


API: Final = Api()
MEDIA_ID: Final = API.room.ready()
SCHEMA: Final[Any] = schemathesis.openapi.from_wsgi(openapi.PATH, application(API))
OPERATIONS: Final = {one.ok().label: one.ok() for one in SCHEMA.get_all_operations()}


def test_document_has_every_route() -> None:
    described = {label.split(" ", 1)[0] for label in OPERATIONS}
    assert described == set(slides.METHODS)
    assert len(OPERATIONS) == len(slides.ROUTES)


def test_document_is_json() -> None:
    assert json.loads(json.dumps(openapi.document()))["openapi"] == "3.1.0"


@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize("is_known", [True, False], ids=["a media that exists", "any media"])
def test_every_answer_is_as_the_document_says(label: str, *, is_known: bool) -> None:
    statuses = set[int]()

    @given(case=OPERATIONS[label].as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def call(case: Any) -> None:
        if is_known and "sharedlivemedias/{id}" in case.path and case.method != "DELETE":
            case.path_parameters["id"] = MEDIA_ID
        answer = case.call(headers={"Authorization": f"Bearer {API.token()}"})
        case.validate_response(answer, checks=list(CHECKS))
        statuses.add(answer.status_code)

    call()
    assert statuses
