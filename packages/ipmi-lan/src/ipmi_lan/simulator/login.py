"""The BMC's side of an RMCP+ login: Open Session, RAKP 1 and RAKP 3 (IPMI 2.0, 13.17 to 13.24).

Lengths are exact and the statuses those of table 13-15, so that a console that is careless meets it here first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ipmi_lan.crypto.rakp import Login, SessionKeys, rakp_2_code, rakp_3_code, rakp_4_code, session_keys, verify_code
from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.crypto.suites import SUITES, CipherSuite, Integrity
from ipmi_lan.errors import Malformed, NotAuthentic
from ipmi_lan.simulator.accounts import Account
from ipmi_lan.simulator.board import Board
from ipmi_lan.simulator.distortion import distort_rakp_2_code
from ipmi_lan.simulator.sessions import Address, Session, State
from ipmi_lan.wire.codes import PayloadType, Privilege, RakpStatus
from ipmi_lan.wire.handshake import (
    NAME_ONLY_LOOKUP,
    Algorithms,
    OpenSessionRequest,
    OpenSessionResponse,
    Rakp1,
    Rakp2,
    Rakp4,
    build_open_session_response,
    build_rakp_2,
    build_rakp_4,
    parse_open_session_request_untrusted,
    parse_rakp_1_untrusted,
    parse_rakp_3_untrusted,
)
from ipmi_lan.wire.packet import Packet

_OPEN_SESSION_SIZE, _RAKP_1_SIZE, _RAKP_HEAD_SIZE, _NAME_FIELD = 32, 28, 8, 16
_STRAY_CODE_SIZE = 12   # of the code that suite 0 should not have
_PRIVILEGES = (Privilege.CALLBACK, Privilege.USER, Privilege.OPERATOR, Privilege.ADMINISTRATOR)


class _Refused(Exception):  # noqa: N818 - named for the fact
    """The login goes no further; the console is told `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet of a login, where it came from and when."""

    board: Board
    payload: bytes
    address: Address
    now: float


def answer_login_untrusted(board: Board, packet: Packet, address: Address, now: float) -> Packet | None:
    """The reply to a packet of a login, or None where none is due. Raises `Malformed` for what is too short to answer."""
    arrival = Arrival(board, packet.payload, address, now)
    match packet.payload_type:
        case PayloadType.OPEN_SESSION_REQUEST:
            return Packet(PayloadType.OPEN_SESSION_RESPONSE, _answer_open_session(arrival))
        case PayloadType.RAKP_1:
            return Packet(PayloadType.RAKP_2, _answer_rakp_1(arrival))
        case PayloadType.RAKP_3:
            payload = _answer_rakp_3(arrival)
            return None if payload is None else Packet(PayloadType.RAKP_4, payload)
    raise Malformed("a payload type that no login has")


def _refuse_as_told(board: Board, reply: PayloadType) -> None:
    statuses = board.faults.login.next_statuses.get(reply)
    if statuses and (status := statuses.pop(0)):
        raise _Refused(status)


def _answer_open_session(arrival: Arrival) -> bytes:
    board, payload = arrival.board, arrival.payload
    if len(payload) < _RAKP_HEAD_SIZE:
        raise Malformed("Open Session Request without the console's id")
    tag, console_id = payload[0], int.from_bytes(payload[4:8], "little")
    try:
        request = _parse_open_session_untrusted(payload)
        session = _begin(arrival, request)
    except _Refused as refused:
        return build_open_session_response(OpenSessionResponse(tag, refused.status, console_id))
    privilege = 0 if board.faults.login.returns_privilege_0 and not request.privilege else session.privilege_granted
    return build_open_session_response(
        OpenSessionResponse(tag, RakpStatus.NO_ERRORS, console_id, session.bmc_id, privilege, session.suite.algorithms)
    )


def _parse_open_session_untrusted(payload: bytes) -> OpenSessionRequest:
    try:
        request = parse_open_session_request_untrusted(payload)
    except Malformed:
        raise _Refused(RakpStatus.ILLEGAL_PARAMETER) from None
    if len(payload) != _OPEN_SESSION_SIZE or request.console_id == 0:
        raise _Refused(RakpStatus.ILLEGAL_PARAMETER)
    return request


def _begin(arrival: Arrival, request: OpenSessionRequest) -> Session:
    board, faults = arrival.board, arrival.board.faults
    if faults.open_session_status:
        raise _Refused(faults.open_session_status)
    _refuse_as_told(board, PayloadType.OPEN_SESSION_RESPONSE)
    # 0 asks for the highest there is; the answer names it, as consoles take an echoed 0 for an error.
    privilege = request.privilege or Privilege.ADMINISTRATOR
    if privilege not in _PRIVILEGES or (faults.login.refuses_highest and not request.privilege):
        raise _Refused(RakpStatus.INVALID_ROLE)
    _refuse_suite_as_told(board, request.algorithms)
    suite = faults.login.answers_with_suite or _suite(board.suites, request.algorithms)
    if faults.login.variation.checks_by_integrity and suite.integrity is Integrity.MD5_128:
        raise _Refused(RakpStatus.INVALID_INTEGRITY_ALGORITHM)   # MD5-128 makes no code of RAKP 4
    session = board.sessions.begin(request.console_id, suite, privilege, arrival.now, arrival.address)
    if session is None:
        raise _Refused(RakpStatus.INSUFFICIENT_RESOURCES)
    session.privilege_asked = request.privilege
    return session


def _refuse_suite_as_told(board: Board, asked: Algorithms) -> None:
    for number, status in board.faults.login.status_by_suite.items():
        if status and SUITES[number].algorithms == asked:
            raise _Refused(status)


def _suite(suites: tuple[CipherSuite, ...], asked: Algorithms) -> CipherSuite:
    """The suite asked for. Raises `_Refused` with the status of the one algorithm that no suite has, else 11h."""
    for suite in suites:
        if suite.algorithms == asked:
            return suite
    known = [suite.algorithms for suite in suites]
    if asked.authentication not in {algorithms.authentication for algorithms in known}:
        raise _Refused(RakpStatus.INVALID_AUTHENTICATION_ALGORITHM)
    if asked.integrity not in {algorithms.integrity for algorithms in known}:
        raise _Refused(RakpStatus.INVALID_INTEGRITY_ALGORITHM)
    if asked.confidentiality not in {algorithms.confidentiality for algorithms in known}:
        raise _Refused(RakpStatus.INVALID_CONFIDENTIALITY_ALGORITHM)
    raise _Refused(RakpStatus.NO_CIPHER_SUITE_MATCH)


def _answer_rakp_1(arrival: Arrival) -> bytes:
    board, payload = arrival.board, arrival.payload
    session, tag = _session_of(arrival), payload[0]
    if session is None or (session.state, PayloadType.RAKP_1) not in _TRANSITIONS:
        return build_rakp_2(Rakp2(tag, RakpStatus.INVALID_SESSION_ID))
    try:
        _refuse_as_told(board, PayloadType.RAKP_2)
        message = _parse_rakp_1_untrusted(board, payload)
        login = _identify(arrival, session, message)
    except _Refused as refused:
        board.sessions.end(session)
        return build_rakp_2(Rakp2(tag, refused.status, session.console_id))
    session.login, session.user, session.password = login, login.user, login.password
    session.state = _TRANSITIONS[session.state, PayloadType.RAKP_1]
    code = distort_rakp_2_code(board.faults.login.rakp_2_code, rakp_2_code(login))
    return build_rakp_2(Rakp2(tag, RakpStatus.NO_ERRORS, session.console_id, login.bmc_random, login.guid, code))


def _parse_rakp_1_untrusted(board: Board, payload: bytes) -> Rakp1:
    try:
        message = parse_rakp_1_untrusted(payload)
    except Malformed:
        raise _Refused(RakpStatus.INVALID_NAME_LENGTH) from None
    field = _NAME_FIELD if board.faults.login.rakp_1_has_44_octets else len(message.name)
    if len(payload) != _RAKP_1_SIZE + field:
        raise _Refused(RakpStatus.INVALID_NAME_LENGTH)
    return message


def _identify(arrival: Arrival, session: Session, message: Rakp1) -> Login:
    """Who logs in, with a fresh random number of the BMC's. Raises `_Refused` for an unknown name or too high a privilege."""
    board, faults = arrival.board, arrival.board.faults.login
    asked = message.role & ~NAME_ONLY_LOOKUP
    account = _account(arrival, session, message)
    if account.is_disabled or asked not in _PRIVILEGES or asked > min(account.limit, session.privilege_granted):
        raise _Refused(faults.high_privilege)
    session.privilege_limit, session.privilege = asked, min(asked, Privilege.USER)
    keyed = session.privilege_asked if faults.keys_with_open_privilege else asked
    return Login(
        suite=session.suite,
        user=account.name,
        password=account.password,
        kg=board.kg,
        role=(message.role & NAME_ONLY_LOOKUP) | keyed,
        console_id=session.console_id,
        bmc_id=session.bmc_id,
        console_random=message.console_random,
        bmc_random=board.randomness(16),
        guid=board.guid,
        variation=faults.variation,
    )


def _account(arrival: Arrival, session: Session, message: Rakp1) -> Account:
    """The user by name, and by privilege where the console wants that."""
    faults, name = arrival.board.faults.login, message.name
    if faults.variation.pads_name:
        name = name.rstrip(b"\0")
    account = arrival.board.accounts.find(name, arrival.now)
    is_found = account is not None and (message.role & NAME_ONLY_LOOKUP or account.limit == message.role)
    if account is not None and is_found:
        session.is_doomed = False
        return account
    if faults.unknown_user is not None:
        raise _Refused(faults.unknown_user)
    session.is_doomed = True
    return Account(name, b"", Privilege.ADMINISTRATOR)


def _answer_rakp_3(arrival: Arrival) -> bytes | None:
    board, message, session = arrival.board, parse_rakp_3_untrusted(arrival.payload), _session_of(arrival)
    if session is not None and session.state is State.OPEN and board.faults.login.repeated_rakp_3_spoils_keys:
        return _spoil(board, session, message.tag, message.code)
    if session is None or session.login is None or (session.state, PayloadType.RAKP_3) not in _TRANSITIONS:
        return build_rakp_4(Rakp4(message.tag, RakpStatus.INVALID_SESSION_ID))
    if message.status:
        board.sessions.end(session)
        return None
    try:
        _refuse_as_told(board, PayloadType.RAKP_4)
        _verify(session, message.code)
    except (_Refused, NotAuthentic) as error:
        board.sessions.end(session)
        return _refusal(arrival, session, message.tag, error)
    _open(arrival, session)
    return build_rakp_4(Rakp4(message.tag, RakpStatus.NO_ERRORS, session.console_id, _code_of_rakp_4(board, session)))


def _verify(session: Session, code: bytes) -> None:
    """Raises `NotAuthentic`. A suite without authentication takes whoever knows a name, and an empty code."""
    assert session.login is not None
    if session.is_doomed:
        raise NotAuthentic("of a user that does not exist")
    if session.suite.digest_size or code:
        verify_code(code, rakp_3_code(session.login))


def _refusal(arrival: Arrival, session: Session, tag: int, error: _Refused | NotAuthentic) -> bytes | None:
    if isinstance(error, _Refused):
        return build_rakp_4(Rakp4(tag, error.status, session.console_id))
    arrival.board.accounts.failed(session.user, arrival.now)
    if arrival.board.faults.login.silent_after_wrong_password:
        return None
    return build_rakp_4(Rakp4(tag, RakpStatus.INVALID_INTEGRITY_CHECK_VALUE, session.console_id))


def _open(arrival: Arrival, session: Session) -> None:
    assert session.login is not None
    session.keys = session_keys(session.login)
    session.sealing = _sealing(arrival.board, session, session.keys)
    session.heard_at = arrival.now
    session.state = _TRANSITIONS[session.state, PayloadType.RAKP_3]
    arrival.board.accounts.succeeded(session.user)
    arrival.board.handshakes += 1


def _sealing(board: Board, session: Session, keys: SessionKeys) -> Sealing:
    short = board.faults.session.pads_short
    return Sealing(session.suite, keys, session.password, session.console_id, session.bmc_id, pads_short=short)


def _code_of_rakp_4(board: Board, session: Session) -> bytes:
    assert session.login is not None
    assert session.keys is not None
    if not session.suite.digest_size and board.faults.login.suite_0_carries_code:
        return board.randomness(_STRAY_CODE_SIZE)
    return rakp_4_code(session.login, session.keys)


def _spoil(board: Board, session: Session, tag: int, code: bytes) -> bytes:
    """What OpenBMC does with a RAKP 3 that comes twice: it says that all is well, and has other keys from then on."""
    assert session.login is not None
    assert session.keys is not None
    verify_code(code, rakp_3_code(session.login))
    spoilt = replace(session.keys, k1=bytes(reversed(session.keys.k1)), k2=bytes(reversed(session.keys.k2)))
    session.sealing = _sealing(board, session, spoilt)
    return build_rakp_4(Rakp4(tag, RakpStatus.NO_ERRORS, session.console_id, rakp_4_code(session.login, session.keys)))


def _session_of(arrival: Arrival) -> Session | None:
    """The session that a RAKP message names; one of IPMI 1.5 has no part in a login of RMCP+."""
    if len(arrival.payload) < _RAKP_HEAD_SIZE:
        raise Malformed("RAKP message without a session id")
    session = arrival.board.sessions.find(int.from_bytes(arrival.payload[4:8], "little"), arrival.now)
    return None if session is None or session.is_of_1_5 else session


_TRANSITIONS: dict[tuple[State, PayloadType], State] = {
    (State.AWAIT_RAKP_1, PayloadType.RAKP_1): State.AWAIT_RAKP_3,
    (State.AWAIT_RAKP_3, PayloadType.RAKP_1): State.AWAIT_RAKP_3,   # a repeated one gets a new random number, as OpenBMC does
    (State.AWAIT_RAKP_3, PayloadType.RAKP_3): State.OPEN,
}
"""A missing key is an illegal move: it is answered with 02h and changes nothing."""
