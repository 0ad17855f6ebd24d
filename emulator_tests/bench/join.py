"""Benchmark of a class that enters a live event: calls to Kaltura per student, and the time to enter for known
students.

One instance of `joinSession` under functions-framework runs beside one of an empty callable, against the emulators and
a Kaltura that answers after 50 ms. The count is of all requests in the simulator's log that ask for a user or a token,
and, for known students, of all requests.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from KalturaClient.Plugins.Core import KalturaAppToken

from emulator_tests.bench.rounds import show, times, verdict
from emulator_tests.flow.school import Person, School
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.places import HOME, ROOT

STUDENTS = 500
AT_ONCE = 16
KALTURA_S = 0.05
ROUNDS = 500
READY_S = 60.0
LOOK_S = 0.02
TARGET_TIMES = 3.0
TARGET_CLASS_S = 60.0


def run() -> None:
    """
    Measure, and print the table.
    """
    with ExitStack() as stack:
        testbed = stack.enter_context(Testbed(HOME / "bench", {}, say=lambda line: print(f"  {line}", flush=True)))
        os.environ["FIRESTORE_EMULATOR_HOST"] = testbed.firestore_host
        school = School(testbed)
        stack.callback(school.close)
        session_id = _prepare(school)
        joining = stack.enter_context(_instance(testbed, ROOT / "main.py", "joinSession"))
        empty = stack.enter_context(_instance(testbed, Path(__file__).with_name("join_empty.py"), "answer"))
        print(f"  {STUDENTS} students sign up", flush=True)
        with ThreadPoolExecutor(4) as pool:
            students = list(pool.map(lambda _: school.person(), range(STUDENTS)))
        body = {"data": {"sessionId": session_id}}
        new_s, new_calls, class_s = _enter(school, joining, students, body)
        known_s, known_calls, _ = _enter(school, joining, students, body)
        ours_s, peer_s = _by_turns(joining, empty, students, body)
    least = _p95(ours_s) / _p95(peer_s)
    show(
        f"join: a class of {STUDENTS}, {AT_ONCE} at a time, one instance, Kaltura answering after 50 ms; times in ms",
        ("", "calls to Kaltura", "median", "p95", "target"),
        [
            (
                f"all of them new, within {class_s:.0f} s",
                str(new_calls),
                *_cells(new_s),
                verdict(new_calls <= STUDENTS and class_s <= TARGET_CLASS_S, "one call each, within a minute"),
            ),
            ("all of them known", str(known_calls), *_cells(known_s), verdict(known_calls == 0, "none")),
        ],
    )
    show(
        "join: one after the other, by turns with an empty callable; times in ms",
        ("", "median", "p95", "of the peer's p95", "target"),
        [
            ("an empty callable", *_cells(peer_s), times(1.0), ""),
            (
                "joinSession, known",
                *_cells(ours_s),
                times(least),
                verdict(least < TARGET_TIMES, f"under {TARGET_TIMES:.0f}x"),
            ),
        ],
    )


def _prepare(school: School) -> str:
    """
    Prepare an account with a chat, and a public live session.

    Returns:
        The id of the session.
    """
    school.administrator().appToken.add(KalturaAppToken(sessionPrivileges="cncAuth:true"))
    now = datetime.now(UTC).replace(microsecond=0)
    # The session begins later. So only entering is measured, and Kaltura is not asked whether the event is live.
    session_id = school.teacher().write_live_session(
        status="public", startsAt=now + timedelta(minutes=14), endsAt=now + timedelta(hours=2)
    )
    school.await_event(session_id)
    school.simulator("POST", "faults", {"kind": "delay", "after_s": KALTURA_S, "match": {"times": 0}})
    return session_id


@contextmanager
def _instance(testbed: Testbed, source: Path, target: str) -> Iterator[str]:
    """
    Run one instance of a function as the cloud does, and stop it afterwards.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = testbed.environment | testbed.secret_settings
    environment = {**os.environ, **settings, "GOOGLE_CLOUD_PROJECT": testbed.project_id}
    program = Path(sys.executable).with_name("functions-framework")
    command = [str(program), "--source", str(source), "--target", target, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ends_at = time.monotonic() + READY_S
        while True:
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > ends_at:
                raise RuntimeError(f"{target} did not start")
            time.sleep(LOOK_S)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _enter(
    school: School, url: str, students: Sequence[Person], body: Mapping[str, Any]
) -> tuple[list[float], int, float]:
    """
    Let a whole class enter.

    Returns:
        The seconds of each, the number of requests to Kaltura for that, and the seconds of the whole.
    """
    school.simulator("DELETE", "requests")
    began_s = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        took_s = list(pool.map(lambda student: _call(url, student, body), students))
    whole_s = time.perf_counter() - began_s
    asked = [{part["service"] for part in request["parts"]} for request in school.simulator("GET", "requests")]
    return took_s, sum(not services & {"livestream"} for services in asked), whole_s


def _by_turns(
    joining: str, empty: str, students: Sequence[Person], body: Mapping[str, Any]
) -> tuple[list[float], list[float]]:
    ours_s, peer_s = [], []
    for turn in range(ROUNDS):
        student = students[turn % len(students)]
        ours_s.append(_call(joining, student, body))
        peer_s.append(_call(empty, student, {"data": {}}))
    return ours_s, peer_s


def _call(url: str, student: Person, body: Mapping[str, Any]) -> float:
    headers = {"Authorization": f"Bearer {student.id_token}"}
    began_s = time.perf_counter()
    answer = requests.post(url, json=body, headers=headers, timeout=READY_S)
    took_s = time.perf_counter() - began_s
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code}: {answer.text}")
    return took_s


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def _cells(values: Sequence[float]) -> tuple[str, str]:
    return f"{sorted(values)[len(values) // 2] * 1e3:.1f}", f"{_p95(values) * 1e3:.1f}"
