from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipmi_lan import blocking, client
from ipmi_lan.account import Account, account_of, kg_of
from ipmi_lan.crypto.suites import DEFAULT_SUITES, SUITE_3, SUITE_17, SUITES
from ipmi_lan.errors import BadArgument
from ipmi_lan.quirks import NO_RELAXATIONS, Quirk
from ipmi_lan.session.retry import KEEP_ALIVE
from ipmi_lan.wire.codes import AuthType, Privilege

SOUND: dict[str, Any] = {
    "host": "bmc", "port": 623, "user": "admin", "password": "secret", "kg": b"", "privilege": Privilege.ADMINISTRATOR,
    "lowest_privilege": None, "by_name_only": True, "suites": DEFAULT_SUITES, "auth15": None, "quirks": (), "window": 1,
    "logs_in_again": True, "accepts_forgeable_answers": False, "keeps_alive": True,
}  # fmt: skip


def an_account(**changes: Any) -> Account:
    return account_of(**(SOUND | changes))


def test_what_is_asked_for_is_what_the_session_is_told() -> None:
    account = an_account()
    credentials, terms = account.credentials, account.terms
    assert (credentials.user, credentials.password, credentials.kg) == (b"admin", b"secret", b"")
    assert (credentials.privilege, credentials.lowest_privilege) == (Privilege.ADMINISTRATOR, None)
    assert credentials.by_name_only
    assert (terms.suites, terms.auth15, terms.relaxations) == (DEFAULT_SUITES, None, NO_RELAXATIONS)
    assert (terms.window, terms.keep_alive, terms.logs_in_again, terms.accepts_forgeable_answers) == (1, KEEP_ALIVE, True, False)

    account = an_account(
        user=b"\xff", password=bytearray(b"\x00\x01"), kg="größe", privilege=Privilege.OPERATOR, lowest_privilege=Privilege.USER,
        by_name_only=False, suites=[SUITE_3], quirks=[Quirk.INTEL20], window=8, logs_in_again=False, keeps_alive=False,
    )  # fmt: skip
    credentials, terms = account.credentials, account.terms
    assert (credentials.user, credentials.password, credentials.kg) == (b"\xff", b"\x00\x01", "größe".encode())
    assert (credentials.privilege, credentials.lowest_privilege, credentials.by_name_only) == (3, 2, False)
    assert (terms.suites, terms.window, terms.keep_alive, terms.logs_in_again) == ((SUITE_3,), 8, None, False)
    assert terms.relaxations.variation.pads_name


def test_no_secret_shows_in_a_repr() -> None:
    text = repr(an_account(password="hush hush", kg="and this too"))
    assert "hush" not in text
    assert "this" not in text


@pytest.mark.parametrize("size", [16, 17, 20, 21])
def test_passwords_are_counted_in_octets_and_never_cut(size: int) -> None:
    if size > 20:
        with pytest.raises(BadArgument, match="21 octets"):
            an_account(password="p" * size)
    else:
        assert len(an_account(password="p" * size).credentials.password) == size
    assert an_account(password="ü" * 10).credentials.password == "ü".encode() * 10
    with pytest.raises(BadArgument, match="22 octets"):
        an_account(password="ü" * 11)


BAD: list[dict[str, Any]] = [
    {"host": ""}, {"host": "a\0b"}, {"port": 0}, {"port": -1}, {"port": 65536}, {"user": "n" * 17}, {"user": "ü" * 9},
    {"kg": "k" * 21}, {"user": "\udcff"}, {"password": "\ud800"}, {"kg": "\udc80"}, {"suites": ()}, {"window": 0}, {"window": 33},
    {"lowest_privilege": Privilege.OEM}, {"privilege": Privilege.USER, "lowest_privilege": Privilege.OPERATOR},
    {"quirks": "intel20"}, {"quirks": ["nonsense"]}, {"auth15": AuthType.RMCP_PLUS}, {"auth15": 9},
    {"auth15": AuthType.MD5, "password": "p" * 17},
]  # fmt: skip


@pytest.mark.parametrize("changes", BAD, ids=str)
def test_what_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(BadArgument):
        an_account(**changes)


@pytest.mark.parametrize(("what", "value"), [("password", 7), ("user", None), ("kg", 20)])
def test_a_number_is_not_taken_for_so_many_zeros(what: str, value: object) -> None:
    with pytest.raises(TypeError):
        an_account(**{what: value})


WEAK: list[dict[str, Any]] = [
    *({"suites": (SUITES[number],)} for number in (0, 1, 6, 15)), {"suites": (SUITE_17, SUITES[0])},
    {"auth15": AuthType.NONE}, {"auth15": AuthType.STRAIGHT},
]  # fmt: skip


@pytest.mark.parametrize("changes", WEAK, ids=str)
def test_what_anybody_could_forge_needs_the_word_for_it(changes: dict[str, Any]) -> None:
    with pytest.raises(BadArgument, match="accepts_forgeable_answers=True"):
        an_account(**changes)
    assert an_account(**changes, accepts_forgeable_answers=True).terms.accepts_forgeable_answers
    with pytest.raises(BadArgument):        # nor does it matter what was allowed before
        an_account(**changes)


@pytest.mark.parametrize("quirk", ["intel20", Quirk.INTEL20])
def test_a_quirk_by_its_name_or_value(quirk: Any) -> None:
    assert an_account(quirks=[quirk]).terms.relaxations == an_account(quirks=(Quirk.INTEL20,)).terms.relaxations


@given(st.text(max_size=24), st.text(max_size=24) | st.binary(max_size=24))
@example("\ud800", b"")
def test_any_text_is_carried_or_refused(user: str, password: str | bytes) -> None:
    try:
        credentials = an_account(user=user, password=password).credentials
    except BadArgument:
        return
    assert credentials.user == user.encode()
    assert credentials.password == (password.encode() if isinstance(password, str) else password)


# ── Kg ────────────────────────────────────────────────────────────────────────


def test_a_bmc_key_as_text_and_in_hexadecimal() -> None:
    assert kg_of("text") == b"text"
    assert kg_of("größe") == "größe".encode()
    assert kg_of("0x" + bytes(range(20)).hex()) == bytes(range(20))
    assert kg_of("") == b""


@pytest.mark.parametrize("wrong", ["0xz0", "0x123", "0x\N{ARABIC-INDIC DIGIT ONE}1", "\udc80"])
def test_a_bmc_key_that_is_none(wrong: str) -> None:
    with pytest.raises(BadArgument):
        kg_of(wrong)


# ── both clients ──────────────────────────────────────────────────────────────


def test_both_clients_take_the_same_arguments_with_the_same_defaults() -> None:
    open_client: Callable[..., Any] = client.open_client
    with_trio = dict(inspect.signature(open_client).parameters)
    without = dict(inspect.signature(blocking.open_client).parameters)
    assert with_trio.pop("endpoint").default is None
    assert with_trio.pop("known").default is client.KNOWN
    assert without.pop("known").default is blocking.KNOWN
    assert list(with_trio) == list(without)
    assert {name: each.default for name, each in with_trio.items()} == {name: each.default for name, each in without.items()}
    assert set(SOUND) - {"keeps_alive"} == set(with_trio) - {"timeout"}
