"""The commands about the switch that stops all work: `stop` and `start`."""

from __future__ import annotations

from typing import Final

import click

from cli.output import Output, Result
from cli.running import Section, command, require_task_account


@command("stop", examples=['stop --why "restore"'])
@click.option("--why", required=True, metavar="REASON", help="The reason, for other operators.")
def stop(_output: Output, why: str) -> Result:
    """
    Stop all work. No work is lost.
    """
    from functions import wiring
    from shared.operations.kill_switch import SWITCH_READ_S

    require_task_account()
    wiring.kill_switch().stop(why)
    return Result(
        f"Stopped: from {SWITCH_READ_S} seconds on no task runs. New uploads, transfers and erasures are refused with "
        "`PAUSED`. Other changes are recorded, and done after `start`.",
        {"stopped": True, "why": why},
    )


@command("start", examples=["start"])
def start(_output: Output) -> Result:
    """
    Start work again after `stop`.
    """
    from functions import wiring

    require_task_account()
    wiring.kill_switch().start()
    return Result("Started. Work that waited is done within ten minutes.", {"stopped": False})


SECTION: Final = Section("Stop and start", (stop, start))
