"""Every setting and secret, with its unit and default; the only reader of the environment.

Called by `wiring.py` and by the decorators of the other files here. A setting is a Firebase parameter: deployed
functions ask for it once and keep it in `.env.<project>`, secrets in Secret Manager.
"""

from __future__ import annotations

import os
from typing import Final

from firebase_functions.options import CorsOptions, set_global_options
from firebase_functions.params import BoolParam, IntParam, SecretParam, StringParam

REGION: Final = "us-central1"

KALTURA_URL: Final = StringParam(
    "KALTURA_URL", default="https://www.kaltura.com", description="Address of the Kaltura server, without /api_v3."
)
KALTURA_PARTNER_ID: Final = IntParam("KALTURA_PARTNER_ID", default=0, description="Kaltura partner (account) id.")
KALTURA_ADMIN_SECRET: Final = SecretParam("KALTURA_ADMIN_SECRET", description="Kaltura administrator secret.")
KALTURA_UPLOAD_ROLE: Final = StringParam(
    "KALTURA_UPLOAD_ROLE",
    default="",
    description="Role of upload tokens; empty makes one that can call uploadToken.upload and nothing else.",
)
KALTURA_CHAT_TOKEN: Final = SecretParam(
    "KALTURA_CHAT_TOKEN",
    description="The app token that signs chat tokens; `find` has it found in the account.",
)
KALTURA_ROOM_URL: Final = StringParam(
    "KALTURA_ROOM_URL",
    default="",
    description="Where the account's rooms are entered, as https://1234567.kaf.kaltura.com; empty where it has none.",
)
CLOUDFLARE_ACCOUNT_ID: Final = StringParam(
    "CLOUDFLARE_ACCOUNT_ID", default="", description="Cloudflare account id; empty where videos go to Kaltura alone."
)
CLOUDFLARE_API_TOKEN: Final = SecretParam(
    "CLOUDFLARE_API_TOKEN", description="Cloudflare API token with the permission Stream: Edit."
)
CLOUDFLARE_SIGNING_KEY: Final = SecretParam(
    "CLOUDFLARE_SIGNING_KEY", description="Signs playback tokens: what the command `make-signing-key` prints."
)
CLOUDFLARE_PLAYBACK_URL: Final = StringParam(
    "CLOUDFLARE_PLAYBACK_URL",
    default="",
    description="Where the account's videos play, as https://customer-<code>.cloudflarestream.com.",
)
CLOUDFLARE_URL: Final = StringParam(
    "CLOUDFLARE_URL", default="https://api.cloudflare.com/client/v4", description="Address of Cloudflare's API."
)
CLOUDFLARE_UPLOAD_LIFETIME_S: Final = IntParam(
    "CLOUDFLARE_UPLOAD_LIFETIME_S",
    default=6 * 3600,
    description="Seconds for which an upload address takes bytes, and minutes are reserved for it.",
)
CLOUDFLARE_PASS_ON: Final = StringParam(
    "CLOUDFLARE_PASS_ON",
    default="",
    description="Other deployments on the same account that hear of theirs through us: namespace=url, by commas.",
)
USE_HOSTS: Final = BoolParam(
    "USE_HOSTS", default=False, description="Whether ready videos are copied to, and play from, the hosts in HOSTS."
)
HOSTS: Final = SecretParam("HOSTS", description="The table of hosts: one line of JSON, as docs/hosts.md describes it.")
VIDEO_PROVIDER: Final = StringParam(
    "VIDEO_PROVIDER",
    default="",
    description="Where videos go whose session names no videoProvider: kaltura or cloudflare; empty takes the first.",
)
NAMESPACE: Final = StringParam(
    "NAMESPACE",
    default="",
    description="Marks what this deployment makes at a provider; empty takes the project id. Never change it.",
)
FUNCTIONS_URL: Final = StringParam(
    "FUNCTIONS_URL", default="", description="Where the functions are reached; empty takes this project's own address."
)
TASKS_SERVICE_ACCOUNT: Final = StringParam(
    "TASKS_SERVICE_ACCOUNT",
    default="",
    description="Whom tasks call as; empty takes the account that the functions run as.",
)

REAP_GRACE_S: Final = IntParam("REAP_GRACE_S", default=600, description="Seconds an unpublished event is kept.")
LATE_COMMIT_S: Final = IntParam(
    "LATE_COMMIT_S", default=600, description="Seconds after which a lost creation is certain not to come."
)
STRAY_AGE_S: Final = IntParam(
    "STRAY_AGE_S", default=3600, description="Seconds before something that nobody recorded may be deleted."
)
FEED_INTERVAL_S: Final = IntParam("FEED_INTERVAL_S", default=9, description="Seconds between looks at what changed.")
FEED_OVERLAP_S: Final = IntParam(
    "FEED_OVERLAP_S", default=60, description="Seconds by which the provider's lists may lag behind."
)
FEED_TICKS_MAX: Final = IntParam("FEED_TICKS_MAX", default=8640, description="Ticks of one chain before it ends.")

UPLOAD_BYTES_MAX: Final = IntParam("UPLOAD_BYTES_MAX", default=10 * 1024**3, description="Bytes of one file.")
VIDEO_DURATION_MAX_S: Final = IntParam("VIDEO_DURATION_MAX_S", default=6 * 3600, description="Seconds of one video.")
SESSION_VIDEOS_MAX: Final = IntParam("SESSION_VIDEOS_MAX", default=100, description="Videos of one session.")
SESSION_BYTES_MAX: Final = IntParam(
    "SESSION_BYTES_MAX", default=200 * 1024**3, description="Bytes of all videos of one session."
)
TEACHER_VIDEOS_MAX: Final = IntParam("TEACHER_VIDEOS_MAX", default=2000, description="Videos of one teacher.")
TEACHER_BYTES_MAX: Final = IntParam(
    "TEACHER_BYTES_MAX", default=2 * 1024**4, description="Bytes of all videos of one teacher."
)
UPLOADS_IN_FLIGHT_MAX: Final = IntParam(
    "UPLOADS_IN_FLIGHT_MAX", default=10, description="Uploads that one teacher may have open at once."
)
UPLOAD_TOKENS_PER_MINUTE_MAX: Final = IntParam(
    "UPLOAD_TOKENS_PER_MINUTE_MAX", default=60, description="Upload tokens that one teacher is given in a minute."
)
UPLOAD_DEADLINE_S: Final = IntParam(
    "UPLOAD_DEADLINE_S", default=7 * 24 * 3600, description="Seconds within which an upload must be finished."
)
PROCESSING_DEADLINE_S: Final = IntParam(
    "PROCESSING_DEADLINE_S", default=24 * 3600, description="Seconds within which a video must be processed."
)
RETRY_KEEP_S: Final = IntParam(
    "RETRY_KEEP_S",
    default=7 * 24 * 3600,
    description="Seconds a file is kept whose processing failed, to try it again.",
)
LOOKS_MAX: Final = IntParam("LOOKS_MAX", default=2000, description="Times that a provider is asked about one upload.")
LIVE_EARLY_S: Final = IntParam(
    "LIVE_EARLY_S", default=15 * 60, description="Seconds before its beginning at which a live event can be watched."
)
LIVE_OVERRUN_S: Final = IntParam(
    "LIVE_OVERRUN_S", default=3600, description="Seconds after its planned end at which it still can."
)
LIVE_RECORDING: Final = BoolParam(
    "LIVE_RECORDING", default=True, description="Whether a live event is recorded, and becomes a video of its session."
)
SINGLE_PAGE_APP: Final = BoolParam(
    "SINGLE_PAGE_APP",
    default=True,
    description="Whether the client keeps its chat open all the time; else each page that it loads joins anew.",
)
USER_KNOWN_S: Final = IntParam(
    "USER_KNOWN_S", default=30 * 24 * 3600, description="Seconds for which we believe that Kaltura knows a user."
)
PROFILE_KNOWN_S: Final = IntParam(
    "PROFILE_KNOWN_S",
    default=30 * 24 * 3600,
    description="Seconds for which we believe that access-control profile and upload role are there.",
)
CHAT_TOKEN_KNOWN_S: Final = IntParam(
    "CHAT_TOKEN_KNOWN_S", default=30 * 24 * 3600, description="Seconds for which we believe in the app token of chats."
)
EVENT_KNOWN_S: Final = IntParam(
    "EVENT_KNOWN_S",
    default=24 * 3600,
    description="Seconds for which we believe that the parts of an event are there, its moderators included.",
)
TASKS_PER_HOUR_MAX: Final = IntParam(
    "TASKS_PER_HOUR_MAX", default=100_000, description="Tasks of one hour; beyond them all work stops until it is over."
)
ORPHANS_CLEAN_UP: Final = BoolParam(
    "ORPHANS_CLEAN_UP", default=False, description="Whether the daily search for orphans also clears them up."
)
ENFORCE_APP_CHECK: Final = BoolParam(
    "ENFORCE_APP_CHECK", default=False, description="Whether callables answer only apps that App Check knows."
)

CHAT_LIFETIME_S: Final = 24 * 3600
CHAT_PAGE_LIFETIME_S: Final = 3600
"""Of a chat token, in a client that stays and in one that loads pages: the second gets a new one with each of them."""

CORS: Final = CorsOptions(cors_origins="*", cors_methods=["POST"])
"""Callables carry their caller's token in a header, never a cookie: any origin may call, and proves nothing by it."""

set_global_options(region=REGION, max_instances=20)


def project_id() -> str:
    """
    The project that we run in.
    """
    return os.environ.get("GCLOUD_PROJECT") or os.environ["GOOGLE_CLOUD_PROJECT"]


def functions_url() -> str:
    """
    Where the functions are reached, without a slash at its end.
    """
    return FUNCTIONS_URL.value or f"https://{REGION}-{project_id()}.cloudfunctions.net"


def enforce_app_check() -> bool:
    """
    Whether callables are deployed so that they answer only apps that App Check knows. Read when they are declared,
    before any other setting is.
    """
    return os.environ.get(ENFORCE_APP_CHECK.name, "").lower() == "true"


def kaltura_secrets() -> list[SecretParam]:
    """
    What functions must have that speak to Kaltura: nothing where there is no account. Read when they are declared,
    before any other setting is.
    """
    return [] if _is_without(KALTURA_PARTNER_ID) and not _is_without(CLOUDFLARE_ACCOUNT_ID) else [KALTURA_ADMIN_SECRET]


def cloudflare_secrets() -> list[SecretParam]:
    """
    Likewise Cloudflare.
    """
    return [] if _is_without(CLOUDFLARE_ACCOUNT_ID) else [CLOUDFLARE_API_TOKEN, CLOUDFLARE_SIGNING_KEY]


def host_secrets() -> list[SecretParam]:
    """
    Likewise the hosts.
    """
    return [HOSTS] if os.environ.get(USE_HOSTS.name, "").lower() == "true" else []


def provider_secrets() -> list[SecretParam]:
    """
    Likewise whichever provider or host has a video, or an event.
    """
    return [*kaltura_secrets(), *cloudflare_secrets(), *host_secrets()]


def pass_on() -> dict[str, str]:
    """
    Where notifications go that speak of other deployments on the same Cloudflare account, by namespace.
    """
    pairs = (pair.strip().partition("=") for pair in CLOUDFLARE_PASS_ON.value.split(",") if pair.strip())
    return {namespace.strip(): url.strip() for namespace, _, url in pairs}


def _is_without(account: IntParam | StringParam) -> bool:
    return os.environ.get(account.name, "") in ("", "0")


def tasks_emulator_host() -> str | None:
    """
    `host:port` of the Cloud Tasks emulator, `None` in the cloud.
    """
    return os.environ.get("TASKS_EMULATOR_HOST")
