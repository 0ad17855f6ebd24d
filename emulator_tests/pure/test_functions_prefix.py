"""The prefix of the functions' names: how it is found, what it may be, and what is called by it.

How firebase-tools makes names of it is tested in `flow/test_deploying.py`, and that everything works together in
`flow/test_own_space.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from functions import config, environment
from main import FUNCTIONS
from shared.cloud.tasks import CloudTasksQueue
from shared.core.errors import Misconfigured
from shared.ports import Task

SERVICES = "projects/my-school/locations/us-central1/services"
FOUND_BY = ("EVENTARC_CLOUD_EVENT_SOURCE", "K_SERVICE", "FUNCTION_TARGET", "FUNCTIONS_PREFIX")


def set_variables(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name in FOUND_BY:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


INSTANCES: dict[str, tuple[dict[str, str], str | None]] = {
    "no function": ({}, None),
    "a job of Cloud Run": ({"CLOUD_RUN_JOB": "greenroom-archive"}, None),
    "a service without an entry point": ({"K_SERVICE": "gr-sweep"}, None),
    "an entry point without a name": ({"FUNCTION_TARGET": "sweep"}, None),
    "no prefix": (
        {"EVENTARC_CLOUD_EVENT_SOURCE": f"{SERVICES}/reconcileVideo", "FUNCTION_TARGET": "reconcileVideo"},
        "",
    ),
    "a prefix": (
        {"EVENTARC_CLOUD_EVENT_SOURCE": f"{SERVICES}/gr-reconcileVideo", "FUNCTION_TARGET": "reconcileVideo"},
        "gr-",
    ),
    "a prefix, beside the name of Cloud Run": (
        {
            "EVENTARC_CLOUD_EVENT_SOURCE": f"{SERVICES}/kit-my_school-reconcileVideo",
            "K_SERVICE": "kit-my-school-reconcilevideo",
            "FUNCTION_TARGET": "reconcileVideo",
        },
        "kit-my_school-",
    ),
    "the name of Cloud Run alone": ({"K_SERVICE": "gr-reconcilevideo", "FUNCTION_TARGET": "reconcileVideo"}, "gr-"),
    "the name of Cloud Run alone, no prefix": (
        {"K_SERVICE": "reconcilevideo", "FUNCTION_TARGET": "reconcileVideo"},
        "",
    ),
    "the emulator": ({"K_SERVICE": "gr-reconcileVideo", "FUNCTION_TARGET": "reconcileVideo"}, "gr-"),
    "a kit": (
        {"EVENTARC_CLOUD_EVENT_SOURCE": f"{SERVICES}/kit-video-api", "FUNCTION_TARGET": "api"},
        "kit-video-",
    ),
    "a prefix that ends like the function": (
        {"EVENTARC_CLOUD_EVENT_SOURCE": f"{SERVICES}/api-api", "FUNCTION_TARGET": "api"},
        "api-",
    ),
    "another entry point": (
        {"EVENTARC_CLOUD_EVENT_SOURCE": f"{SERVICES}/gr-sweep", "FUNCTION_TARGET": "reconcileVideo"},
        None,
    ),
    "an empty entry point": ({"EVENTARC_CLOUD_EVENT_SOURCE": f"{SERVICES}/gr-sweep", "FUNCTION_TARGET": ""}, None),
    "an event source that ends in a slash": (
        {"EVENTARC_CLOUD_EVENT_SOURCE": f"{SERVICES}/", "K_SERVICE": "gr-sweep", "FUNCTION_TARGET": "sweep"},
        "gr-",
    ),
}


@pytest.mark.parametrize(("variables", "prefix"), INSTANCES.values(), ids=INSTANCES)
def test_prefix_is_found(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], prefix: str | None) -> None:
    set_variables(monkeypatch, **variables)
    assert environment.functions_prefix() == prefix


@pytest.mark.parametrize(("variables", "prefix"), INSTANCES.values(), ids=INSTANCES)
def test_setting_counts_only_where_no_prefix_is_found(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], prefix: str | None
) -> None:
    set_variables(monkeypatch, **variables)
    assert config.functions_prefix() == (prefix or "")
    monkeypatch.setenv("FUNCTIONS_PREFIX", "set-")
    assert config.functions_prefix() == ("set-" if prefix is None else prefix)


@pytest.mark.parametrize(("variables", "prefix"), INSTANCES.values(), ids=INSTANCES)
def test_setting_that_contradicts_the_found_prefix_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], prefix: str | None
) -> None:
    set_variables(monkeypatch, **variables)
    config.require_agreement()
    monkeypatch.setenv("FUNCTIONS_PREFIX", "other-")
    if prefix is None:
        config.require_agreement()
        return
    with pytest.raises(Misconfigured) as refused:
        config.require_agreement()
    assert str(refused.value) == (
        f"FUNCTIONS_PREFIX must be the prefix that the functions are deployed with, '{prefix}'; it is 'other-'."
    )
    if prefix:
        monkeypatch.setenv("FUNCTIONS_PREFIX", prefix)
        config.require_agreement()


@pytest.mark.parametrize(
    "prefix",
    ["g-", "gr-", "g2-", "my-school-", "a" * 30 + "-", "kit-a-", "kit-_a_b-", "kit-" + "a" * 40 + "-"],
)
def test_prefix_leaves_room_for_every_name(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv("FUNCTIONS_PREFIX", prefix)
    assert config.FUNCTIONS_PREFIX.value == prefix
    assert max(len(f"{prefix}{name}") for name in FUNCTIONS) <= 63


@pytest.mark.parametrize(
    "prefix",
    ["gr", "-", "--", "-gr-", "gr--", "Gr-", "2gr-", "gr_-", "g r-", "gr/-", "gr-\u00e9-", "a" * 31 + "-", "kit--",
     "kit-" + "a" * 41 + "-", "kit-" + "a-" * 30, "gr-/", "../-"],
)  # fmt: skip
def test_impossible_prefix_is_refused(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv("FUNCTIONS_PREFIX", prefix)
    with pytest.raises(Misconfigured, match=r"^FUNCTIONS_PREFIX must be the prefix of firebase\.json, up to 30 small"):
        _ = config.FUNCTIONS_PREFIX.value


def test_names_and_addresses_of_functions_have_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, GCLOUD_PROJECT="my-school", FUNCTIONS_PREFIX="gr-")
    monkeypatch.delenv("FUNCTIONS_URL", raising=False)
    assert config.deployed_name("kalturaHook") == "gr-kalturaHook"
    assert config.function_url("kalturaHook") == "https://us-central1-my-school.cloudfunctions.net/gr-kalturaHook"
    monkeypatch.setenv("FUNCTIONS_URL", "https://video.example.com/call/")
    assert config.function_url("kalturaHook") == "https://video.example.com/call/gr-kalturaHook"


@pytest.mark.parametrize("prefix", ["", "gr-", "kit-video-"])
def test_task_goes_to_the_queue_and_worker_with_the_prefix(prefix: str) -> None:
    created: list[Any] = []

    def create_task(request: Any, **_options: Any) -> None:
        """Google's method, which the queue is given."""
        created.append(request)

    queue = CloudTasksQueue(
        lambda: create_task,
        "my-school",
        "europe-west1",
        "https://europe-west1-my-school.cloudfunctions.net",
        {"reconcileVideo": 60},
        lambda: "tasks@my-school.iam.gserviceaccount.com",
        lambda: datetime(2031, 5, 6, tzinfo=UTC),
        prefix=prefix,
    )
    assert queue.put(Task("reconcileVideo", "v1", once="1"))
    (request,) = created
    parent = f"projects/my-school/locations/europe-west1/queues/{prefix}reconcileVideo"
    assert request.parent == parent
    assert request.task.name.startswith(f"{parent}/tasks/")
    assert request.task.http_request.url == (
        f"https://europe-west1-my-school.cloudfunctions.net/{prefix}reconcileVideo"
    )
