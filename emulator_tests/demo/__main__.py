"""Run the demo (`make demo`): start the stack and the app, run `story.mjs`, list what remains.

`story.mjs` has only what a browser app has: the Firebase SDK, each user's sign-in, and access to the documents within
the security rules. The chapter about the archive also runs an operator's commands, with the secrets of the functions.
If a step fails, the demo ends with the reason and a non-zero exit code.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

from emulator_tests.demo.documents import exercises, presentation
from emulator_tests.testbed import Testbed, TestbedError
from emulator_tests.testbed.places import APP, ROOT, state_folder
from emulator_tests.testbed.site import print_site
from emulator_tests.testbed.users import USERS

STORY: Final = Path(__file__).with_name("story.mjs")

SETTINGS: Final = {
    "REAP_GRACE_S": "2",
    "LIVE_OVERRUN_S": "2",
    "FEED_INTERVAL_S": "1",
    "FEED_OVERLAP_S": "5",
    "SLIDES_BUCKET": "slides",
    "ARCHIVE_GCS_BUCKET": "originals",
}
"""Times are shorter than in production, so that the demo takes seconds: an unpublished event is kept for two seconds,
not for ten minutes, and an event is over two seconds after its planned end, not an hour."""

PROCESSING_S: Final = 12

PROVIDERS: Final = ("kaltura", "cloudflare")

CHAPTERS: Final = ("videos", "live", "slides", "archive")
NEEDS: Final = {"archive": "videos"}
"""The chapter that a chapter continues."""

SETUP_KINDS: Final = (
    "accessControls",
    "permissions",
    "userRoles",
    "conversionProfiles",
    "flavorParams",
    "permissionItems",
)
"""Kinds of objects that belong to the account, not to a session: `setup` creates them, or they always exist."""


def main() -> int:
    """
    Run the demo: the chapters that `CHAPTERS` names, with videos at the provider that `PROVIDER` names. `OPEN` keeps
    the sessions, and the stack until Ctrl-C.

    Returns:
        0 if every step succeeded and no content remains that should not, else 1.
    """
    started_at = time.monotonic()
    is_open = bool(os.environ.get("OPEN"))
    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, signal.default_int_handler)
    try:
        provider = chosen_provider(os.environ.get("PROVIDER", ""))
        chapters = chosen_chapters(os.environ.get("CHAPTERS", ""))
        state = state_folder("demo")
        stack = Testbed(state, SETTINGS, has_s3=False, has_chat=True, app=APP, users=USERS, say=_say)
        with stack as testbed:
            for url in (testbed.kaltura_url, testbed.cloudflare_url):
                _json(f"{url}/_simulator/clock", {"ready": f"after_s:{PROCESSING_S}"})
            print(testbed.set_up_accounts(), end="", flush=True)
            print_site(testbed)
            before = _objects(testbed)
            environment = (
                testbed.script_environment
                | _write_documents(state)
                | {
                    "DEMO_CHAPTERS": ",".join(chapters),
                    "DEMO_OPEN": "1" if is_open else "",
                    "DEMO_OPERATOR": json.dumps(testbed.secret_settings),
                    "DEMO_PROVIDER": provider,
                    "DEMO_PYTHON": sys.executable,
                }
            )
            exit_code = subprocess.run(["node", str(STORY)], env=environment, cwd=ROOT, check=False).returncode
            if exit_code != 0:
                print(f"\nA step failed. The logs of all processes are in {testbed.logs}.", file=sys.stderr)
                return 1
            if not is_open and not _is_clean(testbed, before):
                print("\nContent of a deleted session remains.", file=sys.stderr)
                return 1
            took_s = time.monotonic() - started_at
            print(f"\nAll steps succeeded in {took_s:.0f} s, including the start of the stack.", flush=True)
            if is_open:
                print_site(testbed)
                print("\n  Ctrl-C stops it.", flush=True)
                testbed.wait()
    except KeyboardInterrupt:
        print("\n  stopped")
        return 0 if is_open else 130
    except TestbedError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def chosen_provider(text: str) -> str:
    """
    Return the provider that PROVIDER names, the first one if it is empty. Pure.

    Raises:
        TestbedError: There is no such provider.
    """
    provider = text or PROVIDERS[0]
    if provider not in PROVIDERS:
        raise TestbedError(f"PROVIDER must be one of {', '.join(PROVIDERS)}.")
    return provider


def chosen_chapters(text: str) -> list[str]:
    """
    Return the chapters that CHAPTERS names and those that they need, in their order; all if it is empty. Pure.

    Raises:
        TestbedError: There is no such chapter.
    """
    named = {word.strip() for word in text.split(",") if word.strip()} or set(CHAPTERS)
    if not named <= set(CHAPTERS):
        raise TestbedError(f"CHAPTERS must name some of {', '.join(CHAPTERS)}, separated by commas.")
    needed = {NEEDS[name] for name in named if name in NEEDS}
    return [name for name in CHAPTERS if name in named | needed]


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


def _is_clean(testbed: Testbed, before: dict[str, list[dict[str, Any]]]) -> bool:
    """
    Print what still exists at the providers and in the buckets.

    Returns:
        Whether it is meant to remain.
    """
    return all(
        (
            _print_kaltura(before, _objects(testbed), set(testbed.uids.values())),
            _print_cloudflare(testbed),
            _print_buckets(testbed),
        )
    )


def _write_documents(folder: Path) -> dict[str, str]:
    """
    Write the documents that are shown as slides, and return their paths by the name of `story.mjs`'s variable.
    """
    paths = {"DEMO_DECK": folder / "fractions.pptx", "DEMO_EXERCISES": folder / "exercises.pdf"}
    paths["DEMO_DECK"].write_bytes(presentation())
    paths["DEMO_EXERCISES"].write_bytes(exercises())
    return {name: str(path) for name, path in paths.items()}


def _json(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": "Bearer owner", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
        return json.loads(answer.read())


def _objects(testbed: Testbed) -> dict[str, list[dict[str, Any]]]:
    """
    Return all objects at the Kaltura simulator, by kind.
    """
    objects: dict[str, list[dict[str, Any]]] = _json(f"{testbed.kaltura_url}/_simulator/things")
    return objects


def _print_kaltura(
    before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]], uids: set[str]
) -> bool:
    """
    Print a table of the objects at Kaltura that the demo created and that still exist.

    Returns:
        Whether each of them is meant to remain: it belongs to the account or to a user.
    """
    known = {(kind, str(item.get("id"))) for kind, items in before.items() for item in items}
    print("\nObjects at Kaltura that the demo created and that still exist")
    print(f"  {'kind':<24}{'id':<32}{'why it remains'}")
    is_clean = True
    for kind, items in sorted(after.items()):
        for object_id in (str(item.get("id")) for item in items):
            if (kind, object_id) in known:
                continue
            reason = _reason_to_remain(kind, object_id, uids)
            is_clean = is_clean and reason is not None
            print(f"  {kind:<24}{object_id:<32}{reason or 'SHOULD HAVE BEEN DELETED'}")
    return is_clean


def _print_cloudflare(testbed: Testbed) -> bool:
    """
    Print what still exists at Cloudflare.

    Returns:
        Whether no video exists and no minutes are reserved.
    """
    objects = _json(f"{testbed.cloudflare_url}/_simulator/things")
    storage, videos = objects["storage"], objects["videos"]
    used, reserved = storage["usedMinutes"], storage["reservedMinutes"]
    print(f"\nAt Cloudflare: {len(videos)} videos, {used:.1f} minutes used, {reserved:.1f} minutes reserved")
    return not videos and reserved == 0


def _print_buckets(testbed: Testbed) -> bool:
    """
    Print how many objects are in each bucket.

    Returns:
        Whether there are none.
    """
    counts = {
        name: len(_json(f"{testbed.storage_url}/storage/v1/b/{name}/o?versions=true").get("items", []))
        for name in testbed.buckets
    }
    print(f"\nObjects in the buckets: {', '.join(f'{name} {count}' for name, count in counts.items())}")
    return not any(counts.values())


def _reason_to_remain(kind: str, object_id: str, uids: set[str]) -> str | None:
    """
    Return why an object may remain, `None` if it should have been deleted.
    """
    if kind in SETUP_KINDS or object_id == "greenroom":
        return "belongs to the account"
    if kind == "users" and object_id in uids:
        return "is a user who joined"
    return None


if __name__ == "__main__":
    sys.exit(main())
