"""A bare console for the tests of the simulator: it logs in and asks, straight on wire and crypto, and checks every answer."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from ipmi_lan.command import Command
from ipmi_lan.crypto.rakp import Login, SessionKeys, Variation, rakp_2_code, rakp_3_code, rakp_4_code, session_keys, verify_code
from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.crypto.suites import SUITE_17, CipherSuite
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.wire import handshake
from ipmi_lan.wire.codes import PayloadType, Privilege
from ipmi_lan.wire.message import Request, Response, build_request, parse_response_untrusted
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted

ADDRESS = ("127.0.0.1", 40000)
GUID = bytes(range(16))
USERS = {
    "admin": ("secret of admin", Privilege.ADMINISTRATOR),
    "operator": ("secret of operator", Privilege.OPERATOR),
    "user": ("secret of user", Privilege.USER),
}


def a_bmc(**changes: Any) -> SimulatedBmc:
    """A BMC with the three users, and the same random numbers in each test."""
    settings: dict[str, Any] = {"name": "bmc", "users": USERS, "guid": GUID, "randomness": random.Random(1).randbytes}
    return SimulatedBmc(**(settings | changes))


def ask_outside_session(bmc: SimulatedBmc, payload_type: PayloadType, payload: bytes, now: float = 0.0) -> bytes | None:
    """Send `payload` in RMCP+ framing and unpack the answer's."""
    replies = bmc.receive_datagram_untrusted(build_packet(Packet(payload_type, payload)), ADDRESS, now)
    return parse_packet_untrusted(replies[0]).payload if replies else None


@dataclass
class Console:
    """One login and what is asked in it."""

    bmc: SimulatedBmc
    user: str = "admin"
    password: str | None = None
    privilege: int = Privilege.ADMINISTRATOR
    name_only: bool = True
    suite: CipherSuite = SUITE_17
    kg: bytes = b""
    pads_short: bool = False
    variation: Variation = field(default_factory=Variation)
    pads_name_field: bool = False
    console_id: int = 0x11223344
    login: Login | None = None
    keys: SessionKeys | None = None
    sequence: int = 0
    randomness: random.Random = field(default_factory=lambda: random.Random(2))

    def open_session(self, now: float = 0.0) -> handshake.OpenSessionResponse:
        """Only Open Session."""
        request = handshake.OpenSessionRequest(7, self.privilege, self.console_id, self.suite.algorithms)
        payload = ask_outside_session(
            self.bmc, PayloadType.OPEN_SESSION_REQUEST, handshake.build_open_session_request(request), now
        )
        assert payload is not None
        return handshake.parse_open_session_response_untrusted(payload)

    def send_rakp_1(self, bmc_id: int, now: float = 0.0) -> handshake.Rakp2:
        """RAKP 1 and its answer, which is verified where it says that all is well."""
        role = self.privilege | (handshake.NAME_ONLY_LOOKUP if self.name_only else 0)
        name = self.user.encode().ljust(16, b"\0") if self.variation.pads_name else self.user.encode()
        rakp_1 = handshake.Rakp1(8, bmc_id, self.randomness.randbytes(16), role, name)
        sent = handshake.build_rakp_1(rakp_1).ljust(44 if self.pads_name_field else 0, b"\0")
        payload = ask_outside_session(self.bmc, PayloadType.RAKP_1, sent, now)
        assert payload is not None
        rakp_2 = handshake.parse_rakp_2_untrusted(payload)
        password = USERS.get(self.user, ("",))[0] if self.password is None else self.password
        self.login = Login(
            self.suite, self.user.encode(), password.encode(), self.kg, role, self.console_id, bmc_id,
            rakp_1.console_random, rakp_2.bmc_random, rakp_2.guid, self.variation,
        )
        if not rakp_2.status and self.password is None:
            assert rakp_2.console_id == self.console_id
            self.verify(rakp_2.code, rakp_2_code(self.login))
        return rakp_2

    def send_rakp_3(self, now: float = 0.0, status: int = 0) -> handshake.Rakp4 | None:
        """RAKP 3 and its answer."""
        assert self.login is not None
        rakp_3 = handshake.Rakp3(9, status, self.login.bmc_id, rakp_3_code(self.login))
        payload = ask_outside_session(self.bmc, PayloadType.RAKP_3, handshake.build_rakp_3(rakp_3), now)
        return None if payload is None else handshake.parse_rakp_4_untrusted(payload)

    def log_in(self, now: float = 0.0, raise_to: int | None = None) -> Console:
        """The whole login, every code verified; then Set Session Privilege Level unless `raise_to` is 0."""
        opened = self.open_session(now)
        assert opened.status == 0
        assert self.send_rakp_1(opened.bmc_id, now).status == 0
        rakp_4 = self.send_rakp_3(now)
        assert rakp_4 is not None
        assert rakp_4.status == 0
        assert self.login is not None
        self.keys = session_keys(self.login)
        self.verify(rakp_4.code, rakp_4_code(self.login, self.keys))
        wanted = self.privilege if raise_to is None else raise_to
        if wanted:
            assert self.ask(6, 0x3B, bytes((wanted,)), now).completion_code == 0
        return self

    def verify(self, received: bytes, expected: bytes) -> None:
        """Raises `NotAuthentic`. Suite 0 has no codes, and suites without integrity on an old Intel none in RAKP 4."""
        if received or expected:
            verify_code(received, expected)

    @property
    def bmc_id(self) -> int:
        assert self.login is not None
        return self.login.bmc_id

    def datagram(self, netfn: int, command: int, data: bytes = b"", sequence: int | None = None) -> bytes:
        """A sealed request, not sent."""
        assert self.keys is not None
        self.sequence += 1
        message = build_request(Request(netfn, command, self.sequence % 64, data))
        number = self.sequence if sequence is None else sequence
        return self._sealing().seal(number, message, self.randomness.randbytes)

    def _sealing(self) -> Sealing:
        assert self.keys is not None
        assert self.login is not None
        return Sealing(self.suite, self.keys, self.login.password, self.bmc_id, self.console_id, self.pads_short)

    def send(self, datagram: bytes, now: float = 0.0) -> Response | None:
        """Send a sealed request; its answer, verified."""
        replies = self.send_for_all(datagram, now)
        return replies[0] if replies else None

    def send_for_all(self, datagram: bytes, now: float = 0.0) -> list[Response]:
        """Send a sealed request; whatever comes back, verified."""
        replies = self.bmc.receive_datagram_untrusted(datagram, ADDRESS, now)
        return [parse_response_untrusted(self.unseal(reply).payload) for reply in replies]

    def unseal(self, datagram: bytes) -> Packet:
        """A packet from the BMC, verified."""
        return self._sealing().unseal_untrusted(datagram)

    def ask(self, netfn: int, command: int, data: bytes = b"", now: float = 0.0) -> Response:
        """Ask and be answered."""
        response = self.send(self.datagram(netfn, command, data), now)
        assert response is not None
        assert (response.netfn, response.command, response.sequence) == (netfn, command, self.sequence % 64)
        return response

    def run(self, command: Command[Any], now: float = 0.0) -> Any:
        """Ask and be answered with 00h."""
        response = self.ask(command.netfn, command.code, command.data, now)
        assert response.completion_code == 0, hex(response.completion_code)
        return command.reply.parse_untrusted(response.data)

    def refusal(self, command: Command[Any], now: float = 0.0) -> int:
        """The completion code that `command` gets."""
        return self.ask(command.netfn, command.code, command.data, now).completion_code

    def datagram_of(self, command: Command[Any]) -> bytes:
        """A sealed request, not sent."""
        return self.datagram(command.netfn, command.code, command.data)
