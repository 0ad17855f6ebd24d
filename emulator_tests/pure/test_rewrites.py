"""The rewrites of Firebase Hosting lead to functions that are deployed and that anybody may call."""

from __future__ import annotations

import json
import re
from typing import Any

import main
from cli.checkup import Kind, kind_of
from emulator_tests.testbed.places import ROOT
from functions import openapi
from functions.slides import ROUTES

HOSTING: dict[str, Any] = json.loads((ROOT / "firebase.json").read_text())["hosting"]
REWRITES = {one["source"]: one["function"] for one in HOSTING["rewrites"]}
UUID = "3d6a179c-cf18-47d5-9e8e-a1368a243c2d"


def led_to(path: str) -> str | None:
    """The function that a path of the site leads to; of several rewrites the first one counts."""
    for source, function in REWRITES.items():
        if source.endswith("/**") and path.startswith(source.removesuffix("**")):
            return str(function)
    return None


def test_every_rewrite_leads_to_an_endpoint() -> None:
    assert REWRITES
    assert {kind_of(getattr(main, name)) for name in REWRITES.values()} == {Kind.ENDPOINT}


def test_every_path_of_the_api_leads_to_its_function() -> None:
    found = [openapi.PATH, *(re.sub("{[^}]*}", UUID, path) for path in openapi.document()["paths"])]
    matched = {route.path.pattern for route in ROUTES if any(route.path.fullmatch(path) for path in found)}
    assert matched == {route.path.pattern for route in ROUTES}
    assert {led_to(path) for path in found} == {"api"}


def test_other_paths_stay_with_the_site() -> None:
    assert [led_to(path) for path in ("/", "/index.html", "/apis/x", "/sweep")] == [None] * 4


def test_a_deployment_of_everything_replaces_no_site_that_an_app_already_has() -> None:
    """Without a target, firebase-tools would deploy to the project's first site; one that is not applied is refused."""
    assert HOSTING["target"] == "greenroom"
    assert "site" not in HOSTING
    assert (ROOT / HOSTING["public"] / "404.html").is_file()
