"""Check that a Kaltura account has everything that this deployment needs, and create what is missing.

Called by the operator's commands `doctor` and `setup` through `ports.Setup`. Everything that is created here is also
created on first use, except the app token of chats, which only an operator should create.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import Misconfigured, ProviderError, SecretRejected, Transient
from shared.ports import Finding, Health
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.account_objects import ACCESS_CONTROL_NAME, ADDRESSES_ROLE, PLAYER_ROLE, UPLOAD_ROLE
from shared.providers.kaltura.audience import KalturaAudience
from shared.providers.kaltura.chat import CHAT_PRIVILEGES, signs_chat, the_chat_token
from shared.providers.kaltura.confinement import NAMES, SETUP_MAKES, Confinement
from shared.providers.kaltura.paging import all_pages
from shared.providers.kaltura.webhooks import TEMPLATES, KalturaWebhook

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

CLOCKS_APART_MAX_S: Final = 60
"""
A larger difference of the clocks is reported: what is signed for a few minutes would be expired, or live too long.
"""

ACCOUNT: Final = "account"
CLOCK: Final = "clock"
UPLOADS: Final = "uploads"
LIVE: Final = "live streaming"
LIVE_PROFILE: Final = "live conversion profile"
SCHEDULING: Final = "scheduling"
ROOMS: Final = "rooms"
VIRTUAL_EVENTS: Final = "virtual events"
GROUPS: Final = "groups"
CHAT_TOKEN: Final = "chat token"
ACCESS_CONTROL: Final = "access-control profile"
TEMPLATES_OFFERED: Final = "notification templates"
HOOK: Final = "notifications"

INVALID_KS: Final = "INVALID_KS"
_LIVE_CONVERSION: Final = 2


@dataclass(frozen=True, slots=True)
class KalturaSetup:
    """
    Fills `ports.Setup`.
    """

    account: KalturaAccount
    audience: KalturaAudience

    def check(self) -> Sequence[Finding]:
        """
        See `ports.Setup`. Three requests: the first checks that it is our account at all, the second everything else,
        and the third what a KS for the player can read.
        """
        try:
            found = [Finding(ACCOUNT, Health.OK), self._clock()]
        except SecretRejected:
            return [Finding(ACCOUNT, Health.MISSING, _NO_ACCOUNT)]
        except Transient as error:
            if error.code != INVALID_KS:
                raise
            return [Finding(CLOCK, Health.MISSING, _OVER)]
        multi = self.account.client.multi(self.account.admin_ks())
        judges = [judge for ask in self._questions() for judge in ask(multi)]
        multi.send()
        return [*found, *(judge() for judge in judges)]

    def make(self) -> Sequence[Finding]:
        """
        See `ports.Setup`.
        """
        there = {finding.what: finding.health for finding in self.check()}
        self.account.forget_account_objects()
        self.account.access_control_id()
        names = {
            UPLOAD_ROLE: self.account.upload_role_name(),
            ADDRESSES_ROLE: self.account.addresses_role_name(),
            PLAYER_ROLE: self.account.player_role_name(),
        }
        refused = Confinement(self.account)
        roles = [refused.made(role, name) or _made(NAMES[role.key], there) for role, name in names.items()]
        return [_made(ACCESS_CONTROL, there), *roles, self._make_chat_token()]

    # --- check --------------------------------------------------------------------------------------------------------

    def _clock(self) -> Finding:
        """
        Compare our clock with Kaltura's. The call carries a KS, so that a wrong secret shows.

        Raises:
            Transient, Doubtful, Permanent: As for any call.
        """
        client, ks, now = self.account.client, self.account.admin_ks(), self.account.clock()
        multi = client.multi(ks)
        time = multi.ask(lambda c: c.system.getTime())
        session = multi.ask(lambda c: c.session.get())
        multi.send()
        session.answer()
        apart_s = round((datetime.fromtimestamp(int(time.answer()), UTC) - now).total_seconds())
        if abs(apart_s) <= CLOCKS_APART_MAX_S:
            return Finding(CLOCK, Health.OK)
        return Finding(
            CLOCK,
            Health.ABSENT,
            f"Kaltura's clock is {abs(apart_s)} s {'ahead of' if apart_s > 0 else 'behind'} the one here. "
            "Correct the clock of this machine; in the cloud it is right.",
        )

    def _questions(self) -> Sequence[Callable[[Multi], Sequence[Callable[[], Finding]]]]:
        return (self._ask_features, self._ask_chat_token, self._ask_profiles, self._ask_templates)

    def _ask_features(self, multi: Multi) -> Sequence[Callable[[], Finding]]:
        from KalturaClient.Plugins.Core import KalturaConversionProfileFilter, KalturaConversionProfileType

        of_live = KalturaConversionProfileFilter(typeEqual=KalturaConversionProfileType(_LIVE_CONVERSION))
        asks: list[tuple[str, Callable[[Any], Any], Health, str]] = [
            (UPLOADS, lambda c: c.uploadToken.list(), Health.MISSING, "Nobody can upload. " + _ASK_KALTURA),
            (LIVE, lambda c: c.liveStream.list(), Health.MISSING, "No session can be live. " + _ASK_KALTURA),
            (SCHEDULING, lambda c: c.schedule.scheduleEvent.list(), Health.ABSENT, _WITHOUT + _ASK_KALTURA),
            (VIRTUAL_EVENTS, lambda c: c.virtualEvent.virtualEvent.list(), Health.ABSENT, _WITHOUT + _ASK_KALTURA),
            (GROUPS, lambda c: c.group.group.list(), Health.ABSENT, "Chats have no moderators. " + _ASK_KALTURA),
        ]
        if self.account.has_rooms:
            asks.append((ROOMS, lambda c: c.schedule.scheduleResource.list(), Health.MISSING, _NO_ROOMS))
        judges = [_judge_offered(multi.ask(ask), what, health, sentence) for what, ask, health, sentence in asks]
        profiles = multi.ask(lambda c: c.conversionProfile.list(of_live))
        return [*judges, _judge_any(profiles, LIVE_PROFILE, Health.ABSENT, _NO_LIVE_PROFILE)]

    def _ask_chat_token(self, multi: Multi) -> Sequence[Callable[[], Finding]]:
        tokens = self.audience.chat.ask_tokens(multi)

        def judge() -> Finding:
            if tokens.error is not None:
                return Finding(CHAT_TOKEN, Health.ABSENT, _said(tokens.error))
            found = all_pages(tokens, self.audience.chat.page)
            if self.audience.chat_secret is not None:
                return self._judge_chat_secret(found)
            try:
                the_chat_token(found)
            except Misconfigured as error:
                return Finding(CHAT_TOKEN, Health.ABSENT, f"There is no chat. {error}")
            return Finding(CHAT_TOKEN, Health.OK)

        return [judge]

    def _judge_chat_secret(self, tokens: Sequence[Any]) -> Finding:
        """
        Compare the configured secret with those of the account: Kaltura refuses chat tokens that another one signs.
        """
        if any(signs_chat(token) and str(token.token) == self.audience.chat_secret for token in tokens):
            return Finding(CHAT_TOKEN, Health.OK)
        return Finding(CHAT_TOKEN, Health.MISSING, _OTHER_CHAT_SECRET)

    def _ask_profiles(self, multi: Multi) -> Sequence[Callable[[], Finding]]:
        from KalturaClient.Plugins.Core import KalturaAccessControlProfileFilter

        asked = KalturaAccessControlProfileFilter(systemNameEqual=ACCESS_CONTROL_NAME)
        profiles = multi.ask(lambda c: c.accessControlProfile.list(asked))
        judge = _judge_any(profiles, ACCESS_CONTROL, Health.MISSING, SETUP_MAKES)
        return [judge, *Confinement(self.account).ask(multi)]

    def _ask_templates(self, multi: Multi) -> Sequence[Callable[[], Finding]]:
        from KalturaClient.Plugins.EventNotification import KalturaEventNotificationTemplateFilter

        ours = KalturaWebhook(self.account).names()
        offered = KalturaEventNotificationTemplateFilter(systemNameIn=",".join(TEMPLATES))
        copies = KalturaEventNotificationTemplateFilter(systemNameIn=",".join(ours))
        there = multi.ask(lambda c: c.eventNotification.eventNotificationTemplate.listTemplates(offered))
        made = multi.ask(lambda c: c.eventNotification.eventNotificationTemplate.list(copies))
        return [
            _judge_all(there, TEMPLATES_OFFERED, tuple(TEMPLATES), "Only the feed finds changes. " + _ASK_KALTURA),
            _judge_all(
                made, HOOK, tuple(ours), "Only the feed finds changes, some seconds later. `install-hook` creates them."
            ),
        ]

    # --- create -------------------------------------------------------------------------------------------------------

    def _make_chat_token(self) -> Finding:
        """
        Create the app token that signs chat tokens, unless there is one.
        """
        from KalturaClient.Plugins.Core import KalturaAppToken, KalturaAppTokenHashType, KalturaSessionType

        multi = self.account.client.multi(self.account.admin_ks())
        tokens = self.audience.chat.ask_tokens(multi)
        multi.send()
        found = all_pages(tokens, self.audience.chat.page)
        if self.audience.chat_secret is not None:
            return self._judge_chat_secret(found)
        try:
            the_chat_token(found)
            return Finding(CHAT_TOKEN, Health.OK)
        except Misconfigured as error:
            if any(token.sessionPrivileges == CHAT_PRIVILEGES for token in found):
                return Finding(CHAT_TOKEN, Health.ABSENT, f"There is no chat. {error}")
        new = KalturaAppToken(
            sessionType=KalturaSessionType(KalturaSessionType.USER),
            sessionPrivileges=CHAT_PRIVILEGES,
            hashType=KalturaAppTokenHashType(KalturaAppTokenHashType.SHA256),
            description=f"Greenroom ({self.account.namespace}): signs chat tokens",
        )
        self.account.client.call(self.account.admin_ks(), lambda c: c.appToken.add(new))
        return Finding(CHAT_TOKEN, Health.MADE)


_NO_ACCOUNT: Final = "KALTURA_ADMIN_SECRET is not the administrator secret of KALTURA_PARTNER_ID."
_OVER: Final = (
    "Kaltura says that a KS signed here has already expired. Correct the clock of this machine; in the cloud it is "
    "right."
)
_OTHER_CHAT_SECRET: Final = (
    "KALTURA_CHAT_TOKEN is not the secret of an active app token of the account with the privileges "
    f"{CHAT_PRIVILEGES}: Kaltura refuses every chat token that it signs. Set the right one, or `find`."
)
_ASK_KALTURA: Final = "Ask Kaltura to add it to the account."
_WITHOUT: Final = "Live events work without it. "
_NO_ROOMS: Final = "KALTURA_ROOM_URL is set, but the account has no rooms. " + _ASK_KALTURA
_NO_LIVE_PROFILE: Final = "Live pictures are not converted. " + _ASK_KALTURA


def _said(error: ProviderError) -> str:
    return f"Kaltura answers {error.code} to {error.operation}."


def _judge_offered(answer: Asked, what: str, health: Health, sentence: str) -> Callable[[], Finding]:
    """
    Return a judge of whether the account has a service at all.
    """

    def judge() -> Finding:
        if answer.error is None:
            return Finding(what, Health.OK)
        return Finding(what, health, f"{_said(answer.error)} {sentence}")

    return judge


def _judge_any(answer: Asked, what: str, health: Health, sentence: str) -> Callable[[], Finding]:
    """
    Return a judge of whether a list has any item.
    """

    def judge() -> Finding:
        if answer.error is not None:
            return Finding(what, health, f"{_said(answer.error)} {sentence}")
        return Finding(what, Health.OK) if answer.answer().objects else Finding(what, health, sentence)

    return judge


def _judge_all(answer: Asked, what: str, names: tuple[str, ...], sentence: str) -> Callable[[], Finding]:
    """
    Return a judge of whether a list has all items with these names.
    """

    def judge() -> Finding:
        if answer.error is not None:
            return Finding(what, Health.ABSENT, f"{_said(answer.error)} {sentence}")
        found = {str(one.systemName) for one in answer.answer().objects}
        missing = [name for name in names if name not in found]
        if not missing:
            return Finding(what, Health.OK)
        return Finding(what, Health.ABSENT, f"{', '.join(missing)}: missing. {sentence}")

    return judge


def _made(what: str, before: dict[str, Health]) -> Finding:
    return Finding(what, Health.OK if before.get(what) is Health.OK else Health.MADE)
