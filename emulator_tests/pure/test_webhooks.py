"""Webhooks: a request enqueues a task for each thing it names, or nothing (A14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator_tests.memory import ManualClock, MemoryQueue
from shared.core.paths import RECONCILE_SESSION, RECONCILE_VIDEO
from shared.operations.webhooks import handle_webhook
from shared.ports import WebhookEvent
from shared.registry import RESOURCES

pytestmark = pytest.mark.long

ANY = st.text(st.characters(exclude_categories=()), max_size=60)


@dataclass(frozen=True, slots=True)
class Names:
    """A provider whose requests name these things."""

    references: tuple[str, ...]

    def heard(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        return WebhookEvent(self.references)

    def install(self, url: str, algorithm: str | None = None) -> Sequence[str]:
        return []

    def remove(self) -> Sequence[str]:
        return []


def enqueued(*references: str) -> list[tuple[str, str]]:
    queue = MemoryQueue(ManualClock())
    assert handle_webhook("kaltura", Names(references), {}, b"{}", queue, RESOURCES) is None
    return [(task.queue, task.key) for task in queue.waiting()]


def test_a_task_is_left_for_each_thing_of_ours() -> None:
    assert enqueued("video:v1:1", "session:s1:2", "copy:v1-own:1") == [
        (RECONCILE_VIDEO, "v1"),
        (RECONCILE_SESSION, "s1"),
    ]


@pytest.mark.parametrize("text", ["video", "", "video:", ":::", "unknown:a:1", "session:a/b:1", "video:a,b:1"])
def test_unknown_reference_is_skipped(text: str) -> None:
    """A14: such an entry was answered 500, and Kaltura sent it again and again."""
    assert enqueued(text, "video:v1:1") == [(RECONCILE_VIDEO, "v1")]


@given(st.lists(ANY, max_size=4))
def test_no_text_raises(texts: list[str]) -> None:
    enqueued(*texts)
