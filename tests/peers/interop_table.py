"""What every cell of the interop table has to be. A change in either direction fails the test, and has to be written here."""

from __future__ import annotations

from pathlib import Path

from ipmi_lan.crypto.suites import SUITES
from tests.peers.interop import (
    BY_PRIVILEGE,
    CASES,
    KG_20,
    MD2_15,
    MD5_15,
    NONE_15,
    NULL_USER,
    PASS,
    PASSWORD_20,
    STRAIGHT_15,
    Cell,
    fails,
    not_spoken,
    suite,
)

PAGE = Path(__file__).resolve().parents[2] / "docs/interop.md"
TRIED_WITH = {
    "openipmi": "2.0.33-1+b1",
    "pyghmi": "1.6.19",
    "ipmitool": "1.8.19-4+deb12u2",
    "freeipmi-tools": "1.6.10-1+b1",
    "python-ipmi": "0.6.1",
}
"""Packages and versions of the run that wrote the page."""

Cells = dict[str, Cell]
_XRC4 = (4, 5, 9, 10, 13, 14, 18, 19)
_SHA256 = (15, 16, 17, 18, 19)
_ALL_15 = (NONE_15, STRAIGHT_15, MD2_15, MD5_15)


def _column(*exceptions: Cells) -> Cells:
    """A column of passes with its exceptions; of two for the same row, the later counts."""
    cells = dict.fromkeys(CASES, PASS)
    for more in exceptions:
        assert more.keys() <= cells.keys()
        cells |= more
    return cells


def _suites(cell: Cell, *numbers: int) -> Cells:
    return {suite(number): cell for number in numbers}


def _rows(cell: Cell, *names: str) -> Cells:
    return dict.fromkeys(names, cell)


SERVER_CELLS: dict[str, Cells] = {
    "ipmi_sim": _column(
        _suites(not_spoken("announces xRC4 and refuses it", "status 10h"), 4, 5, 9, 10, 13, 14),
        _suites(not_spoken("has no SHA256", "status 04h"), *_SHA256),
        _suites(fails("keys HMAC-MD5-128 with the password where K1 belongs, and drops every packet", "NoAnswer"), 7, 8),
        _suites(fails("makes K2 of MD5 from 16 octets of 02h where all others have 20, and drops every packet", "NoAnswer"), 12),
        _rows(fails("keeps 19 octets of a Kg", "WrongKg"), KG_20),
        _rows(fails("keeps 19 octets of a password", "WrongPassword"), PASSWORD_20),
    ),
    "pyghmi Bmc": _column(
        _suites(not_spoken("answers suite 3 to whatever is asked for", "other algorithms"), *(n for n in SUITES if n != 3)),
        _rows(not_spoken("is IPMI 2.0 only, and answers no other query of its capabilities", "NoAnswer"), *_ALL_15),
        _rows(fails("never answers a RAKP 1 without a user name", "NoAnswer"), NULL_USER),
    ),
}

_FREEIPMI = _column(
    _suites(not_spoken("has no xRC4", "unsupported cipher suite id"), *_XRC4),
    _rows(not_spoken("looks a user up by name alone, but with its workaround flag intel20"), BY_PRIVILEGE),
)
_FREEIPMI_STRAIGHT = fails(
    "compares 16 octets of the answer with a buffer that holds the password and, behind it, what was there before, and so drops "
    "an answer that is right; bmc-info and ipmi-raw do the same, and find zeros there; a password of 16 octets works",
    "password verification timeout",
)


def _openipmi(no_xrc4: str, no_sha256: str) -> Cells:
    return _column(
        _suites(not_spoken("has no xRC4", no_xrc4), 4, 5, 9, 10, 13, 14),
        _suites(not_spoken("has no SHA256", no_sha256), *_SHA256),
        _suites(fails("keys HMAC-MD5-128 with the session integrity key where K1 belongs", "dropped: NotAuthentic"), 7, 8),
        _suites(fails("makes K2 of MD5 from 16 octets of 02h where all others have 20", "dropped: Malformed"), 12),
    )


CLIENT_CELLS: dict[str, Cells] = {
    "ipmitool": _column(
        _suites(not_spoken("has no xRC4, and aborts", "Assertion `crypt_alg == IPMI_CRYPT_AES_CBC_128'"), 4, 5, 9, 10, 13, 14),
        _suites(not_spoken("knows no suite above 17", "Unsupported cipher suite ID"), 18, 19),
        _suites(fails("aborts where it is to make MD5-128", "ipmi_lanplus_build_v2x_msg: Assertion `0' failed"), 11, 12),
        _rows(not_spoken("is built without MD2 by Debian", "No internal support for MD2"), MD2_15),
    ),
    "ipmipower": _FREEIPMI | _rows(_FREEIPMI_STRAIGHT, STRAIGHT_15),
    "bmc-info": _FREEIPMI,
    "ipmi-raw": _FREEIPMI,
    "pyghmi": _column(
        _suites(not_spoken("offers suites 17 and 3 only", "IpmiException: Invalid"), *(n for n in SUITES if n not in (3, 17))),
        _rows(not_spoken("has MD5 only in IPMI 1.5", "MD5 required but not enabled"), NONE_15, STRAIGHT_15, MD2_15),
        _rows(fails("mixes text and octets in its code for MD5", "TypeError: can't concat str to bytes"), MD5_15),
        _rows(not_spoken("looks a user up by name alone"), BY_PRIVILEGE),
    ),
    "python-ipmi": _column(
        _suites(not_spoken("has suites 1, 2, 3, 15, 16 and 17", "NotSupportedError: cipher suite"), 0, *range(4, 15), 18, 19),
        _suites(
            fails("makes K1 and K2 of SHA256 from 32 octets where all others have 20", "dropped: NotAuthentic"), 16, 17
        ),
        _rows(not_spoken("has no MD2", "NotSupportedError: authentication type 1"), MD2_15),
        _rows(not_spoken("looks a user up by name alone"), BY_PRIVILEGE),
    ),
    "openipmicmd": _openipmi("Function not implemented", "Error parsing command arguments"),
    "ipmish": _openipmi("Function not implemented", "First connection parms are invalid"),
}
