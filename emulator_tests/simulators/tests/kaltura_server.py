"""A running Kaltura simulator and the vendor's Python client for it, for the tests of this folder."""

from __future__ import annotations

from typing import Any

from KalturaClient import KalturaClient, KalturaConfiguration
from KalturaClient.Plugins.Core import KalturaSessionType

from emulator_tests.simulators.tests.served import Served

PARTNER_ID = 4242
ADMIN_SECRET = "an-admin-secret"
USER_SECRET = "a-user-secret"


class KalturaServer(Served):
    """One simulator process.

    Args:
        options: Further command-line options.
    """

    def __init__(self, *options: str) -> None:
        account = ("--partner-id", str(PARTNER_ID), "--admin-secret", ADMIN_SECRET, "--user-secret", USER_SECRET)
        super().__init__("kaltura", *account, *options)

    def things(self, kind: str) -> list[dict[str, Any]]:
        """What exists of a kind."""
        found: list[dict[str, Any]] = self.control("GET", "things")[kind]
        return found

    def client(self, ks: str | bytes | None = None) -> Any:
        """The vendor's client, with a session if one is given."""
        client = KalturaClient(KalturaConfiguration(self.url))
        if ks is not None:
            client.setKs(ks)
        return client

    def admin(self, privileges: str = "disableentitlement", user_id: str = "operator") -> Any:
        """The vendor's client with an ADMIN session minted locally."""
        return self.client(mint(user_id, KalturaSessionType.ADMIN, privileges))

    def user(self, user_id: str, privileges: str = "", expiry_s: int = 3600) -> Any:
        """The vendor's client with a USER session minted locally."""
        return self.client(mint(user_id, KalturaSessionType.USER, privileges, expiry_s))


def mint(user_id: str, session_type: int, privileges: str = "", expiry_s: int = 3600) -> str:
    """A KS made by the vendor's own code."""
    ks = KalturaClient.generateSessionV2(ADMIN_SECRET, user_id, session_type, PARTNER_ID, expiry_s, privileges)
    return str(ks, "ascii") if isinstance(ks, bytes) else str(ks)
