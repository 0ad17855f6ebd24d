"""Check that each host can be reached with the keys in its row of `HOSTS`.

Called by the operator's commands `doctor` and `hosts`.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.core.errors import BackendError, SecretRejected
from shared.ports import Finding, Health, Host, Hosts


def findings(hosts: Hosts) -> Iterator[Finding]:
    """
    Return one finding for each host.
    """
    for name, host in hosts.items():
        sentence = unreached(host)
        yield Finding(f"host {name}", Health.MISSING if sentence else Health.OK, sentence)


def unreached(host: Host) -> str:
    """
    Return the reason why a host cannot be reached with its keys; empty if it can be.
    """
    try:
        host.find_copy("copy:nothing:0")
    except SecretRejected as error:
        return f"{error} Its keys are in HOSTS."
    except BackendError as error:
        return str(error)
    return ""
