"""The command about hosts: `hosts`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from cli.output import Output, Result, table
from cli.running import Section, command

if TYPE_CHECKING:
    from datetime import datetime

    from shared.app import App
    from shared.hosts.table import Standing, Terms


@command("hosts", examples=["hosts", "hosts --json"], needs_secrets=True)
def hosts(_output: Output) -> Result:
    """
    Show the hosts: price, bandwidth, health and number of copies.
    """
    from functions import wiring
    from shared.videos.resource import playbacks

    app, now = wiring.app(), wiring.now()
    rows = [_host(app, *row, now) for row in app.get(playbacks).table.rows()]
    told = (
        table([_cells(row) for row in rows])
        or "There are no hosts besides the providers. docs/hosts.md explains how to add one."
    )
    return Result(told, {"hosts": rows})


def _host(app: App, name: str, terms: Terms, standing: Standing, now: datetime) -> dict[str, Any]:
    from shared.hosts.model import CopyState
    from shared.hosts.promises import sends_kbps
    from shared.hosts.reach import unreached
    from shared.hosts.resource import controller

    copies, failure = None, ""
    if name in app.get(controller).hosts:
        # The number of ready copies stands before the others.
        states = (CopyState.READY, CopyState.COPYING, CopyState.FAILED)
        copies = {state.value: app.get(controller).count(name, state) for state in states}
        failure = unreached(app.get(controller).hosts[name])
    return {
        "name": name,
        "pricePerGb": None if math.isinf(terms.price_per_gb) else terms.price_per_gb,
        "mbpsMax": terms.mbps_max,
        "mbps": None if terms.mbps_max is None else sends_kbps(standing.promised, now) / 1000,
        "isHealthy": standing.is_healthy,
        "since": standing.since,
        "copies": copies,
        "failure": failure,
    }


def _cells(row: dict[str, Any]) -> list[str]:
    """
    Format a host for an operator. Pure.
    """
    price = "no price" if row["pricePerGb"] is None else f"{row['pricePerGb']:g} per GB"
    limit = "no limit" if row["mbpsMax"] is None else f"{row['mbps']:.1f} of {row['mbpsMax']:g} Mbit/s"
    health = "plays" if row["isHealthy"] else "FAILS"
    since = "never tried" if row["since"] is None else f"since {row['since']:%Y-%m-%d %H:%M} UTC"
    copies = "its own videos"
    if row["copies"] is not None:
        copies = "copies: " + ", ".join(f"{count} {state}" for state, count in row["copies"].items())
        copies += row["failure"] and f"; {row['failure']}"
    return [row["name"], price, limit, f"{health} {since}", copies]


SECTION: Final = Section("Hosts", (hosts,))
