"""Who logs in and on what terms: what IPMI cannot carry, and what weakens a session, is found before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.errors import BadArgument
from ipmi_lan.quirks import Quirk, Relaxations, relaxations_of
from ipmi_lan.session.events import Answered, Closed, Credentials, Failed, Opened, OpeningFailed, Peer, Terms
from ipmi_lan.wire.codes import AuthType, Privilege

WITHOUT_INTEGRITY = [number for number, suite in SUITES.items() if not suite.is_authenticated]


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


@pytest.mark.parametrize("size", [17, 20])
def test_what_ipmi_1_5_cannot_carry_is_not_cut(size: int) -> None:
    credentials = Credentials(b"admin", b"p" * size)
    with pytest.raises(BadArgument, match=f"password of {size} octets: IPMI 1.5 carries at most 16"):
        Terms(auth15=AuthType.MD5).check_password(credentials)
    Terms().check_password(credentials)
    Terms(auth15=AuthType.MD5).check_password(Credentials(b"admin", b"p" * 16))


def test_a_lowest_privilege_above_the_one_asked_for() -> None:
    with pytest.raises(BadArgument, match="it is above the one asked for, an operator"):
        Credentials(b"", b"", privilege=Privilege.OPERATOR, lowest_privilege=Privilege.ADMINISTRATOR)
    Credentials(b"", b"", privilege=Privilege.OPERATOR, lowest_privilege=Privilege.OPERATOR)


def test_secrets_are_not_shown() -> None:
    shown = repr(Credentials(b"admin", b"open sesame", b"twenty octets"))
    assert "sesame" not in shown
    assert "twenty" not in shown


@pytest.mark.parametrize(("by_name_only", "roles"), [(True, [0x12, 0x13, 0x14]), (False, [0x02, 0x03, 0x04])])
def test_role(by_name_only: bool, roles: list[int]) -> None:
    credentials = Credentials(b"", b"", by_name_only=by_name_only)
    assert [credentials.role(privilege) for privilege in (Privilege.USER, Privilege.OPERATOR, Privilege.ADMINISTRATOR)] == roles


# ── terms ─────────────────────────────────────────────────────────────────────


def test_no_suite_offered() -> None:
    with pytest.raises(BadArgument, match="no cipher suite"):
        Terms([])


def test_what_is_offered_by_default_authenticates_and_encrypts() -> None:
    assert [suite.id for suite in Terms().suites] == [17, 3]
    assert all(suite.is_authenticated and suite.is_encrypted for suite in Terms().suites)
    assert (Terms().auth15, Terms().relaxations, Terms().accepts_forgeable_answers) == (None, Relaxations(), False)


@pytest.mark.parametrize("number", WITHOUT_INTEGRITY)
def test_a_suite_without_integrity_has_to_be_accepted_by_name(number: int) -> None:
    assert WITHOUT_INTEGRITY == [0, 1, 6, 15]
    for suites in ([SUITES[number]], [SUITES[17], SUITES[number]]):
        with pytest.raises(BadArgument, match=f"suite {number} has no integrity algorithm.*accepts_forgeable_answers"):
            Terms(suites)
        Terms(suites, accepts_forgeable_answers=True)


@pytest.mark.parametrize("kind", [AuthType.NONE, AuthType.STRAIGHT, AuthType.OEM], ids=lambda kind: kind.name)
def test_a_type_that_proves_nothing_has_to_be_accepted_by_name(kind: AuthType) -> None:
    with pytest.raises(BadArgument, match=f"{kind.name.lower()} proves nothing.*accepts_forgeable_answers"):
        Terms(auth15=kind)
    assert Terms(auth15=kind, accepts_forgeable_answers=True).auth15 is kind


@pytest.mark.parametrize("quirk", [Quirk.NOAUTHCODECHECK, Quirk.SUPERMICRO, Quirk.QUANTA])
def test_a_quirk_that_leaves_codes_without_meaning_has_to_be_accepted_by_name(quirk: Quirk) -> None:
    settings: dict[str, Any] = {"auth15": AuthType.MD5, "relaxations": relaxations_of([quirk])}
    with pytest.raises(BadArgument, match="accepts_forgeable_answers"):
        Terms(**settings)
    Terms(**settings, accepts_forgeable_answers=True)
    Terms(relaxations=settings["relaxations"])    # it says nothing of RMCP+


def test_a_type_that_is_not_of_ipmi_1_5() -> None:
    with pytest.raises(BadArgument, match="authentication type"):
        Terms(auth15=AuthType.RMCP_PLUS)


def test_events_tell_what_they_are() -> None:
    """They are tuples for speed, and must not be taken for one another."""
    peer, error = Peer(bytes(16), SUITES[17], 1), BadArgument("x")
    events = [Opened(peer), OpeningFailed(error), Answered(1, error), Failed(1, error), Closed()]
    assert [type(event).__name__ for event in events] == ["Opened", "OpeningFailed", "Answered", "Failed", "Closed"]
    assert [suite for suite in SUITES if not Peer(b"", SUITES[suite], 1).is_confidential] == [0, 1, 2, 6, 7, 11, 15, 16]
    assert not Peer(b"", None, 1, auth15=AuthType.MD5).is_confidential
