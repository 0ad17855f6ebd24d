"""The use cases of one deployment, built on its documents, its queue and its providers.

Called by `functions/wiring.py`, and by tests that run use cases. The caller chooses the adapters; this file knows none
of them. What each resource needs, it builds itself (`shared/registry.py`); this file builds what stands above them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from shared.core.paths import RECONCILE_SESSION, RECONCILE_VIDEO
from shared.ports import Task
from shared.reconcile import Mapper
from shared.reconcile.deployment import Deployment
from shared.reconcile.resource import Resource
from shared.registry import RESOURCES, WORKERS

if TYPE_CHECKING:
    from shared.hosts.controller import Copies
    from shared.operations.orphans import Orphans
    from shared.operations.orphans.adoption import Adoption
    from shared.operations.sweep import Sweep
    from shared.sessions.controller import Sessions
    from shared.videos.controller import Videos
    from shared.videos.host_checks import Checks
    from shared.videos.playback import Playbacks
    from shared.videos.readiness import ReadinessPoller
    from shared.videos.upload_tokens import UploadTokens


@dataclass
class App(Deployment):
    """
    All use cases of a deployment. See `Deployment`.
    """

    _: KW_ONLY
    resources: Sequence[Resource] = RESOURCES

    @property
    def sessions(self) -> Sessions:
        """
        The Controller of sessions.
        """
        return cast("Sessions", self.controller(RECONCILE_SESSION))

    @property
    def videos(self) -> Videos:
        """
        The Controller of videos.
        """
        return cast("Videos", self.controller(RECONCILE_VIDEO))

    @property
    def pollers(self) -> Mapping[str, ReadinessPoller]:
        """
        The readiness pollers, by provider.
        """
        from shared.videos.resource import pollers

        return self.get(pollers)

    @property
    def copies(self) -> Copies:
        """
        The Controller of copies.
        """
        from shared.hosts.resource import controller

        return self.get(controller)

    @property
    def checks(self) -> Checks:
        """
        Tests whether hosts and providers play.
        """
        from shared.videos.resource import host_checks

        return self.get(host_checks)

    @cached_property
    def upload_tokens(self) -> UploadTokens:
        """
        Gives and renews upload tokens.
        """
        from shared.videos.settings import VideoSettings
        from shared.videos.upload_tokens import UploadTokens

        provider = self.settings_of(VideoSettings).provider
        return UploadTokens(self.documents, self.queue, self.clock, self.videos, self.pollers, provider)

    @cached_property
    def playbacks(self) -> Playbacks:
        """
        Gives what plays a video.
        """
        from shared.hosts.resource import host_table
        from shared.videos.playback import Playbacks

        return Playbacks(
            self.documents,
            self.queue,
            self.clock,
            self.provider_accounts,
            self.hosts,
            self.get(host_table),
            self.call_budgets,
            self.viewer_keys,
        )

    @cached_property
    def orphans(self) -> Orphans:
        """
        Finds and releases orphans.
        """
        from shared.operations.orphans import Orphans

        return Orphans(self)

    @cached_property
    def adoption(self) -> Adoption:
        """
        Gives orphans back to their sessions.
        """
        from shared.operations.orphans.adoption import Adoption

        return Adoption(self)

    @cached_property
    def sweep(self) -> Sweep:
        """
        Finds what was lost.
        """
        from shared.operations.sweep import Sweep

        return Sweep(self, self.orphans)

    def work(self, task: Task, each: Mapper = map) -> None:
        """
        Run the worker of a task's queue.

        Args:
            task: The task.
            each: Runs the reconciliations of several things of one task.

        Raises:
            Transient, Conflict: It is not finished (again).
            ValueError: There is no such queue (never).
        """
        worker = WORKERS.get(task.queue)
        if worker is None:
            raise ValueError(f"There is no worker {task.queue}.")
        if worker.work is not None:
            worker.work(self, task.key, each)
        else:
            self.reconciler(worker.timeout_s).reconcile(self.controller(task.queue), task.key)
