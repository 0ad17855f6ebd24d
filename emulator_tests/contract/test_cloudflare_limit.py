"""The rate of calls to Cloudflare's API, shared by all instances. After a refusal, no instance calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from emulator_tests.contract.accounts import CloudflareTestAccount
from emulator_tests.memory import MemoryDocuments
from shared.core.errors import Transient
from shared.limits.limiter import KNOWN_S, Limiter
from shared.ports import Documents, UploadSpec
from shared.providers.cloudflare.account import CALLS_MAX, UNTOLD_PAUSE_S, CloudflareAccount, budget_of
from shared.providers.cloudflare.inventory import CloudflareInventory
from shared.providers.cloudflare.media import CloudflareMedia

WISH: Final = UploadSpec("Algebra", "lecture.mp4", 1_000_000)


@pytest.fixture
def documents() -> Documents:
    """The documents that the instances share."""
    return MemoryDocuments()


def instance(account: CloudflareTestAccount, documents: Documents, calls_max: int = CALLS_MAX) -> CloudflareAccount:
    """Return the account as one instance has it."""
    return replace(account.provider_account, limiter=Limiter(documents, account.clock), calls_max=calls_max)


def operations(account: CloudflareTestAccount) -> list[str]:
    """Return the operations that the API was asked for, in order."""
    return [each["operation"] for each in account.control("GET", "requests")]


@pytest.mark.parametrize(
    ("fault", "pause_s"),
    [({"kind": "throttle", "after_s": 120}, 120), ({"kind": "status", "status": 429}, UNTOLD_PAUSE_S)],
    ids=["told how long", "not told"],
)
def test_after_a_refusal_no_instance_asks_before_it_is_over(
    cloudflare_account: CloudflareTestAccount, documents: Documents, fault: dict[str, Any], pause_s: float
) -> None:
    account = cloudflare_account
    one, other, new = (CloudflareMedia(instance(account, documents)) for _ in range(3))
    video = other.prepare_upload("video:v1:1", WISH)
    account.go_on(KNOWN_S)
    account.disturb({**fault, "match": {"operation": "create"}})
    with pytest.raises(Transient):
        one.prepare_upload("video:v2:1", WISH)
    before = operations(account)

    asked: list[Callable[[], object]] = [
        lambda: one.delete_media(video),
        lambda: other.observe([video]),
        lambda: other.prepare_upload("video:v3:1", WISH),
        lambda: new.find_upload("video:v3:1", WISH),
        lambda: CloudflareInventory(new.account).list_items(account.clock(), account.clock()),
    ]
    for ask in asked:
        with pytest.raises(Transient) as refused:
            ask()
        assert refused.value.code == "RATE_LIMITED"
        assert 0 < (refused.value.retry_after_s or 0) <= pause_s
    assert operations(account) == before

    account.go_on(pause_s)
    assert other.prepare_upload("video:v3:1", WISH)


def test_uploads_go_on_while_deletions_wait(cloudflare_account: CloudflareTestAccount, documents: Documents) -> None:
    account = cloudflare_account
    one, other = (CloudflareMedia(instance(account, documents, calls_max=120)) for _ in range(2))
    video = one.prepare_upload("video:v1:1", WISH)
    refused = None
    for _ in range(20):
        try:
            one.delete_media(video)
        except Transient as error:
            refused = error

    assert refused is not None
    assert (refused.code, bool(refused.retry_after_s)) == ("RATE_LIMITED", True)
    assert len(operations(account)) <= 12
    for number in range(5):
        assert other.prepare_upload(f"video:v{number}:2", WISH)


def test_a_budget_of_one_call_is_a_budget() -> None:
    assert budget_of(1).burst == 1


@pytest.mark.parametrize("calls_max", [10, 120, CALLS_MAX, 6000])
def test_the_budget_stays_below_what_cloudflare_takes_in_five_minutes(calls_max: int) -> None:
    budget = budget_of(calls_max)

    # Tokens that were taken may be used up to half a minute later.
    assert budget.burst + 5.5 * budget.per_minute <= calls_max
    assert budget.burst + 5.0 * budget.per_minute >= 0.75 * calls_max
