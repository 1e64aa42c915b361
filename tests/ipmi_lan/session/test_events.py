from __future__ import annotations

import pytest

from ipmi_lan.errors import BadArgument
from ipmi_lan.session.events import Credentials
from ipmi_lan.wire.codes import Privilege


@pytest.mark.parametrize(("name", "password", "kg"), [(b"", b"", b""), (b"n" * 16, b"p" * 20, b"k" * 20)])
def test_what_ipmi_can_carry(name: bytes, password: bytes, kg: bytes) -> None:
    Credentials(name, password, kg)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((b"n" * 17, b"", b""), "user of 17 octets: IPMI carries at most 16"),
        ((b"", b"p" * 21, b""), "password of 21 octets: IPMI carries at most 20"),
        ((b"", b"", b"k" * 21), "Kg of 21 octets: IPMI carries at most 20"),
    ],
)
def test_what_ipmi_cannot_carry_is_not_cut(values: tuple[bytes, bytes, bytes], said: str) -> None:
    with pytest.raises(BadArgument, match=said):
        Credentials(*values)


def test_secrets_are_not_shown() -> None:
    shown = repr(Credentials(b"admin", b"open sesame", b"twenty octets"))
    assert "sesame" not in shown
    assert "twenty" not in shown


@pytest.mark.parametrize(("by_name_only", "role"), [(True, 0x13), (False, 0x03)])
def test_role(by_name_only: bool, role: int) -> None:
    assert Credentials(b"", b"", privilege=Privilege.OPERATOR, by_name_only=by_name_only).role == role
