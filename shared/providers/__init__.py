"""The providers and hosts that a deployment can have.

Called by `functions/wiring.py` alone. A new provider needs one folder here, one kind of `Account` and one case of
`open_account`. A new host needs one folder, one kind of `HostAccount` and one case of `open_host`.
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
    An account at Kaltura.

    Attributes:
        url: The address of its API.
        account_id: Kaltura's id of the account.
        secret: The administrator secret.
        namespace: Marks what this deployment creates there; deployments that share an account have different ones.
        upload_role: Kaltura's role for upload tokens; `None` lets the adapter create one.
        room_url: The address of its rooms; `None` if it has none.
        records: Whether live events are recorded.
        chat_secret: The secret that signs chat tokens; `None` lets the adapter look it up.
        chat_lifetime_s: The lifetime of a chat token.
        users_known_s: How long a user is remembered without asking again.
        profiles_known_s: Likewise for what an account needs once.
        chat_known_s: Likewise for the secret that signs chat tokens.
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
    An account at Cloudflare.

    Attributes:
        url: The address of its API.
        account_id: Cloudflare's id of the account.
        api_token: A token with the permission to edit Stream.
        namespace: As in `AtKaltura`.
        signing_key: The key, as the command `make-signing-key` prints it.
        playback_url: The address that plays its videos.
        upload_lifetime_s: How long an upload address accepts bytes.
        max_duration_s: The maximum duration of one video.
        calls_max: The maximum calls of its API in five minutes.
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
    A video library at Bunny Stream.

    Attributes:
        url: The address of its API.
        library_id: Bunny's id of the library.
        api_key: The key of the library.
        playback_url: The address that plays its videos.
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
    A bucket of a store with an S3 API.

    Attributes:
        url: The address of the store, for the server and for viewers.
        bucket: The name of the bucket.
        region: The region that requests are signed for.
        access_key: A key with permission to read, write, list and delete there.
        secret_key: The secret of that key.
        source_domains: Further domains that the addresses of copied videos may redirect to.
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
    The ports of one account; a port is `None` if the account does not offer it.
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
    Build the ports of an account.

    Raises:
        Misconfigured: One of its keys cannot be read (never).
    """
    match account:
        case AtKaltura():
            return _kaltura(account, documents, clock)
        case AtCloudflare():
            return _cloudflare(account, documents, clock)


def open_host(name: str, account: HostAccount, namespace: str, clock: Clock) -> Host:
    """
    Build the host of an account.

    Args:
        name: Our name of the host.
        account: The account there.
        namespace: Marks what this deployment creates there.
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
    Tell whether an address can be read at this moment.

    Args:
        url: The address.
        domains: Further domains that it may redirect to.
    """
    from shared.providers.addresses import plays

    return plays(url, domains)


def new_signing_key(url: str, account_id: str, api_token: str) -> str:
    """
    Create a signing key of a Cloudflare account, as one line of text for Secret Manager.

    Raises:
        Transient, Doubtful, Permanent: As for any call to a provider.
    """
    from shared.providers.cloudflare.setup import make_signing_key

    return make_signing_key(url, account_id, api_token).to_secret()
