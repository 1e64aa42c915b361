from __future__ import annotations

import pytest

from ipmi_lan.commands.device import get_system_guid
from ipmi_lan.crypto.rakp import Variation
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, SUITES, CipherSuite
from ipmi_lan.errors import NotAuthentic
from ipmi_lan.simulator import CodeForm, Faults, LoginFaults, SimulatedBmc
from ipmi_lan.wire import handshake
from ipmi_lan.wire.codes import PayloadType, Privilege, RakpStatus
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.ipmi_lan.simulator.console import ADDRESS, GUID, Console, a_bmc, ask_outside_session

ALL = tuple(SUITES.values())


def a_bmc_that(**faults: object) -> SimulatedBmc:
    return a_bmc(suites=ALL, faults=Faults(login=LoginFaults(**faults)))   # type: ignore[arg-type]


def rakp_2_of(console: Console) -> handshake.Rakp2:
    return console.send_rakp_1(console.open_session().bmc_id)


def test_status_of_open_session_can_be_set() -> None:
    bmc = a_bmc()
    bmc.faults.open_session_status = 0x01
    assert Console(bmc).open_session().status == 0x01
    bmc.faults.open_session_status = None
    Console(bmc).log_in()


def test_highest_may_be_refused_or_answered_with_0() -> None:
    assert Console(a_bmc_that(refuses_highest=True), privilege=0).open_session().status == RakpStatus.INVALID_ROLE
    assert Console(a_bmc_that(refuses_highest=True)).open_session().status == 0
    assert Console(a_bmc_that(returns_privilege_0=True), privilege=0).open_session().privilege == 0
    assert Console(a_bmc_that(returns_privilege_0=True), privilege=3).open_session().privilege == 3


def test_status_by_suite() -> None:
    bmc = a_bmc_that(status_by_suite={3: 0x01, 17: 0x00})
    assert [Console(bmc, suite=SUITES[number]).open_session().status for number in (3, 17, 8)] == [1, 0, 0]
    bmc = a_bmc(faults=Faults(login=LoginFaults(status_by_suite={8: 0x12})))
    assert Console(bmc, suite=SUITES[8]).open_session().status == 0x12


def test_a_downgrade_is_carried_through() -> None:
    bmc = a_bmc_that(answers_with_suite=SUITES[0])
    console = Console(bmc)
    opened = console.open_session()
    assert opened.algorithms == SUITES[0].algorithms
    console.suite = SUITES[0]
    console.send_rakp_1(opened.bmc_id)
    rakp_4 = console.send_rakp_3()
    assert rakp_4 is not None
    assert rakp_4.status == 0


def test_statuses_of_the_next_replies() -> None:
    bmc = a_bmc_that(
        next_statuses={
            PayloadType.OPEN_SESSION_RESPONSE: [1, 0, 1], PayloadType.RAKP_2: [0x0C, 0, 0], PayloadType.RAKP_4: [0x02, 0x0F]
        }
    )
    assert [Console(bmc).open_session().status for _ in range(3)] == [1, 0, 1]
    assert rakp_2_of(Console(bmc)).status == 0x0C
    for status in (0x02, 0x0F, 0):
        console = Console(bmc)
        assert rakp_2_of(console).status == 0
        rakp_4 = console.send_rakp_3()
        assert rakp_4 is not None
        assert rakp_4.status == status
    assert (bmc.open_sessions(0.0), bmc.half_open_sessions(0.0)) == (1, 1)


@pytest.mark.parametrize(("form", "less"), [(CodeForm.LONG, -1), (CodeForm.SHORT, 1), (CodeForm.ZERO, 0), (CodeForm.RIGHT, 0)])
@pytest.mark.parametrize("suite", [SUITE_3, SUITE_17, SUITES[6]])
def test_forms_of_the_code_of_rakp_2(form: CodeForm, less: int, suite: CipherSuite) -> None:
    console = Console(a_bmc_that(rakp_2_code=form), suite=suite, password="not looked at")
    code = rakp_2_of(console).code
    assert len(code) == suite.digest_size - less
    assert any(code) == (form is not CodeForm.ZERO)


@pytest.mark.parametrize("number", [0x0D, 0x12])
def test_status_of_an_unknown_user(number: int) -> None:
    assert rakp_2_of(Console(a_bmc_that(unknown_user=number), "nobody")).status == number


@pytest.mark.parametrize("suite", [SUITES[0], SUITE_3, SUITE_17])
def test_an_unknown_user_may_get_the_code_of_an_empty_password_and_never_in(suite: CipherSuite) -> None:
    bmc = a_bmc_that(unknown_user=None)
    console = Console(bmc, "nobody", suite=suite)
    assert rakp_2_of(console).status == 0
    rakp_4 = console.send_rakp_3()
    assert rakp_4 is not None
    assert rakp_4.status == RakpStatus.INVALID_INTEGRITY_CHECK_VALUE
    assert bmc.open_sessions(0.0) == 0


def test_status_of_too_high_a_privilege() -> None:
    bmc = a_bmc_that(high_privilege=RakpStatus.UNAUTHORIZED_ROLE)
    assert rakp_2_of(Console(bmc, "operator")).status == RakpStatus.UNAUTHORIZED_ROLE


def test_codes_over_the_privilege_of_open_session() -> None:
    bmc = a_bmc_that(keys_with_open_privilege=True)
    Console(bmc).log_in()
    console = Console(bmc, privilege=0)
    bmc_id = console.open_session().bmc_id
    console.privilege = Privilege.ADMINISTRATOR
    with pytest.raises(NotAuthentic):
        console.send_rakp_1(bmc_id)


_INTEL = Variation(pads_name=True, bare_role_3=True, cuts_md5_password=True, checks_by_integrity=True)


@pytest.mark.parametrize("number", [number for number in SUITES if number not in {0, 11, 12, 13, 14}])
def test_codes_of_an_old_intel_board(number: int) -> None:
    Console(a_bmc_that(variation=_INTEL), suite=SUITES[number], variation=_INTEL).log_in()


@pytest.mark.parametrize("number", [11, 12, 13, 14])
def test_an_old_intel_board_has_no_suite_with_md5_128(number: int) -> None:
    status = Console(a_bmc_that(variation=_INTEL), suite=SUITES[number]).open_session().status
    assert status == RakpStatus.INVALID_INTEGRITY_ALGORITHM


def test_a_name_of_44_octets() -> None:
    bmc = a_bmc_that(rakp_1_has_44_octets=True)
    Console(bmc, pads_name_field=True).log_in()
    assert rakp_2_of(Console(bmc)).status == RakpStatus.INVALID_NAME_LENGTH


def test_suite_0_with_a_code_in_rakp_4() -> None:
    console = Console(a_bmc_that(suite_0_carries_code=True), suite=SUITES[0])
    rakp_2_of(console)
    rakp_4 = console.send_rakp_3()
    assert rakp_4 is not None
    assert (rakp_4.status, len(rakp_4.code)) == (0, 12)


def test_silence_after_a_wrong_password() -> None:
    bmc = a_bmc_that(silent_after_wrong_password=True)
    console = Console(bmc, password="wrong")
    rakp_2_of(console)
    assert console.send_rakp_3() is None
    assert bmc.half_open_sessions(0.0) == 0


def test_a_second_rakp_3_spoils_the_keys() -> None:
    bmc = a_bmc_that(repeated_rakp_3_spoils_keys=True)
    console = Console(bmc).log_in()
    again = console.send_rakp_3()
    assert again is not None
    assert again.status == 0
    assert console.send(console.datagram_of(get_system_guid())) is None


def test_a_second_rakp_3_of_somebody_else_spoils_nothing() -> None:
    bmc = a_bmc_that(repeated_rakp_3_spoils_keys=True)
    console = Console(bmc).log_in()
    forged = handshake.build_rakp_3(handshake.Rakp3(9, 0, console.bmc_id, bytes(range(32))))
    assert ask_outside_session(bmc, PayloadType.RAKP_3, forged) is None
    assert console.run(get_system_guid()).guid == GUID


def test_replies_of_a_login_may_be_late() -> None:
    bmc = a_bmc_that(delays={PayloadType.RAKP_2: 0.8})
    bmc_id = Console(bmc).open_session(now=1.0).bmc_id
    rakp_1 = handshake.build_rakp_1(handshake.Rakp1(1, bmc_id, bytes(16), 0x14, b"admin"))
    assert ask_outside_session(bmc, PayloadType.RAKP_1, rakp_1, now=1.0) is None
    assert bmc.next_due() == pytest.approx(1.8)
    ((datagram, address),) = bmc.due_replies(1.8)
    assert address == ADDRESS
    assert handshake.parse_rakp_2_untrusted(parse_packet_untrusted(datagram).payload).status == 0
