"""The accounts port: in memory, and Firebase Auth as its emulator serves it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any, Protocol

import firebase_admin
import pytest
import requests

from emulator_tests.memory import MemoryAccounts
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.network import free_ports
from shared.cloud.accounts import FirebaseAccounts
from shared.core.errors import Transient
from shared.ports import Account, Accounts


class Office(Protocol):
    """
    Creates accounts for the port under test.
    """

    accounts: Accounts

    def make(self, *, is_enabled: bool = True, display_name: str = "", **claims: object) -> str:
        """
        Create an account, and return its uid.
        """
        ...

    def delete(self, uid: str) -> None:
        """
        Delete an account.
        """
        ...


class MemoryOffice:
    """
    The in-memory accounts.
    """

    def __init__(self) -> None:
        self._memory = MemoryAccounts()
        self.accounts: Accounts = self._memory

    def make(self, *, is_enabled: bool = True, display_name: str = "", **claims: object) -> str:
        """
        See `Office`.
        """
        uid = uuid.uuid4().hex
        self._memory.write(uid, is_enabled=is_enabled, display_name=display_name, **claims)
        return uid

    def delete(self, uid: str) -> None:
        """
        See `Office`.
        """
        self._memory.delete(uid)


class FirebaseOffice:
    """
    Firebase Auth, through its REST interface.
    """

    def __init__(self, testbed: Testbed, app: firebase_admin.App) -> None:
        self.accounts: Accounts = FirebaseAccounts(app)
        self._url = f"http://{testbed.auth_host}/identitytoolkit.googleapis.com/v1/projects/{testbed.project_id}"
        self._http = requests.Session()
        self._http.trust_env = False

    def make(self, *, is_enabled: bool = True, display_name: str = "", **claims: object) -> str:
        """
        See `Office`.
        """
        made = self._ask("", {"email": f"{uuid.uuid4().hex}@example.com", "displayName": display_name or None})
        uid = str(made["localId"])
        attributes = json.dumps(claims) if claims else None
        self._ask(":update", {"localId": uid, "customAttributes": attributes, "disableUser": not is_enabled})
        return uid

    def delete(self, uid: str) -> None:
        """
        See `Office`.
        """
        self._ask(":delete", {"localId": uid})

    def _ask(self, action: str, fields: dict[str, Any]) -> Any:
        body = {name: value for name, value in fields.items() if value is not None}
        owner = {"Authorization": "Bearer owner"}
        answer = self._http.post(f"{self._url}/accounts{action}", json=body, headers=owner, timeout=30)
        answer.raise_for_status()
        return answer.json()


@pytest.fixture
def app(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> Iterator[firebase_admin.App]:
    """
    The Admin SDK on the emulator, set up as in the deployed functions.
    """
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", testbed.auth_host)
    app = firebase_admin.initialize_app(options={"projectId": testbed.project_id}, name=uuid.uuid4().hex)
    yield app
    firebase_admin.delete_app(app)


@pytest.fixture(params=["memory", "firebase"])
def office(request: pytest.FixtureRequest) -> Office:
    """
    Each implementation.
    """
    if request.param == "memory":
        return MemoryOffice()
    return FirebaseOffice(request.getfixturevalue("testbed"), request.getfixturevalue("app"))


def test_account_lookup_returns_its_present_fields(office: Office) -> None:
    uid = office.make(display_name="Ada Lovelace", teacher=True, level=3)
    assert office.accounts.find(uid) == Account(uid, True, {"teacher": True, "level": 3}, "Ada Lovelace")


def test_account_lookup_finds_account_without_fields(office: Office) -> None:
    uid = office.make()
    assert office.accounts.find(uid) == Account(uid, True, {}, "")


def test_account_lookup_reports_disabled_account(office: Office) -> None:
    uid = office.make(is_enabled=False, teacher=True)
    found = office.accounts.find(uid)
    assert found is not None
    assert not found.is_enabled


@pytest.mark.parametrize("uid", ["nobody", "", "x" * 129, "ünïcödé", "a b", "../x"], ids=repr)
def test_account_lookup_returns_none_for_unknown_uid(office: Office, uid: str) -> None:
    assert office.accounts.find(uid) is None


def test_account_lookup_returns_none_after_deletion(office: Office) -> None:
    uid = office.make()
    office.delete(uid)
    assert office.accounts.find(uid) is None


def test_unreachable_service_is_a_transient_error(app: firebase_admin.App, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = free_ports("nobody")["nobody"]
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", f"127.0.0.1:{nobody}")
    with pytest.raises(Transient, match="could not be looked up"):
        FirebaseAccounts(app).find("somebody")
