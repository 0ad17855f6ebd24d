"""The rewrites of Firebase Hosting lead to functions that are deployed and that anybody may call."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import main
from cli.checkup import Kind, kind_of
from emulator_tests.testbed.places import APP, ROOT
from functions import openapi
from functions.slides import ROUTES
from shared.providers.addresses import PROVIDER_DOMAINS

SITES: dict[str, Any] = {one["target"]: one for one in json.loads((ROOT / "firebase.json").read_text())["hosting"]}
REWRITES = {
    name: {one["source"]: one["function"] for one in site["rewrites"] if "function" in one}
    for name, site in SITES.items()
}
CALLABLES: list[str] = json.loads((ROOT / "schema" / "callables.json").read_text())["required"]
UUID = "3d6a179c-cf18-47d5-9e8e-a1368a243c2d"


def led_to(site: str, path: str) -> str | None:
    """The function that a path of a site leads to; of several rewrites the first one counts."""
    for source, function in REWRITES[site].items():
        if source == path or (source.endswith("/**") and path.startswith(source.removesuffix("**"))):
            return str(function)
    return None


def test_every_rewrite_leads_to_a_function_that_anybody_may_call() -> None:
    assert set(SITES) == {"greenroom", "school"}
    assert {kind_of(getattr(main, name)) for name in REWRITES["greenroom"].values()} == {Kind.ENDPOINT}
    kinds = {kind_of(getattr(main, name)) for name in REWRITES["school"].values()}
    assert kinds == {Kind.ENDPOINT, Kind.CALLABLE}


def test_school_has_every_callable_and_no_other_function_but_the_api() -> None:
    led = {source: function for source, function in REWRITES["school"].items() if source != "/api/**"}
    assert led == {f"/call/{name}": name for name in CALLABLES}


@pytest.mark.parametrize("site", ["greenroom", "school"])
def test_every_path_of_the_api_leads_to_its_function(site: str) -> None:
    found = [openapi.PATH, *(re.sub("{[^}]*}", UUID, path) for path in openapi.document()["paths"])]
    matched = {route.path.pattern for route in ROUTES if any(route.path.fullmatch(path) for path in found)}
    assert matched == {route.path.pattern for route in ROUTES}
    assert {led_to(site, path) for path in found} == {"api"}


def test_other_paths_stay_with_the_site() -> None:
    for site in SITES:
        assert [led_to(site, path) for path in ("/", "/index.html", "/apis/x", "/sweep", "/call/sweep")] == [None] * 5


def test_addresses_of_pages_lead_to_the_app_and_a_missing_file_does_not() -> None:
    (pages,) = [one for one in SITES["school"]["rewrites"] if "destination" in one]
    assert pages["destination"] == "/index.html"
    assert all(re.search(pages["regex"], path) for path in ("/", "/sessions", "/sessions/fractions-1", "/a/b/c/"))
    assert not any(re.search(pages["regex"], path) for path in ("/main-ABCDEFGH.js", "/stack.json", "/a/x.css"))


def test_policy_allows_no_foreign_script_no_frame_around_and_the_providers() -> None:
    (everywhere,) = [one for one in SITES["school"]["headers"] if one.get("source") == "**"]
    headers = {one["key"]: one["value"] for one in everywhere["headers"]}
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["script-src"]) == ("'self'", "'self'")
    assert (policy["frame-ancestors"], policy["object-src"], policy["base-uri"]) == ("'none'", "'none'", "'self'")
    providers = {"https://*.kaltura.com", "https://*.cloudflarestream.com", "https://*.b-cdn.net"}
    assert all(providers <= set(policy[kind].split()) for kind in ("connect-src", "img-src", "media-src"))
    # The room's frame gets the camera and the microphone at whatever host it goes on to.
    assert policy["frame-src"] == "https://*.kaltura.com"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_deployment_of_everything_replaces_no_site_that_an_app_already_has() -> None:
    """Without a target, firebase-tools would deploy to the project's first site; one that is not applied is refused."""
    assert all("site" not in site for site in SITES.values())
    assert (ROOT / SITES["greenroom"]["public"] / "404.html").is_file()
    assert ROOT / SITES["school"]["public"] == APP


@pytest.mark.parametrize("directive", ["connect-src", "img-src", "media-src"])
def test_policy_of_school_reaches_every_domain_of_the_providers(directive: str) -> None:
    headers = [header for part in SITES["school"]["headers"] for header in part["headers"]]
    (policy,) = [header["value"] for header in headers if header["key"] == "Content-Security-Policy"]
    sources = dict(part.strip().split(" ", 1) for part in policy.split(";"))[directive].split()
    assert {f"https://*.{domain}" for domain in PROVIDER_DOMAINS} <= set(sources)
