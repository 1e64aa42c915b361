"""`haconnsetup resetpath`: this server's interface on the reset path, and the cluster's port (manual C1, C2)."""

from __future__ import annotations

from collections.abc import Sequence

from haconn_cli.changes import note_restart
from haconn_cli.config import store
from haconn_cli.config.model import ResetPath, parse_interface, parse_port
from haconn_cli.config.paths import Paths
from haconn_cli.exits import Exit
from haconn_cli.words import DROP_COMMENTS, WrongWords, settings, split_flag

_RIGHT = "haconnsetup resetpath [addr=IP/MASK] [port=PORT]"
_FIRST = "haconnsetup resetpath addr=IP/MASK port=PORT, like addr=192.168.0.1/24 port=30000"

HELP = f"""\
usage: {_RIGHT}

Sets this server's address on the reset path and the cluster's UDP port. Both are needed the first time; later, what is
left out stays. A connector that runs needs a restart for it.
addr  this server's address there, with the mask: 192.168.0.1/24, 192.168.0.1/255.255.255.0 or fd00::1/64
port  5001 to 65535: HA Monitor's management server port, the same on every server of the cluster
A change to a file with comments of yours below its first setting is refused unless --drop-comments is added.
"""
"""What `haconnsetup resetpath --help` prints."""


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Set or change the reset path. Raises `WrongWords`, `BadValue`, and what `store.change_haconn` raises."""
    drop_comments, words = split_flag(words, DROP_COMMENTS)
    values = settings(words, ("addr", "port"), _RIGHT)
    if not values:
        raise WrongWords(f"resetpath: nothing to set; right is: {_RIGHT}")
    interface = parse_interface(values["addr"]) if "addr" in values else None
    port = parse_port(values["port"]) if "port" in values else None

    def change(present: ResetPath | None) -> ResetPath:
        if present is None:
            if interface is None or port is None:
                missing = "addr=" if interface is None else "port="
                raise WrongWords(f"resetpath: is not set yet, so {missing} is needed too; right is: {_FIRST}")
            return ResetPath(interface, port)
        return ResetPath(interface or present.interface, present.port if port is None else port)

    store.change_haconn(paths, change, drop_comments=drop_comments)
    note_restart(paths)
    return Exit.OK
