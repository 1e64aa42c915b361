"""Which BMC each server was seen with first: what the connector learns, kept beside its record, not in its settings.

A setting `identity` in `conf_pserver` counts more. One JSON object, written as a whole or not at all:
`{"PSERVER1": {"bmc": "192.168.0.51", "identity": "guid ..."}}`. A file that is there and is not such an object is damaged: then
nobody knows any more which BMC was the right one, so that none is taken for it unseen; see docs/decisions/identity.md.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haconn_cli.config.guarded import Unreadable, read_guarded, write_whole
from haconn_cli.config.identity import BadIdentity, Identity
from haconn_cli.config.paths import Paths

_LOCK_PATIENCE = 5.0
"""Seconds; a change takes milliseconds, so whoever holds the lock longer is stuck."""


class DamagedPins(Exception):  # noqa: N818 - errors here are named for the fact
    """The file is there and cannot be relied on; the text says why."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A BMC seen at an address."""

    bmc: str
    """The address as the settings print it; at another address another BMC is expected."""
    identity: Identity


def load_pins(paths: Paths) -> dict[str, Pin]:
    """By server name; none where there is no file. Raises `DamagedPins`."""
    if not paths.state.is_dir():
        return {}
    try:
        return parse_pins_untrusted(read_guarded(paths.pins, private=False))
    except FileNotFoundError:
        return {}
    except Unreadable as error:
        raise DamagedPins(f"{paths.pins} {error}") from None
    except DamagedPins as error:
        raise DamagedPins(f"{paths.pins}: {error}") from None


def parse_pins_untrusted(data: bytes) -> dict[str, Pin]:
    """The content of the file. Raises `DamagedPins`."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        raise DamagedPins("is not JSON") from None
    if not isinstance(values, dict):
        raise DamagedPins("is not a JSON object")
    return {name: _pin(entry) for name, entry in values.items()}


def _pin(entry: Any) -> Pin:
    match entry:
        case {"bmc": str(bmc), "identity": str(identity)}:
            with suppress(BadIdentity):
                return Pin(bmc, Identity.parse(identity))
    raise DamagedPins("has an entry that is no pin")


def keep_pin(paths: Paths, name: str, bmc: str, identity: Identity) -> None:
    """Remember the BMC of a server; what another name had at that address is gone. Raises `OSError`, `DamagedPins`."""
    _change(paths, lambda pins: {**_without(pins, name, bmc), name: Pin(bmc, identity)})


def forget_pin(paths: Paths, name: str, bmc: str = "") -> bool:
    """Have the server's BMC pinned anew, and any at the address `bmc`; whether one was. Raises `OSError`, `DamagedPins`."""
    if len(_without(pins := load_pins(paths), name, bmc)) == len(pins):
        return False
    _change(paths, lambda pins: _without(pins, name, bmc))
    return True


def _without(pins: Mapping[str, Pin], name: str, bmc: str) -> dict[str, Pin]:
    return {other: pin for other, pin in pins.items() if other != name and pin.bmc != bmc}


def _change(paths: Paths, change: Callable[[dict[str, Pin]], Mapping[str, Pin]]) -> None:
    paths.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _sole_writer(paths.state / ".pins.lock"):
        pins = change(load_pins(paths))
        values = {name: {"bmc": pin.bmc, "identity": str(pin.identity)} for name, pin in pins.items()}
        write_whole(paths.pins, json.dumps(values, indent=1) + "\n")


@contextmanager
def _sole_writer(lock: Path) -> Iterator[None]:
    """The connector and haconnsetup both write. Raises `OSError`."""
    give_up = time.monotonic() + _LOCK_PATIENCE
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise TimeoutError(f"{lock}: somebody has held it for {_LOCK_PATIENCE:.0f} s") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)
