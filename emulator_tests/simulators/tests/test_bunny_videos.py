"""The Bunny simulator: its API judged by bunnycdn-stream, its tokens by what their makers have published."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import pytest
import requests

from emulator_tests.simulators.bunny.responses.playback import is_signed
from emulator_tests.simulators.tests.bunny_server import API_KEY, LIBRARY_ID, TOKEN_KEY, BunnyServer
from emulator_tests.simulators.tests.files import serving
from emulator_tests.simulators.tests.served import wait_until

NODE = Path(__file__).with_name("node")
PUBLISHED_AT = 1_598_024_587


def _signed(path: str, allowed: str = "", *, key: str = TOKEN_KEY, lifetime_s: int = 60) -> dict[str, str]:
    """The parameters of the older kind of token, which needs no code of ours."""
    expires = str(int(time.time()) + lifetime_s)
    parameters = {"token_path": allowed} if allowed else {}
    signed = "&".join(f"{name}={value}" for name, value in parameters.items())
    digest = hashlib.sha256(f"{key}{allowed or path}{expires}{signed}".encode()).digest()
    token = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return {"token": token, **parameters, "expires": expires}


def _get(bunny: BunnyServer, path: str, parameters: dict[str, str], **more: Any) -> requests.Response:
    return requests.get(bunny.url + path, params=parameters, timeout=10, **more)


# --- the API ------------------------------------------------------------------------------------------------------


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


def test_what_cannot_be_fetched_or_is_no_film_ends_so(bunny: BunnyServer, sound: Path) -> None:
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


def test_who_has_another_key_or_library_or_sends_nonsense_is_refused(bunny: BunnyServer) -> None:
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


# --- playback -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/300kb.jpg", {"token": "HS256-o10JRWlsAItyAsdKS6jJKjabHN4FrFsplDHPV1idcX4"}),
        (
            "/abc/300kb.jpg",
            {"token": "HS256-uVZvT3SbEoVKYJyDJgbcsDmSFf73cv-uNUVaJiKWpbQ", "token_path": "/abc"},
        ),
        ("/300kb.jpg", {"token": "HS256-DAVapqNNED3Z7JkjRTYX0UOIHNtbHEuuhRNEc4A7mMQ", "limit": "1000"}),
    ],
    ids=["one file", "a folder", "another parameter"],
)
def test_tokens_as_their_makers_have_published_them_are_good_until_they_end(path: str, sent: dict[str, str]) -> None:
    # BunnyWay/BunnyCDN.TokenAuthentication, e2e/vectors.json: plain, path_only, limit_only; made with "SecurityKey".
    told = sent | {"expires": str(PUBLISHED_AT)}

    assert is_signed("SecurityKey", path, told, PUBLISHED_AT)
    assert not is_signed("SecurityKey", path, told, PUBLISHED_AT + 1)
    assert not is_signed("AnotherKey", path, told, PUBLISHED_AT)
    assert not is_signed("SecurityKey", "/other.jpg", told, PUBLISHED_AT)
    assert not is_signed("SecurityKey", path, told | {"token": told["token"][:-1]}, PUBLISHED_AT)
    assert not is_signed("SecurityKey", path, told | {"expires": ""}, 0)
    assert not is_signed("SecurityKey", path, told | {"more": "x"}, PUBLISHED_AT)


def test_a_token_before_the_path_is_good_for_all_that_a_manifest_points_to(bunny: BunnyServer, video: Path) -> None:
    with serving({"/film.mp4": video.read_bytes()}) as files:
        guid = bunny.fetch(f"{files.url}/film.mp4")
        bunny.await_status(guid, 4)
    sent = _signed("", f"/{guid}/")
    before = f"bcdn_token={sent['token']}&token_path={quote(sent['token_path'], safe='')}&expires={sent['expires']}"
    url = f"{bunny.url}/{before}/{guid}/playlist.m3u8"

    manifest = requests.get(url, timeout=10).text
    assert manifest.startswith("#EXTM3U")
    variant = urljoin(url, manifest.splitlines()[-1])
    segments = [line for line in requests.get(variant, timeout=10).text.splitlines() if not line.startswith("#")]
    assert requests.get(urljoin(variant, segments[0]), timeout=10).content[:1] == b"\x47"
    picture = requests.get(urljoin(url, "thumbnail.jpg"), timeout=10)
    assert picture.content[:2] == b"\xff\xd8"
    part = requests.get(urljoin(url, "original"), headers={"Range": "bytes=4-7"}, timeout=10)
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert requests.get(url.replace(guid, "0" * 36), timeout=10).status_code == 403


def test_without_a_token_or_with_another_one_there_is_no_byte(bunny: BunnyServer, video: Path) -> None:
    with serving({"/film.mp4": video.read_bytes()}) as files:
        guid, other = bunny.fetch(f"{files.url}/film.mp4"), bunny.fetch(f"{files.url}/film.mp4")
        for one in (guid, other):
            bunny.await_status(one, 4)
    path = f"/{guid}/original"
    assert _get(bunny, path, _signed(path)).content == video.read_bytes()

    for parameters in (
        {},
        _signed(path, key="another"),
        _signed(path, lifetime_s=-1),
        _signed(f"/{other}/original"),
        _signed("", f"/{other}/"),
        _signed(path) | {"expires": "9999999999"},
        {name: value for name, value in _signed(path).items() if name != "expires"},
    ):
        refused = _get(bunny, path, parameters)
        assert (refused.status_code, b"ftyp" in refused.content) == (403, False), parameters


def test_a_video_that_is_not_finished_does_not_play(bunny: BunnyServer, video: Path) -> None:
    bunny.control("POST", "clock", ready="never")
    with serving({"/film.mp4": video.read_bytes()}) as files:
        guid = bunny.fetch(f"{files.url}/film.mp4")
        bunny.await_status(guid, 3)
    path = f"/{guid}/playlist.m3u8"

    assert _get(bunny, path, _signed(path)).status_code == 404
