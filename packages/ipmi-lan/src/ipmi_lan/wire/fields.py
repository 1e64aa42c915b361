"""Small pieces that the layouts share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from construct import Adapter, Construct, ConstructError

from ipmi_lan.errors import Malformed


class Code(Adapter):
    """A number that is a member of `kind` where `kind` knows it, and stays a plain int where it does not."""

    def __init__(self, subcon: Construct, kind: type[IntEnum]) -> None:
        super().__init__(subcon)
        self._kind = kind

    def _decode(self, obj: int, context: Any, path: str) -> int:
        try:
            return self._kind(obj)
        except ValueError:
            return obj

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return int(obj)


@contextmanager
def malformed(what: str) -> Iterator[None]:
    """The one border where construct's errors become ours."""
    try:
        yield
    except ConstructError as error:
        raise Malformed(f"{what}: {type(error).__name__}") from None


def checksum(data: bytes) -> int:
    """The two's-complement checksum of IPMI messages: all octets and it add up to 0 (13.8)."""
    return -sum(data) & 0xFF
