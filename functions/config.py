"""Declare every setting and secret with its unit, range and default. Reads the environment.

Called by `wiring.py` and by the decorators of the other files in this folder. The settings of providers are declared in
their folders, and read here. Settings are in `.env.<project>`, which firebase-tools gives to the functions, and to
itself while it lists them. Secrets are in Secret Manager. How a text becomes a value is left to the readers of
`shared/core/reading.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from firebase_functions.options import set_global_options
from firebase_functions.params import IntParam, SecretParam, StringParam

from functions import environment
from functions.settings import Setting, claim, database, listed
from shared.core.callers import ClaimNames
from shared.core.errors import Misconfigured
from shared.core.reading import DAY_S, domains, matching, truth, url, whole
from shared.core.settings import Declared, settings_of
from shared.providers.registry import chats, cold_stores, providers
from shared.providers.settings import ChatSettings, ColdStoreSettings, ProviderSettings, Use, declarations
from shared.registry import SETTINGS as REGISTERED

S = TypeVar("S")


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
FUNCTIONS_PREFIX: Final = Setting(
    "FUNCTIONS_PREFIX",
    matching(
        "[a-z]([a-z0-9-]{0,28}[a-z0-9])?-|kit-[a-z0-9_]([a-z0-9_-]{0,38}[a-z0-9_])?-",
        "the prefix of firebase.json, up to 30 small letters, digits and hyphens, with one more hyphen, such as gr-",
    ),
    "",
    "What stands before the names of the functions. They find it themselves; the operator's command needs it.",
)
FIRESTORE_DATABASE: Final = Setting(
    "FIRESTORE_DATABASE",
    database,
    "(default)",
    "The database of Firestore that Greenroom has for itself; in a project with another app best one named greenroom.",
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

SLIDES_BUCKET: Final = Setting(
    "SLIDES_BUCKET",
    matching("[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", "the name of a bucket of Cloud Storage, such as my-school-slides"),
    "",
    "The bucket for documents that are shared in sessions; empty shares none.",
)
SLIDES_CONVERTER_URL: Final = Setting(
    "SLIDES_CONVERTER_URL",
    url,
    "",
    "The address of the service that converts shared documents, see docs/slides.md; empty converts none.",
)
SLIDES_TOKEN_SECRET: Final = Setting(
    "SLIDES_TOKEN_SECRET",
    matching("[!-~]{32,256}", "32 to 256 visible ASCII characters without spaces"),
    "",
    "Signs the tokens with which people in a session call the API of shared documents.",
    is_secret=True,
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
    matching("|".join(providers()), listed(providers(), "or"), lower=True),
    "",
    f"Provider for sessions without a videoProvider: {listed(providers(), 'or')}; empty takes the first that has an "
    "account.",
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
EVENT_KNOWN_S: Final = Setting(
    "EVENT_KNOWN_S",
    whole(0, 30 * DAY_S),
    DAY_S,
    "Seconds for which an event's parts and moderators are remembered without asking again.",
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


def declared(setting: Declared) -> Setting[Any]:
    """
    Return the setting that a provider, a host or a resource declares.
    """
    return Setting(setting.name, setting.read, setting.default, setting.description, setting.is_secret)


PROVIDERS: Final[Mapping[str, Mapping[str, Setting[Any]]]] = {
    name: {field: declared(one) for field, one in declarations(settings).items()}
    for name, settings in providers().items()
}
"""The settings of each provider, by the fields that they fill."""

CHATS: Final[Mapping[str, Mapping[str, Setting[Any]]]] = {
    name: {field: declared(one) for field, one in declarations(settings).items()} for name, settings in chats().items()
}
"""The settings of each kind of chat server, by the fields that they fill."""

COLD_STORES: Final[Mapping[str, Mapping[str, Setting[Any]]]] = {
    name: {field: declared(one) for field, one in declarations(settings).items()}
    for name, settings in cold_stores().items()
}
"""The settings of each kind of cold store, by the fields that they fill."""

ACCOUNTS: Final = {**PROVIDERS, **CHATS, **COLD_STORES}
_FORMS: Final[Mapping[str, type[ProviderSettings] | type[ChatSettings] | type[ColdStoreSettings]]] = {
    **providers(),
    **chats(),
    **cold_stores(),
}

RESOURCES: Final[Mapping[type, Mapping[str, Setting[Any]]]] = {
    kind: {field: declared(one) for field, one in settings_of(kind).items()} for kind in REGISTERED
}
"""The settings of the resources, by the dataclasses and the fields that they fill."""

OWN: Final = tuple(value for value in vars().values() if isinstance(value, Setting))
"""The settings that belong to no provider and no resource."""


def by_name(own: Iterable[Setting[Any]], of_others: Mapping[str, Iterable[Setting[Any]]]) -> dict[str, Setting[Any]]:
    """
    Return every setting of a deployment by its name. Pure.

    Args:
        own: The settings that belong to nobody else.
        of_others: The settings of each provider and resource.

    Raises:
        Misconfigured: Two settings have the same name (never).
    """
    found = {one.name: one for one in own}
    owners = dict.fromkeys(found, "functions/config.py")
    for provider, settings in of_others.items():
        for one in settings:
            if one.name in found:
                raise Misconfigured(
                    f"{one.name} is a setting of both {owners[one.name]} and {provider}. Rename one of the two."
                )
            found[one.name], owners[one.name] = one, provider
    return found


SETTINGS: Final = by_name(
    OWN,
    {
        **{name: settings.values() for name, settings in ACCOUNTS.items()},
        **{kind.__name__: settings.values() for kind, settings in RESOURCES.items()},
    },
)
"""Every setting, by its name."""


def read(kind: type[S]) -> S:
    """
    Return the settings of a resource.

    Raises:
        Misconfigured: One of them is set to an invalid value (never, until it is changed).
    """
    return kind(**{field: one.value for field, one in RESOURCES[kind].items()})


def account_of(provider: str) -> Setting[Any]:
    """
    Return the setting by which a deployment has an account at a provider or chat server.
    """
    fields = declarations(_FORMS[provider]).items()
    return next(ACCOUNTS[provider][field] for field, one in fields if one.is_account)


def chosen_providers() -> Sequence[str]:
    """
    Return the providers at which this deployment has an account.
    """
    return [name for name in PROVIDERS if account_of(name).value]


def ask_for(setting: Setting[Any]) -> None:
    """
    Declare a setting as a parameter: firebase-tools asks for it, and stores the answer.
    """
    parameter = IntParam if isinstance(setting.default, int) else StringParam
    parameter(setting.name, description=setting.description)


if not chosen_providers():
    # Nothing works without this one setting.
    ask_for(account_of(next(iter(PROVIDERS))))


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
    if VIDEO_PROVIDER.value and VIDEO_PROVIDER.value not in chosen_providers():
        raise Misconfigured(
            f"VIDEO_PROVIDER must name a provider that has an account here; it is '{VIDEO_PROVIDER.value}', "
            f"and {account_of(VIDEO_PROVIDER.value).name} is not set."
        )
    found = environment.functions_prefix()
    if FUNCTIONS_PREFIX.value and found not in (None, FUNCTIONS_PREFIX.value):
        raise Misconfigured(
            f"FUNCTIONS_PREFIX must be the prefix that the functions are deployed with, '{found}'; "
            f"it is '{FUNCTIONS_PREFIX.value}'."
        )


require_agreement()


def functions_url() -> str:
    """
    Return the address of the functions, without a trailing slash.
    """
    return FUNCTIONS_URL.value or f"https://{FUNCTIONS_REGION.value}-{environment.project_id()}.cloudfunctions.net"


def functions_prefix() -> str:
    """
    Return what stands before the names of the deployed functions, such as `gr-`; mostly nothing.
    """
    found = environment.functions_prefix()
    return FUNCTIONS_PREFIX.value if found is None else found


def deployed_name(function: str) -> str:
    """
    Return the name that a function is deployed under, which is that of its queue too.

    Args:
        function: Its name in `main.py`.
    """
    return f"{functions_prefix()}{function}"


def function_url(function: str) -> str:
    """
    Return the address of a function.

    Args:
        function: Its name in `main.py`.
    """
    return f"{functions_url()}/{deployed_name(function)}"


def values_of(provider: str, *fields: str) -> dict[str, Any]:
    """
    Return the values of some settings of a provider or chat server, by their fields.

    Raises:
        Misconfigured: A required one is not set (never, until it is set).
    """
    required = {field for field, one in declarations(_FORMS[provider]).items() if one.is_required}
    values = {field: ACCOUNTS[provider][field].value for field in fields}
    missing = [ACCOUNTS[provider][field].name for field, value in values.items() if field in required and not value]
    if missing:
        secret = next((name for name in missing if SETTINGS[name].is_secret), None)
        how = f" A secret is set with `firebase functions:secrets:set {secret}`." if secret else ""
        raise Misconfigured(f"Set {listed(missing)}.{how}")
    return values


def account_at(provider: str) -> ProviderSettings:
    """
    Return the settings of the account at a provider. Raises as `values_of`.
    """
    return providers()[provider](**values_of(provider, *PROVIDERS[provider]))


def chat_server() -> ChatSettings | None:
    """
    Return the settings of the chat server; `None` if this deployment has none. Raises as `values_of`.
    """
    chosen = next((name for name in CHATS if account_of(name).value), None)
    return None if chosen is None else chats()[chosen](**values_of(chosen, *CHATS[chosen]))


def cold_store() -> ColdStoreSettings | None:
    """
    Return the settings of the cold store; `None` if this deployment archives nothing. Raises as `values_of`.
    """
    chosen = archive()
    return None if chosen is None else cold_stores()[chosen](**values_of(chosen, *COLD_STORES[chosen]))


def archive() -> str | None:
    """
    Return the kind of the cold store; `None` if this deployment archives nothing. Needs no secret.
    """
    return next((name for name in COLD_STORES if account_of(name).value), None)


def needed_by(provider: str) -> str:
    """
    Return the names of the settings without which there is no account at a provider, for a sentence.
    """
    fields = declarations(providers()[provider]).items()
    return listed([PROVIDERS[provider][field].name for field, one in fields if one.is_required])


def secrets_of(provider: str, use: Use = Use.CALLS) -> list[SecretParam]:
    """
    Return the secrets of a provider or chat server for a use of it; none without an account. If there is no account at
    a provider, the first counts as one, because the first deployment asks for its account.
    """
    chosen = chosen_providers() or tuple(PROVIDERS)[:1]
    if provider not in chosen and not (provider in {**CHATS, **COLD_STORES} and account_of(provider).value):
        return []
    secrets = [one for one in declarations(_FORMS[provider]).values() if one.is_secret and one.use is use]
    return [_demanded(SETTINGS[one.name]) for one in secrets]


def chat_secrets() -> list[SecretParam]:
    """
    Return the secrets of functions that admit people to chats.
    """
    return [secret for name in ACCOUNTS for secret in secrets_of(name, Use.CHATS)]


def archive_secrets() -> list[SecretParam]:
    """
    Return the secrets of functions that archive originals and bring them back.
    """
    return [secret for name in COLD_STORES for secret in secrets_of(name, Use.ARCHIVE)]


def host_secrets() -> list[SecretParam]:
    """
    Return the secrets of functions that call the hosts; none if hosts are not used.
    """
    return [_demanded(HOSTS)] if USE_HOSTS.value else []


def slides_secrets() -> list[SecretParam]:
    """
    Return the secrets of functions that sign or read the tokens of shared live media; none if nothing is shared.
    """
    return [_demanded(SLIDES_TOKEN_SECRET)] if SLIDES_BUCKET.value else []


def provider_secrets() -> list[SecretParam]:
    """
    Return the secrets of functions that may call any provider, host or chat server.
    """
    return [*(secret for name in ACCOUNTS for secret in secrets_of(name)), *host_secrets()]


def demanded_secrets() -> tuple[str, ...]:
    """
    Return the names of all secrets that this deployment needs.
    """
    every = (*provider_secrets(), *chat_secrets(), *archive_secrets(), *slides_secrets())
    return tuple(dict.fromkeys(one.name for one in every))


@cache
def _demanded(secret: Setting[Any]) -> SecretParam:
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
