from __future__ import annotations

import pytest

from ipmi_lan.commands.device import get_system_guid
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, SUITES, CipherSuite
from ipmi_lan.wire import handshake
from ipmi_lan.wire.codes import PayloadType, Privilege, RakpStatus
from ipmi_lan.wire.handshake import Algorithms, OpenSessionRequest
from tests.ipmi_lan.simulator.console import GUID, Console, a_bmc, ask_outside_session

ALL = tuple(SUITES.values())


@pytest.mark.parametrize("suite", ALL, ids=lambda suite: str(suite.id))
@pytest.mark.parametrize("name_only", [True, False])
def test_whole_login(suite: CipherSuite, name_only: bool) -> None:
    bmc = a_bmc(suites=ALL)
    console = Console(bmc, suite=suite, name_only=name_only).log_in()
    assert console.run(get_system_guid()).guid == GUID
    assert (bmc.handshakes, bmc.open_sessions(0.0), bmc.half_open_sessions(0.0)) == (1, 1, 0)


@pytest.mark.parametrize("suite", ALL, ids=lambda suite: str(suite.id))
@pytest.mark.parametrize("kg", [b"k", b"a BMC key, 20 octets"])
def test_two_key_login(suite: CipherSuite, kg: bytes) -> None:
    Console(a_bmc(kg=kg, suites=ALL), suite=suite, kg=kg).log_in()


@pytest.mark.parametrize("suite", [SUITE_3, SUITE_17, SUITES[12]])
@pytest.mark.parametrize(
    ("user", "password"), [("", ""), ("", "p"), ("n" * 16, "0123456789abcdef"), ("twenty", "0123456789abcdefghij")]
)
def test_null_users_and_long_passwords(suite: CipherSuite, user: str, password: str) -> None:
    bmc = a_bmc(users={user: (password, Privilege.ADMINISTRATOR)}, suites=ALL)
    Console(bmc, user, password, suite=suite).log_in()


def test_suites_are_17_and_3_unless_told() -> None:
    for suite in SUITES.values():
        assert (Console(a_bmc(), suite=suite).open_session().status == 0) == (suite.id in {3, 17})


def test_suite_0_takes_a_name_for_a_password_and_no_code() -> None:
    bmc = a_bmc(suites=ALL)
    console = Console(bmc, suite=SUITES[0])
    console.log_in()
    with_code = handshake.build_rakp_3(handshake.Rakp3(1, 0, Console(bmc, suite=SUITES[0]).open_session().bmc_id, b"\1" * 20))
    payload = ask_outside_session(bmc, PayloadType.RAKP_3, with_code)
    assert payload is not None
    assert handshake.parse_rakp_4_untrusted(payload).status != 0
    assert bmc.open_sessions(0.0) == 1


def test_wrong_bmc_key_shows_at_rakp_4_only() -> None:
    bmc = a_bmc(kg=b"a key of the BMC")
    console = Console(bmc)
    assert console.send_rakp_1(console.open_session().bmc_id).status == 0
    rakp_4 = console.send_rakp_3()
    assert rakp_4 is not None
    assert rakp_4.status == 0


@pytest.mark.parametrize(
    ("algorithms", "status"),
    [
        (Algorithms(0, 0, 0), RakpStatus.INVALID_AUTHENTICATION_ALGORITHM),
        (Algorithms(2, 2, 1), RakpStatus.INVALID_AUTHENTICATION_ALGORITHM),
        (Algorithms(1, 2, 1), RakpStatus.INVALID_INTEGRITY_ALGORITHM),
        (Algorithms(3, 4, 3), RakpStatus.INVALID_CONFIDENTIALITY_ALGORITHM),
        (Algorithms(3, 1, 1), RakpStatus.NO_CIPHER_SUITE_MATCH),
        (Algorithms(1, 1, 1), RakpStatus.NO_ERRORS),
    ],
)
def test_status_for_a_suite_that_is_not_there(algorithms: Algorithms, status: int) -> None:
    request = handshake.build_open_session_request(OpenSessionRequest(7, 4, 0x11223344, algorithms))
    payload = ask_outside_session(a_bmc(), PayloadType.OPEN_SESSION_REQUEST, request)
    assert payload is not None
    response = handshake.parse_open_session_response_untrusted(payload)
    assert (response.status, response.console_id, response.tag) == (status, 0x11223344, 7)


def test_a_suite_that_is_switched_off_is_refused() -> None:
    assert Console(a_bmc(suites=(SUITE_17,)), suite=SUITE_3).open_session().status == RakpStatus.INVALID_AUTHENTICATION_ALGORITHM


def test_highest_privilege_is_answered_with_its_name() -> None:
    assert Console(a_bmc(), privilege=0).open_session().privilege == Privilege.ADMINISTRATOR


def test_privilege_that_does_not_exist() -> None:
    assert Console(a_bmc(), privilege=5).open_session().status == RakpStatus.INVALID_ROLE


@pytest.mark.parametrize("size", [8, 31, 33])
def test_open_session_has_32_octets(size: int) -> None:
    bmc = a_bmc()
    request = handshake.build_open_session_request(OpenSessionRequest(1, 4, 0xAABBCCDD, SUITE_17.algorithms))
    payload = ask_outside_session(bmc, PayloadType.OPEN_SESSION_REQUEST, request.ljust(33, b"\0")[:size])
    assert payload is not None
    response = handshake.parse_open_session_response_untrusted(payload)
    assert (response.status, response.console_id) == (RakpStatus.ILLEGAL_PARAMETER, 0xAABBCCDD)
    assert bmc.half_open_sessions(0.0) == 0


@pytest.mark.parametrize(("more", "less"), [(b"\0", 0), (b"", 1)])
def test_rakp_1_is_as_long_as_its_name(more: bytes, less: int) -> None:
    bmc = a_bmc()
    bmc_id = Console(bmc).open_session().bmc_id
    rakp_1 = handshake.build_rakp_1(handshake.Rakp1(1, bmc_id, bytes(16), 0x14, b"admin"))
    payload = ask_outside_session(bmc, PayloadType.RAKP_1, rakp_1[: len(rakp_1) - less] + more)
    assert payload is not None
    assert handshake.parse_rakp_2_untrusted(payload).status == RakpStatus.INVALID_NAME_LENGTH
    assert bmc.half_open_sessions(0.0) == 0


@pytest.mark.parametrize(
    ("user", "privilege", "name_only", "status"),
    [
        ("nobody", 4, True, RakpStatus.UNAUTHORIZED_NAME),
        ("", 4, True, RakpStatus.UNAUTHORIZED_NAME),
        ("operator", 4, True, RakpStatus.INVALID_ROLE),
        ("operator", 4, False, RakpStatus.UNAUTHORIZED_NAME),
        ("admin", 3, False, RakpStatus.UNAUTHORIZED_NAME),
        ("admin", 3, True, RakpStatus.NO_ERRORS),
        ("operator", 3, True, RakpStatus.NO_ERRORS),
        ("operator", 3, False, RakpStatus.NO_ERRORS),
        ("user", 1, True, RakpStatus.NO_ERRORS),
    ],
)
def test_user_lookup(user: str, privilege: int, name_only: bool, status: int) -> None:
    bmc = a_bmc()
    console = Console(bmc, user, privilege=privilege, name_only=name_only)
    assert console.send_rakp_1(console.open_session().bmc_id).status == status
    assert bmc.half_open_sessions(0.0) == (0 if status else 1)


def test_rakp_1_may_not_ask_for_more_than_open_session_did() -> None:
    console = Console(a_bmc(), privilege=Privilege.USER)
    bmc_id = console.open_session().bmc_id
    console.privilege = Privilege.ADMINISTRATOR
    assert console.send_rakp_1(bmc_id).status == RakpStatus.INVALID_ROLE


def test_wrong_password_is_refused_with_0fh_and_frees_the_slot() -> None:
    bmc = a_bmc()
    console = Console(bmc, password="wrong")
    assert console.send_rakp_1(console.open_session().bmc_id).status == 0
    rakp_4 = console.send_rakp_3()
    assert rakp_4 is not None
    assert (rakp_4.status, rakp_4.console_id, rakp_4.code) == (0x0F, console.console_id, b"")
    assert (bmc.handshakes, bmc.open_sessions(0.0), bmc.half_open_sessions(0.0)) == (0, 0, 0)


def test_console_that_takes_the_login_back() -> None:
    bmc = a_bmc()
    console = Console(bmc)
    console.send_rakp_1(console.open_session().bmc_id)
    assert console.send_rakp_3(status=0x0F) is None
    assert bmc.half_open_sessions(0.0) == 0


def test_illegal_moves_are_answered_with_02h_and_change_nothing() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    again = Console(bmc)
    assert again.send_rakp_1(console.bmc_id).status == RakpStatus.INVALID_SESSION_ID
    rakp_4 = console.send_rakp_3()
    assert rakp_4 is not None
    assert rakp_4.status == RakpStatus.INVALID_SESSION_ID
    assert again.send_rakp_1(0x12345678).status == RakpStatus.INVALID_SESSION_ID
    assert console.run(get_system_guid()).guid == GUID


def test_rakp_3_before_rakp_1() -> None:
    bmc = a_bmc()
    bmc_id = Console(bmc).open_session().bmc_id
    payload = ask_outside_session(bmc, PayloadType.RAKP_3, handshake.build_rakp_3(handshake.Rakp3(1, 0, bmc_id, bytes(32))))
    assert payload is not None
    assert handshake.parse_rakp_4_untrusted(payload).status == RakpStatus.INVALID_SESSION_ID


def test_repeated_rakp_1_gets_a_new_random_number_and_only_that_counts() -> None:
    bmc = a_bmc()
    console = Console(bmc)
    bmc_id = console.open_session().bmc_id
    first = console.send_rakp_1(bmc_id)
    assert console.send_rakp_1(bmc_id).bmc_random != first.bmc_random
    rakp_4 = console.send_rakp_3()
    assert rakp_4 is not None
    assert rakp_4.status == 0
