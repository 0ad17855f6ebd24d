"""The notifications of a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """
    Of what a provider's request speaks.

    Attributes:
        references: Of our things.
        elsewhere: The namespace of another deployment on the same account, where it speaks of that.
    """

    references: tuple[str, ...] = ()
    elsewhere: str | None = None


class Webhook(Protocol):
    """
    What one provider account tells by itself.
    """

    def heard(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """
        Of what a request from the provider speaks, as far as its signature proves that it is from the provider at all.
        Where the provider alone knows what signs, that is asked for once.

        Args:
            headers: Of the request, by lower-case names.
            body: Exactly as it came.

        Raises:
            NotAllowed: It is not from the provider (never).
            BadRequest: It cannot be understood (never).
            Transient: The provider could not be asked what signs (again).
        """
        ...

    def install(self, url: str, algorithm: str | None = None) -> Sequence[str]:
        """
        Have the provider tell that address of changes, signed by the algorithm that is named, or by its best.
        Repeatable. Raises as `Events` does.

        Returns:
            What there is at the provider for it now, by its names.

        Raises:
            BadRequest: The provider does not sign with that algorithm, or tells somebody else already (never).
            NotFound: The account does not offer it (never).
        """
        ...

    def remove(self) -> Sequence[str]:
        """
        Have the provider tell nothing any more. Repeatable. Raises as `Events` does.

        Returns:
            What there was at the provider for it, by its names.
        """
        ...
