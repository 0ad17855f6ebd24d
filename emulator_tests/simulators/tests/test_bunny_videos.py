"""The Bunny simulator: its API judged by bunnycdn-stream, its tokens by what their makers have published."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from emulator_tests.simulators.tests.bunny_server import API_KEY, LIBRARY_ID, BunnyServer
from emulator_tests.simulators.tests.files import serving
from emulator_tests.simulators.tests.served import wait_until

NODE = Path(__file__).with_name("node")


def test_a_client_of_the_stream_api_makes_uploads_lists_and_deletes_a_video(bunny: BunnyServer, video: Path) -> None:
    command = ["node", "bunny_client.cjs", bunny.url, str(LIBRARY_ID), API_KEY, str(video)]
    told = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=30, check=False)

    assert told.stderr == ""
    assert json.loads(told.stdout) == {
        "uploaded": {"success": True, "message": "OK", "statusCode": 200},
        "statusName": "Finished",
        "resolutions": [180],
        "encodeProgress": 100,
        "length": 2,
        "titles": ["Another"],
        "totalItems": 1,
        "deleted": {"success": True, "message": "OK", "statusCode": 200},
        "errors": [404, 404, 401],
    }


def test_a_video_is_fetched_by_the_service_itself_and_finished_step_by_step(bunny: BunnyServer, video: Path) -> None:
    bunny.control("POST", "clock", ready="after_looks:8")
    with serving({"/film.mp4": video.read_bytes()}) as files:
        guid = bunny.fetch(f"{files.url}/film.mp4?secret=1")
        bunny.await_status(guid, 3)
        seen = [bunny.ask("GET", f"/{guid}").json() for _ in range(8)]

    assert [one["encodeProgress"] for one in seen] == sorted(one["encodeProgress"] for one in seen)
    assert (seen[-1]["status"], seen[-1]["length"], seen[-1]["storageSize"]) == (4, 2, video.stat().st_size)
    assert bunny.control("GET", "things")["videos"][0]["fetchedFrom"].endswith("/film.mp4?secret=1")


def test_unreadable_or_invalid_source_fails(bunny: BunnyServer, sound: Path) -> None:
    with serving({"/sound.mp4": sound.read_bytes(), "/text": b"no film" * 100}) as files:
        ends = {
            f"{files.url}/nothing": 6,
            "http://127.0.0.1:1/closed": 6,
            f"{files.url}/text": 5,
            f"{files.url}/sound.mp4": 5,
        }
        for url, status in ends.items():
            assert bunny.await_status(bunny.fetch(url), 4, 5, 6)["status"] == status, url
    assert bunny.ask("POST", "/fetch", json={"url": "film.mp4"}).json()["success"] is False
    assert bunny.ask("POST", "/fetch", data=b"{").json()["success"] is False


def test_a_video_that_is_deleted_while_it_is_fetched_leaves_nothing(bunny: BunnyServer, video: Path) -> None:
    with serving({"/film.mp4": video.read_bytes()}) as files:
        guid = bunny.fetch(f"{files.url}/film.mp4")
        assert bunny.ask("DELETE", f"/{guid}").status_code == 200
        wait_until(lambda: len(files.asked) == 1)

    assert bunny.control("GET", "things")["videos"] == []
    assert bunny.ask("GET", f"/{guid}").status_code == 404


def test_lists_come_in_pages_the_newest_first_and_are_searched(bunny: BunnyServer) -> None:
    for number in range(5):
        assert bunny.ask("POST", "", json={"title": f"Film {number}"}).status_code == 200

    page = bunny.ask("GET", "", params={"page": 2, "itemsPerPage": 2}).json()
    assert ([one["title"] for one in page["items"]], page["totalItems"]) == (["Film 2", "Film 1"], 5)
    found = bunny.ask("GET", "", params={"search": "film 3"}).json()
    assert [one["title"] for one in found["items"]] == ["Film 3"]
    by_title = bunny.ask("GET", "", params={"orderBy": "title", "itemsPerPage": 1}).json()
    assert [one["title"] for one in by_title["items"]] == ["Film 0"]


def test_wrong_key_or_library_or_malformed_request_is_refused(bunny: BunnyServer) -> None:
    assert bunny.ask("GET", "", key="").status_code == 401
    assert bunny.ask("POST", "/fetch", key="another", json={"url": "http://127.0.0.1/"}).status_code == 401
    elsewhere = requests.get(f"{bunny.url}/library/1/videos", headers={"AccessKey": API_KEY}, timeout=10)
    assert elsewhere.status_code == 404
    assert bunny.ask("POST", "", json={"title": 7}).status_code == 400
    assert bunny.ask("GET", "", params={"page": "x"}).status_code == 400
    assert bunny.ask("DELETE", "/nothing").status_code == 404
    assert bunny.control("GET", "things")["videos"] == []


@pytest.mark.parametrize(
    ("fault", "status", "made"),
    [
        ({"kind": "status", "status": 503}, 503, 0),
        ({"kind": "status", "status": 503, "commits": True}, 503, 1),
        ({"kind": "throttle", "after_s": 7}, 429, 0),
        ({"kind": "html"}, 502, 0),
        ({"kind": "drop_before"}, None, 0),
        ({"kind": "drop_after_commit"}, None, 1),
        ({"kind": "duplicate"}, 200, 2),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_faults_strike_one_operation_as_often_as_they_are_told_to(
    bunny: BunnyServer, fault: dict[str, Any], status: int | None, made: int
) -> None:
    bunny.control("POST", "faults", **fault, match={"operation": "create"})
    assert bunny.ask("GET", "").status_code == 200

    if status is None:
        with pytest.raises(requests.ConnectionError):
            bunny.ask("POST", "", json={"title": "Film"})
    else:
        answer = bunny.ask("POST", "", json={"title": "Film"})
        assert answer.status_code == status
        assert answer.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert len(bunny.control("GET", "things")["videos"]) == made
    assert bunny.ask("POST", "", json={"title": "Film"}).status_code == 200
