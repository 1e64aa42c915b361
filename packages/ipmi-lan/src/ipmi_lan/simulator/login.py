"""The BMC's side of an RMCP+ login: Open Session, RAKP 1 and RAKP 3 (IPMI 2.0, 13.17 to 13.24).

Lengths are exact and the statuses those of table 13-15, so that a console that is careless meets it here first.
"""

from __future__ import annotations

from dataclasses import replace

from ipmi_lan.crypto.rakp import Login, NotAuthentic, rakp_2_code, rakp_3_code, rakp_4_code, session_keys, verify_code
from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import Malformed
from ipmi_lan.simulator.board import Board
from ipmi_lan.simulator.sessions import Session, State
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

_OPEN_SESSION_SIZE, _RAKP_1_SIZE, _RAKP_HEAD_SIZE = 32, 28, 8
_PRIVILEGES = (Privilege.CALLBACK, Privilege.USER, Privilege.OPERATOR, Privilege.ADMINISTRATOR)


class _Refused(Exception):  # noqa: N818 - named for the fact
    """The login goes no further; the console is told `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def answer_login_untrusted(board: Board, packet: Packet, now: float) -> Packet | None:
    """The reply to a packet of a login, or None where none is due. Raises `Malformed` for what is too short to answer."""
    match packet.payload_type:
        case PayloadType.OPEN_SESSION_REQUEST:
            return Packet(PayloadType.OPEN_SESSION_RESPONSE, _answer_open_session(board, packet.payload, now))
        case PayloadType.RAKP_1:
            return Packet(PayloadType.RAKP_2, _answer_rakp_1(board, packet.payload))
        case PayloadType.RAKP_3:
            payload = _answer_rakp_3(board, packet.payload, now)
            return None if payload is None else Packet(PayloadType.RAKP_4, payload)
    raise Malformed("a payload type that no login has")


def _answer_open_session(board: Board, payload: bytes, now: float) -> bytes:
    if len(payload) < _RAKP_HEAD_SIZE:
        raise Malformed("Open Session Request without the console's id")
    tag, console_id = payload[0], int.from_bytes(payload[4:8], "little")
    try:
        request = _parse_open_session_untrusted(payload)
        session = _begin(board, request, now)
    except _Refused as refused:
        return build_open_session_response(OpenSessionResponse(tag, refused.status, console_id))
    return build_open_session_response(
        OpenSessionResponse(
            tag, RakpStatus.NO_ERRORS, console_id, session.bmc_id, session.privilege_granted, request.algorithms
        )
    )


def _parse_open_session_untrusted(payload: bytes) -> OpenSessionRequest:
    try:
        request = parse_open_session_request_untrusted(payload)
    except Malformed:
        raise _Refused(RakpStatus.ILLEGAL_PARAMETER) from None
    if len(payload) != _OPEN_SESSION_SIZE or request.console_id == 0:
        raise _Refused(RakpStatus.ILLEGAL_PARAMETER)
    return request


def _begin(board: Board, request: OpenSessionRequest, now: float) -> Session:
    if board.faults.open_session_status:
        raise _Refused(board.faults.open_session_status)
    # 0 asks for the highest there is; the answer names it, as consoles take an echoed 0 for an error.
    privilege = request.privilege or Privilege.ADMINISTRATOR
    if privilege not in _PRIVILEGES:
        raise _Refused(RakpStatus.INVALID_ROLE)
    session = board.sessions.begin(request.console_id, _suite(board.suites, request.algorithms), privilege, now)
    if session is None:
        raise _Refused(RakpStatus.INSUFFICIENT_RESOURCES)
    return session


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


def _answer_rakp_1(board: Board, payload: bytes) -> bytes:
    session, tag = _session_of(board, payload), payload[0]
    if session is None or (session.state, PayloadType.RAKP_1) not in _TRANSITIONS:
        return build_rakp_2(Rakp2(tag, RakpStatus.INVALID_SESSION_ID))
    try:
        login = _identify(board, session, _parse_rakp_1_untrusted(payload))
    except _Refused as refused:
        board.sessions.end(session)
        return build_rakp_2(Rakp2(tag, refused.status, session.console_id))
    session.login = login
    session.state = _TRANSITIONS[session.state, PayloadType.RAKP_1]
    return build_rakp_2(
        Rakp2(tag, RakpStatus.NO_ERRORS, session.console_id, login.bmc_random, login.guid, rakp_2_code(login))
    )


def _parse_rakp_1_untrusted(payload: bytes) -> Rakp1:
    try:
        message = parse_rakp_1_untrusted(payload)
    except Malformed:
        raise _Refused(RakpStatus.INVALID_NAME_LENGTH) from None
    if len(payload) != _RAKP_1_SIZE + len(message.name):
        raise _Refused(RakpStatus.INVALID_NAME_LENGTH)
    return message


def _identify(board: Board, session: Session, message: Rakp1) -> Login:
    """Who logs in, with a fresh random number of the BMC's. Raises `_Refused` for an unknown name or too high a privilege."""
    asked, name_only = message.role & ~NAME_ONLY_LOOKUP, bool(message.role & NAME_ONLY_LOOKUP)
    users = {name.encode(): user for name, user in board.users.items()}
    password, limit = users.get(message.name, (None, 0))
    if password is None or (not name_only and limit != asked):
        raise _Refused(RakpStatus.UNAUTHORIZED_NAME)
    if asked not in _PRIVILEGES or asked > min(limit, session.privilege_granted):
        raise _Refused(RakpStatus.INVALID_ROLE)
    session.privilege_limit, session.privilege = asked, min(asked, Privilege.USER)
    return Login(
        suite=session.suite,
        user=message.name,
        password=password.encode(),
        kg=board.kg,
        role=message.role,
        console_id=session.console_id,
        bmc_id=session.bmc_id,
        console_random=message.console_random,
        bmc_random=board.randomness(16),
        guid=board.guid,
    )


def _answer_rakp_3(board: Board, payload: bytes, now: float) -> bytes | None:
    message, session = parse_rakp_3_untrusted(payload), _session_of(board, payload)
    if session is None or session.login is None or (session.state, PayloadType.RAKP_3) not in _TRANSITIONS:
        return build_rakp_4(Rakp4(message.tag, RakpStatus.INVALID_SESSION_ID))
    if message.status:
        board.sessions.end(session)
        return None
    refusal = Rakp4(message.tag, RakpStatus.INVALID_INTEGRITY_CHECK_VALUE, session.console_id)
    try:
        verify_code(message.code, rakp_3_code(session.login))
    except NotAuthentic:
        board.sessions.end(session)
        return build_rakp_4(refusal)
    session.keys, session.heard_at = session_keys(session.login), now
    session.state = _TRANSITIONS[session.state, PayloadType.RAKP_3]
    board.handshakes += 1
    return build_rakp_4(replace(refusal, status=RakpStatus.NO_ERRORS, code=rakp_4_code(session.login, session.keys)))


def _session_of(board: Board, payload: bytes) -> Session | None:
    if len(payload) < _RAKP_HEAD_SIZE:
        raise Malformed("RAKP message without a session id")
    return board.sessions.find(int.from_bytes(payload[4:8], "little"))


_TRANSITIONS: dict[tuple[State, PayloadType], State] = {
    (State.AWAIT_RAKP_1, PayloadType.RAKP_1): State.AWAIT_RAKP_3,
    (State.AWAIT_RAKP_3, PayloadType.RAKP_1): State.AWAIT_RAKP_3,   # a repeated one gets a new random number, as OpenBMC does
    (State.AWAIT_RAKP_3, PayloadType.RAKP_3): State.OPEN,
}
"""A missing key is an illegal move: it is answered with 02h and changes nothing."""
