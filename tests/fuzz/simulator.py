"""The door of a simulated BMC, at each point of a session: power never changes but for whoever may switch it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ipmi_lan.command import Hop
from ipmi_lan.commands.device import GET_DEVICE_ID, get_device_id
from ipmi_lan.crypto.auth15 import Sealing15
from ipmi_lan.crypto.rakp import rakp_3_code
from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.session.exchange import _message
from ipmi_lan.simulator import PROFILES, SimulatedBmc
from ipmi_lan.simulator.board import DEVICE_ID
from ipmi_lan.simulator.faults import Faults, LoginFaults, SessionFaults
from ipmi_lan.simulator.sessions import Session as Slot
from ipmi_lan.simulator.sessions import State
from ipmi_lan.wire.codes import AuthType, PayloadType, Privilege
from ipmi_lan.wire.message import Request, build_request
from ipmi_lan.wire.packet import Packet, build_packet
from ipmi_lan.wire.packet15 import build_sessionless, parse_packet15_untrusted
from ipmi_lan.wire.rmcp import build_ping
from tests.fuzz import recorded
from tests.fuzz.finding import Tape, Target, expect, head_and_rest
from tests.fuzz.stages import ADDRESS, ALL_SUITES, Scenario, emptied, of_15, of_suite, slots_of
from tests.fuzz.wire import mended

_MOST_REPLIES = 3
_COVERED_FROM = 4
_WHOLE = 99   # more datagrams than any console says
_SATELLITES = {(0, 0x82): DEVICE_ID, (7, 0x24): DEVICE_ID}


class Bmc:
    """A BMC to which a console of ours has said so much. It is made anew when an input had an effect."""

    def __init__(self, scenario: Scenario, rounds: int) -> None:
        self._scenario, self._rounds = scenario, rounds
        self.heard = self._console_says()
        self.renew()

    def take(self, datagram: bytes) -> None:
        """Let it arrive; judge what came of it."""
        bmc = self.bmc
        replies = bmc.receive_datagram_untrusted(datagram, ADDRESS, 0.1)
        expect(len(replies) <= _MOST_REPLIES, f"{len(replies)} replies to one datagram")
        if _mark(bmc) != self._mark or bmc.next_due() is not None or _has_switched(bmc):
            self.renew()
            expect(not _has_switched(bmc), "power was switched")
            self._judge(bmc, datagram)

    def _judge(self, bmc: SimulatedBmc, datagram: bytes) -> None:
        before = {slot.bmc_id: slot.packets for slot in slots_of(self.bmc) if slot.state is State.OPEN}
        for slot in slots_of(bmc):
            if slot.state is not State.OPEN or not _proves_itself(bmc, slot):
                continue
            if slot.bmc_id not in before:
                expect(_proof_of(slot, datagram), "a session for a console without the password")
            elif slot.packets > before[slot.bmc_id]:
                expect(_covered(datagram) in map(_covered, self.heard), "a packet that nobody sealed was taken")

    def _console_says(self) -> list[bytes]:
        """Everything that the console says in the whole exchange."""
        bmc, session, said = self._scenario.make_bmc(), self._scenario.make_session(), list[bytes]()
        while sent := emptied(session)[0]:
            said += sent
            for reply in [reply for one in sent for reply in bmc.receive_datagram_untrusted(one, ADDRESS, 0.0)]:
                session.receive_datagram_untrusted(reply, 0.0)
        return said

    def renew(self) -> None:
        """The BMC at this point, and nothing since."""
        self.bmc = self._scenario.make_bmc()
        for datagram in self.heard[: self._rounds]:
            self.bmc.receive_datagram_untrusted(datagram, ADDRESS, 0.0)
        self._mark = _mark(self.bmc)


def _mark(bmc: SimulatedBmc) -> object:
    """What an effect changes; counts of dropped datagrams are none."""
    board = bmc._board
    slots = [(slot.state, slot.packets, slot.privilege, slot.login) for slot in board.sessions._sessions.values()]
    return slots, tuple(board.challenges), board.handshakes


def _has_switched(bmc: SimulatedBmc) -> bool:
    return bool(bmc.power_commands or bmc.chassis.trace or bmc.chassis.resets)


def _proves_itself(bmc: SimulatedBmc, slot: Slot) -> bool:
    """Whether nobody without the password could have made the packets of this session."""
    if slot.is_of_1_5:
        return slot.auth_type in (AuthType.MD5, AuthType.MD2) and bmc._board.logins15.per_message
    return bool(slot.suite.authentication) and slot.suite.is_authenticated


def _proof_of(slot: Slot, datagram: bytes) -> bool:
    if slot.is_of_1_5:
        return any(parse_packet15_untrusted(datagram).code)
    assert slot.login is not None
    return rakp_3_code(slot.login) in datagram


def _covered(datagram: bytes) -> object:
    """What a packet's code covers, and the code."""
    is_plus = datagram[_COVERED_FROM : _COVERED_FROM + 1] == b"\x06"
    return datagram[_COVERED_FROM:] if is_plus or datagram[3] != 7 else parse_packet15_untrusted(datagram)


class _Authentic:
    """A BMC that hears whatever the input says from a console that is logged in as a user, properly sealed."""

    def __init__(self, scenario: Scenario) -> None:
        self._bmc = Bmc(scenario, _WHOLE)
        (self._slot,) = slots_of(self._bmc.bmc)
        self._far = _far_end_of(self._slot)

    def take(self, payload_type: int, message: bytes) -> None:
        """A payload of this type, under the next number."""
        bmc, slot = self._bmc.bmc, self._slot
        payload_type = PayloadType.IPMI if slot.is_of_1_5 else payload_type
        datagram = self._far.seal((slot.window._highest or 0) + 1, message, Tape(6), payload_type)
        replies = bmc.receive_datagram_untrusted(datagram, ADDRESS, 0.1)
        expect(len(replies) <= _MOST_REPLIES, f"{len(replies)} replies to one datagram")
        is_more = slot.privilege > Privilege.USER
        if is_more or _has_switched(bmc) or list(bmc._board.sessions._sessions.values()) != [slot]:
            self._bmc.renew()
            (self._slot,) = slots_of(self._bmc.bmc)
        expect(not _has_switched(bmc), "a user has switched the power")
        expect(not is_more, "a user has become more")


def _far_end_of(slot: Slot) -> Sealing | Sealing15:
    """The console's end of this session."""
    if slot.is_of_1_5:
        return Sealing15(slot.auth_type, slot.password, slot.bmc_id)
    assert slot.keys is not None
    return Sealing(slot.suite, slot.keys, slot.password, slot.bmc_id, slot.console_id)


def _by_choice(takers: Sequence[Bmc]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        (chosen,), rest = head_and_rest(data, 1)
        takers[chosen % len(takers)].take(rest)

    return run


def _authentic(takers: Sequence[_Authentic]) -> Callable[[bytes], None]:
    """First octet: which BMC. Second: payload type, and whether the checksums are mended. The rest is the payload."""

    def run(data: bytes) -> None:
        (chosen, kind), rest = head_and_rest(data, 2)
        payload_type = kind >> 2 if kind & 2 else PayloadType.IPMI
        takers[chosen % len(takers)].take(payload_type, rest if kind & 1 else mended(rest))

    return run


def _of_profile(name: str) -> Scenario:
    return Scenario(bmc=PROFILES[name].settings)


def _seeds_of(takers: Sequence[Bmc]) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        said = [bytes((place,)) + each for place, bmc in enumerate(takers) for each in bmc.heard]
        outside = [*_questions(), *recorded.datagrams()[:24]]
        return said + [bytes((place,)) + each for place in range(len(takers)) for each in outside]

    return seeds


def _questions() -> Iterable[bytes]:
    """What a BMC is asked outside of any session, in both framings."""
    yield build_ping(7)
    for code, data in ((0x38, b"\x8e\x04"), (0x54, b"\x0e\0\x80"), (0x37, b""), (0x39, b"\x02admin".ljust(17, b"\0"))):
        message = build_request(Request(0x06, code, 1, data))
        yield build_sessionless(message)
        yield build_packet(Packet(PayloadType.IPMI, message))


def _message_seeds(takers: int) -> Callable[[], list[bytes]]:
    bridged = build_request(Request(6, 1, 1, to=0x82, sender=0x20))
    two_hops = get_device_id().through(Hop(0, 0x82), Hop(7, 0x24))
    own = [build_request(Request(6, 0x34, 1, b"\x40" + bridged)), build_request(Request(0, 2, 1, b"\0")), _message(two_hops, 1)]
    own += [build_request(Request(GET_DEVICE_ID.netfn, code, 1, data)) for code, data in ((0x3C, bytes(4)), (0x3B, b"\4"))]
    messages = [*recorded.messages(), *own]
    return lambda: [bytes((place, 0)) + message for place in range(takers) for message in messages] + [b"\0\x06" + bytes(20)]


def _everything() -> dict[str, Any]:
    return {"suites": ALL_SUITES, "auth15": (AuthType.MD5, AuthType.STRAIGHT, AuthType.NONE), "satellites": _SATELLITES}


def _odd_answers() -> dict[str, Any]:
    faults = SessionFaults(repeats_older_answers=True, wrong_checksums=True, addresses=(0x20, 0x20), says_duplicate_first=1)
    return {"faults": Faults(session=faults)}


def _openbmc() -> dict[str, Any]:
    return {"suites": (SUITES[17],), "faults": Faults(login=LoginFaults(repeated_rakp_3_spoils_keys=True))}


_OUTSIDE = [Bmc(Scenario(bmc=_everything), 0), *(Bmc(_of_profile(name), 0) for name in sorted(PROFILES))]
_LOGGING_IN = [
    *(Bmc(of_suite(SUITES[number]), rounds) for rounds in (1, 2) for number in (17, 8, 1)),
    *(Bmc(of_15(AuthType.MD5), rounds) for rounds in (1, 2)),
]
_OPEN = [
    *(Bmc(of_suite(SUITES[number]), _WHOLE) for number in (17, 3, 2, 12, 4)),
    Bmc(Scenario(bmc=_openbmc), _WHOLE),
    Bmc(of_15(AuthType.MD5), _WHOLE),
    Bmc(of_15(AuthType.MD5, per_message=False), _WHOLE),
]
_BY_USERS = [
    _Authentic(of_suite(SUITES[17], user="user")),
    _Authentic(Scenario(bmc=_everything, user="user")),
    _Authentic(Scenario(bmc=_odd_answers, user="user")),
    _Authentic(of_15(AuthType.MD5, user="user")),
]

TARGETS = {
    "simulator-outside": Target(_by_choice(_OUTSIDE), _seeds_of(_OUTSIDE), longest=128),
    "simulator-login": Target(_by_choice(_LOGGING_IN), _seeds_of(_LOGGING_IN), longest=160),
    "simulator-session": Target(_by_choice(_OPEN), _seeds_of(_OPEN), longest=160),
    "simulator-authentic": Target(_authentic(_BY_USERS), _message_seeds(len(_BY_USERS)), longest=128),
}
