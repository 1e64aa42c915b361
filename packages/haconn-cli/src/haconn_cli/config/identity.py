"""What tells one BMC from every other: its System GUID, or where that is worth nothing, its LAN interface's MAC address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from haconn_cli.config.wording import one_line

_GUID_SIZE, _MAC_SIZE = 16, 6
_HEX = {
    "guid": re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
    "mac": re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}"),
}
_RIGHT = "must be 'guid' and 32 hexadecimal digits, or 'mac' and an address like 0a:1b:2c:3d:4e:5f"


class BadIdentity(ValueError):  # noqa: N818 - errors here are named for the fact
    """The text is no identity; it says what would be right."""


def names_nobody(value: bytes) -> bool:
    """Whether a GUID or MAC address is one that firmware shows which was never given any: all zeros or all ones."""
    return value in {bytes(len(value)), b"\xff" * len(value)}


@dataclass(frozen=True, slots=True)
class Identity:
    """A BMC that was seen, as it is compared and written. Prints as `guid 0011...` or `mac 0a:1b:2c:3d:4e:5f`."""

    kind: Literal["guid", "mac"]
    value: bytes
    """A GUID has 16 bytes and is covered by the code of RAKP 2; a MAC address has 6 and is read in an authenticated session."""

    def __post_init__(self) -> None:
        if len(self.value) != (_GUID_SIZE if self.kind == "guid" else _MAC_SIZE) or names_nobody(self.value):
            raise BadIdentity(f"identity: {_RIGHT}, and not all zeros or all ones")

    @classmethod
    def parse(cls, text: str) -> Identity:
        """As `str` prints it; digits in either case, a GUID also with dashes. Raises `BadIdentity`."""
        kind, _, digits = text.partition(" ")
        if kind not in _HEX or not _HEX[kind].fullmatch(digits):
            raise BadIdentity(f"identity '{one_line(text)}': {_RIGHT}")
        return cls("guid" if kind == "guid" else "mac", bytes.fromhex(digits.replace("-", "").replace(":", "")))

    def __str__(self) -> str:
        return f"{self.kind} {self.value.hex() if self.kind == 'guid' else self.value.hex(':')}"
