"""Run the demo (`make demo`): start the stack, create its users, run `story.mjs`, and print what is left at Kaltura.

The story is a client of its own, with only what a browser app has: the Firebase SDK, a user's sign-in, and the rules
between the user and the documents. If a step does not happen, the demo ends with a reason and a non-zero exit code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

from emulator_tests.testbed import Testbed, TestbedError
from emulator_tests.testbed.places import ROOT, state_folder

STORY: Final = Path(__file__).with_name("story.mjs")
VIDEO: Final = ROOT / "emulator_tests" / "testbed" / "test-picture.mp4"

SETTINGS: Final = {"REAP_GRACE_S": "2", "LIVE_OVERRUN_S": "2", "FEED_INTERVAL_S": "1", "FEED_OVERLAP_S": "5"}
"""Shorter than in production, so that the story takes seconds: an unpublished event is kept for two seconds, not ten
minutes, and an event is over two seconds after its planned end, not an hour."""

PROCESSING_S: Final = 12

PROVIDERS: Final = ("kaltura", "cloudflare")

PEOPLE: Final = {
    "teacher": {"teacher": True},
    "student": {},
    "stranger": {},
}
PASSWORD: Final = "only-in-the-emulator"

SETUP_KINDS: Final = (
    "accessControls",
    "permissions",
    "userRoles",
    "conversionProfiles",
    "flavorParams",
    "permissionItems",
)
"""Kinds that belong to the account, not to a session: created once, or there from the beginning."""


def main() -> int:
    """
    Run the story, with videos at the provider that `PROVIDER` names.

    Returns:
        0 if every step happened and nothing is left, else 1.
    """
    started_at = time.monotonic()
    provider = os.environ.get("PROVIDER") or PROVIDERS[0]
    if provider not in PROVIDERS:
        print(f"PROVIDER is one of {', '.join(PROVIDERS)}.", file=sys.stderr)
        return 1
    try:
        with Testbed(state_folder("demo"), SETTINGS, say=lambda line: print(f"  {line}", flush=True)) as testbed:
            for url in (testbed.kaltura_url, testbed.cloudflare_url):
                _json(f"{url}/_simulator/clock", {"ready": f"after_s:{PROCESSING_S}"})
            uids = {name: _person(testbed, name, claims) for name, claims in PEOPLE.items()}
            _set_up(testbed)
            before = _things(testbed)
            environment = (
                os.environ
                | testbed.environment
                | {
                    "DEMO_PASSWORD": PASSWORD,
                    "DEMO_PROVIDER": provider,
                    "DEMO_STUDENT_UID": uids["student"],
                    "DEMO_VIDEO": str(VIDEO),
                    "DEMO_REGION": testbed.region,
                    "NODE_OPTIONS": "--no-deprecation",
                }
            )
            told = subprocess.run(["node", str(STORY)], env=environment, cwd=ROOT, check=False).returncode
            left = _things(testbed)
            clean = _show(before, left, set(uids.values()))
            clean = _show_cloudflare(testbed) and clean
            if told != 0:
                print(f"\nThe story broke off. What each part said is in {testbed.logs}.", file=sys.stderr)
                return 1
            if not clean:
                print("\nSomething of a deleted session is left at a provider.", file=sys.stderr)
                return 1
    except TestbedError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"\nEverything happened. {time.monotonic() - started_at:.0f} s in all, the start of the stack included.")
    return 0


def _person(testbed: Testbed, name: str, claims: dict[str, bool]) -> str:
    """
    Create a user of the Auth emulator with custom claims, as an administrator's script would, and return the uid.
    """
    base = f"http://{testbed.auth_host}/identitytoolkit.googleapis.com/v1"
    body = {"email": f"{name}@example.com", "password": PASSWORD, "displayName": name}
    uid: str = _json(f"{base}/projects/{testbed.project_id}/accounts", body)["localId"]
    _json(
        f"{base}/projects/{testbed.project_id}/accounts:update",
        {"localId": uid, "customAttributes": json.dumps(claims)},
    )
    return uid


def _set_up(testbed: Testbed) -> None:
    """
    Set up the accounts, which an operator does once, with the operator's command.
    """
    setup = testbed.command("setup")
    if setup.returncode != 0:
        raise TestbedError(f"The accounts could not be set up: {setup.stderr}")
    print(setup.stdout, end="", flush=True)


def _json(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": "Bearer owner", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
        return json.loads(answer.read())


def _things(testbed: Testbed) -> dict[str, list[dict[str, Any]]]:
    """
    Return everything that exists at the simulator, by kind.
    """
    things: dict[str, list[dict[str, Any]]] = _json(f"{testbed.kaltura_url}/_simulator/things")
    return things


def _show(before: dict[str, list[dict[str, Any]]], left: dict[str, list[dict[str, Any]]], people: set[str]) -> bool:
    """
    Print the table of what still exists.

    Returns:
        Whether all of it belongs to the account, or is a person, who stays.
    """
    known = {(kind, str(thing.get("id"))) for kind, things in before.items() for thing in things}
    print("\nWhat still exists at Kaltura")
    print(f"  {'kind':<24}{'id':<24}{'name':<44}whose")
    clean = True
    for kind, things in sorted(left.items()):
        for thing in things:
            number = str(thing.get("id"))
            ours = (kind, number) not in known
            whose = _whose(kind, number, people)
            clean = clean and (not ours or whose is not None)
            if ours:
                name = str(thing.get("name") or thing.get("referenceId") or "")
                print(f"  {kind:<24}{number:<24}{name[:42]:<44}{whose or 'LEFT BEHIND'}")
    untouched = sum((kind, str(thing.get("id"))) in known for kind, things in left.items() for thing in things)
    print(f"  and {untouched} things that were there before the story began.")
    return clean


def _show_cloudflare(testbed: Testbed) -> bool:
    """
    Print what still exists at Cloudflare.

    Returns:
        Whether there is no video, and no minute is reserved.
    """
    things = _json(f"{testbed.cloudflare_url}/_simulator/things")
    storage, videos = things["storage"], things["videos"]
    used, reserved = storage["usedMinutes"], storage["reservedMinutes"]
    print(f"\nWhat still exists at Cloudflare: {len(videos)} videos, {used:.1f} minutes used, {reserved:.1f} reserved.")
    return not videos and reserved == 0


def _whose(kind: str, number: str, people: set[str]) -> str | None:
    """
    Return the owner of a thing that may stay, `None` if it should have been deleted.
    """
    if kind in SETUP_KINDS or number == "greenroom":
        return "the account: made once"
    if kind == "users" and number in people:
        return "a person who has entered"
    return None


if __name__ == "__main__":
    sys.exit(main())
