"""Each relaxation of a quirk against the simulator's BMC that needs it: without it there is no session, with it there is one."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.crypto.rakp import Variation
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, SUITES, CipherSuite
from ipmi_lan.errors import (
    AuthTypeRefused,
    BadArgument,
    IpmiError,
    NoAnswer,
    SessionLost,
    SuiteRefused,
    WrongKg,
    WrongPassword,
)
from ipmi_lan.quirks import JUNK_AFTER_REQUEST, JUNK_BEFORE_LOGIN, Quirk, Relaxations, relaxations_of
from ipmi_lan.session.events import Terms
from ipmi_lan.simulator.faults import Auth15Faults, CodeForm, Faults, LoginFaults, ProbeFaults, SessionFaults
from ipmi_lan.wire.codes import AuthType, Privilege
from tests.fakes.bmc import is_sealed
from tests.ipmi_lan.session.pair import Pair
from tests.ipmi_lan.simulator.console import a_bmc

FORGEABLE: dict[str, Any] = {"accepts_forgeable_answers": True}
_INTEL20 = relaxations_of([Quirk.INTEL20]).variation
ALONE = {
    "pads_name": Variation(pads_name=True),
    "bare_role_3": Variation(bare_role_3=True),
    "bare_role_2": Variation(bare_role_2=True),
    "checks_by_integrity": Variation(checks_by_integrity=True),
    "all of intel20": _INTEL20,
}


def works(pair: Pair) -> None:
    """A login, a command and a close."""
    assert pair.log_in().value(get_chassis_status()).power_is_on
    pair.session.close(pair.now)
    pair.exchange()
    assert pair.simulated.open_sessions(pair.now) == 0


# ── RMCP+ ─────────────────────────────────────────────────────────────────────

SUITES_THAT_PROVE = [SUITES[number] for number in (2, 3, 7, 8, 16, 17)]


@pytest.mark.parametrize("variation", ALONE.values(), ids=ALONE)
@pytest.mark.parametrize("suite", SUITES_THAT_PROVE, ids=lambda suite: f"suite {suite.id}")
def test_variations_of_the_digests(variation: Variation, suite: CipherSuite) -> None:
    def pair(relaxations: Relaxations) -> Pair:
        bmc = a_bmc(suites=(suite,), slots=20, faults=Faults(login=LoginFaults(variation=variation)))
        return Pair(bmc, suites=[suite], relaxations=relaxations)

    works(pair(Relaxations(variation, pads_name_field=variation.pads_name)))
    is_the_same = variation == Variation(checks_by_integrity=True)   # in these suites both algorithms are of one kind
    if not is_the_same:
        assert isinstance(pair(Relaxations()).failure(), WrongPassword | WrongKg)


def test_a_password_of_20_octets_cut_for_md5_alone() -> None:
    password = "p" * 20
    users = {"admin": (password, Privilege.ADMINISTRATOR)}
    faults = Faults(login=LoginFaults(variation=Variation(cuts_md5_password=True)))
    cutting = Relaxations(Variation(cuts_md5_password=True))
    for number, needs_it in ((8, True), (3, False), (17, False)):
        suite = SUITES[number]
        works(Pair(a_bmc(suites=(suite,), users=users, faults=faults), suites=[suite], password=password, relaxations=cutting))
        plain = Pair(a_bmc(suites=(suite,), users=users, faults=faults), suites=[suite], password=password)
        if needs_it:
            assert isinstance(plain.failure(), WrongPassword)
        else:
            works(plain)


def test_a_name_field_of_16_octets() -> None:
    def pair(**settings: Any) -> Pair:
        return Pair(a_bmc(faults=Faults(login=LoginFaults(rakp_1_has_44_octets=True))), **settings)

    works(pair(relaxations=Relaxations(pads_name_field=True)))
    assert isinstance(pair().failure(), WrongPassword)   # the status is "invalid name length"


@pytest.mark.parametrize("quirk", [Quirk.SUPERMICRO20, Quirk.SUN20])
@pytest.mark.parametrize("suite", [SUITE_3, SUITE_17, SUITES[8]], ids=lambda suite: f"suite {suite.id}")
def test_a_code_that_is_an_octet_too_long(quirk: Quirk, suite: CipherSuite) -> None:
    def pair(form: CodeForm, **settings: Any) -> Pair:
        return Pair(a_bmc(suites=(suite,), faults=Faults(login=LoginFaults(rakp_2_code=form))), suites=[suite], **settings)

    relaxed = {"relaxations": relaxations_of([quirk])}
    works(pair(CodeForm.LONG, **relaxed))
    works(pair(CodeForm.RIGHT, **relaxed))
    assert isinstance(pair(CodeForm.LONG).failure(), SuiteRefused)
    assert isinstance(pair(CodeForm.SHORT, **relaxed).failure(), SuiteRefused)
    assert isinstance(pair(CodeForm.LONG, password="wrong", **relaxed).failure(), WrongPassword)


def test_a_code_in_suite_0() -> None:
    def pair(**settings: Any) -> Pair:
        bmc = a_bmc(suites=(SUITES[0],), faults=Faults(login=LoginFaults(suite_0_carries_code=True)))
        return Pair(bmc, suites=[SUITES[0]], **FORGEABLE, **settings)

    works(pair(relaxations=relaxations_of([Quirk.INTEGRITYCHECKVALUE])))
    refused = pair()
    error = refused.failure()
    assert isinstance(error, SuiteRefused)
    assert "integritycheckvalue" in error.reasons[0]
    assert (refused.simulated.open_sessions(0.0), refused.simulated.half_open_sessions(0.0)) == (0, 0)


def test_a_pad_that_counts_otherwise() -> None:
    def pair(**settings: Any) -> Pair:
        bmc = a_bmc(suites=(SUITES[2],), faults=Faults(session=SessionFaults(pads_short=True)))
        return Pair(bmc, suites=[SUITES[2]], **settings)

    works(pair(relaxations=relaxations_of([Quirk.ICTS])))
    assert isinstance(pair().failure(), SessionLost | NoAnswer)


@pytest.mark.parametrize("settings", [{}, {"auth15": AuthType.MD5}], ids=["2.0", "1.5"])
def test_wrong_checksums(settings: dict[str, Any]) -> None:
    def pair(**more: Any) -> Pair:
        faults = Faults(session=SessionFaults(wrong_checksums=True))
        return Pair(a_bmc(auth15=(AuthType.MD5,), faults=faults), **settings, **more)

    works(pair(relaxations=relaxations_of([Quirk.NOCHECKSUMCHECK])))
    assert isinstance(pair().failure(), SessionLost | NoAnswer)


def test_no_set_session_privilege_level() -> None:
    pair = Pair(relaxations=Relaxations(skips_set_privilege=True)).log_in()
    assert not [datagram for _, datagram in pair.sent if is_sealed(datagram)]


def test_opensesspriv_is_what_a_session_does_always() -> None:
    works(Pair(a_bmc(faults=Faults(login=LoginFaults(keys_with_open_privilege=True)))))
    works(Pair(a_bmc(faults=Faults(login=LoginFaults(refuses_highest=True, returns_privilege_0=True)))))


@pytest.mark.parametrize("quirk", [Quirk.INTELPLUS, Quirk.INTEL20])
def test_suites_whose_integrity_algorithm_makes_no_code_of_rakp_4(quirk: Quirk) -> None:
    """With MD5-128 nothing is sent at all. Without integrity the code is empty, which is taken with the quirk only."""
    relaxations = relaxations_of([quirk])
    for number in (11, 12):
        with pytest.raises(BadArgument, match=f"suite {number}"):
            Terms([SUITES[number]], relaxations=relaxations)
    for number in (1, 6, 15):
        def pair(number: int = number, **settings: Any) -> Pair:
            faults = Faults(login=LoginFaults(variation=Variation(checks_by_integrity=True)))
            return Pair(a_bmc(suites=(SUITES[number],), faults=faults), suites=[SUITES[number]], **FORGEABLE, **settings)

        works(pair(relaxations=Relaxations(Variation(checks_by_integrity=True))))
        refused = pair()
        error = refused.failure()
        assert isinstance(error, SuiteRefused)
        assert "RAKP 4 has no code, which quirk intelplus explains" in error.reasons[number]
        refused.exchange()
        assert refused.simulated.open_sessions(0.0) == 0


# ── IPMI 1.5 ──────────────────────────────────────────────────────────────────

_V15 = (AuthType.MD2, AuthType.MD5, AuthType.OEM)
CASES_15: dict[str, tuple[Quirk, dict[str, Any], dict[str, Any]]] = {
    "idzero": (Quirk.IDZERO, {"faults": Faults(auth15=Auth15Faults(zero_id=True))}, {}),
    "idzero, number 0": (Quirk.IDZERO, {"faults": Faults(auth15=Auth15Faults(zero_id=True, zero_sequence=True))}, {}),
    "forcepermsg": (Quirk.FORCEPERMSG, {"faults": Faults(auth15=Auth15Faults(claims_no_codes=True))}, {}),
    "forcepermsg, careless": (Quirk.FORCEPERMSG, {"faults": Faults(auth15=Auth15Faults(claims_no_codes=True))}, FORGEABLE),
    "unexpectedauth": (
        Quirk.UNEXPECTEDAUTH,
        {"per_message_auth": False, "faults": Faults(auth15=Auth15Faults(codes_though_off=True))},
        FORGEABLE,
    ),
    "endianseq": (Quirk.ENDIANSEQ, {"faults": Faults(auth15=Auth15Faults(swaps_sequence=True))}, {}),
    "noauthcodecheck": (Quirk.NOAUTHCODECHECK, {"faults": Faults(auth15=Auth15Faults(wrong_codes=True))}, FORGEABLE),
    "authcap": (Quirk.AUTHCAP, {"faults": Faults(probe=ProbeFaults(capabilities_are_wrong=True))}, {}),
}  # fmt: skip


@pytest.mark.parametrize(("quirk", "bmc", "terms"), CASES_15.values(), ids=CASES_15)
@pytest.mark.parametrize("kind", [AuthType.MD5, AuthType.MD2], ids=lambda kind: kind.name)
def test_quirks_of_1_5(kind: AuthType, quirk: Quirk, bmc: dict[str, Any], terms: dict[str, Any]) -> None:
    def pair(**settings: Any) -> Pair:
        return Pair(a_bmc(auth15=_V15, slots=20, **bmc), auth15=kind, **terms, **settings)

    works(pair(relaxations=relaxations_of([quirk])))
    assert isinstance(pair().failure(), SessionLost | NoAnswer | AuthTypeRefused)


def test_a_code_that_was_not_expected_must_verify() -> None:
    faults = Faults(auth15=Auth15Faults(codes_though_off=True))
    bmc = a_bmc(auth15=_V15, per_message_auth=False, faults=faults)
    pair = Pair(bmc, auth15=AuthType.MD5, relaxations=relaxations_of([Quirk.UNEXPECTEDAUTH]), **FORGEABLE).log_in()
    faults.auth15.wrong_codes = True
    pair.ask(get_chassis_status(), timeout=1.0)
    pair.exchange()
    pair.pass_time(1.0)
    assert not pair.outcomes() or isinstance(pair.error(max(pair.outcomes())), IpmiError)
    assert pair.session.dropped["not authentic"] > 0


@pytest.mark.parametrize(("quirk", "mixes"), [(Quirk.SUPERMICRO, True), (Quirk.QUANTA, False)])
def test_the_vendors_own_type(quirk: Quirk, mixes: bool) -> None:
    """Whatever type was asked for, the quirk means this one; and as its codes cover nothing, it has to be accepted by name."""
    def pair(**settings: Any) -> Pair:
        faults = Faults(auth15=Auth15Faults(mixes_challenge=mixes), probe=ProbeFaults())
        return Pair(a_bmc(auth15=_V15, slots=20, faults=faults), auth15=AuthType.MD5, **settings)

    relaxations = replace(relaxations_of([quirk]), trusts_no_capabilities=True)
    own = pair(relaxations=relaxations, **FORGEABLE)
    works(own)
    assert own.session.peer is not None
    assert own.session.peer.auth15 is AuthType.OEM
    with pytest.raises(BadArgument, match="oem proves nothing"):
        pair(relaxations=relaxations)


def test_junk_before_the_login_and_after_every_request() -> None:
    pair = Pair(a_bmc(auth15=_V15), auth15=AuthType.MD5, relaxations=relaxations_of([Quirk.INTELWV2]))
    works(pair)
    datagrams = [datagram for _, datagram in pair.sent]
    assert datagrams[0] == JUNK_BEFORE_LOGIN
    assert datagrams.count(JUNK_BEFORE_LOGIN) == 1
    junk = [place for place, datagram in enumerate(datagrams) if datagram == JUNK_AFTER_REQUEST]
    assert junk == list(range(2, len(datagrams), 2))


def test_every_relaxation_has_a_test_here() -> None:
    """A new one is a reason to look at this file."""
    assert {one.name for one in fields(Relaxations)} == {
        "variation", "pads_name_field", "trims_rakp_2", "ignores_check_of_suite_0", "skips_set_privilege", "sends_junk_first",
        "pads_short", "skips_checksums", "swaps_sequence", "skips_codes_15", "takes_zero_id", "takes_unexpected_codes",
        "forces_per_message", "trusts_no_capabilities", "uses_oem_type_15", "mixes_challenge_15",
    }  # fmt: skip


def test_a_quirk_that_is_not_needed_does_no_harm() -> None:
    harmless = [quirk for quirk in Quirk if relaxations_of([quirk]).variation == Variation() and "2.0" in quirk.versions]
    for quirk in harmless:
        if quirk is not Quirk.ICTS:
            works(Pair(relaxations=relaxations_of([quirk])))
    assert len(harmless) > 5
