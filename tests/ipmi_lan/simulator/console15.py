"""A bare console of IPMI 1.5 for the tests of the simulator; its codes are made here a second time, but for MD2."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from ipmi_lan.command import Command
from ipmi_lan.commands.login import (
    ActivatedSession,
    SessionChallenge,
    activate_session,
    get_session_challenge,
    set_session_privilege_level,
)
from ipmi_lan.crypto.md2 import md2
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.wire.codes import AuthType, Privilege
from ipmi_lan.wire.message import Request, Response, build_request, parse_response_untrusted
from ipmi_lan.wire.packet15 import Packet15, build_packet15, parse_packet15_untrusted
from tests.ipmi_lan.simulator.console import ADDRESS, USERS, a_bmc

ALL_TYPES = (AuthType.NONE, AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT)
SHORT_USERS = {name: (f"pw of {name}", limit) for name, (_, limit) in USERS.items()}
"""Passwords of 16 octets at most."""


def a_bmc_of_1_5(**changes: Any) -> SimulatedBmc:
    """A BMC that takes every login of IPMI 1.5."""
    return a_bmc(**({"users": SHORT_USERS, "auth15": ALL_TYPES} | changes))


def code_of(auth_type: AuthType, key: bytes, session_id: int, sequence: int, message: bytes) -> bytes:
    """The code of a packet (22.17.1)."""
    key = key.ljust(16, b"\0")
    covered = key + session_id.to_bytes(4, "little") + message + sequence.to_bytes(4, "little") + key
    match auth_type:
        case AuthType.MD5:
            return hashlib.md5(covered).digest()
        case AuthType.MD2:
            return md2(covered)
        case AuthType.NONE:
            return b""
    return key


@dataclass
class Console15:
    """One login and what is asked in it."""

    bmc: SimulatedBmc
    auth_type: AuthType = AuthType.MD5
    user: str = "admin"
    password: str | None = None
    privilege: Privilege = Privilege.ADMINISTRATOR
    first_outbound: int = 0x1000
    travels_as: AuthType = AuthType.NONE
    """The type of packets in the session, as Activate Session said."""
    session_id: int = 0
    sequence: int = 0
    number: int = 0

    @property
    def key(self) -> bytes:
        return (SHORT_USERS.get(self.user, ("",))[0] if self.password is None else self.password).encode()

    def challenge(self, now: float = 0.0) -> Response:
        """Get Session Challenge, outside a session."""
        command = get_session_challenge(self.auth_type, self.user.encode())
        (reply,) = self.bmc.receive_datagram_untrusted(self.packet(AuthType.NONE, 0, 0, command), ADDRESS, now)
        return parse_response_untrusted(parse_packet15_untrusted(reply).payload)

    def activation(self, given: SessionChallenge, **changes: Any) -> bytes:
        """Activate Session, not sent."""
        words: dict[str, Any] = {"privilege": self.privilege, "challenge": given.challenge}
        words |= {"initial_sequence": self.first_outbound} | changes
        return self.packet(self.auth_type, given.temporary_id, 0, activate_session(self.auth_type, **words))

    def activate(self, now: float = 0.0, **changes: Any) -> tuple[Packet15, Response] | None:
        """Both steps of the login; the packet and the message of the answer, its code verified."""
        given = get_session_challenge(self.auth_type, b"").reply.parse_untrusted(self.challenge(now).data)
        replies = self.bmc.receive_datagram_untrusted(self.activation(given, **changes), ADDRESS, now)
        if not replies:
            return None
        packet = parse_packet15_untrusted(replies[0])
        assert packet.code == code_of(self.auth_type, self.key, given.temporary_id, packet.sequence, packet.payload)
        return packet, parse_response_untrusted(packet.payload)

    def log_in(self, now: float = 0.0, raise_to: Privilege | None = None) -> Console15:
        """The whole login, and Set Session Privilege Level."""
        answer = self.activate(now)
        assert answer is not None
        session = self.take(answer[1])
        self.session_id, self.sequence = session.session_id, session.initial_sequence
        self.travels_as = AuthType(session.auth_type)
        self.run(set_session_privilege_level(raise_to or self.privilege), now)
        return self

    def take(self, response: Response) -> ActivatedSession:
        """What Activate Session gave."""
        assert response.completion_code == 0, hex(response.completion_code)
        return activate_session(self.auth_type, self.privilege, bytes(16), 1).reply.parse_untrusted(response.data)

    def packet(self, auth_type: AuthType, session_id: int, sequence: int, command: Command[Any]) -> bytes:
        """A datagram."""
        self.number = (self.number + 1) % 64
        message = build_request(Request(command.netfn, command.code, self.number, command.data))
        code = code_of(auth_type, self.key, session_id, sequence, message)
        return build_packet15(Packet15(auth_type, sequence, session_id, code, message))

    def datagram_of(self, command: Command[Any], auth_type: AuthType | None = None) -> bytes:
        """A request of the session, not sent."""
        self.sequence += 1
        return self.packet(self.travels_as if auth_type is None else auth_type, self.session_id, self.sequence - 1, command)

    def send(self, datagram: bytes, now: float = 0.0) -> Packet15 | None:
        """The packet that comes back."""
        replies = self.bmc.receive_datagram_untrusted(datagram, ADDRESS, now)
        return parse_packet15_untrusted(replies[0]) if replies else None

    def ask(self, command: Command[Any], now: float = 0.0) -> Response:
        """Ask in the session and be answered, authentically."""
        packet = self.send(self.datagram_of(command), now)
        assert packet is not None
        assert (packet.auth_type, packet.session_id) == (self.travels_as, self.session_id)
        assert packet.code == code_of(self.travels_as, self.key, packet.session_id, packet.sequence, packet.payload)
        return parse_response_untrusted(packet.payload)

    def run(self, command: Command[Any], now: float = 0.0) -> Any:
        """Ask and be answered with 00h."""
        response = self.ask(command, now)
        assert response.completion_code == 0, hex(response.completion_code)
        return command.reply.parse_untrusted(response.data)
