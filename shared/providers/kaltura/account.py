"""A Kaltura account: its keys, its client, its references, and the few things that are created in it once.

Called by the adapters of this folder. HTTP is left to `client`, signing a KS to `signing.py`, and what instances
remember of the account to `account_cache.py` and `known_users.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import ProviderError
from shared.ports import Clock, Documents
from shared.providers.kaltura import account_objects, mapping
from shared.providers.kaltura.account_cache import AccountCache
from shared.providers.kaltura.known_users import KnownUsers
from shared.providers.kaltura.signing import KeyMint, Kind, Privilege, Word

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Client

ADMIN_USER: Final = "greenroom"
"""The Kaltura user that the server itself acts as."""

SERVER_KS_S: Final = 1800
"""
The lifetime of a KS for the server's own calls: far longer than any call takes, because Kaltura checks it by its own
clock, which may be ten minutes ahead of ours.
"""

PLUGINS: Final = ("Schedule", "Group", "VirtualEvent", "EventNotification", "HttpNotification")
"""The plugins of the library that are loaded beside its core."""

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 25.0

UPLOAD_PATH: Final = "/api_v3/service/uploadtoken/action/upload"
"""Lower case, as Kaltura's own clients spell it, because the restriction of a KS compares letter by letter."""


@dataclass(frozen=True, slots=True)
class KnownFor:
    """
    The seconds for which things are assumed to exist before they are checked again.

    Attributes:
        users_s: Users.
        profiles_s: The things that an account needs once: the access-control profile and the roles.
        chat_token_s: The app token that signs chat tokens.
    """

    users_s: int = 30 * 24 * 3600
    profiles_s: int = 30 * 24 * 3600
    chat_token_s: int = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class KalturaAccount:
    """
    An account at Kaltura; safe to share between threads.

    Attributes:
        url: The address of the server, without `/api_v3`.
        partner_id: The account's number.
        admin_secret: Signs every KS.
        namespace: Marks what this deployment creates.
        upload_role: The role of upload KSs; `None` creates one.
        documents: Remember what was created.
        clock: Now, in UTC.
        room_url: The address of the account's KAF, which opens its rooms; `None` if it has none.
        known_s: How long things are assumed to exist.
    """

    url: str
    partner_id: int
    admin_secret: str = field(repr=False)
    namespace: str
    upload_role: str | None
    documents: Documents
    clock: Clock
    room_url: str | None = None
    known_s: KnownFor = field(default_factory=KnownFor)
    _built: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def client(self) -> Client:
        """
        Return the client. The library behind it is imported with the first call.
        """
        if "client" not in self._built:
            from shared.providers.kaltura.client import Client

            self._built["client"] = Client(
                self.url,
                plugins=PLUGINS,
                connect_timeout_s=CONNECT_TIMEOUT_S,
                answer_timeout_s=ANSWER_TIMEOUT_S,
            )
        client: Client = self._built["client"]
        return client

    @property
    def mint(self) -> KeyMint:
        """
        Return what signs KSs.
        """
        if "mint" not in self._built:
            self._built["mint"] = KeyMint(self.partner_id, self.admin_secret)
        mint: KeyMint = self._built["mint"]
        return mint

    @property
    def cache(self) -> AccountCache:
        """
        Return the memory of the things that are created in the account once.
        """
        new = AccountCache(self.documents, self.clock, self.known_s.profiles_s)
        cache: AccountCache = self._built.setdefault("cache", new)
        return cache

    @property
    def users(self) -> KnownUsers:
        """
        Return the memory of the users that exist.
        """
        new = KnownUsers(self.documents, self.clock, self.known_s.users_s)
        users: KnownUsers = self._built.setdefault("users", new)
        return users

    @property
    def tag(self) -> str:
        """
        Return the tag on everything that this deployment creates.
        """
        return mapping.tag_of(self.namespace)

    def admin_ks(self, *more: Privilege) -> str:
        """
        Return a KS for the server's own calls. It sees everything, whatever the account's entitlement.
        """
        privileges = (Privilege(Word.DISABLE_ENTITLEMENT), *more)
        return self.mint.mint(ADMIN_USER, privileges, lifetime_s=SERVER_KS_S, now=self.clock(), kind=Kind.ADMIN)

    def user_ks(self, user_id: str, privileges: tuple[Privilege, ...], lifetime_s: int) -> str:
        """
        Return a KS for another user.
        """
        return self.mint.mint(user_id, privileges, lifetime_s=lifetime_s, now=self.clock())

    def repeatable_ks(self, user_id: str, privileges: tuple[Privilege, ...], expires_at: datetime) -> str:
        """
        Return a KS for another user that is the same each time it is asked for.
        """
        now = self.clock()
        lifetime_s = int(expires_at.timestamp()) - int(now.timestamp())
        return self.mint.mint(user_id, privileges, lifetime_s=lifetime_s, now=now, is_repeatable=True)

    @property
    def has_rooms(self) -> bool:
        """
        Tell whether scheduled events have a room.
        """
        return self.room_url is not None

    def theirs(self, reference: str) -> str:
        """
        Return the reference id at Kaltura for our reference.
        """
        return mapping.theirs(self.namespace, reference, self.admin_secret)

    def ours(self, reference_id: object) -> str | None:
        """
        Return our reference for a reference id at Kaltura; `None` if it is not this deployment's.
        """
        return mapping.ours(self.namespace, str(reference_id))

    def made_under(self, reference: str, field_name: str = "referenceId") -> dict[str, str]:
        """
        Return the list filter for things created under our reference, by this release or an earlier one.

        Args:
            reference: Our reference.
            field_name: The field that has the reference in the listed objects.
        """
        if "," in reference:
            # A comma would split the reference in two. Only a back end can choose such an id for a session.
            return {f"{field_name}Equal": self.theirs(reference)}
        return {f"{field_name}In": f"{self.theirs(reference)},{mapping.unmarked(self.namespace, reference)}"}

    def access_control_id(self) -> int:
        """
        Return the id of the access-control profile that lets nobody play without a KS for exactly that entry.

        Raises:
            Transient, Doubtful, Permanent: As for any call.
        """

        def find_or_create() -> str:
            return account_objects.find_or_create_access_control(self.client, self.admin_ks())

        return int(self.cache.once(account_objects.ACCESS_CONTROL, find_or_create))

    def upload_role_name(self) -> str:
        """
        Return the role of upload KSs, which can call `uploadToken.upload` and nothing else.

        Raises:
            Transient, Doubtful, Permanent: As for any call.
        """
        return self.upload_role or self._role(account_objects.UPLOAD_ROLE)

    def addresses_role_name(self) -> str:
        """
        Return the role of KSs that only open addresses: it can call nothing that needs a KS. The KS is already confined
        to its addresses, and the role is a second protection. So no viewer waits for it: while it cannot be created,
        Kaltura's own role is used.
        """
        try:
            return self._role(account_objects.ADDRESSES_ROLE)
        except ProviderError:
            return self.cache.use_for_now(account_objects.ADDRESSES_ROLE.key, account_objects.ADDRESSES_ROLE.stand_in)

    def player_role_name(self) -> str | None:
        """
        Return the role of KSs for Kaltura's player, which can call what loads an entry and nothing else. `None` if the
        account does not allow new roles.

        Raises:
            Transient, Doubtful, Permanent: As for any call.
        """
        return self._role(account_objects.PLAYER_ROLE) or None

    def _role(self, role: account_objects.Role) -> str:
        return self.cache.once(
            role.key, lambda: account_objects.find_or_create_role(self.client, self.admin_ks(), role)
        )

    def doubted(self, error: ProviderError) -> ProviderError:
        """
        Return the error to raise for an error of Kaltura's; see `AccountCache.doubted`.
        """
        return self.cache.doubted(error)

    def forget_account_objects(self) -> None:
        """
        Forget what was created in the account once, so that the next use checks the account itself.
        """
        self.cache.forget_all()

    def check_again(self) -> datetime | None:
        """
        Check whether the things that were created in the account once still exist; see `AccountCache.check_again`. One
        call, and none if all were confirmed a moment ago.
        """
        return self.cache.check_again(lambda: account_objects.find_all(self.client, self.admin_ks()))
