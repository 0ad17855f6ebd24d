"""The commands about notifications of providers and their keys: `install-hook`, `remove-hook`, `make-signing-key`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from cli.output import Output, Result
from cli.running import Section, command

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _provider_option() -> Decorator:
    return click.option(
        "--provider",
        default="kaltura",
        shell_complete=lambda _context, _parameter, begun: [one for one in _addresses() if one.startswith(begun)],
        help="The provider: kaltura (default) or cloudflare.",
    )


def _require_known(provider: str) -> None:
    if provider not in _addresses():
        raise click.BadParameter(f"'{provider}' is not one of {', '.join(_addresses())}.", param_hint="--provider")


def _addresses() -> dict[str, str]:
    from functions.hooks import ADDRESSES

    return ADDRESSES


@command("install-hook", examples=["install-hook", "install-hook --provider cloudflare"], needs_secrets=True)
@click.option("--url", help="The address to notify. Default: the webhook function of this project.")
@click.option("--algorithm", help="The algorithm that Kaltura signs with: sha256 (default) or sha512.")
@_provider_option()
def install_hook(_output: Output, url: str | None, algorithm: str | None, provider: str) -> Result:
    """
    Have a provider notify this deployment when a video changes.

    Without notifications the readiness poller finds every change, some seconds later.
    """
    from functions import config, wiring

    _require_known(provider)
    url = url or config.function_url(_addresses()[provider])
    names = wiring.webhook(provider).install(url, algorithm)
    how = f", signed with {algorithm}" if algorithm else ""
    return Result(
        f"{provider.capitalize()} now notifies {url} of changes{how}: {', '.join(names)}.",
        {"provider": provider, "url": url, "installed": list(names)},
    )


@command("remove-hook", examples=["remove-hook", "remove-hook --provider cloudflare"], needs_secrets=True)
@_provider_option()
def remove_hook(_output: Output, provider: str) -> Result:
    """
    Stop a provider's notifications.

    The readiness poller still finds every change.
    """
    from functions import wiring

    _require_known(provider)
    names = wiring.webhook(provider).remove()
    return Result(
        f"Removed: {', '.join(names)}." if names else "There was nothing to remove.",
        {"provider": provider, "removed": list(names)},
    )


@command(
    "make-signing-key",
    examples=["make-signing-key | firebase functions:secrets:set CLOUDFLARE_SIGNING_KEY --data-file -"],
    needs_secrets=True,
)
def make_signing_key(_output: Output) -> Result:
    """
    Create a key for CLOUDFLARE_SIGNING_KEY and print it.

    The key cannot be shown again, so pipe it into Secret Manager.
    """
    from functions import wiring

    key = wiring.make_signing_key()
    return Result(key, {"key": key})


SECTION: Final = Section("Notifications and keys", (install_hook, remove_hook, make_signing_key))
