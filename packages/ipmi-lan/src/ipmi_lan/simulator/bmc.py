"""A BMC that exists only in memory, sans-IO: datagrams and the time go in, datagrams come out.

It shares its layouts with the client and so the client's mistakes: ipmitool and FreeIPMI must be able to talk to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from ipmi_lan.commands.chassis import Control
from ipmi_lan.commands.device import DeviceId
from ipmi_lan.crypto.rakp import KEY_SIZE, NotAuthentic
from ipmi_lan.crypto.sealing import BLOCK, seal, unseal_untrusted
from ipmi_lan.crypto.suites import DEFAULT_SUITES, CipherSuite
from ipmi_lan.errors import BadArgument, Malformed
from ipmi_lan.simulator.board import DEVICE_ID, Board
from ipmi_lan.simulator.faults import Faults
from ipmi_lan.simulator.handlers import Scene, answer_command_untrusted
from ipmi_lan.simulator.login import answer_login_untrusted
from ipmi_lan.simulator.power import Chassis
from ipmi_lan.simulator.sessions import Session, SessionTable
from ipmi_lan.wire.codes import AuthType, PayloadType, Privilege
from ipmi_lan.wire.message import build_response, parse_request_untrusted
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted
from ipmi_lan.wire.packet15 import build_sessionless, parse_sessionless_untrusted
from ipmi_lan.wire.rmcp import CLASS_ASF, IPMI_HEADER, build_pong, parse_ping_untrusted, rmcp_class_untrusted

GUID_SIZE, MOST_OF_NAME = 16, 16   # octets


class SimulatedBmc:
    """One BMC. It answers what it must and drops, counted, all else; only an authentic command switches power."""

    def __init__(
        self,
        name: str,
        users: Mapping[str, tuple[str, Privilege]],
        guid: bytes,
        randomness: Callable[[int], bytes],
        suites: tuple[CipherSuite, ...] = DEFAULT_SUITES,
        kg: bytes = b"",
        slots: int = 4,
        chassis: Chassis | None = None,
        device_id: DeviceId = DEVICE_ID,
        faults: Faults | None = None,
        keeps_wire: bool = False,
    ) -> None:
        """`users` has password and privilege limit by name; `randomness` gives as many random octets as it is told.

        Raises `BadArgument` for a name, password, GUID or BMC key `kg` that RMCP+ cannot carry.
        """
        _check_sizes(users, guid, kg)
        self.name = name
        self.chassis = chassis or Chassis()
        self.faults = faults or Faults()
        self.wire: list[tuple[str, bytes]] = []
        """With `keeps_wire`, every datagram with its direction, `in` or `out`."""
        self._keeps_wire = keeps_wire
        self._silent_until = float("-inf")
        sessions = SessionTable(slots, randomness)
        self._board = Board(users, guid, randomness, suites, kg, self.chassis, self.faults, device_id, sessions)

    @property
    def counters(self) -> Counter[str]:
        """How many datagrams were dropped, by reason."""
        return self._board.counters

    @property
    def power_commands(self) -> list[tuple[float, Control | int]]:
        """Every Chassis Control that came with the privilege for it, obeyed or not, and when."""
        return self._board.power_commands

    @property
    def handshakes(self) -> int:
        """How many logins came to their end."""
        return self._board.handshakes

    def open_sessions(self, now: float) -> int:
        """How many sessions are logged in."""
        return len(self._board.sessions.open(now))

    def half_open_sessions(self, now: float) -> int:
        """How many slots are taken by logins that have not come to their end."""
        return len(self._board.sessions.half_open(now))

    def restart(self, now: float, silence: float = 0.0) -> None:
        """The BMC, not the server, starts anew: sessions are forgotten, and nothing is answered for `silence` seconds."""
        self._board.sessions.end_all()
        self._silent_until = now + silence

    def receive_datagram_untrusted(self, data: bytes, address: tuple[str, int], now: float) -> list[bytes]:
        """The replies to `data`, to be sent to `address`. Never raises: what cannot be answered is counted and dropped."""
        self._note("in", data)
        self._board.sessions.expire(now)
        if self.faults.silent or now < self._silent_until:
            self.counters["silent"] += 1
            return []
        try:
            reply = self._reply(data, now)
        except (Malformed, NotAuthentic) as error:
            self.counters[type(error).__name__] += 1
            return []
        if reply is None:
            return []
        self._note("out", reply)
        return [reply]

    def _reply(self, data: bytes, now: float) -> bytes | None:
        if rmcp_class_untrusted(data) == CLASS_ASF:
            return build_pong(parse_ping_untrusted(data))
        if data[: len(IPMI_HEADER)] != IPMI_HEADER:
            raise Malformed("not an IPMI datagram")
        if data[4:5] == bytes((AuthType.NONE,)):
            answer = self._answer_message(parse_sessionless_untrusted(data), None, now)
            return None if answer is None else build_sessionless(answer)
        return self._reply_rmcp_plus(data, now)

    def _reply_rmcp_plus(self, data: bytes, now: float) -> bytes | None:
        packet = parse_packet_untrusted(data)
        if packet.session_id:
            return self._reply_in_session(data, packet.session_id, now)
        if packet.encrypted or packet.authenticated:
            raise NotAuthentic("sealed, and of no session")
        if packet.payload_type == PayloadType.IPMI:
            answer = self._answer_message(packet.payload, None, now)
            return None if answer is None else build_packet(Packet(PayloadType.IPMI, answer))
        reply = answer_login_untrusted(self._board, packet, now)
        return None if reply is None else build_packet(reply)

    def _reply_in_session(self, data: bytes, session_id: int, now: float) -> bytes | None:
        session = self._board.sessions.find(session_id)
        if session is None or session.keys is None:
            raise NotAuthentic("of a session that is not open")
        packet = unseal_untrusted(session.suite, session.keys, session_id, data)
        if not session.window.accept(packet.sequence):
            self.counters["replayed"] += 1
            return None
        session.heard_at = now
        if packet.payload_type != PayloadType.IPMI:
            raise Malformed("a payload type that this BMC does not have")
        answer = self._answer_message(packet.payload, session, now)
        return None if answer is None else self._seal(session, answer)

    def _seal(self, session: Session, message: bytes) -> bytes:
        assert session.keys is not None
        packet = Packet(PayloadType.IPMI, message, session.console_id, session.next_number())
        return seal(session.suite, session.keys, packet, self._board.randomness(BLOCK))

    def _answer_message(self, message: bytes, session: Session | None, now: float) -> bytes | None:
        response = answer_command_untrusted(Scene(self._board, now, session), parse_request_untrusted(message))
        return None if response is None else build_response(response)

    def _note(self, direction: str, datagram: bytes) -> None:
        if self._keeps_wire:
            self.wire.append((direction, bytes(datagram)))


def _check_sizes(users: Mapping[str, tuple[str, Privilege]], guid: bytes, kg: bytes) -> None:
    if len(guid) != GUID_SIZE or len(kg) > KEY_SIZE:
        raise BadArgument(f"a GUID has {GUID_SIZE} octets and a BMC key at most {KEY_SIZE}")
    for name, (password, _) in users.items():
        if len(name.encode()) > MOST_OF_NAME or len(password.encode()) > KEY_SIZE:
            raise BadArgument(f"user '{name}': a name has at most {MOST_OF_NAME} octets, a password {KEY_SIZE}")
