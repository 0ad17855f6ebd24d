"""The form of the settings of a provider, host, chat server or cold store, and what it is opened with.

Filled by the `settings.py` of each folder here, whose class `Settings` declares every setting once: its field, reader,
default and description. Read by `functions/config.py`, which finds the values in the environment, by
`functions/hosting.py`, which finds those of a host in its row of `HOSTS`, and by the generator of docs/settings.md.
Nothing here imports an adapter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar, cast

from shared.core import reading
from shared.core.settings import Declared, field_of, settings_of

if TYPE_CHECKING:
    from shared.ports import (
        Audience,
        Chat,
        Clock,
        ColdStore,
        Documents,
        Events,
        Host,
        ProviderAccount,
        Setup,
        Terms,
        Webhook,
    )

T = TypeVar("T")


class Use(StrEnum):
    """
    The functions that get a secret. Functions that do not need a secret must not have it.
    """

    CALLS = "calls"
    """Functions that may call the provider."""

    CHATS = "chats"
    """Functions that admit people to chats."""

    ARCHIVE = "archive"
    """Functions that archive originals and bring them back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration(Declared):
    """
    The declaration of one setting of a provider or host. The name of a host's setting is the field of its row of
    `HOSTS`; the default of a required setting is the value that means that it is not set.

    Attributes:
        is_required: Whether nothing can be opened without it.
        is_account: Whether a deployment that sets it has an account at this provider. One setting of each provider is.
        use: For a secret: the functions that get it. It is in Secret Manager.
    """

    is_required: bool = False
    is_account: bool = False
    use: Use = Use.CALLS


def required(
    name: str,
    read: Callable[[str], T],
    description: str,
    *,
    unset: object = "",
    is_account: bool = False,
    is_secret: bool = False,
    use: Use = Use.CALLS,
) -> T:
    """
    Declare a setting without which nothing can be opened; the parameters as the attributes of `Declaration`.

    Args:
        unset: The value that means that it is not set.
    """
    declaration = Declaration(
        name, read, description, unset, is_secret, is_required=True, is_account=is_account, use=use
    )
    return cast(T, field_of(declaration, repr=not is_secret))


def optional(
    name: str,
    read: Callable[[str], T],
    description: str,
    default: T,
    *,
    is_secret: bool = False,
    use: Use = Use.CALLS,
) -> T:
    """
    Declare a setting with a default; the parameters as the attributes of `Declaration`.
    """
    declaration = Declaration(name, read, description, default, is_secret, use=use)
    return cast(T, field_of(declaration, default_factory=lambda: default, repr=not is_secret))


@dataclass(frozen=True, slots=True)
class Context:
    """
    What a deployment gives to each provider and host that it opens.

    Attributes:
        namespace: Marks what this deployment creates there; deployments that share an account have different ones.
        documents: Remember what was created.
        clock: Now, in UTC.
        upload_deadline_s: Seconds within which an upload must be finished.
        max_duration_s: The maximum duration of one video.
        records_events: Whether live events are recorded.
        chat_lifetime_s: The lifetime of a chat token.
        delivery_domains: Further domains that video addresses may redirect to.
    """

    namespace: str
    documents: Documents
    clock: Clock
    upload_deadline_s: int
    max_duration_s: int
    records_events: bool
    chat_lifetime_s: int
    delivery_domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """
    The ports of one account; a port is `None` if the account does not offer it.

    Attributes:
        provider_account: Its videos, and everything of ours there.
        webhook: Its webhooks.
        setup: Its set-up, for the operator.
        events: Its live events.
        audience: The people whom it admits to live events.
        passes_on: Addresses of other deployments on the same account, by namespace. Webhooks for them are passed on.
    """

    provider_account: ProviderAccount
    webhook: Webhook
    setup: Setup
    events: Events | None = None
    audience: Audience | None = None
    passes_on: Mapping[str, str] = dataclasses.field(default_factory=dict)


class ProviderSettings:
    """
    The settings of an account at a provider. A subclass is a frozen dataclass with keywords only.

    Attributes:
        title: The provider's name, as people write it.
    """

    __slots__ = ()

    title: ClassVar[str]

    def open(self, context: Context) -> Provider:
        """
        Build the ports of the account. Imports the adapter.

        Raises:
            Misconfigured: A key cannot be read (never).
        """
        raise NotImplementedError


class HostSettings:
    """
    The settings of an account at a host: the fields of its row of `HOSTS`. A subclass is a frozen dataclass with
    keywords only.

    Attributes:
        title: What it is, as people write it.
    """

    __slots__ = ()

    title: ClassVar[str]

    def open(self, name: str, context: Context) -> Host:
        """
        Build the host. Imports the adapter.

        Args:
            name: Our name of the host.
            context: What the deployment gives to it.
        """
        raise NotImplementedError


class ChatSettings:
    """
    The settings of an account at a chat server. A subclass is a frozen dataclass with keywords only.

    Attributes:
        title: What it is, as people write it.
    """

    __slots__ = ()

    title: ClassVar[str]

    def open(self, context: Context) -> Chat:
        """
        Build the chat. Imports the adapter.

        Args:
            context: What the deployment gives to it.
        """
        raise NotImplementedError


_archive_prefix: Final = reading.matching(
    r"/|([A-Za-z0-9._-]+/){1,10}",
    "a slash, or names of letters, digits, dots, hyphens and _, each with a slash after it",
)


def archive_prefix(name: str) -> str:
    """
    Declare the setting for the beginning of the names of archived originals, which `prefix_of` reads.

    Args:
        name: The environment variable.
    """
    return optional(
        name,
        _archive_prefix,
        "Beginning of the names of originals; empty takes NAMESPACE and a slash, a slash alone takes none.",
        "",
    )


def prefix_of(setting: str, namespace: str) -> str:
    """
    Return the beginning of the names of archived originals. Pure.

    Args:
        setting: What the operator has chosen; empty for the usual one, a slash for none.
        namespace: Marks what this deployment creates.
    """
    return f"{namespace}/" if not setting else setting.lstrip("/")


class ColdStoreSettings:
    """
    The settings of a store of an archive. A subclass is called `ArchiveSettings`, because the same folder may have the
    settings of a host, and is a frozen dataclass with keywords only.

    Attributes:
        title: What it is, as people write it.
        classes: The terms and prices of its classes, by the store's names of them.
    """

    __slots__ = ()

    title: ClassVar[str]
    classes: ClassVar[Mapping[str, Terms]]

    def open(self, context: Context) -> ColdStore:
        """
        Build the store. Imports the adapter.

        Args:
            context: What the deployment gives to it.
        """
        raise NotImplementedError


def declarations(
    kind: type[ProviderSettings] | type[HostSettings] | type[ChatSettings] | type[ColdStoreSettings],
) -> Mapping[str, Declaration]:
    """
    Return the declared settings of a provider, host, chat server or cold store, by the fields of its dataclass. Pure.
    """
    return settings_of(kind)
