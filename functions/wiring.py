"""Read the settings and build what the use cases need, once per instance and only when first used.

Called by the other files of this folder. The only place that names a concrete adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from functions import config, environment
from shared.archive.settings import ArchiveSettings
from shared.cloud.accounts import FirebaseAccounts
from shared.cloud.firestore import DatabaseIdentity, FirestoreDocuments, connect_firestore
from shared.cloud.tasks import CloudTasksQueue, CreateTask, connect_tasks, own_service_account
from shared.core.errors import Misconfigured
from shared.limits.call_budgets import CallBudgets
from shared.limits.limiter import Limiter
from shared.operations.kill_switch import KillSwitch
from shared.ports import (
    Accounts,
    Audience,
    Channel,
    Chat,
    ColdStore,
    Converter,
    Documents,
    Hosts,
    Jobs,
    Probe,
    Queue,
    Setup,
    Storage,
    Webhook,
)
from shared.providers.registry import cold_stores
from shared.providers.settings import Context, Provider
from shared.providers.unavailable import NoAudience, NoEvents
from shared.publishing.settings import EventSettings
from shared.reconcile.deployment import CommonSettings
from shared.reconcile.epoch import DatabaseUid, unidentified
from shared.registry import BULK_QUEUES, WORKERS
from shared.registry import SETTINGS as REGISTERED
from shared.videos.settings import DefaultProvider, Policy

if TYPE_CHECKING:
    # Not loaded by a function that uses none of it.
    from shared.app import App
    from shared.hosts.table import Terms
    from shared.sessions.admissions.changes import Changes
    from shared.sessions.admissions.joining import Joining


_ROOT: Final = Path(__file__).parents[1]


def now() -> datetime:
    """
    Return the current instant.
    """
    return datetime.now(UTC)


@cache
def queue() -> Queue:
    """
    Return the queue alone.
    """
    return CloudTasksQueue(
        connect=_create_task,
        project=environment.project_id(),
        location=config.FUNCTIONS_REGION.value,
        functions_url=config.functions_url(),
        timeouts_s={name: worker.timeout_s for name, worker in WORKERS.items()},
        service_account=tasks_account,
        clock=now,
        prefix=config.functions_prefix(),
    )


@cache
def _create_task() -> CreateTask:
    return connect_tasks(environment.tasks_emulator_host())


@cache
def tasks_account() -> str | None:
    """
    Return the account that tasks call the workers as; `None` if workers need no token, which is so in the emulator
    only.

    No setting can switch the token off in the cloud: `is_deployed` is true there whatever the settings say, so every
    task must be signed.

    Raises:
        Transient: The metadata server did not name the account that this code runs as (again).
    """
    chosen = config.tasks_service_account()
    if chosen is None and environment.tasks_emulator_host() is not None and not environment.is_deployed():
        return None
    return chosen or own_service_account()


@cache
def documents() -> Documents:
    """
    Return the documents alone, which is all that recording a spec needs.
    """
    return FirestoreDocuments(connect_firestore(environment.project_id(), config.FIRESTORE_DATABASE.value))


@cache
def database_uid() -> DatabaseUid:
    """
    Return the function that reads the id of the database. The emulator has no administration API, so there it is
    unidentified.
    """
    if environment.firestore_emulator_host() is not None:
        return unidentified
    return DatabaseIdentity(f"projects/{environment.project_id()}/databases/{config.FIRESTORE_DATABASE.value}")


@cache
def accounts() -> Accounts:
    """
    Return the accounts of people who may sign in.
    """
    return FirebaseAccounts()


@cache
def kill_switch() -> KillSwitch:
    """
    Return the kill switch, which is all that a task needs before it starts.
    """
    return KillSwitch(documents(), queue(), now, config.read(CommonSettings).tasks_per_hour_max, BULK_QUEUES)


@cache
def call_budgets() -> CallBudgets:
    """
    Return the budgets that limit how often a person may call.
    """
    return CallBudgets(Limiter(documents(), now))


@cache
def changes() -> Changes:
    """
    Return the use cases that follow a change of a document, which is all that a trigger needs.
    """
    from shared.sessions.admissions.changes import Changes

    return Changes(queue(), call_budgets().heeds, now)


def webhook(provider: str) -> Webhook:
    """
    Return the webhook of a provider.

    Raises:
        Misconfigured: There is no account at this provider, or a setting is missing (never, until it is set).
    """
    return _provider(provider).webhook


def passes_on(provider: str) -> Mapping[str, str]:
    """
    Return the addresses of other deployments on the account at a provider, by namespace. Raises as `webhook`.
    """
    return _provider(provider).passes_on


def setup() -> Mapping[str, Setup]:
    """
    Return the set-up of each account of this deployment, by provider, for the operator.

    Raises:
        Misconfigured: A setting is missing (never, until it is set).
    """
    return {name: provider.setup for name, provider in _providers().items()}


def setup_of(provider: str) -> Setup:
    """
    Return the set-up of one account, even if a setting of another is missing. Raises as `setup`.
    """
    return _opened(provider).setup


@cache
def app() -> App:
    """
    Return the whole application of this deployment.

    Raises:
        Misconfigured: A setting is missing (never, until it is set).
    """
    from shared.app import App

    provider_accounts = {name: provider.provider_account for name, provider in _providers().items()}
    events = next((one.events for one in _providers().values() if one.events is not None), NoEvents())
    hosts, terms, tries = _hosting()
    return App(
        documents(),
        queue(),
        now,
        events,
        provider_accounts,
        _settings(terms),
        hosts,
        tries,
        database_uid=database_uid(),
        audience=_audience(),
        storage=_storage(),
        converter=_converter(),
        chat=_chat(),
        cold_store=_cold_store(),
        storage_classes={name: terms for kind in cold_stores().values() for name, terms in kind.classes.items()},
        jobs=_jobs(),
        channel=_channel(),
    )


def records() -> App:
    """
    Return the application without providers, hosts and their secrets: it reads and writes records, and calls nobody.
    """
    from shared.app import App

    return App(
        documents(),
        queue(),
        now,
        NoEvents(),
        {},
        tuple(map(config.read, REGISTERED)),
        storage=_storage(),
        cold_store=_cold_store(),
    )


def _storage() -> Storage | None:
    """
    Return the bucket of shared live media; `None` if this deployment has none.
    """
    bucket = config.SLIDES_BUCKET.value
    if not bucket:
        return None
    from shared.cloud.storage import CloudStorage, connect_storage

    emulator_url = environment.storage_emulator_url()
    connect = partial(connect_storage, environment.project_id(), own_service_account, emulator_url)
    return CloudStorage(cache(connect), bucket, now)


def _converter() -> Converter | None:
    """
    Return the converter of shared live media; `None` if this deployment has none.
    """
    url = config.SLIDES_CONVERTER_URL.value
    if not url:
        return None
    from shared.cloud.converter import ServiceConverter

    return ServiceConverter(url)


@cache
def joining() -> Joining:
    """
    Return the use case that lets people into live events.

    Raises:
        Misconfigured: A setting is missing (never, until it is set).
    """
    from shared.sessions.admissions.joining import Joining
    from shared.sessions.resource import controller as session_controller

    return Joining(
        app().get(session_controller),
        _audience(),
        accounts(),
        queue(),
        now,
        config.EVENT_KNOWN_S.value,
        app().viewer_keys.get(app().events.name),
        admits_anonymous=config.ALLOW_ANONYMOUS_VIEWERS.value,
    )


def _chat() -> Callable[[], Chat] | None:
    """
    Return what opens the chat server, which most functions never do; `None` if this deployment has none.

    Raises:
        Misconfigured: A setting is missing (never, until it is set).
    """
    settings = config.chat_server()
    return None if settings is None else cache(lambda: settings.open(_context()))


def _cold_store() -> Callable[[], ColdStore] | None:
    """
    Return what opens the store of the archive, which most functions never do, and have no secret for; `None` if this
    deployment archives nothing.
    """

    @cache
    def opened() -> ColdStore:
        settings = config.cold_store()
        assert settings is not None
        return settings.open(_context())

    return None if config.archive() is None else opened


def _jobs() -> Jobs | None:
    """
    Return what starts the job that copies large originals; `None` if this deployment has none.
    """
    name = config.read(ArchiveSettings).job
    if not name:
        return None
    from shared.cloud.jobs import CloudRunJobs
    from shared.cloud.posting import post_as_own_account

    return CloudRunJobs(environment.project_id(), config.FUNCTIONS_REGION.value, name, post_as_own_account)


def _channel() -> Channel | None:
    """
    Return the channel of events for the school's own app; `None` if this deployment publishes none.
    """
    name = config.read(EventSettings).channel
    if not name:
        return None
    from shared.cloud.eventarc import EVENTARC_URL, EventarcChannel
    from shared.cloud.posting import post_as_own_account, post_to_emulator

    source = f"projects/{environment.project_id()}/databases/{config.FIRESTORE_DATABASE.value}"
    emulator_url = environment.eventarc_emulator_url()
    post = post_as_own_account if emulator_url is None else post_to_emulator
    return EventarcChannel(name, source, post, emulator_url or EVENTARC_URL)


@cache
def _audience() -> Audience:

    return next((one.audience for one in _providers().values() if one.audience is not None), NoAudience())


def policy() -> Policy:
    """
    Return the upload limits of this deployment.
    """
    return config.read(Policy)


def _settings(terms: Mapping[str, Terms]) -> tuple[object, ...]:
    """
    Return the settings of all resources.
    """
    from shared.hosts.settings import HostTerms

    return (*map(config.read, REGISTERED), DefaultProvider(_video_provider()), HostTerms(terms))


def _video_provider() -> str:
    """
    Return the provider for videos of sessions that name none.
    """
    chosen = config.VIDEO_PROVIDER.value or next(iter(_providers()))
    _provider(chosen)
    return chosen


def _provider(name: str) -> Provider:
    provider = _providers().get(name)
    if provider is None:
        raise Misconfigured(f"This deployment has no account at {name}; it has one at {', '.join(_providers())}.")
    return provider


@cache
def _providers() -> Mapping[str, Provider]:
    """
    Return each account of this deployment by provider. The first is the default provider.
    """
    chosen = config.chosen_providers()
    if not chosen:
        raise Misconfigured(f"Set {', or '.join(config.needed_by(name) for name in config.PROVIDERS)}.")
    return {name: _opened(name) for name in chosen}


@cache
def _opened(name: str) -> Provider:
    return config.account_at(name).open(_context())


def _context() -> Context:
    return Context(
        namespace=config.NAMESPACE.value or environment.project_id(),
        documents=documents(),
        clock=now,
        upload_deadline_s=policy().upload_deadline_s,
        max_duration_s=policy().max_duration_s,
        records_events=config.LIVE_RECORDING.value,
        chat_lifetime_s=config.CHAT_LIFETIME_S if config.SINGLE_PAGE_APP.value else config.CHAT_PAGE_LIFETIME_S,
        delivery_domains=config.DELIVERY_DOMAINS.value,
    )


def _hosting() -> tuple[Hosts, Mapping[str, Terms], Probe]:
    """
    Return the hosts that get copies, the terms of all hosts and providers, and what tests an address.
    """
    from functions.hosting import read_table
    from shared.hosts.table import Terms

    tries = partial(_plays, domains=config.DELIVERY_DOMAINS.value)
    rows = read_table(config.HOSTS.value, tuple(_providers())) if config.USE_HOSTS.value else []
    if not rows:
        # Nothing is copied, and playback is tried only if an operator asks for it.
        return {}, {}, tries
    hosts = {row.name: row.host.open(row.name, _context()) for row in rows if row.host is not None}
    terms = {name: Terms() for name in _providers()} | {row.name: row.terms for row in rows}
    return hosts, terms, tries


def _plays(url: str, domains: Sequence[str]) -> bool:
    # Most functions never try an address.
    from shared.providers.addresses import plays

    return plays(url, domains)


def make_signing_key() -> str:
    """
    Create a key that signs playback tokens at Cloudflare, as one line of text.

    Raises:
        Misconfigured: There is no account (never, until it is set).
        Transient, Doubtful, Permanent: As for any call to a provider.
    """
    from shared.providers.cloudflare.setup import make_signing_key

    return make_signing_key(**config.values_of("cloudflare", "url", "account_id", "api_token")).to_secret()
