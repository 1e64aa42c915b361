"""A login that fails says which quirk would have made it succeed, where one would; it is told, and not used."""

from __future__ import annotations

from typing import Any

import pytest

from ipmi_lan.crypto.rakp import Variation
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, SUITES, CipherSuite
from ipmi_lan.errors import SuiteRefused, WrongKg, WrongPassword
from ipmi_lan.quirks import Quirk, relaxations_of
from ipmi_lan.simulator.faults import CodeForm, Faults, LoginFaults
from ipmi_lan.wire.codes import Privilege
from tests.ipmi_lan.session.pair import Pair
from tests.ipmi_lan.simulator.console import a_bmc

suites = pytest.mark.parametrize("suite", [SUITE_3, SUITE_17, SUITES[8]], ids=lambda suite: f"suite {suite.id}")


def login(suite: CipherSuite, faults: LoginFaults, **settings: Any) -> Pair:
    """With a BMC that has these faults."""
    return Pair(a_bmc(suites=(suite,), faults=Faults(login=faults)), suites=[suite], **settings)


@suites
@pytest.mark.parametrize(
    ("variation", "quirk"),
    [
        (Variation(pads_name=True), Quirk.INTEL20),
        (Variation(bare_role_2=True), Quirk.I82571SPT),
        (relaxations_of([Quirk.INTEL20]).variation, Quirk.INTEL20),
        (relaxations_of([Quirk.I82571SPT]).variation, Quirk.I82571SPT),
    ],
)
def test_a_code_of_rakp_2_that_a_quirk_explains(suite: CipherSuite, variation: Variation, quirk: Quirk) -> None:
    pair = login(suite, LoginFaults(variation=variation))
    error = pair.failure()
    assert isinstance(error, WrongPassword)
    assert error.quirk == quirk
    assert f"with quirk {quirk} it would verify" in str(error)
    assert pair.session.peer is None
    assert (pair.simulated.open_sessions(0.0), pair.simulated.half_open_sessions(0.0)) == (0, 0)


@suites
def test_what_the_hint_says_is_so(suite: CipherSuite) -> None:
    for quirk in (Quirk.INTEL20, Quirk.I82571SPT):
        relaxations = relaxations_of([quirk])
        faults = LoginFaults(variation=relaxations.variation, rakp_1_has_44_octets=quirk is Quirk.I82571SPT)
        login(suite, faults, relaxations=relaxations).log_in()


@suites
def test_a_wrong_password_is_explained_by_no_quirk(suite: CipherSuite) -> None:
    for password in ("wrong", "", "secret of admi"):
        error = login(suite, LoginFaults(), password=password).failure()
        assert isinstance(error, WrongPassword)
        assert error.quirk is None
        assert "quirk" not in str(error)


@suites
def test_a_wrong_password_at_a_bmc_with_a_quirk_is_a_wrong_password(suite: CipherSuite) -> None:
    faults = LoginFaults(variation=relaxations_of([Quirk.INTEL20]).variation)
    error = login(suite, faults, password="wrong").failure()
    assert isinstance(error, WrongPassword)
    assert error.quirk is None


def test_md5_with_a_password_that_the_bmc_cuts() -> None:
    users = {"admin": ("p" * 20, Privilege.ADMINISTRATOR)}
    faults = Faults(login=LoginFaults(variation=Variation(cuts_md5_password=True)))
    error = Pair(a_bmc(suites=(SUITES[8],), users=users, faults=faults), suites=[SUITES[8]], password="p" * 20).failure()
    assert isinstance(error, WrongPassword)
    assert error.quirk is None   # only intel20 cuts, and it pads names as well: no single quirk explains this one


@suites
def test_a_wrong_kg_is_explained_by_no_quirk(suite: CipherSuite) -> None:
    error = Pair(a_bmc(suites=(suite,), kg=b"k" * 20), suites=[suite], kg=b"other").failure()
    assert isinstance(error, WrongKg)
    assert error.quirk is None
    assert error.kg_was_given


@suites
def test_a_code_that_is_too_long_or_too_short(suite: CipherSuite) -> None:
    error = login(suite, LoginFaults(rakp_2_code=CodeForm.LONG)).failure()
    assert isinstance(error, SuiteRefused)
    size = suite.digest_size
    assert error.reasons[suite.id] == f"RAKP 2 code of {size + 1} octets instead of {size}, which quirk supermicro20 explains"
    for faults, password in ((LoginFaults(rakp_2_code=CodeForm.SHORT), None), (LoginFaults(rakp_2_code=CodeForm.LONG), "wrong")):
        error = login(suite, faults, password=password).failure()
        assert isinstance(error, SuiteRefused)
        assert "quirk" not in error.reasons[suite.id]


@pytest.mark.parametrize("number", [1, 6, 15])
def test_a_rakp_4_without_a_code(number: int) -> None:
    faults = LoginFaults(variation=Variation(checks_by_integrity=True))
    error = login(SUITES[number], faults, accepts_forgeable_answers=True).failure()
    assert isinstance(error, SuiteRefused)
    assert error.reasons[number] == "RAKP 4 has no code, which quirk intelplus explains"


def test_a_code_in_suite_0() -> None:
    error = login(SUITES[0], LoginFaults(suite_0_carries_code=True), accepts_forgeable_answers=True).failure()
    assert isinstance(error, SuiteRefused)
    assert error.reasons[0] == "RAKP 4 carries a code, which suite 0 has none of (quirk integritycheckvalue)"


def test_each_suite_says_what_was_wrong_with_it() -> None:
    """A ladder of four, each broken in its own way."""
    faults = Faults(login=LoginFaults(rakp_2_code=CodeForm.ZERO, status_by_suite={3: 0x04}))
    error = Pair(a_bmc(suites=(SUITES[16], SUITE_17), faults=faults), suites=[SUITES[19], SUITE_17, SUITE_3, SUITES[2]]).failure()
    assert isinstance(error, SuiteRefused)
    assert list(error.reasons) == [19, 17, 3, 2]
    assert [error.reasons[number].split(",")[0] for number in (19, 17, 3, 2)] == [
        "status 10h", "RAKP 2 code all zero", "status 04h", "status 04h",
    ]  # fmt: skip
