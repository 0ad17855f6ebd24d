"""Addresses for playback: who may watch a video, from which host, and for how long.

Called by the callable `issuePlayback`. `shared/hosts/table.py` chooses the cheapest host that can play, the host or
provider makes the address, and `shared/sessions/admissions/entry.py` records the grants that can be ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from shared.core.callers import Caller
from shared.core.errors import NotFound, WrongState
from shared.core.identity import SessionIdentity
from shared.core.paths import (
    RECONCILE_COPY,
    admission_key,
    admission_path,
    copy_key,
    enrolment_path,
    session_path,
    video_path,
)
from shared.hosts.model import CopyState, shown_in
from shared.hosts.promises import watching_of
from shared.hosts.table import HostTable, needs_kbps, next_check
from shared.ports import (
    ADDRESSES,
    Clock,
    Document,
    Documents,
    ExternalIds,
    Grant,
    Hosts,
    ProviderAccounts,
    Queue,
    Task,
    ViewerKeys,
    holder_of,
)
from shared.sessions.access import require_viewer
from shared.sessions.admissions.entry import admit, player_key
from shared.sessions.admissions.model import Giving
from shared.sessions.session import Session, session_with
from shared.videos.model import Playable, Video, VideoState
from shared.videos.spec import Spec
from shared.videos.transitions import REJECTED_BY_MODERATOR

PLACE_HOLDER: Final = "place_holder"
"""The `archive.state` of a video whose placeholder plays."""


@dataclass(frozen=True, slots=True)
class Playback:
    """
    The addresses and keys to play a video.

    Attributes:
        host: The host or provider that plays it.
        url: The address to play; it contains the secret.
        expires_at: When the first of these addresses expires.
        values: Addresses by the names in `ADDRESSES`, each from the cheapest host that has it, and what else a client
            may need.
        player_key: The key for the provider's own player; `None` if it was not requested.
        session: The session of the video.
        began_at: The instant of its first picture; `None` if it is no recording of a live event.
    """

    host: str
    url: str = field(repr=False)
    expires_at: datetime
    values: Mapping[str, str | int] = field(repr=False)
    session: SessionIdentity
    player_key: Grant | None = None
    began_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Entered:
    """
    The session of a video that a caller may watch.

    Attributes:
        session: The session.
        admission: The record of what the caller was given there before.
    """

    session: Session
    admission: Document | None


@dataclass(frozen=True, slots=True)
class Playbacks:
    """
    The issuer of addresses for playback.

    Attributes:
        documents: The store of all documents.
        queue: Gets the tasks.
        clock: Now, in UTC.
        provider_accounts: The providers of videos.
        hosts: The hosts that have copies of them.
        table: The costs and states of hosts and providers.
        restores: Is told of each video whose placeholder is played.
        pauses_s: Seconds that a grant lasts longer than its video, at least.
        believes: Tells whether one more report of a person that a host fails is believed.
        viewer_keys: The viewers' keys of the providers where they can be ended, by provider.
    """

    documents: Documents
    queue: Queue
    clock: Clock
    provider_accounts: ProviderAccounts
    hosts: Hosts
    table: HostTable
    believes: Callable[[Caller], bool]
    restores: Callable[[Document], None]
    pauses_s: int
    viewer_keys: Mapping[str, ViewerKeys] = field(default_factory=dict)

    def issue_playback(
        self, caller: Caller, video_id: str, failed_host: str | None = None, *, needs_player_key: bool = False
    ) -> Playback:
        """
        Let the caller play one video for as long as watching it takes, from the cheapest host that has it and can play
        it.

        Args:
            caller: The viewer.
            video_id: The video's id.
            failed_host: The host from which they could not play it. They get another if there is one, and that host is
                tested. Only a limited number of reports of one person are believed.
            needs_player_key: Whether they use the provider's own player.

        Raises:
            NotFound: There is no such video for this caller (never).
            WrongState: It is not ready (again, once it is), or there is no key for its player (never).
            Conflict: The caller's other requests were faster each time (again).
        """
        unknown = NotFound("There is no such video, or you are not enrolled in its session.", reason="VIDEO_NOT_FOUND")
        (document,) = self.documents.read(video_path(video_id))
        if document is None:
            raise unknown
        video, spec = Video.from_document(document), Spec.from_document(document)

        def enter() -> _Entered:
            try:
                return self._enter(caller, video)
            except NotFound:
                raise unknown from None

        entered = enter()
        if spec.deleted:
            raise unknown
        if video.playable is None:
            if video.state is VideoState.FAILED:
                raise WrongState(
                    "The upload of this video has failed. The session document says why.", reason="VIDEO_FAILED"
                )
            raise WrongState(
                "This video is not ready to play yet. The session document shows when it is.", reason="VIDEO_NOT_READY"
            )
        copies = {
            name: one.external_ids
            for name, one in shown_in(document).items()
            if name in self.hosts and one.film == video.playable.reference and one.state is CopyState.READY
        }
        trouble = video.playable.trouble
        if trouble is not None and (not copies or trouble.code == REJECTED_BY_MODERATOR.code):
            raise WrongState("This video cannot be played at the moment. Try again later.", reason="VIDEO_NOT_PLAYABLE")
        if failed_host in (video.provider, *copies) and self.believes(caller):
            self._enqueue_failure(video_id, failed_host)
        if (document.fields.get("archive") or {}).get("state") == PLACE_HOLDER:
            self.restores(document)
        lifetime_s = playback_lifetime_s(video.playable.duration_s or 0.0, self.pauses_s)
        revocation_id = self._admit(caller, video, lifetime_s, entered, enter)
        playback = self._playback(
            caller, video_id, video, video.playable, copies, failed_host, lifetime_s, revocation_id
        )
        if not needs_player_key:
            return playback
        keys = self.viewer_keys.get(video.provider)
        key = player_key(keys, video.playable.external_ids, caller.uid, lifetime_s, revocation_id)
        return replace(playback, player_key=key)

    def _enter(self, caller: Caller, video: Video) -> _Entered:
        """
        Read whether the caller may watch a video, and what they were given in its session before.

        Raises:
            NotFound: They may not (never).
        """
        session_id = video.session.session_id
        paths = [session_path(session_id), enrolment_path(session_id, caller.uid)]
        if video.provider in self.viewer_keys:
            paths.append(admission_path(admission_key(session_id, caller.uid)))
        session, enrolment, *admission = self.documents.read(*paths)
        known = require_viewer(caller, session_with(video.session, session), enrolment)
        return _Entered(known, admission[0] if admission else None)

    def _admit(
        self, caller: Caller, video: Video, lifetime_s: int, entered: _Entered, enter: Callable[[], _Entered]
    ) -> str | None:
        """
        Record what the caller is given, if it can be ended.
        """
        if video.provider not in self.viewer_keys:
            return None
        lifetime = timedelta(seconds=lifetime_s)

        def giving(known: _Entered) -> Giving:
            moderates = known.session.moderates(caller.uid)
            return Giving(known.session.identity, caller.uid, video.provider, moderates, self.clock() + lifetime)

        _, revocation_id = admit(entered, enter, giving, self.documents, self.queue, self.clock)
        return revocation_id

    def _enqueue_failure(self, video_id: str, host: str) -> None:
        """
        Enqueue a test of the host that a viewer reported, and a reconciliation of the copy that they could not play.
        """
        check = next_check(host, self.clock)
        self.queue.put(check)
        if host in self.hosts:
            self.queue.put(Task(RECONCILE_COPY, copy_key(video_id, host), once=check.once))

    def _playback(
        self,
        caller: Caller,
        video_id: str,
        video: Video,
        playable: Playable,
        copies: Mapping[str, ExternalIds],
        failed: str | None,
        lifetime_s: int,
        revocation_id: str | None,
    ) -> Playback:
        """
        Return the grants of the hosts that have the video. The cheapest host comes first; the others add the addresses
        that it does not have. If no host can play it, one that has it is used anyway.
        """
        provider = video.provider
        have = [*copies] if playable.trouble is not None else [provider, *copies]
        kbps = needs_kbps(playable.size_bytes, playable.duration_s)
        watching = watching_of(caller.uid, video_id)
        ranked = self.table.ranked(have, kbps, watching, failed) or have[:1]
        grants: dict[str, Grant] = {}
        for name in dict.fromkeys((*ranked, *have[:1])):
            if all(any(address in grant.values for grant in grants.values()) for address in ADDRESSES):
                break
            grants[name] = (
                self.hosts[name].playback_grant(copies[name], lifetime_s)
                if name in copies
                else holder_of(self.provider_accounts, name).media.playback_grant(
                    playable.external_ids, caller.uid, lifetime_s, revocation_id
                )
            )
        self.table.promise(ranked[0], kbps, playable.duration_s, watching)
        values: dict[str, str | int] = {}
        for grant in reversed(grants.values()):
            values |= grant.values
        expires_at = min(grant.expires_at for grant in grants.values())
        url = grants[ranked[0]].url
        return Playback(ranked[0], url, expires_at, values, video.session, began_at=playable.began_at)


def playback_lifetime_s(duration_s: float, pauses_s: int) -> int:
    """
    Return how many seconds a playback grant is valid: the length of the video, plus half of it or `pauses_s`, whichever
    is longer. Pure.
    """
    return int(duration_s + max(pauses_s, duration_s / 2))
