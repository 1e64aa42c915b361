"""What systemd wants to hear from a service of Type=notify (sd_notify(3)); nothing where `NOTIFY_SOCKET` is not set."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress

READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"


def notify(*messages: str) -> bool:
    """Send the messages; returns whether systemd could be told. Never raises and never blocks for long."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifier:
        notifier.setblocking(False)
        notifier.connect(address)
        notifier.sendall("\n".join(messages).encode())
        return True
    return False


def watchdog_interval() -> float | None:
    """Seconds between two watchdog messages: half of what systemd allows; None where it does not watch us."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not (microseconds.isascii() and microseconds.isdigit()) or pid != str(os.getpid()):
        return None
    return int(microseconds) / 2e6 or None


def reloading() -> str:
    """Said when settings begin to be read anew; READY ends it. With the time, as Type=notify-reload wants it."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"


def status(text: str) -> str:
    """One line that `systemctl status` shows."""
    return f"STATUS={' '.join(text.split())}"
