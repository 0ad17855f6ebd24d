"""The users whom a stack begins with. Called by `stack.py`, which creates them, and by those who sign in as them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from emulator_tests.testbed.network import ask
from emulator_tests.testbed.part import TestbedError

PASSWORD = "only-in-the-emulator"
"""The password of every user. It protects nothing: the users exist in the emulator only."""


@dataclass(frozen=True, slots=True)
class User:
    """
    Args:
        name: The name that is shown, and the first part of the email address.
        role: Their role in the app, for people.
        claims: Custom claims of their ID token.
    """

    name: str
    role: str
    claims: Mapping[str, bool] = field(default_factory=dict)

    @property
    def email(self) -> str:
        """
        The address that they sign in with.
        """
        return f"{self.name}@example.com"

    @property
    def shown(self) -> dict[str, str]:
        """
        The fields that the app gets, so that it can offer to sign in as them.
        """
        return {"email": self.email, "password": PASSWORD, "name": self.name, "role": self.role}


TEACHER = User("teacher", "teacher", {"teacher": True})
STUDENT = User("student", "student")
STRANGER = User("stranger", "a student who is not enrolled")
ADMINISTRATOR = User("admin", "administrator", {"admin": True})

USERS = (TEACHER, STUDENT, STRANGER, ADMINISTRATOR)


def create_user(auth_host: str, project_id: str, user: User) -> str:
    """
    Create a user of the Auth emulator with custom claims, as an administrator's script would, and return the uid.

    Raises:
        TestbedError: The emulator refuses.
    """
    accounts = f"http://{auth_host}/identitytoolkit.googleapis.com/v1/projects/{project_id}/accounts"
    fields = {"email": user.email, "password": PASSWORD, "displayName": user.name}
    status, body = ask(accounts, fields, token="owner")
    if status == 200:
        uid: str = json.loads(body)["localId"]
        claims = {"localId": uid, "customAttributes": json.dumps(dict(user.claims))}
        status, body = ask(f"{accounts}:update", claims, token="owner")
        if status == 200:
            return uid
    raise TestbedError(f"The Auth emulator refused to create {user.email}: {body.decode(errors='replace')}")
