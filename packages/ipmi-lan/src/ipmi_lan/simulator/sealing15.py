"""The packets of a session of IPMI 1.5: with a code, or without where messages are not authenticated (IPMI 2.0, 22.17.1).

Written beside `crypto.auth15.Sealing15`, which is the console's, so that neither copies the other's mistakes.
"""

from __future__ import annotations

import hmac

from ipmi_lan.crypto.auth15 import auth_code, oem_key
from ipmi_lan.errors import NotAuthentic
from ipmi_lan.simulator.board import Board, Challenge
from ipmi_lan.simulator.sessions import ReplayWindow, Session
from ipmi_lan.wire.codes import AuthType, PayloadType
from ipmi_lan.wire.packet import Packet
from ipmi_lan.wire.packet15 import Packet15, build_packet15


def swap(number: int) -> int:
    """`number` with its four octets the other way round."""
    return int.from_bytes(number.to_bytes(4, "little"), "big")


class EitherOrderWindow(ReplayWindow):
    """Of a BMC that counts big-endian: it takes the console's numbers in either order; FreeIPMI swaps only what it receives."""

    __slots__ = ("_little_endian",)

    def __init__(self, width: int, first: int) -> None:
        super().__init__(width, first)
        self._little_endian = ReplayWindow(width, swap(first))

    def accept(self, number: int) -> bool:
        """As `ReplayWindow` has it, of either reading; the same octets are never fresh twice."""
        is_fresh, is_fresh_swapped = self._little_endian.accept(number), super().accept(swap(number))
        return is_fresh or is_fresh_swapped


def key_of(board: Board, challenge: Challenge, password: bytes) -> bytes:
    """What codes are made with: the password, but for one vendor's own type, where the challenge is mixed in."""
    if challenge.auth_type is not AuthType.OEM or not board.faults.auth15.mixes_challenge:
        return password
    return oem_key(password, challenge.challenge)


def verify15(packet: Packet15, key: bytes) -> None:
    """Raises `NotAuthentic` unless the packet's code was made with `key`. Type none proves nothing, and passes."""
    if packet.auth_type == AuthType.NONE:
        return
    expected = auth_code(AuthType(packet.auth_type), key, packet.session_id, packet.sequence, packet.payload)
    if not hmac.compare_digest(packet.code, expected):
        raise NotAuthentic("code does not verify")


def unseal15_untrusted(board: Board, session: Session, packet: Packet15) -> Packet:
    """The packet of `session`; `authenticated` tells whether it may do all that the session may. Raises `NotAuthentic`."""
    may_do_all = True
    if packet.auth_type != session.auth_type:
        may_do_all = not board.logins15.per_message
        if packet.auth_type != AuthType.NONE or (not may_do_all and board.logins15.user_level):
            raise NotAuthentic("not of the session's authentication type")
    verify15(packet, session.password)
    return Packet(PayloadType.IPMI, packet.payload, session.bmc_id, packet.sequence, authenticated=may_do_all)


def seal15(board: Board, session: Session, message: bytes, is_coded: bool, session_id: int | None = None) -> bytes:
    """The datagram of an answer, with a code if `is_coded` and the session has a type; under another id while it is activated."""
    faults = board.faults.auth15
    number = 0 if faults.zero_sequence else session.next_number()
    number = swap(number) if faults.swaps_sequence else number
    own_id = session.bmc_id if session_id is None else session_id
    own_id = 0 if faults.zero_id and session_id is None else own_id
    if session.auth_type is AuthType.NONE or not (is_coded or faults.codes_though_off):
        return build_packet15(Packet15(AuthType.NONE, number, own_id, b"", message))
    other = faults.answers_with_password
    key = session.password if other is None else other.encode()
    code = auth_code(session.auth_type, key, own_id, number, message)
    if faults.wrong_codes:
        code = bytes(octet ^ 0xFF for octet in code)
    return build_packet15(Packet15(session.auth_type, number, own_id, code, message))
