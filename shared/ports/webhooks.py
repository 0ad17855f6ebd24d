"""The webhooks of a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """
    A parsed webhook.

    Attributes:
        references: The references of the things of ours that it names.
        elsewhere: The namespace of another deployment on the same account, if the webhook is for that.
    """

    references: tuple[str, ...] = ()
    elsewhere: str | None = None


class Webhook(Protocol):
    """
    The webhooks of one provider account.
    """

    def heard(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """
        Parse a webhook after verifying that its signature is the provider's. If only the provider knows the signing
        key, it is asked for once.

        Args:
            headers: Of the request, by lower-case names.
            body: The unmodified body.

        Raises:
            NotAllowed: It is not from the provider (never).
            BadRequest: It cannot be parsed (never).
            Transient: The provider could not be asked for the signing key (again).
        """
        ...

    def install(self, url: str, algorithm: str | None = None) -> Sequence[str]:
        """
        Make the provider send webhooks to an address, signed with the given algorithm or else with its best.
        Repeatable. Raises as `Events` does.

        Returns:
            The provider's names of what now exists there for it.

        Raises:
            BadRequest: The provider does not sign with that algorithm, or already sends to another address (never).
            NotFound: The account does not offer webhooks (never).
        """
        ...

    def remove(self) -> Sequence[str]:
        """
        Make the provider stop sending webhooks. Repeatable. Raises as `Events` does.

        Returns:
            The provider's names of what existed there for it.
        """
        ...
