"""The providers and the hosts that there are, and what one is.

Called by `functions/wiring.py` alone. A new provider is one folder here, one kind of `Account` and one case of
`open_account`; a new host one folder, one kind of `HostAccount` and one case of `open_host`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.limits.limiter import Limiter
from shared.ports import Audience, Clock, Documents, Events, Host, ProviderAccount, Setup, Webhook
from shared.providers.unavailable import NoAudience, NoEvents

__all__ = [
    "Account",
    "AtBunny",
    "AtCloudflare",
    "AtKaltura",
    "AtS3",
    "HostAccount",
    "NoAudience",
    "NoEvents",
    "Provider",
    "new_signing_key",
    "open_account",
    "open_host",
    "plays",
]


@dataclass(frozen=True, slots=True)
class AtKaltura:
    """
    One account at Kaltura.

    Attributes:
        url: Of its API.
        account_id: The provider's id of it.
        secret: Its administrator's.
        namespace: Marks what this deployment makes there; deployments that share an account have different ones.
        upload_role: The provider's role for upload tokens; `None` lets the provider's code make one.
        room_url: Where its rooms are entered; `None` where it has none.
        records: Whether live events are recorded.
        chat_secret: What signs chat tokens; `None` lets the provider's code find it.
        chat_lifetime_s: Of a chat token.
        users_known_s: For how long it is believed that a user is there.
        profiles_known_s: Likewise what the account needs once.
        chat_known_s: Likewise what signs chat tokens.
    """

    url: str
    account_id: str
    secret: str = field(repr=False)
    namespace: str
    upload_role: str | None = None
    room_url: str | None = None
    records: bool = True
    chat_secret: str | None = field(default=None, repr=False)
    chat_lifetime_s: int = 24 * 3600
    users_known_s: int = 30 * 24 * 3600
    profiles_known_s: int = 30 * 24 * 3600
    chat_known_s: int = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class AtCloudflare:
    """
    One account at Cloudflare.

    Attributes:
        url: Of its API.
        account_id: Cloudflare's id of it.
        api_token: With the permission to edit Stream.
        namespace: As of `AtKaltura`.
        signing_key: As the command `make-signing-key` prints it.
        playback_url: Where its videos play.
        upload_lifetime_s: For so long an upload address takes bytes.
        max_duration_s: Of one video.
        calls_max: Calls of its API in five minutes.
    """

    url: str
    account_id: str
    api_token: str = field(repr=False)
    namespace: str
    signing_key: str = field(repr=False)
    playback_url: str
    upload_lifetime_s: int
    max_duration_s: int
    calls_max: int = 1200


Account = AtKaltura | AtCloudflare


@dataclass(frozen=True, slots=True)
class AtBunny:
    """
    One video library at Bunny Stream.

    Attributes:
        url: Of its API.
        library_id: Bunny's id of it.
        api_key: Of the library.
        playback_url: Where its videos play.
        token_key: The token authentication key of the pull zone there.
    """

    url: str
    library_id: str
    api_key: str = field(repr=False)
    playback_url: str
    token_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AtS3:
    """
    One bucket of a store that speaks S3.

    Attributes:
        url: Of the store, for us and for viewers.
        bucket: Its name.
        region: As the store signs.
        access_key: With permission to read, write, list and delete there.
        secret_key: Its secret.
        source_domains: Where addresses of what is copied there may redirect to besides.
    """

    url: str
    bucket: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    source_domains: tuple[str, ...] = ()


HostAccount = AtBunny | AtS3


@dataclass(frozen=True, slots=True)
class Provider:
    """
    What one account offers; `None` is what it does not.
    """

    provider_account: ProviderAccount
    webhook: Webhook
    setup: Setup
    events: Events | None = None
    audience: Audience | None = None


def _kaltura(account: AtKaltura, documents: Documents, clock: Clock) -> Provider:
    from shared.providers import kaltura

    kaltura_account = kaltura.KalturaAccount(
        url=account.url,
        partner_id=int(account.account_id),
        admin_secret=account.secret,
        namespace=account.namespace,
        upload_role=account.upload_role,
        documents=documents,
        clock=clock,
        room_url=account.room_url,
        known_s=kaltura.KnownFor(account.users_known_s, account.profiles_known_s, account.chat_known_s),
    )
    audience = kaltura.KalturaAudience(kaltura_account, account.chat_lifetime_s, account.chat_secret)
    return Provider(
        ProviderAccount(
            kaltura.KalturaMedia(kaltura_account),
            kaltura.KalturaInventory(kaltura_account),
            kaltura.KalturaViewerKeys(kaltura_account),
        ),
        kaltura.KalturaWebhook(kaltura_account),
        kaltura.KalturaSetup(kaltura_account, audience),
        kaltura.KalturaEvents(kaltura_account, account.records),
        audience,
    )


def _cloudflare(account: AtCloudflare, documents: Documents, clock: Clock) -> Provider:
    from shared.providers import cloudflare
    from shared.providers.cloudflare.setup import CloudflareSetup

    cloudflare_account = cloudflare.CloudflareAccount(
        url=account.url,
        account_id=account.account_id,
        api_token=account.api_token,
        namespace=account.namespace,
        signing_key=cloudflare.SigningKey.parse(account.signing_key),
        playback_url=account.playback_url,
        upload_lifetime_s=account.upload_lifetime_s,
        max_duration_s=account.max_duration_s,
        clock=clock,
        limiter=Limiter(documents, clock),
        calls_max=account.calls_max,
    )
    webhook = cloudflare.CloudflareWebhook(cloudflare_account)
    return Provider(
        ProviderAccount(
            cloudflare.CloudflareMedia(cloudflare_account), cloudflare.CloudflareInventory(cloudflare_account)
        ),
        webhook,
        CloudflareSetup(cloudflare_account, webhook),
    )


def open_account(account: Account, documents: Documents, clock: Clock) -> Provider:
    """
    What an account offers.

    Raises:
        Misconfigured: A key of it cannot be read (never).
    """
    match account:
        case AtKaltura():
            return _kaltura(account, documents, clock)
        case AtCloudflare():
            return _cloudflare(account, documents, clock)


def open_host(name: str, account: HostAccount, namespace: str, clock: Clock) -> Host:
    """
    The host of an account.

    Args:
        name: Our name of it.
        account: Where it is.
        namespace: Marks what this deployment makes there.
        clock: Now, in UTC.
    """
    match account:
        case AtBunny():
            from shared.providers.bunny import BunnyHost, BunnyLibrary

            library = BunnyLibrary(
                name=name,
                url=account.url,
                library_id=account.library_id,
                api_key=account.api_key,
                playback_url=account.playback_url,
                token_key=account.token_key,
                namespace=namespace,
                clock=clock,
            )
            return BunnyHost(library)
        case AtS3():
            from shared.providers.s3 import S3Host, S3Store

            store = S3Store(
                name=name,
                url=account.url,
                bucket=account.bucket,
                region=account.region,
                access_key=account.access_key,
                secret_key=account.secret_key,
                namespace=namespace,
                clock=clock,
                source_domains=account.source_domains,
            )
            return S3Host(store)


def plays(url: str, domains: Sequence[str] = ()) -> bool:
    """
    Whether something can be had from an address at this moment.

    Args:
        url: The address.
        domains: Where it may redirect to besides.
    """
    from shared.providers.addresses import plays

    return plays(url, domains)


def new_signing_key(url: str, account_id: str, api_token: str) -> str:
    """
    Make a signing key of a Cloudflare account, as one line of text for Secret Manager.

    Raises:
        Transient, Doubtful, Permanent: As any call to a provider.
    """
    from shared.providers.cloudflare.setup import make_signing_key

    return make_signing_key(url, account_id, api_token).to_secret()
