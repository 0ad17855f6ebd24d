"""Read the secrets of a deployment from Secret Manager, for the commands that call providers.

Called by `cli/running.py`, for those that the environment lacks. No value is ever printed.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from google.auth.exceptions import GoogleAuthError

from cli.cloud import CREDENTIALS_REFUSED
from cli.cloud.api import Absent, Apis, Denied, Unknown

READS: Final = "roles/secretmanager.secretAccessor"


def load_secrets(names: Sequence[str], apis: Apis) -> Iterator[str]:
    """
    Fill the environment with the newest values of secrets.

    Args:
        names: Their names.
        apis: Google's APIs, as the operator.

    Yields:
        A sentence for each secret that could not be read.
    """
    for name in names:
        path = f"v1/projects/{apis.project}/secrets/{name}/versions/latest:access"
        try:
            os.environ[name] = _value(apis.get("secretmanager", path))
            continue
        except Absent:
            why = f"It has no value: `firebase functions:secrets:set {name} --project {apis.project}`."
        except Denied:
            why = (
                f"Your account lacks {READS} on it. Somebody who may do so grants it: `gcloud secrets "
                f"add-iam-policy-binding {name} --project={apis.project} "
                f'--member="user:$(gcloud config get account)" --role={READS}`.'
            )
        except Unknown as unknown:
            why = str(unknown)
        except GoogleAuthError:
            why = CREDENTIALS_REFUSED
        yield f"{name} is not in the environment, and could not be read from Secret Manager. {why}"


def _value(answer: Mapping[str, object]) -> str:
    """
    Return the text of a secret. Pure.

    Raises:
        Unknown: It is no text, or Google's answer has another form; the sentence does not repeat it.

    Source: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
    """
    try:
        payload = answer["payload"]
        value = base64.b64decode(payload["data"], validate=True).decode()  # type: ignore[index]  # anything else is caught
        if "\0" in value:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise Unknown("Its value is not a text. Set it again.") from None
    return value
