from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.users import GET_USER_ACCESS, GET_USER_NAME, UserAccess, UserState, get_user_access, get_user_name
from ipmi_lan.errors import Malformed
from ipmi_lan.wire.codes import NetFn, Privilege


def test_users_are_asked_about_by_number() -> None:
    access, name = get_user_access(2, 1), get_user_name(2)
    assert (access.netfn, access.code, access.data) == (NetFn.APP, 0x44, b"\x01\x02")
    assert (name.netfn, name.code, name.data) == (NetFn.APP, 0x46, b"\x02")
    assert access.is_repeatable
    assert name.is_repeatable


def test_the_octets_of_an_access() -> None:
    access = GET_USER_ACCESS.reply.parse_untrusted(bytes.fromhex("0a 43 01 34"))
    assert access == UserAccess(10, UserState.ENABLED, 3, 1, False, True, True, Privilege.ADMINISTRATOR)
    assert GET_USER_ACCESS.reply.parse_untrusted(bytes.fromhex("ca 83 c1 4f")) == (10, 2, 3, 1, True, False, False, 0x0F)


@given(
    st.builds(
        UserAccess, *[st.integers(0, 63), st.integers(0, 3), st.integers(0, 63), st.integers(0, 63)], *[st.booleans()] * 3,
        st.integers(0, 15),
    )
)  # fmt: skip
def test_an_access_comes_back(access: UserAccess) -> None:
    assert GET_USER_ACCESS.reply.parse_untrusted(GET_USER_ACCESS.reply.build(access)) == access


def test_a_name_is_what_stands_before_the_zeros() -> None:
    name = GET_USER_NAME.reply.parse_untrusted(b"operator".ljust(16, b"\0"))
    assert str(name) == "operator"
    assert str(GET_USER_NAME.reply.parse_untrusted(b"\xff" * 16)) == r"\xff" * 16
    assert str(GET_USER_NAME.reply.parse_untrusted(bytes(16))) == ""


@pytest.mark.parametrize("size", range(4))
def test_short_answers_are_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        GET_USER_ACCESS.reply.parse_untrusted(bytes(size))
    with pytest.raises(Malformed):
        GET_USER_NAME.reply.parse_untrusted(bytes(15 - size))
