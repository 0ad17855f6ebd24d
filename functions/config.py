"""Every setting and secret, with its unit and default; the only reader of the environment.

Called by `wiring.py` and by the decorators of the other files here. Settings stand in `.env.<project>`, which
firebase-tools gives to the functions and to itself while it looks for them; secrets in Secret Manager.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Generic, TypeVar

from firebase_functions.options import CorsOptions, set_global_options
from firebase_functions.params import IntParam, SecretParam

from shared.errors import Misconfigured

Value = TypeVar("Value")


@dataclass(frozen=True)
class Setting(Generic[Value]):
    """
    A setting of this deployment. No Firebase parameter: of those firebase-tools asks for each that is not set, its
    default or not, and deploys nothing where it cannot ask.
    """

    name: str
    read: Callable[[str], Value]
    default: Value
    description: str

    def __post_init__(self) -> None:
        # What cannot be is refused when it would be deployed, not when it is first needed.
        _ = self.value

    @property
    def value(self) -> Value:
        """
        Raises:
            Misconfigured: It is set to what it cannot be (never, until that is changed).
        """
        text = os.environ.get(self.name, "")
        if not text:
            return self.default
        try:
            return self.read(text)
        except ValueError:
            must = "a whole number" if self.read is int else "true or false"
            raise Misconfigured(f"{self.name} must be {must}.") from None


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


FUNCTIONS_REGION: Final = Setting(
    "FUNCTIONS_REGION",
    str,
    "us-central1",
    "Where the functions and their queues are; best where Firestore is.",
)
KALTURA_URL: Final = Setting(
    "KALTURA_URL", str, "https://www.kaltura.com", "Address of the Kaltura server, without /api_v3."
)
KALTURA_PARTNER_ID: Final = Setting("KALTURA_PARTNER_ID", int, 0, "Kaltura partner (account) id.")
KALTURA_ADMIN_SECRET: Final = Setting("KALTURA_ADMIN_SECRET", str, "", "Kaltura administrator secret.")
KALTURA_UPLOAD_ROLE: Final = Setting(
    "KALTURA_UPLOAD_ROLE",
    str,
    "",
    "Role of upload tokens; empty makes one that can call uploadToken.upload and nothing else.",
)
KALTURA_CHAT_TOKEN: Final = Setting(
    "KALTURA_CHAT_TOKEN",
    str,
    "",
    "The app token that signs chat tokens; `find` has it found in the account.",
)
KALTURA_ROOM_URL: Final = Setting(
    "KALTURA_ROOM_URL",
    str,
    "",
    "Where the account's rooms are entered, as https://1234567.kaf.kaltura.com; empty where it has none.",
)
CLOUDFLARE_ACCOUNT_ID: Final = Setting(
    "CLOUDFLARE_ACCOUNT_ID", str, "", "Cloudflare account id; empty where videos go to Kaltura alone."
)
CLOUDFLARE_API_TOKEN: Final = Setting(
    "CLOUDFLARE_API_TOKEN", str, "", "Cloudflare API token with the permission Stream: Edit."
)
CLOUDFLARE_SIGNING_KEY: Final = Setting(
    "CLOUDFLARE_SIGNING_KEY", str, "", "Signs playback tokens: what the command `make-signing-key` prints."
)
CLOUDFLARE_PLAYBACK_URL: Final = Setting(
    "CLOUDFLARE_PLAYBACK_URL",
    str,
    "",
    "Where the account's videos play, as https://customer-<code>.cloudflarestream.com.",
)
CLOUDFLARE_URL: Final = Setting(
    "CLOUDFLARE_URL", str, "https://api.cloudflare.com/client/v4", "Address of Cloudflare's API."
)
CLOUDFLARE_UPLOAD_LIFETIME_S: Final = Setting(
    "CLOUDFLARE_UPLOAD_LIFETIME_S",
    int,
    6 * 3600,
    "Seconds for which an upload address takes bytes, and minutes are reserved for it.",
)
CLOUDFLARE_PASS_ON: Final = Setting(
    "CLOUDFLARE_PASS_ON",
    str,
    "",
    "Other deployments on the same account that hear of theirs through us: namespace=url, by commas.",
)
USE_HOSTS: Final = Setting(
    "USE_HOSTS", _truth, False, "Whether ready videos are copied to, and play from, the hosts in HOSTS."
)
HOSTS: Final = Setting("HOSTS", str, "", "The table of hosts: one line of JSON, as docs/hosts.md describes it.")
VIDEO_PROVIDER: Final = Setting(
    "VIDEO_PROVIDER",
    str,
    "",
    "Where videos go whose session names no videoProvider: kaltura or cloudflare; empty takes the first.",
)
NAMESPACE: Final = Setting(
    "NAMESPACE",
    str,
    "",
    "Marks what this deployment makes at a provider; empty takes the project id. Never change it.",
)
FUNCTIONS_URL: Final = Setting(
    "FUNCTIONS_URL", str, "", "Where the functions are reached; empty takes this project's own address."
)
TASKS_SERVICE_ACCOUNT: Final = Setting(
    "TASKS_SERVICE_ACCOUNT",
    str,
    "",
    "Whom tasks call as; empty takes the account that the functions run as.",
)

REAP_GRACE_S: Final = Setting("REAP_GRACE_S", int, 600, "Seconds an unpublished event is kept.")
LATE_COMMIT_S: Final = Setting("LATE_COMMIT_S", int, 600, "Seconds after which a lost creation is certain not to come.")
STRAY_AGE_S: Final = Setting("STRAY_AGE_S", int, 3600, "Seconds before something that nobody recorded may be deleted.")
FEED_INTERVAL_S: Final = Setting("FEED_INTERVAL_S", int, 9, "Seconds between looks at what changed.")
FEED_OVERLAP_S: Final = Setting("FEED_OVERLAP_S", int, 60, "Seconds by which the provider's lists may lag behind.")
FEED_TICKS_MAX: Final = Setting("FEED_TICKS_MAX", int, 8640, "Ticks of one chain before it ends.")

UPLOAD_BYTES_MAX: Final = Setting("UPLOAD_BYTES_MAX", int, 10 * 1024**3, "Bytes of one file.")
VIDEO_DURATION_MAX_S: Final = Setting("VIDEO_DURATION_MAX_S", int, 6 * 3600, "Seconds of one video.")
SESSION_VIDEOS_MAX: Final = Setting("SESSION_VIDEOS_MAX", int, 100, "Videos of one session.")
SESSION_BYTES_MAX: Final = Setting("SESSION_BYTES_MAX", int, 200 * 1024**3, "Bytes of all videos of one session.")
TEACHER_VIDEOS_MAX: Final = Setting("TEACHER_VIDEOS_MAX", int, 2000, "Videos of one teacher.")
TEACHER_BYTES_MAX: Final = Setting("TEACHER_BYTES_MAX", int, 2 * 1024**4, "Bytes of all videos of one teacher.")
UPLOADS_IN_FLIGHT_MAX: Final = Setting(
    "UPLOADS_IN_FLIGHT_MAX", int, 10, "Uploads that one teacher may have open at once."
)
UPLOAD_TOKENS_PER_MINUTE_MAX: Final = Setting(
    "UPLOAD_TOKENS_PER_MINUTE_MAX", int, 60, "Upload tokens that one teacher is given in a minute."
)
UPLOAD_DEADLINE_S: Final = Setting(
    "UPLOAD_DEADLINE_S", int, 7 * 24 * 3600, "Seconds within which an upload must be finished."
)
PROCESSING_DEADLINE_S: Final = Setting(
    "PROCESSING_DEADLINE_S", int, 24 * 3600, "Seconds within which a video must be processed."
)
RETRY_KEEP_S: Final = Setting(
    "RETRY_KEEP_S",
    int,
    7 * 24 * 3600,
    "Seconds a file is kept whose processing failed, to try it again.",
)
LOOKS_MAX: Final = Setting("LOOKS_MAX", int, 2000, "Times that a provider is asked about one upload.")
LIVE_EARLY_S: Final = Setting(
    "LIVE_EARLY_S", int, 15 * 60, "Seconds before its beginning at which a live event can be watched."
)
LIVE_OVERRUN_S: Final = Setting("LIVE_OVERRUN_S", int, 3600, "Seconds after its planned end at which it still can.")
ALLOW_ANONYMOUS_VIEWERS: Final = Setting(
    "ALLOW_ANONYMOUS_VIEWERS",
    _truth,
    False,
    "Whether those who have signed in anonymously may enter live events; each of them is a user at Kaltura.",
)
LIVE_RECORDING: Final = Setting(
    "LIVE_RECORDING", _truth, True, "Whether a live event is recorded, and becomes a video of its session."
)
SINGLE_PAGE_APP: Final = Setting(
    "SINGLE_PAGE_APP",
    _truth,
    True,
    "Whether the client keeps its chat open all the time; else each page that it loads joins anew.",
)
USER_KNOWN_S: Final = Setting(
    "USER_KNOWN_S", int, 30 * 24 * 3600, "Seconds for which we believe that Kaltura knows a user."
)
PROFILE_KNOWN_S: Final = Setting(
    "PROFILE_KNOWN_S",
    int,
    30 * 24 * 3600,
    "Seconds for which we believe that access-control profile and upload role are there.",
)
CHAT_TOKEN_KNOWN_S: Final = Setting(
    "CHAT_TOKEN_KNOWN_S", int, 30 * 24 * 3600, "Seconds for which we believe in the app token of chats."
)
EVENT_KNOWN_S: Final = Setting(
    "EVENT_KNOWN_S",
    int,
    24 * 3600,
    "Seconds for which we believe that the parts of an event are there, its moderators included.",
)
TASKS_PER_HOUR_MAX: Final = Setting(
    "TASKS_PER_HOUR_MAX", int, 100_000, "Tasks of one hour; beyond them all work stops until it is over."
)
ORPHANS_CLEAN_UP: Final = Setting(
    "ORPHANS_CLEAN_UP", _truth, False, "Whether the daily search for orphans also clears them up."
)
ENFORCE_APP_CHECK: Final = Setting(
    "ENFORCE_APP_CHECK", _truth, False, "Whether callables answer only apps that App Check knows."
)

CHAT_LIFETIME_S: Final = 24 * 3600
CHAT_PAGE_LIFETIME_S: Final = 3600
"""Of a chat token, in a client that stays and in one that loads pages: the second gets a new one with each of them."""

CORS: Final = CorsOptions(cors_origins="*", cors_methods=["POST"])
"""Callables carry their caller's token in a header, never a cookie: any origin may call, and proves nothing by it."""

set_global_options(region=FUNCTIONS_REGION.value, max_instances=20)

if not KALTURA_PARTNER_ID.value and not CLOUDFLARE_ACCOUNT_ID.value:
    # The one thing without which nothing works has firebase-tools ask for it, and keep the answer.
    IntParam(KALTURA_PARTNER_ID.name, description=KALTURA_PARTNER_ID.description)


def project_id() -> str:
    """
    The project that we run in.
    """
    return os.environ.get("GCLOUD_PROJECT") or os.environ["GOOGLE_CLOUD_PROJECT"]


def functions_url() -> str:
    """
    Where the functions are reached, without a slash at its end.
    """
    return FUNCTIONS_URL.value or f"https://{FUNCTIONS_REGION.value}-{project_id()}.cloudfunctions.net"


def kaltura_secrets() -> list[SecretParam]:
    """
    What functions must have that speak to Kaltura: nothing where there is no account.
    """
    return [_demanded(KALTURA_ADMIN_SECRET)] if _uses_kaltura() else []


def chat_secrets() -> list[SecretParam]:
    """
    Likewise those that admit to its chats.
    """
    return [_demanded(KALTURA_CHAT_TOKEN)] if _uses_kaltura() else []


def cloudflare_secrets() -> list[SecretParam]:
    """
    Likewise Cloudflare.
    """
    secrets = (CLOUDFLARE_API_TOKEN, CLOUDFLARE_SIGNING_KEY) if CLOUDFLARE_ACCOUNT_ID.value else ()
    return [_demanded(secret) for secret in secrets]


def host_secrets() -> list[SecretParam]:
    """
    Likewise the hosts.
    """
    return [_demanded(HOSTS)] if USE_HOSTS.value else []


def provider_secrets() -> list[SecretParam]:
    """
    Likewise whichever provider or host has a video, or an event.
    """
    return [*kaltura_secrets(), *cloudflare_secrets(), *host_secrets()]


def _uses_kaltura() -> bool:
    return KALTURA_PARTNER_ID.value != 0 or not CLOUDFLARE_ACCOUNT_ID.value


@cache
def _demanded(secret: Setting[str]) -> SecretParam:
    """
    Made only where it is needed, and once: firebase-tools demands every secret that is declared, whoever uses it.
    """
    return SecretParam(secret.name, description=secret.description)


def pass_on() -> dict[str, str]:
    """
    Where notifications go that speak of other deployments on the same Cloudflare account, by namespace.
    """
    pairs = (pair.strip().partition("=") for pair in CLOUDFLARE_PASS_ON.value.split(",") if pair.strip())
    return {namespace.strip(): url.strip() for namespace, _, url in pairs}


def tasks_emulator_host() -> str | None:
    """
    `host:port` of the Cloud Tasks emulator, `None` in the cloud.
    """
    return os.environ.get("TASKS_EMULATOR_HOST")
