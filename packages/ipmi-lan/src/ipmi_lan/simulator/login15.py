"""The BMC's side of a login of IPMI 1.5: Get Session Challenge and Activate Session (IPMI 2.0, 6.11, 22.16 and 22.17)."""

from __future__ import annotations

from dataclasses import dataclass

from ipmi_lan.commands.login import (
    ACTIVATE_SESSION,
    CHALLENGE_SIZE,
    GET_SESSION_CHALLENGE,
    ActivatedSession,
    SessionActivation,
    SessionChallenge,
    SessionChallengeRequest,
)
from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.errors import Malformed, NotAuthentic
from ipmi_lan.simulator.accounts import Account
from ipmi_lan.simulator.board import Board, Challenge
from ipmi_lan.simulator.sealing15 import EitherOrderWindow, key_of, seal15, swap, verify15
from ipmi_lan.simulator.sessions import WINDOW_15, Address, ReplayWindow, Session, State
from ipmi_lan.simulator.table import Refused, Scene, answers, build_answer
from ipmi_lan.wire.codes import AuthType, CompletionCode, Privilege
from ipmi_lan.wire.message import Request, parse_request_untrusted
from ipmi_lan.wire.packet15 import Packet15

LONGEST_PASSWORD_15 = 16   # octets
_NO_SUCH_USER, _NO_NULL_USER = 0x81, 0x82                         # completion codes of 22.16
_NO_SLOT, _NUMBER_OUT_OF_RANGE, _ABOVE_LIMIT = 0x81, 0x84, 0x86   # completion codes of 22.17
_MOST_CHALLENGES = 16


@answers(GET_SESSION_CHALLENGE, None)
def _challenge(scene: Scene, asked: SessionChallengeRequest) -> SessionChallenge:
    board, name = scene.board, asked.user.rstrip(b"\0")
    if not board.logins15.auth_types:
        raise Refused(CompletionCode.INVALID_COMMAND)
    if asked.auth_type not in board.logins15.auth_types:
        raise Refused(CompletionCode.INVALID_DATA_FIELD)
    if _account(board, name, scene.now) is None:
        raise Refused(_NO_SUCH_USER if name else _NO_NULL_USER)
    given = Challenge(_fresh_id(scene), board.randomness(CHALLENGE_SIZE), AuthType(asked.auth_type), name, scene.now)
    if len(board.challenges) >= _MOST_CHALLENGES:
        del board.challenges[next(iter(board.challenges))]
    board.challenges[given.temporary_id] = given
    return SessionChallenge(given.temporary_id, given.challenge)


def _account(board: Board, name: bytes, now: float) -> Account | None:
    """The user, if it may log in here: a password of more than 16 octets is for RMCP+ only."""
    account = board.accounts.find(name, now)
    is_fit = account is not None and not account.is_disabled and len(account.password) <= LONGEST_PASSWORD_15
    return account if is_fit else None


def _fresh_id(scene: Scene) -> int:
    while True:
        number = int.from_bytes(scene.board.randomness(4), "little")
        if number and number not in scene.board.challenges and scene.board.sessions.find(number, scene.now) is None:
            return number


@dataclass(frozen=True, slots=True)
class _Activation:
    """An Activate Session that came under a challenge given out, and whose maker knows the password."""

    board: Board
    challenge: Challenge
    account: Account
    packet: Packet15
    request: Request
    address: Address
    now: float


def activate_untrusted(board: Board, packet: Packet15, address: Address, now: float) -> bytes:
    """The reply to a packet under a temporary id. Raises `NotAuthentic` or `Malformed`: a wrong code is not answered."""
    challenge = board.challenges.get(packet.session_id)
    if challenge is None or now >= challenge.given_at + board.faults.session.half_open_limit:
        raise NotAuthentic("of a session that is not open")
    request = parse_request_untrusted(packet.payload)
    if (request.netfn, request.command) != (ACTIVATE_SESSION.netfn, ACTIVATE_SESSION.code):
        raise NotAuthentic("of a session that is not activated")
    account = _account(board, challenge.user, now)
    if account is None or packet.auth_type != challenge.auth_type:
        raise NotAuthentic("of nobody, or of another authentication type")
    _verify(board, packet, challenge, account, now)
    return _answer(_Activation(board, challenge, account, packet, request, address, now))


def _verify(board: Board, packet: Packet15, challenge: Challenge, account: Account, now: float) -> None:
    try:
        verify15(packet, key_of(board, challenge, account.password))
    except NotAuthentic:
        board.accounts.failed(challenge.user, now)
        raise
    board.accounts.succeeded(challenge.user)


def _answer(activation: _Activation) -> bytes:
    board, temporary_id = activation.board, activation.challenge.temporary_id
    try:
        session, answer = _activate(activation)
    except Refused as refused:
        idle = Session(
            temporary_id, temporary_id, SUITES[0], 0, activation.now, board.faults, activation.address,
            auth_type=activation.challenge.auth_type,
            password=key_of(board, activation.challenge, activation.account.password),
        )  # fmt: skip
        return seal15(board, idle, build_answer(activation.request, refused.code), is_coded=True)
    message = build_answer(activation.request, CompletionCode.OK, ACTIVATE_SESSION.reply.build(answer))
    reply = seal15(board, session, message, is_coded=True, session_id=temporary_id)
    if board.faults.auth15.activate_shares_number:
        session.last_number = None
    return reply


def _activate(activation: _Activation) -> tuple[Session, ActivatedSession]:
    """The session. Raises `Refused`."""
    board, challenge = activation.board, activation.challenge
    asked = _asked_untrusted(activation)
    session = board.sessions.begin(None, SUITES[0], asked.privilege, activation.now, activation.address)
    if session is None:
        raise Refused(_NO_SLOT)
    del board.challenges[challenge.temporary_id]
    session.auth_type, session.user = challenge.auth_type, challenge.user
    session.password = key_of(board, challenge, activation.account.password)
    session.privilege_limit, session.privilege = int(asked.privilege), min(int(asked.privilege), Privilege.USER)
    session.first_number = asked.initial_sequence
    first = int.from_bytes(board.randomness(4), "little") or 1
    swaps = board.faults.auth15.swaps_sequence
    session.window = EitherOrderWindow(WINDOW_15, first) if swaps else ReplayWindow(WINDOW_15, first)
    session.state = State.OPEN
    board.handshakes += 1
    says_none = not board.logins15.per_message or board.faults.auth15.claims_no_codes
    kind = AuthType.NONE if says_none else challenge.auth_type
    return session, ActivatedSession(kind, session.bmc_id, swap(first) if swaps else first, asked.privilege)


def _asked_untrusted(activation: _Activation) -> SessionActivation:
    board = activation.board
    forced = board.faults.codes.get((ACTIVATE_SESSION.netfn, ACTIVATE_SESSION.code))
    if forced:
        raise Refused(forced)
    try:
        asked = ACTIVATE_SESSION.request.parse_untrusted(activation.request.data)
    except Malformed:
        raise Refused(CompletionCode.WRONG_LENGTH) from None
    challenge = bytes(CHALLENGE_SIZE) if board.faults.auth15.mixes_challenge else activation.challenge.challenge
    if asked.auth_type != activation.challenge.auth_type or asked.challenge != challenge:
        raise Refused(CompletionCode.INVALID_DATA_FIELD)
    if not Privilege.CALLBACK <= asked.privilege <= Privilege.ADMINISTRATOR or asked.privilege > activation.account.limit:
        raise Refused(_ABOVE_LIMIT)
    if asked.initial_sequence == 0:
        raise Refused(_NUMBER_OUT_OF_RANGE)
    return asked
