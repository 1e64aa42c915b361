"""What comes back for a datagram: whose it is, whether it is authentic and new, and what its answer looks like on the wire."""

from __future__ import annotations

from typing import NamedTuple

import ipmi_lan.simulator.bridging
import ipmi_lan.simulator.chassis_commands
import ipmi_lan.simulator.lan_commands
import ipmi_lan.simulator.log_commands
import ipmi_lan.simulator.session_commands  # noqa: F401 - these enter their commands into the table
from ipmi_lan.errors import Malformed, NotAuthentic
from ipmi_lan.simulator.board import Board
from ipmi_lan.simulator.distortion import build_login_reply, build_probe_pong, distort_message, is_padded_as_told, seal_oddly
from ipmi_lan.simulator.faults import Framing
from ipmi_lan.simulator.login import answer_login_untrusted
from ipmi_lan.simulator.login15 import activate_untrusted
from ipmi_lan.simulator.sealing15 import seal15, unseal15_untrusted
from ipmi_lan.simulator.sessions import Address, Session
from ipmi_lan.simulator.table import Scene, answer_command_untrusted
from ipmi_lan.wire.codes import AuthType, PayloadType
from ipmi_lan.wire.message import parse_request_untrusted
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted
from ipmi_lan.wire.packet15 import Packet15, build_sessionless, parse_packet15_untrusted
from ipmi_lan.wire.rmcp import CLASS_ASF, IPMI_HEADER, parse_ping_untrusted, rmcp_class_untrusted

_HEADER_SIZE = len(IPMI_HEADER)
_RMCP_PLUS = int(AuthType.RMCP_PLUS)


class Reply(NamedTuple):
    """One datagram back."""

    datagram: bytes
    delay: float = 0.0
    """Seconds until it leaves."""


def replies_to_untrusted(board: Board, data: bytes, address: Address, now: float) -> list[Reply]:
    """Raises `Malformed` and `NotAuthentic` for what is to be dropped."""
    if rmcp_class_untrusted(data) == CLASS_ASF:
        pong = build_probe_pong(board.faults.probe, parse_ping_untrusted(data))
        return [] if pong is None else [Reply(pong)]
    if data[:_HEADER_SIZE] != IPMI_HEADER:
        raise Malformed("not an IPMI datagram")
    if data[_HEADER_SIZE : _HEADER_SIZE + 1] != bytes((_RMCP_PLUS,)):
        return _replies_15(board, parse_packet15_untrusted(data), address, now)
    if not board.suites:
        raise Malformed("RMCP+, which this BMC does not speak")
    return _replies_rmcp_plus(board, data, address, now)


def _replies_rmcp_plus(board: Board, data: bytes, address: Address, now: float) -> list[Reply]:
    packet = parse_packet_untrusted(data)
    if packet.session_id:
        return _replies_in_rmcp_plus_session(board, data, packet.session_id, address, now)
    if packet.encrypted or packet.authenticated:
        raise NotAuthentic("sealed, and of no session")
    if packet.payload_type == PayloadType.IPMI:
        return _replies_outside_session(board, packet.payload, False, now)
    reply = answer_login_untrusted(board, packet, address, now)
    if reply is None:
        return []
    faults = board.faults.login
    return [Reply(build_login_reply(faults, reply), faults.delays.get(reply.payload_type, 0.0))]


def _replies_in_rmcp_plus_session(board: Board, data: bytes, session_id: int, address: Address, now: float) -> list[Reply]:
    session = board.sessions.find(session_id, now)
    if session is None or session.sealing is None:
        raise NotAuthentic("of a session that is not open")
    packet = session.sealing.unseal_untrusted(data)
    if board.faults.session.pads_short and not is_padded_as_told(session, data):
        raise Malformed("padded by the specification")
    return _replies_in_session(board, session, packet, True, address, now)


def _replies_15(board: Board, packet: Packet15, address: Address, now: float) -> list[Reply]:
    if packet.session_id == 0:
        if packet.auth_type != AuthType.NONE:
            raise NotAuthentic("with a code, and of no session")
        return _replies_outside_session(board, packet.payload, True, now)
    session = board.sessions.find(packet.session_id, now)
    if session is None:
        return [Reply(activate_untrusted(board, packet, address, now))]
    if not session.is_of_1_5:
        raise NotAuthentic("of an RMCP+ session")
    inner = unseal15_untrusted(board, session, packet)
    return _replies_in_session(board, session, inner, inner.authenticated, address, now)


def _replies_outside_session(board: Board, message: bytes, came_in_15: bool, now: float) -> list[Reply]:
    faults = board.faults.probe
    heard = {Framing.ONLY_1_5: came_in_15, Framing.ONLY_RMCP_PLUS: not came_in_15}.get(faults.framing, True)
    if not heard:
        raise Malformed("in a framing that this BMC does not hear")
    leaves_in_15 = came_in_15 is not (faults.framing is Framing.THE_OTHER)
    replies = []
    for answer in _answers(Scene(board, now, None, parse_request_untrusted(message), came_in_15=came_in_15)):
        datagram = build_sessionless(answer) if leaves_in_15 else build_packet(Packet(PayloadType.IPMI, answer))
        replies.append(Reply(datagram + faults.trailer))
    return replies


def _replies_in_session(
    board: Board, session: Session, packet: Packet, is_proven: bool, address: Address, now: float
) -> list[Reply]:
    """Of an authentic packet. `is_proven` False: one without a code, in a session of IPMI 1.5 that lets some in so."""
    if not _is_taken(board, session, packet, address, now):
        return []
    if packet.payload_type != PayloadType.IPMI:
        raise Malformed("a payload type that this BMC does not have")
    faults = board.faults.session
    request = parse_request_untrusted(packet.payload)
    messages = _answers(Scene(board, now, session, request, is_proven, session.is_of_1_5))
    if not messages or (faults.silent_after is not None and session.packets > faults.silent_after):
        return []
    if faults.repeats_older_answers:
        older, session.last_answer = session.last_answer, messages[-1]
        messages = [older, *messages] if older else messages
    is_garbage = faults.garbage_after is not None and session.packets > faults.garbage_after
    datagrams = [_seal(board, session, message, is_proven) for message in messages]
    return [Reply(board.randomness(len(each)) if is_garbage else each, faults.answer_delay) for each in datagrams]


def _is_taken(board: Board, session: Session, packet: Packet, address: Address, now: float) -> bool:
    """Whether the packet is from where it should be, and new; counted where it is not."""
    faults = board.faults.session
    if faults.ties_to_port and address != session.address:
        board.counters["from another port"] += 1
        return False
    if faults.loses_first_packet and session.packets == 0:
        session.packets = 1
        board.counters["first packet lost"] += 1
        return False
    if not session.window.accept(packet.sequence):
        board.counters["replayed"] += 1
        return False
    session.packets += 1
    session.heard_at = now
    return True


def _seal(board: Board, session: Session, message: bytes, is_proven: bool) -> bytes:
    faults = board.faults.session
    if session.is_of_1_5:
        return seal15(board, session, message, is_proven and board.logins15.per_message)
    assert session.sealing is not None
    number = session.next_number()
    if faults.pads_whole_blocks or faults.pads_4_for_0 or faults.pad_octet != 0xFF:
        return seal_oddly(faults, session, number, message, board.randomness)
    return session.sealing.seal(number, message, board.randomness)


def _answers(scene: Scene) -> list[bytes]:
    faults = scene.board.faults.session
    return [distort_message(faults, answer) for answer in answer_command_untrusted(scene)]
