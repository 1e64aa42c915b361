"""Runs the command given as its arguments, listening at /dev/log, and prints what came there and how the command ended, as JSON.

Only for a mount namespace of its own: `alone()` gives the words that make one, where /dev holds nothing else.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys

_ALONE = 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec "$@"'


def alone(*command: str) -> list[str]:
    """The words that run `command` under this program in a mount namespace of its own; needs root, see `privileges`."""
    return ["unshare", "--mount", "sh", "-c", _ALONE, "sh", sys.executable, "-m", "tests.whole.heard_by_syslog", *command]


def main() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("/dev/log")
        listener.setblocking(False)
        done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
        heard = []
        while True:
            try:
                heard.append(listener.recv(65536).decode().rstrip("\0"))
            except BlockingIOError:
                break
    print(json.dumps({"code": done.returncode, "heard": heard, "errors": done.stderr}))


if __name__ == "__main__":
    main()
