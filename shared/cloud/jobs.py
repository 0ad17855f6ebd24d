"""Fill the jobs port with Cloud Run jobs.

Built by `functions/wiring.py`. The job is deployed by the operator, see docs/archive.md; each start overrides its
arguments.

Source: https://docs.cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs/run
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from shared.cloud.posting import Post
from shared.core.errors import Doubtful, Misconfigured, Transient

PROVIDER: Final = "cloudrun"
RUN_URL: Final = "https://run.googleapis.com"
NOT_STARTED: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
MISCONFIGURED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class CloudRunJobs:
    """
    Starts one job, with other arguments each time.

    Attributes:
        project: The project.
        location: The region of the job.
        name: Its name.
        post: Sends a request.
        url: The address of Cloud Run's API.
    """

    project: str
    location: str
    name: str
    post: Post
    url: str = RUN_URL

    def start(self, key: str) -> None:
        """
        See `ports.Jobs`.
        """
        job = f"projects/{self.project}/locations/{self.location}/jobs/{self.name}"
        body = {"overrides": {"containerOverrides": [{"args": [key]}], "taskCount": 1}}
        try:
            status = self.post(f"{self.url}/v2/{job}:run", body)
        except OSError:
            raise Doubtful(
                "Cloud Run did not answer.", provider=PROVIDER, operation="jobs.run", code="CONNECTION_LOST"
            ) from None
        if status == HTTPStatus.OK:
            return
        if status in MISCONFIGURED:
            raise Misconfigured(
                f"The job {self.name} cannot be started (HTTP {status}). Deploy it in {self.location}, and let the "
                "functions' account run it with overrides: docs/archive.md."
            )
        kind = Transient if status in NOT_STARTED else Doubtful
        raise kind("The job was not started.", provider=PROVIDER, operation="jobs.run", code=f"HTTP_{status}")
