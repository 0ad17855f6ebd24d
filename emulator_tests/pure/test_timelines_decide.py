"""The table of what a timeline needs next, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest

from shared.core.identity import SessionIdentity
from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.reconcile.epoch import held_until
from shared.slides.timelines.decide import IDENTIFY, REMOVE, TimelineSpec, decide
from shared.slides.timelines.model import Timeline

NOW: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SESSION: Final = SessionIdentity("s1", "teacher", NOW)
RECORD: Final = Timeline(SESSION, ("c1",))
GONE: Final = replace(RECORD, is_gone=True)
OTHER: Final = SessionIdentity("s1", "bert", NOW, former_owner_uids=("teacher",))


def removal() -> Step[Timeline]:
    return Step(REMOVE, Effect.WRITE, GONE, GONE)


@pytest.mark.parametrize(
    ("record", "spec", "decision"),
    [
        pytest.param(None, TimelineSpec(), Done(), id="nothing"),
        pytest.param(GONE, TimelineSpec(is_deleted=True), Done(), id="gone"),
        pytest.param(RECORD, TimelineSpec(session=SESSION), Done(), id="as it should be"),
        pytest.param(RECORD, TimelineSpec(), removal(), id="no session"),
        pytest.param(RECORD, TimelineSpec(is_deleted=True, session=SESSION), removal(), id="deleted"),
        pytest.param(RECORD, TimelineSpec(is_waiting=True), RequeueAt(held_until(NOW)), id="deletions are held"),
        pytest.param(RECORD, TimelineSpec(is_held=True), Done(), id="another owner without a transfer"),
        pytest.param(RECORD, TimelineSpec(is_deleted=True, is_held=True), removal(), id="erased of a former owner"),
        pytest.param(
            RECORD,
            TimelineSpec(session=OTHER),
            Step(
                IDENTIFY,
                Effect.WRITE,
                replace(RECORD, session=replace(SESSION, owner_uid="bert")),
                replace(RECORD, session=replace(SESSION, owner_uid="bert")),
            ),
            id="transferred",
        ),
    ],
)
def test_table(record: Timeline | None, spec: TimelineSpec, decision: Decision[Timeline]) -> None:
    assert decide(Snapshot("k", spec, record, 1), NOW) == decision
