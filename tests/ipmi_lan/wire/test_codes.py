from __future__ import annotations

import pytest
from construct import Byte

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.codes import AuthType, CompletionCode, NetFn, Privilege, RakpStatus, meaning_of
from ipmi_lan.wire.fields import Code, checksum, malformed


def test_a_known_number_is_named_in_words() -> None:
    assert meaning_of(0xD5, CompletionCode) == "not in present state"
    assert meaning_of(0x0D, RakpStatus) == "unauthorized name"


def test_an_unknown_number_is_printed_in_hexadecimal() -> None:
    assert meaning_of(0xD7, CompletionCode) == "0xd7"


def test_every_privilege_has_a_word() -> None:
    assert [each.word for each in Privilege] == ["callback", "a user", "an operator", "an administrator", "OEM"]


def test_a_network_function_of_a_request_is_even() -> None:
    assert all(netfn % 2 == 0 for netfn in NetFn)


def test_authentication_types_are_those_of_table_13_8() -> None:
    assert [(each.name, each.value) for each in AuthType] == [
        ("NONE", 0), ("MD2", 1), ("MD5", 2), ("STRAIGHT", 4), ("OEM", 5), ("RMCP_PLUS", 6),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(256))
def test_a_code_is_a_member_where_known_and_an_int_where_not(number: int) -> None:
    code = Code(Byte, Privilege)
    parsed = code.parse(bytes((number,)))
    assert parsed == number
    assert isinstance(parsed, Privilege) == (number in list(Privilege))
    assert code.build(parsed) == bytes((number,))


def test_construct_s_errors_become_ours() -> None:
    with pytest.raises(Malformed, match="a thing: StreamError"), malformed("a thing"):
        Byte.parse(b"")


def test_a_checksum_makes_the_sum_zero() -> None:
    assert checksum(b"") == 0
    assert checksum(bytes.fromhex("2018")) == 0xC8
    assert all((sum(data) + checksum(data)) & 0xFF == 0 for data in (b"\0", b"\xff" * 3, bytes(range(256))))
