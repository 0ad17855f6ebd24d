"""Ask Google's APIs, read only, as the operator.

Called by the checks and by `cli/secrets.py`. The answers are those of the public REST APIs; `google-auth` signs in.
What follows from an answer is left to the caller.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import requests

from cli.cloud import NO_CREDENTIALS
from shared.core.errors import Misconfigured

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"

ANSWER_S: Final = 20.0
"""The longest wait for one answer."""

ALL_S: Final = 180.0
"""The longest time for all requests of one command."""

PAGES_MAX: Final = 20
"""The most pages of one list. A project with more has very much else in it; see `TooLong`."""

Fields = Mapping[str, Any]


class Unknown(Exception):
    """
    Google did not say what was asked. The text is a sentence that says why, and what to do.
    """


class Denied(Unknown):
    """
    The operator may not ask this.

    Attributes:
        permission: The permission that they lack; empty if Google does not name it.
    """

    def __init__(self, permission: str = "") -> None:
        super().__init__("Your account may not read this.")
        self.permission = permission


class Absent(Exception):
    """
    The thing that was asked for does not exist.
    """


@dataclass(frozen=True)
class Apis:
    """
    Google's APIs, for one project.

    Attributes:
        project: The project's id.
        session: Sends requests as the operator.
        address: Returns the address of an API by its name, such as `cloudtasks`.
        ends_at: When no further request is begun, in seconds of the monotonic clock.
        answer_s: The longest wait for one answer, in seconds.
    """

    project: str
    session: requests.Session
    address: Callable[[str], str]
    ends_at: float
    answer_s: float = ANSWER_S

    def get(self, api: str, path: str, **query: Any) -> Fields:
        """
        Read one thing.

        Args:
            api: The API's name, such as `cloudtasks`.
            path: With the version, such as `v2/projects/my-school`.
            query: Its parameters.

        Raises:
            Absent: It does not exist.
            Denied, Unknown: Google does not say.
        """
        return self._ask("GET", api, path, params=query)

    def policy(self, api: str, path: str, *, posted: bool = False) -> Fields:
        """
        Read who has which role on a thing: its IAM policy, in version 3, which alone has conditions. Raises as `get`.

        Args:
            posted: Whether the API takes `getIamPolicy` as a POST, which also changes nothing.
        """
        if not posted:
            return self.get(api, f"{path}:getIamPolicy", **{"options.requestedPolicyVersion": 3})
        return self._ask("POST", api, f"{path}:getIamPolicy", json={"options": {"requestedPolicyVersion": 3}})

    def every(self, api: str, path: str, name: str, **query: Any) -> Iterator[Fields]:
        """
        Read a list to its end. Raises as `get`, and `Unknown` if it is longer than `PAGES_MAX` pages.

        Args:
            name: The field of an answer that has the elements.
        """
        token: Any = None
        for _ in range(PAGES_MAX):
            page = self.get(api, path, **query, **({"pageToken": token} if token else {}))
            yield from page.get(name, [])
            token = page.get("nextPageToken")
            if not token:
                return
        raise Unknown(f"The list {name} has more than {PAGES_MAX} pages. Check it in the console.")

    def _ask(self, method: str, api: str, path: str, **options: Any) -> Fields:
        left_s = self.ends_at - time.monotonic()
        if left_s <= 0:
            raise Unknown("There was no time left. Run the command again.")
        url = f"{self.address(api)}/{path}"
        try:
            answer = self.session.request(
                method, url, timeout=min(self.answer_s, left_s), allow_redirects=False, **options
            )
        except requests.RequestException as error:
            # Its text has the address and whatever a proxy says.
            raise Unknown(f"{api} did not answer ({type(error).__name__}). Try again later.") from None
        if answer.status_code == HTTPStatus.OK:
            return _object(answer, api)
        raise self._refusal(api, answer)

    def _refusal(self, api: str, answer: requests.Response) -> Exception:
        status = answer.status_code
        if status == HTTPStatus.NOT_FOUND:
            return Absent()
        if status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return Unknown(f"{api} answers with HTTP status {status}. Try again later.")
        reason, metadata = _reason(answer)
        if reason == "SERVICE_DISABLED":
            return Unknown(
                f"The API is off. Run `gcloud services enable {api}.googleapis.com --project={self.project}`."
            )
        if reason == "USER_PROJECT_DENIED":
            return Unknown(f"Your account may not call APIs for this project. {grant(self.project, USE_SERVICES)}")
        return Denied(metadata.get("permission", ""))


USE_SERVICES: Final = "roles/serviceusage.serviceUsageConsumer"


def grant(project: str, role: str) -> str:
    """
    Return the sentence that gives the operator a role. Pure.
    """
    return (
        f"Somebody who may do so grants it: `gcloud projects add-iam-policy-binding {project} "
        f'--member="user:$(gcloud config get account)" --role={role} --condition=None`.'
    )


def _object(answer: requests.Response, api: str) -> Fields:
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Unknown(f"{api} answers with something that is not a JSON object. A proxy may stand in between.")
    return body


def _reason(answer: requests.Response) -> tuple[str, Mapping[str, str]]:
    """
    Return the reason of a refusal and what it says about it. Pure.

    Source: google/rpc/error_details.proto, ErrorInfo; https://google.aip.dev/193.
    """
    try:
        details = answer.json()["error"]["details"]
        info = next(one for one in details if one["@type"].endswith("google.rpc.ErrorInfo"))
        return str(info["reason"]), {str(name): str(value) for name, value in info.get("metadata", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        return "", {}


@cache
def apis_of(project: str) -> Apis:
    """
    Return Google's APIs with the operator's own credentials.

    Raises:
        Misconfigured: There are none (never).
    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.credentials import Credentials as UserCredentials

    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except DefaultCredentialsError:
        raise Misconfigured(NO_CREDENTIALS) from None
    if isinstance(credentials, UserCredentials):
        # Without it some APIs take the calls of people for those of gcloud's own project, and refuse them.
        credentials = credentials.with_quota_project(project)
    session: requests.Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # the library has no types for it
    return Apis(project, session, _google, time.monotonic() + ALL_S)


def _google(api: str) -> str:
    return f"https://{api}.googleapis.com"
