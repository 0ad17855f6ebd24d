"""Ask the fork server for a server of functions, and last exactly as long as that.

firebase-tools starts this in place of `functions-framework`: `python -I -S fork_client.py ADDRESS`, see `firebase.py`.
The server gets its environment, its working directory and its standard streams. The fork server sees the connection
end when this process ends, in whatever way.
"""

from __future__ import annotations

import json
import os
import socket
import sys


def main() -> int:
    """
    Return the exit code of the server, 1 if the fork server has ended.
    """
    request = json.dumps({"directory": os.getcwd(), "environment": dict(os.environ)})  # noqa: PTH109  # loads quickly
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(sys.argv[1])
        socket.send_fds(server, [request.encode()], [0, 1, 2])
        return int(server.recv(16) or b"1")


if __name__ == "__main__":
    sys.exit(main())
