"""The door of the file in which a connector keeps which BMC it saw where: a damaged one is damaged, and nothing else happens."""

from __future__ import annotations

import json

from haconn_cli.config.identity import Identity
from haconn_cli.config.pins import DamagedPins, parse_pins_untrusted
from tests.fuzz.finding import Target, expect_same


def pins(data: bytes) -> None:
    """What is read is read again from what would be written."""
    try:
        found = parse_pins_untrusted(data)
    except DamagedPins:
        return
    written = {name: {"bmc": pin.bmc, "identity": str(pin.identity)} for name, pin in found.items()}
    expect_same(found, parse_pins_untrusted(json.dumps(written).encode()), "pins")


def _seeds() -> list[bytes]:
    guid, mac = Identity("guid", bytes(range(16))), Identity("mac", bytes(range(6)))
    return [
        b"{}",
        json.dumps({"A": {"bmc": "10.0.0.1", "identity": str(guid)}, "B": {"bmc": "fd00::1", "identity": str(mac)}}).encode(),
        b'{"\\ud800": {"bmc": "x", "identity": "guid 00112233-4455-6677-8899-aabbccddeeff", "more": []}}',
        b"[" * 2000,
    ]


TARGETS = {"pins": Target(pins, _seeds, longest=2000)}
