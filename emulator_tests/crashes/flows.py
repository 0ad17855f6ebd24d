"""The flows: what users do, what they did before, and the expected end. `playing` runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from emulator_tests.crashes.acts import (
    CHUNKS,
    Act,
    Acts,
    adopt,
    ask_to_replace,
    ask_to_replace_with_garbage,
    ask_to_upload,
    ask_to_upload_garbage,
    cancel,
    convert_again,
    delete,
    delete_and_visit,
    delete_unheard,
    fail_to_convert,
    go_off_air,
    go_on_air,
    lose_document,
    lose_tasks,
    make_on_demand,
    make_strays,
    move,
    move_and_visit,
    name_moderator,
    publish,
    publish_and_visit,
    publish_now,
    publish_unheard,
    push,
    reconcile_videos,
    renew,
    retitle,
    retry,
    send,
    sweep,
    unname_moderator,
    unpublish,
    unschedule,
    unwant,
    visit_session,
)
from emulator_tests.pure.races.defects import SOUND
from shared.videos.model import VideoState


@dataclass(frozen=True, slots=True)
class Flow:
    """
    One flow: what users do, and what to expect.

    Attributes:
        name: For the ids of tests.
        acts: What users do, each with the seconds since the beginning.
        before: What users did before, without disturbance.
        settled_s: Seconds between `before` and `acts`.
        minds: Changes of mind during the flow, and other workers that may come.
        video: The expected end state of the video, if it is certain.
        sweeps: Number of sweeps whose effects are disturbed too.
        new_account: Whether the account is entirely new, without what is created in an account once.
        beyond: Whether things may exist twice for a while.
        outage: Whether so much goes wrong that the queue may drop tasks.
    """

    name: str
    acts: Acts = ()
    before: Acts = ()
    settled_s: float = 20
    minds: tuple[Act, ...] = ()
    video: VideoState | None = None
    sweeps: int = 0
    new_account: bool = False
    beyond: bool = False
    outage: bool = False


PUBLIC: Final[Acts] = ((0, publish),)
ON_AIR: Final[Acts] = ((0, publish_now), (5, go_on_air))
SENT: Final[Acts] = tuple((5.0 * number, send(number)) for number in range(1, CHUNKS + 1))
UPLOADED: Final[Acts] = ((0, make_on_demand), (0, ask_to_upload), *SENT)
UPLOADED_IN_PART: Final[Acts] = UPLOADED[:3]
REPLACED_IN_PART: Final[Acts] = (*UPLOADED, (100, ask_to_replace), (105, send(1)))
FLOWS: Final = (
    Flow(
        "publish", PUBLIC, minds=(unpublish, delete, retitle, visit_session, delete_and_visit, sweep), new_account=True
    ),
    Flow("unpublish", ((0, unpublish),), before=PUBLIC, minds=(publish, delete, visit_session, publish_and_visit)),
    Flow("republish-within-grace", ((0, unpublish), (120, publish)), before=PUBLIC),
    Flow("republish-after-grace", ((0, unpublish), (900, publish)), before=PUBLIC, minds=(visit_session,)),
    Flow("flip", ((0, publish), (0, unpublish), (0, publish))),
    Flow("retitle", ((0, retitle),), before=PUBLIC, minds=(move, unpublish, delete, visit_session, move_and_visit)),
    Flow(
        "name-moderator",
        ((0, name_moderator),),
        before=PUBLIC,
        minds=(unname_moderator, unpublish, delete, visit_session),
    ),
    Flow("unname-moderator", ((0, unname_moderator),), before=((0, publish), (0, name_moderator)), minds=(delete,)),
    Flow(
        "record",
        ((0, go_off_air),),
        before=ON_AIR,
        minds=(unpublish, delete, visit_session, sweep),
        video=VideoState.READY,
    ),
    Flow("unpublish-on-air", ((0, unpublish), (700, go_off_air)), before=ON_AIR, video=VideoState.READY),
    Flow("delete-on-air", ((0, delete), (100, go_off_air)), before=ON_AIR, minds=(visit_session,)),
    Flow("delete-recorded", ((0, delete),), before=(*ON_AIR, (25, go_off_air)), settled_s=300, video=VideoState.GONE),
    Flow("unschedule", ((0, unschedule),), before=PUBLIC, minds=(move, delete)),
    Flow("schedule", ((0, move),), before=((0, publish), (0, unschedule)), minds=(unschedule, delete)),
    Flow("delete-public", ((0, delete),), before=PUBLIC, minds=(publish, visit_session, sweep)),
    Flow("delete-draft", ((0, delete),), before=((0, unpublish),)),
    Flow("delete-retiring", ((0, delete),), before=((0, publish), (10, unpublish))),
    Flow("publish-and-delete", ((0, publish), (3, delete))),
    Flow(
        "delete-with-video",
        ((0, delete),),
        before=((0, publish), (0, ask_to_upload), *SENT),
        settled_s=100,
        video=VideoState.GONE,
    ),
    Flow(
        "upload",
        ((0, ask_to_upload), *SENT),
        before=((0, make_on_demand),),
        minds=(delete, reconcile_videos, delete_and_visit, sweep),
        video=VideoState.READY,
    ),
    Flow(
        "poll-until-error",
        before=((0, make_on_demand), (0, ask_to_upload_garbage), *SENT),
        settled_s=0,
        minds=(delete, reconcile_videos),
        video=VideoState.FAILED,
    ),
    Flow(
        "delete-during-upload",
        ((0, ask_to_upload), (5, send(1)), (6, delete), (10, send(2)), (15, send(3))),
        before=((0, make_on_demand),),
        video=VideoState.GONE,
        new_account=True,
    ),
    Flow(
        "replace",
        ((0, ask_to_replace), *SENT),
        before=UPLOADED,
        settled_s=100,
        minds=(delete, unwant, cancel, ask_to_replace, push, sweep),
        video=VideoState.READY,
    ),
    Flow(
        "replacement-fails",
        before=(*UPLOADED, (100, ask_to_replace_with_garbage), *((100 + at, do) for at, do in SENT)),
        settled_s=0,
        minds=(unwant, ask_to_replace, reconcile_videos),
        video=VideoState.FAILED,
    ),
    Flow(
        "replace-twice",
        ((0, ask_to_replace), *SENT),
        before=REPLACED_IN_PART,
        settled_s=1,
        minds=(unwant,),
        video=VideoState.READY,
    ),
    Flow(
        "delete-video-during-replacement",
        ((0, unwant), (4, send(2))),
        before=REPLACED_IN_PART,
        settled_s=1,
        minds=(reconcile_videos,),
        video=VideoState.GONE,
    ),
    Flow(
        "delete-video",
        ((0, unwant),),
        before=UPLOADED,
        settled_s=100,
        minds=(delete, reconcile_videos, sweep),
        video=VideoState.GONE,
    ),
    Flow(
        "cancel-upload",
        ((0, cancel), (4, send(2))),
        before=UPLOADED_IN_PART,
        settled_s=1,
        minds=(delete, reconcile_videos, sweep),
        video=VideoState.GONE,
    ),
    Flow(
        "cancel-replacement",
        ((0, cancel),),
        before=REPLACED_IN_PART,
        settled_s=1,
        minds=(unwant, ask_to_replace, reconcile_videos),
        video=VideoState.READY,
    ),
    Flow(
        "renew-during-upload",
        ((0, renew), (2, send(2)), (7, send(3))),
        before=UPLOADED_IN_PART,
        settled_s=3,
        minds=(unwant, reconcile_videos),
        video=VideoState.READY,
    ),
    Flow(
        "retry",
        ((0, convert_again), (0, retry)),
        before=((0, fail_to_convert), *UPLOADED),
        settled_s=100,
        minds=(delete, unwant, ask_to_replace, push, sweep),
        video=VideoState.READY,
    ),
    Flow(
        "push-and-poll",
        ((55, push),),
        before=UPLOADED,
        settled_s=0,
        minds=(delete, push),
        video=VideoState.READY,
    ),
    Flow(
        "adopt",
        ((0, adopt), (200, adopt)),
        before=(*UPLOADED, (200, lose_document)),
        settled_s=10,
        minds=(delete, adopt, reconcile_videos, sweep),
        video=VideoState.READY,
    ),
    Flow("sweep-finds-a-wish", ((0, publish_unheard),), sweeps=1),
    Flow("sweep-finds-a-deletion", ((0, delete_unheard),), before=PUBLIC, sweeps=1),
    Flow("sweep-finds-a-video", ((0, lose_tasks),), before=UPLOADED, settled_s=0, video=VideoState.READY, sweeps=1),
    Flow("sweep-finds-strays", before=((0, make_strays),), settled_s=SOUND.stray_age_s, sweeps=1),
)
