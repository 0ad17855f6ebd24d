"""The story of a long upload: 2 GiB, over a line that breaks again and again, from a client with little memory."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from emulator_tests.flow.long_upload import Errand, LongFilm, Report, read_report, written
from emulator_tests.flow.school import Person, School
from emulator_tests.testbed.line import Break, Line, line_to
from emulator_tests.testbed.places import ROOT, TEST_PICTURE

SIZE_BYTES: Final = 2**31
BREAKS: Final = 20
MEMORY_BYTES: Final = 64 * 1024**2

SEED: Final = 20
"""Of the bytes and of where the line breaks."""

SENT_WITHIN_S: Final = 400.0
READ_BYTES: Final = 1024**2


@pytest.fixture
def session_id(school: School, teacher: Person) -> Iterator[str]:
    """
    A session that is deleted afterwards, and with it all that lies at Kaltura, however the story ends.
    """
    session_id = teacher.write_session()
    yield session_id
    video_ids = list((school.document(f"sessions/{session_id}") or {}).get("videos") or {})
    teacher.delete_session(session_id)
    school.await_provider("the deletion of the long video", lambda: not any(map(school.made_for, video_ids)))


@pytest.mark.timeout(600)
def test_upload_of_2_gib_survives_20_disconnects(school: School, teacher: Person, session_id: str) -> None:
    video_bytes = LongFilm(str(TEST_PICTURE), SIZE_BYTES, SEED)
    token = teacher.ask_to_upload(session_id, SIZE_BYTES)
    video_id, chunk_bytes = token["videoId"], token["upload"]["chunkSizeBytes"]
    breaks = _breaks(chunk_bytes)
    print(f"With the seed {SEED} the line breaks so:", *breaks, sep="\n")

    kaltura = urlsplit(school.testbed.kaltura_url)
    with line_to((kaltura.hostname or "", kaltura.port or 0), breaks) as line:
        report = _send(school, teacher, video_bytes, token, line)

    assert line.broken == breaks
    assert report.interruptions == BREAKS
    assert report.warning is None
    assert report.peak_bytes < MEMORY_BYTES, f"the client needed {report.peak_bytes / 1024**2:.0f} MiB"
    # Only what had not arrived was sent again; what the forms take besides is far less than a chunk.
    cut_chunks = sum(not one.loses_answer for one in breaks)
    assert line.sent_bytes < SIZE_BYTES + (cut_chunks + 1) * chunk_bytes

    shown = school.await_video(session_id, video_id, "ready", "failed")
    assert (shown["state"], shown["durationS"]) == ("ready", 12.0)
    video = school.document(f"videos/{video_id}")
    assert video is not None
    assert video["playable"]["sizeBytes"] == SIZE_BYTES
    external_ids = video["playable"]["parts"]
    assert sorted(school.made_for(video_id)) == [
        ("entries", external_ids["entryId"]),
        ("uploadTokens", token["upload"]["uploadTokenId"]),
        ("users", external_ids["uploaderId"]),
    ]

    grant = teacher.call("issuePlayback", {"videoId": video_id})
    with school.http.get(grant["progressiveUrl"], stream=True, timeout=60) as answer:
        answer.raise_for_status()
        arrived = _digest(answer.iter_content(READ_BYTES))
    assert arrived == _digest(video_bytes.blocks(0, SIZE_BYTES))


def _breaks(chunk_bytes: int) -> list[Break]:
    """
    One within the first chunk, one that loses the answer to the last chunk, and the others one in each twentieth of the
    video: half of them within a chunk, half of them when it has arrived and its client does not hear of it.
    """
    chance = random.Random(SEED)
    stretch_bytes = SIZE_BYTES // BREAKS
    loses_answer = [index % 2 == 0 for index in range(BREAKS - 2)]
    chance.shuffle(loses_answer)
    between = [
        Break(index * stretch_bytes + chance.randrange(stretch_bytes), loses_answer=loses, resets=chance.random() < 0.5)
        for index, loses in enumerate(loses_answer, 1)
    ]
    last = Break(0, loses_answer=True, of_final_chunk=True)
    return [Break(chance.randrange(chunk_bytes), resets=True), *between, last]


def _send(school: School, teacher: Person, video_bytes: LongFilm, token: dict[str, Any], line: Line) -> Report:
    """
    Have a client send the video.
    """
    assert teacher.id_token is not None
    errand = Errand(video_bytes, token, school.testbed.functions_url, teacher.id_token, line.address)
    client = subprocess.run(
        [sys.executable, "-m", "emulator_tests.flow.long_upload"],
        input=written(errand),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SENT_WITHIN_S,
        check=False,
    )
    assert client.returncode == 0, client.stderr
    return read_report(client.stdout)


def _digest(blocks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
