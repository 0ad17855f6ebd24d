"""Declare every setting and secret with its unit, range and default. The only reader of the environment.

Called by `wiring.py` and by the decorators of the other files in this folder. Settings are in `.env.<project>`, which
firebase-tools gives to the functions, and to itself while it lists them. Secrets are in Secret Manager. How a text
becomes a value is left to `reading.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Final

from firebase_functions.options import set_global_options
from firebase_functions.params import IntParam, SecretParam

from shared.core.callers import ClaimNames
from shared.core.errors import Misconfigured
from shared.core.reading import (
    Setting,
    addresses,
    claim,
    domains,
    kaltura_url,
    matching,
    origin,
    truth,
    url,
    whole,
    word,
    word_or_find,
)

HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S
TIB: Final = 1024**4

SESSION_VIDEOS_MOST: Final = 250
"""
With the longest titles, replacements and failures included, this many take 0.7 of the 1 MiB that a document may have.
"""

_ACCOUNT: Final = matching(
    r"[a-z0-9.-]+@[a-z0-9.-]+[.][a-z]+",
    "the address of a service account, such as greenroom@my-school.iam.gserviceaccount.com",
)

FUNCTIONS_REGION: Final = Setting(
    "FUNCTIONS_REGION",
    matching("[a-z]+(-[a-z]+)+[0-9]+", "a region of Google Cloud, such as europe-west1", lower=True),
    "us-central1",
    "Where the functions and their queues are; best where Firestore is.",
)
MAX_INSTANCES: Final = Setting(
    "MAX_INSTANCES",
    whole(1, 1000),
    10,
    "Maximum instances of each function; a new project's quota in a small region may allow only a few.",
)
MIN_INSTANCES: Final = Setting(
    "MIN_INSTANCES",
    whole(0, 100),
    0,
    "Instances of joinSession and issuePlayback kept ready, and paid for, so that nobody waits for a cold start.",
)
SERVICE_ACCOUNT: Final = Setting(
    "SERVICE_ACCOUNT",
    _ACCOUNT,
    "",
    "The account that the functions run as; empty takes the project's default compute account.",
)
TASKS_SERVICE_ACCOUNT: Final = Setting(
    "TASKS_SERVICE_ACCOUNT",
    _ACCOUNT,
    "",
    "The account that tasks call as; empty takes the account that the functions run as.",
)
CLAIM_TEACHER: Final = Setting(
    "CLAIM_TEACHER", claim, "teacher", "The custom claim that is true for teachers; firestore.rules has it too."
)
CLAIM_ADMIN: Final = Setting(
    "CLAIM_ADMIN", claim, "admin", "The custom claim that is true for administrators; firestore.rules has it too."
)

KALTURA_URL: Final = Setting(
    "KALTURA_URL", kaltura_url, "https://www.kaltura.com", "Address of the Kaltura server, without /api_v3."
)
KALTURA_PARTNER_ID: Final = Setting(
    "KALTURA_PARTNER_ID", whole(0, 2**31 - 1), 0, "Kaltura partner (account) id; 0 if there is none."
)
KALTURA_ADMIN_SECRET: Final = Setting("KALTURA_ADMIN_SECRET", word, "", "Kaltura administrator secret.", is_secret=True)
KALTURA_UPLOAD_ROLE: Final = Setting(
    "KALTURA_UPLOAD_ROLE",
    matching("[A-Za-z0-9_-]{1,128}", "a role's system name or id of letters, digits, _ and -"),
    "",
    "Role of upload tokens; empty makes one that can call uploadToken.upload and nothing else.",
)
KALTURA_CHAT_TOKEN: Final = Setting(
    "KALTURA_CHAT_TOKEN",
    word_or_find,
    "",
    "Secret of the app token that signs chat tokens; `find` looks it up in the account.",
    is_secret=True,
)
KALTURA_ROOM_URL: Final = Setting(
    "KALTURA_ROOM_URL",
    url,
    "",
    "Address of the account's rooms, such as https://1234567.kaf.kaltura.com; empty if it has none.",
)
CLOUDFLARE_ACCOUNT_ID: Final = Setting(
    "CLOUDFLARE_ACCOUNT_ID",
    matching("[0-9a-f]{32}", "an account id of 32 digits and letters from a to f", lower=True),
    "",
    "Cloudflare account id; empty if all videos go to Kaltura.",
)
CLOUDFLARE_API_TOKEN: Final = Setting(
    "CLOUDFLARE_API_TOKEN", word, "", "Cloudflare API token with the permission Stream: Edit.", is_secret=True
)
CLOUDFLARE_SIGNING_KEY: Final = Setting(
    "CLOUDFLARE_SIGNING_KEY",
    str,
    "",
    "Signs playback tokens: what the command `make-signing-key` prints.",
    is_secret=True,
)
CLOUDFLARE_PLAYBACK_URL: Final = Setting(
    "CLOUDFLARE_PLAYBACK_URL",
    origin,
    "",
    "Address that plays the account's videos, such as https://customer-<code>.cloudflarestream.com.",
)
CLOUDFLARE_URL: Final = Setting(
    "CLOUDFLARE_URL", url, "https://api.cloudflare.com/client/v4", "Address of Cloudflare's API."
)
CLOUDFLARE_UPLOAD_LIFETIME_S: Final = Setting(
    "CLOUDFLARE_UPLOAD_LIFETIME_S",
    whole(1, 30 * DAY_S),
    6 * HOUR_S,
    "Seconds for which an upload address takes bytes, and minutes are reserved for it.",
)
CLOUDFLARE_CALLS_MAX: Final = Setting(
    "CLOUDFLARE_CALLS_MAX",
    whole(10, 100_000),
    1200,
    "Calls to Cloudflare's API in five minutes; less than 1,200 if something else calls it with the same user.",
)
CLOUDFLARE_PASS_ON: Final = Setting[Mapping[str, str]](
    "CLOUDFLARE_PASS_ON",
    addresses,
    {},
    "Other deployments on the same account, to which notifications are passed on: namespace=url, with commas between.",
)
DELIVERY_DOMAINS: Final = Setting[tuple[str, ...]](
    "DELIVERY_DOMAINS",
    domains,
    (),
    "More domains that video addresses may redirect to, such as a server's own CDN; with commas between.",
)
USE_HOSTS: Final = Setting(
    "USE_HOSTS", truth, False, "Whether ready videos are copied to the hosts in HOSTS and play from there."
)
HOSTS: Final = Setting(
    "HOSTS", str, "", "The table of hosts: one line of JSON, as docs/hosts.md describes it.", is_secret=True
)
VIDEO_PROVIDER: Final = Setting(
    "VIDEO_PROVIDER",
    matching("kaltura|cloudflare", "kaltura or cloudflare", lower=True),
    "",
    "Provider for sessions without a videoProvider: kaltura or cloudflare; empty takes the first that has an account.",
)
NAMESPACE: Final = Setting(
    "NAMESPACE",
    matching("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "up to 64 letters, digits, hyphens, dots and _, without a colon"),
    "",
    "Marks what this deployment makes at a provider; empty takes the project id. Never change it.",
)
FUNCTIONS_URL: Final = Setting(
    "FUNCTIONS_URL", url, "", "Address of the functions; empty takes this project's own address."
)

REAP_GRACE_S: Final = Setting("REAP_GRACE_S", whole(0, 30 * DAY_S), 600, "Seconds an unpublished event is kept.")
LATE_COMMIT_S: Final = Setting(
    "LATE_COMMIT_S", whole(1, DAY_S), 600, "Seconds after which a creation whose answer was lost can no longer appear."
)
STRAY_AGE_S: Final = Setting(
    "STRAY_AGE_S", whole(1, 30 * DAY_S), 3600, "Age in seconds at which an orphan may be deleted."
)
FEED_INTERVAL_S: Final = Setting("FEED_INTERVAL_S", whole(1, 300), 9, "Seconds between two polls of the feed.")
FEED_OVERLAP_S: Final = Setting(
    "FEED_OVERLAP_S", whole(0, DAY_S), 60, "Seconds by which the provider's lists may be out of date."
)
FEED_TICKS_MAX: Final = Setting("FEED_TICKS_MAX", whole(1, 1_000_000), 8640, "Maximum polls of one chain of the feed.")

UPLOAD_BYTES_MAX: Final = Setting("UPLOAD_BYTES_MAX", whole(1, 10 * TIB), 10 * 1024**3, "Maximum bytes of one file.")
VIDEO_DURATION_MAX_S: Final = Setting(
    "VIDEO_DURATION_MAX_S", whole(1, 7 * DAY_S), 6 * 3600, "Maximum seconds of one video."
)
SESSION_VIDEOS_MAX: Final = Setting(
    "SESSION_VIDEOS_MAX",
    whole(1, SESSION_VIDEOS_MOST, "because all of them are in one session document"),
    100,
    "Maximum videos of one session.",
)
SESSION_BYTES_MAX: Final = Setting(
    "SESSION_BYTES_MAX", whole(1, 1024 * TIB), 200 * 1024**3, "Maximum bytes of all videos of one session."
)
TEACHER_VIDEOS_MAX: Final = Setting("TEACHER_VIDEOS_MAX", whole(1, 1_000_000), 2000, "Maximum videos of one teacher.")
TEACHER_BYTES_MAX: Final = Setting(
    "TEACHER_BYTES_MAX", whole(1, 1024 * TIB), 2 * 1024**4, "Maximum bytes of all videos of one teacher."
)
UPLOADS_IN_FLIGHT_MAX: Final = Setting(
    "UPLOADS_IN_FLIGHT_MAX", whole(1, 1000), 10, "Maximum uploads that one teacher may have open at once."
)
UPLOAD_TOKENS_PER_MINUTE_MAX: Final = Setting(
    "UPLOAD_TOKENS_PER_MINUTE_MAX", whole(1, 6000), 60, "Maximum upload tokens that one teacher is given in a minute."
)
UPLOAD_DEADLINE_S: Final = Setting(
    "UPLOAD_DEADLINE_S", whole(1, 30 * DAY_S), 7 * DAY_S, "Seconds within which an upload must be finished."
)
PROCESSING_DEADLINE_S: Final = Setting(
    "PROCESSING_DEADLINE_S", whole(1, 30 * DAY_S), DAY_S, "Seconds within which a video must be processed."
)
RETRY_KEEP_S: Final = Setting(
    "RETRY_KEEP_S",
    whole(0, 365 * DAY_S),
    7 * DAY_S,
    "Seconds for which a file whose processing failed is kept for a retry.",
)
LOOKS_MAX: Final = Setting(
    "LOOKS_MAX", whole(1, 1_000_000), 2000, "Maximum observations of one upload at its provider."
)
LIVE_EARLY_S: Final = Setting(
    "LIVE_EARLY_S", whole(0, DAY_S), 15 * 60, "Seconds before its start from which a live event can be watched."
)
LIVE_OVERRUN_S: Final = Setting(
    "LIVE_OVERRUN_S",
    whole(0, 7 * DAY_S),
    3600,
    "Seconds after its planned end until which a live event can be watched.",
)
ALLOW_ANONYMOUS_VIEWERS: Final = Setting(
    "ALLOW_ANONYMOUS_VIEWERS",
    truth,
    False,
    "Whether anonymous users may enter live events; each of them becomes a user at Kaltura.",
)
LIVE_RECORDING: Final = Setting(
    "LIVE_RECORDING", truth, True, "Whether a live event is recorded, and becomes a video of its session."
)
SINGLE_PAGE_APP: Final = Setting(
    "SINGLE_PAGE_APP",
    truth,
    True,
    "Whether the client keeps its chat open all the time; if not, each page that it loads joins again.",
)
USER_KNOWN_S: Final = Setting(
    "USER_KNOWN_S",
    whole(0, 365 * DAY_S),
    30 * DAY_S,
    "Seconds for which a Kaltura user is remembered without asking again.",
)
PROFILE_KNOWN_S: Final = Setting(
    "PROFILE_KNOWN_S",
    whole(0, 365 * DAY_S),
    30 * DAY_S,
    "Seconds for which access-control profile and roles are remembered without asking again.",
)
CHAT_TOKEN_KNOWN_S: Final = Setting(
    "CHAT_TOKEN_KNOWN_S",
    whole(0, 365 * DAY_S),
    30 * DAY_S,
    "Seconds for which the app token of chats is remembered without asking again.",
)
EVENT_KNOWN_S: Final = Setting(
    "EVENT_KNOWN_S",
    whole(0, 30 * DAY_S),
    DAY_S,
    "Seconds for which an event's parts and moderators are remembered without asking again.",
)
TASKS_PER_HOUR_MAX: Final = Setting(
    "TASKS_PER_HOUR_MAX",
    whole(1, 10_000_000),
    100_000,
    "Tasks in one hour; above it bulk work waits until the hour is over, above twice as many every task.",
)
ORPHANS_CLEAN_UP: Final = Setting(
    "ORPHANS_CLEAN_UP",
    truth,
    False,
    "Whether the daily search for orphans also deletes those without content, and repairs what is missing.",
)
ENFORCE_APP_CHECK: Final = Setting(
    "ENFORCE_APP_CHECK", truth, False, "Whether callables answer only apps that App Check knows."
)

CHAT_LIFETIME_S: Final = DAY_S
CHAT_PAGE_LIFETIME_S: Final = 3600
"""
Lifetimes of a chat token. The first is for a client that stays open, the second for one that gets a new token with each
page that it loads.
"""

set_global_options(
    region=FUNCTIONS_REGION.value, max_instances=MAX_INSTANCES.value, service_account=SERVICE_ACCOUNT.value or None
)

if not KALTURA_PARTNER_ID.value and not CLOUDFLARE_ACCOUNT_ID.value:
    # Nothing works without this one setting: firebase-tools asks for a parameter, and stores the answer.
    IntParam(KALTURA_PARTNER_ID.name, description=KALTURA_PARTNER_ID.description)


def require_agreement() -> None:
    """
    Refuse settings that contradict each other.

    Raises:
        Misconfigured: Two settings contradict each other; the sentence names both (never, until one is changed).
    """
    if MIN_INSTANCES.value > MAX_INSTANCES.value:
        raise Misconfigured(
            f"MIN_INSTANCES must be at most MAX_INSTANCES, {MAX_INSTANCES.value}; it is {MIN_INSTANCES.value}."
        )
    if CLAIM_TEACHER.value == CLAIM_ADMIN.value:
        raise Misconfigured(
            f"CLAIM_TEACHER and CLAIM_ADMIN must be two different names, or every teacher is an administrator; "
            f"both are '{CLAIM_ADMIN.value}'."
        )
    accounts: dict[str, Setting[int] | Setting[str]] = {
        "kaltura": KALTURA_PARTNER_ID,
        "cloudflare": CLOUDFLARE_ACCOUNT_ID,
    }
    if VIDEO_PROVIDER.value and not accounts[VIDEO_PROVIDER.value].value:
        raise Misconfigured(
            f"VIDEO_PROVIDER must name a provider that has an account here; it is '{VIDEO_PROVIDER.value}', "
            f"and {accounts[VIDEO_PROVIDER.value].name} is not set."
        )


require_agreement()


def project_id() -> str:
    """
    Return the id of the project that this code runs in.
    """
    return os.environ.get("GCLOUD_PROJECT") or os.environ["GOOGLE_CLOUD_PROJECT"]


def functions_url() -> str:
    """
    Return the address of the functions, without a trailing slash.
    """
    return FUNCTIONS_URL.value or f"https://{FUNCTIONS_REGION.value}-{project_id()}.cloudfunctions.net"


def kaltura_secrets() -> list[SecretParam]:
    """
    Return the secrets of functions that call Kaltura; none without an account.
    """
    return [_demanded(KALTURA_ADMIN_SECRET)] if _uses_kaltura() else []


def chat_secrets() -> list[SecretParam]:
    """
    Return the secrets of functions that admit people to Kaltura's chats; none without an account.
    """
    return [_demanded(KALTURA_CHAT_TOKEN)] if _uses_kaltura() else []


def cloudflare_secrets() -> list[SecretParam]:
    """
    Return the secrets of functions that call Cloudflare; none without an account.
    """
    secrets = (CLOUDFLARE_API_TOKEN, CLOUDFLARE_SIGNING_KEY) if CLOUDFLARE_ACCOUNT_ID.value else ()
    return [_demanded(secret) for secret in secrets]


def host_secrets() -> list[SecretParam]:
    """
    Return the secrets of functions that call the hosts; none if hosts are not used.
    """
    return [_demanded(HOSTS)] if USE_HOSTS.value else []


def provider_secrets() -> list[SecretParam]:
    """
    Return the secrets of functions that may call any provider or host.
    """
    return [*kaltura_secrets(), *cloudflare_secrets(), *host_secrets()]


def _uses_kaltura() -> bool:
    return KALTURA_PARTNER_ID.value != 0 or not CLOUDFLARE_ACCOUNT_ID.value


@cache
def _demanded(secret: Setting[str]) -> SecretParam:
    """
    Declare a secret as a parameter, only if it is needed and only once: firebase-tools asks for every declared secret,
    even if no function uses it.
    """
    return SecretParam(secret.name, description=secret.description)


def claim_names() -> ClaimNames:
    """
    Return the names of the custom claims that make a teacher and an administrator.
    """
    return ClaimNames(CLAIM_TEACHER.value, CLAIM_ADMIN.value)


def tasks_service_account() -> str | None:
    """
    Return the account that tasks call as, if a setting names one; `None` leaves it to the instance that this code runs
    on.
    """
    return TASKS_SERVICE_ACCOUNT.value or SERVICE_ACCOUNT.value or None


def firestore_emulator_host() -> str | None:
    """
    Return `host:port` of the Firestore emulator, `None` in the cloud.
    """
    return os.environ.get("FIRESTORE_EMULATOR_HOST")


def tasks_emulator_host() -> str | None:
    """
    Return `host:port` of the Cloud Tasks emulator, `None` in the cloud.
    """
    return os.environ.get("TASKS_EMULATOR_HOST")


def is_deployed() -> bool:
    """
    Tell whether this is an instance in the cloud. Cloud Run sets this variable in each instance, and the emulator does
    not. firebase-tools refuses an `.env` that sets it.

    Source: https://cloud.google.com/run/docs/container-contract#services-env-vars; `RESERVED_KEYS` of firebase-tools,
    lib/functions/env.js, and `getSystemEnvs` of its lib/emulator/functionsEmulator.js.
    """
    return "K_CONFIGURATION" in os.environ
