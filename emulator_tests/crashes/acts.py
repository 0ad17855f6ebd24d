"""The acts of users, operators, workers and Kaltura in the flows.

`flows` puts the acts in order, and `world` carries out each one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from emulator_tests.crashes.world import World
from emulator_tests.testbed.places import TEST_PICTURE
from shared.core.paths import RECONCILE_SESSION, RECONCILE_VIDEO, VIDEOS
from shared.videos.commands import cancel_upload, delete_video, retry_video

Act = Callable[[World], None]
Acts = tuple[tuple[float, Act], ...]
FILM: Final = TEST_PICTURE.read_bytes()
GARBAGE: Final = b"This is no film. " * 20_000
CHUNKS: Final = 3
S1: Final = "s1"
PAUSE_S: Final = 5.0
EVENT_S: Final = 30
"""Length of a live event in a flow."""


def publish(world: World) -> None:
    """
    Publish the session; create it if there is none.
    """
    world.write(S1, status="public")


def publish_unheard(world: World) -> None:
    """
    Publish the session, and lose the trigger.
    """
    world.write(S1, heard=False, status="public")


def unpublish(world: World) -> None:
    """
    Make the session a draft again.
    """
    world.write(S1, status="draft")


def retitle(world: World) -> None:
    """
    Change the title, with characters that have a meaning for servers.
    """
    world.write(S1, title="{1:result:id} <Géométrie> & co")


def move(world: World) -> None:
    """
    Move the session to a day later.
    """
    at = world.clock() + timedelta(days=2)
    world.write(S1, startsAt=at, endsAt=at + timedelta(hours=1))


def unschedule(world: World) -> None:
    """
    Remove the session's start and end.
    """
    world.write(S1, startsAt=None, endsAt=None)


def name_moderator(world: World) -> None:
    """
    Make a user a moderator.
    """
    world.write(S1, moderators={"anna": True})


def unname_moderator(world: World) -> None:
    """
    Remove the moderator.
    """
    world.write(S1, moderators={})


def publish_now(world: World) -> None:
    """
    Publish the session as it begins.
    """
    world.write(S1, status="public", startsAt=world.clock(), endsAt=world.clock() + timedelta(seconds=EVENT_S))


def go_on_air(world: World) -> None:
    """
    Let the owner's encoder begin to send.
    """
    world.broadcast(None, is_live=True)


def go_off_air(world: World) -> None:
    """
    Let the encoder stop; the recording arrives.
    """
    world.broadcast(TEST_PICTURE, is_live=False)


def delete(world: World) -> None:
    """
    Delete the session.
    """
    world.delete(S1)


def delete_unheard(world: World) -> None:
    """
    Delete the session, and lose the trigger.
    """
    world.delete(S1, heard=False)


def make_on_demand(world: World) -> None:
    """
    Create an on-demand session.
    """
    world.write(S1, status="public", format="onDemand")


def ask_to_upload(world: World) -> None:
    """
    Let the owner ask for an upload token.
    """
    world.ask_to_upload(S1, FILM)


def ask_to_upload_garbage(world: World) -> None:
    """
    Let the owner ask for an upload token, for a file that is not a video.
    """
    world.ask_to_upload(S1, GARBAGE)


def ask_to_replace(world: World) -> None:
    """
    Let the owner ask for a token to replace the video.
    """
    world.ask_to_replace(FILM)


def ask_to_replace_with_garbage(world: World) -> None:
    """
    Let the owner ask for a token to replace the video, with a file that is not a video.
    """
    world.ask_to_replace(GARBAGE)


def renew(world: World) -> None:
    """
    Let the owner ask for a fresh token, and continue the upload with it.
    """
    world.renew_token()


def cancel(world: World) -> None:
    """
    Cancel the latest upload.
    """
    world.spec("cancelUpload", cancel_upload)


def unwant(world: World) -> None:
    """
    Delete the video.
    """
    world.spec("deleteVideo", delete_video)


def retry(world: World) -> None:
    """
    Retry the failed upload.
    """
    world.spec("retryVideo", retry_video)


def fail_to_convert(world: World) -> None:
    """
    From now on, let Kaltura fail to convert what arrives.
    """
    world.let_conversions_fail()


def convert_again(world: World) -> None:
    """
    From now on, let Kaltura convert what arrives.
    """
    world.let_conversions_succeed()


def lose_document(world: World) -> None:
    """
    Let the database lose the video's document.
    """
    world.lose_document()


def adopt(world: World) -> None:
    """
    Let the operator adopt the orphan.
    """
    world.adopt()


def push(world: World) -> None:
    """
    Let Kaltura send webhooks for all that exists, and let workers reconcile the videos.
    """
    world.push()
    reconcile_videos(world)


def send(number: int) -> Act:
    """
    Let the owner's browser send a chunk.
    """
    return lambda world: world.send(number, CHUNKS)


def lose_tasks(world: World) -> None:
    """
    Let the queue lose all tasks.
    """
    world.lose_tasks()


def make_strays(world: World) -> None:
    """
    Create things at Kaltura that no document names.
    """
    world.make_strays()


def break_kaltura(kind: str, match: Mapping[str, Any] | None = None, **how: Any) -> Act:
    """
    From now on, let requests to Kaltura fail: the next one, the next that matches, or all that match (`times=0`).
    """
    return lambda world: world.let_go_wrong(kind, match, **how)


def mend_kaltura(world: World) -> None:
    """
    Let no more requests to Kaltura fail.
    """
    world.mend_kaltura()


def visit_session(world: World) -> None:
    """
    Let another worker reconcile the session.
    """
    world.visit_at_once(RECONCILE_SESSION, S1)


def reconcile_videos(world: World) -> None:
    """
    Let other workers reconcile the session's videos.
    """
    for video_id in world.documents(VIDEOS):
        world.visit_at_once(RECONCILE_VIDEO, video_id)


def sweep(world: World) -> None:
    """
    Pause the current worker, and let the sweep run in the pause.
    """
    world.wait(PAUSE_S)
    world.sweep_at_once()


def move_and_visit(world: World) -> None:
    """
    Move the session, and let another worker reconcile it before the current one goes on.
    """
    move(world)
    visit_session(world)


def publish_and_visit(world: World) -> None:
    """
    Publish the session, and let another worker reconcile it before the current one goes on.
    """
    publish(world)
    visit_session(world)


def delete_and_visit(world: World) -> None:
    """
    Delete the session, and let other workers reconcile it and its videos before the current one goes on.
    """
    delete(world)
    visit_session(world)
    reconcile_videos(world)
