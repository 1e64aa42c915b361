"""Sessions in every state under every input: a BMC that restarts and lies, a network that does what it likes, a hasty caller.

Whatever the history: nothing raises, no session opens that the BMC has not opened, every command ends once and in time, what
switches power is sent once at most, and the session never wants to be woken at the same moment for ever.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ipmi_lan.command import Command
from ipmi_lan.commands.chassis import CHASSIS_CONTROL, Control, chassis_control, get_chassis_status
from ipmi_lan.commands.login import CLOSE_SESSION, SET_SESSION_PRIVILEGE_LEVEL
from ipmi_lan.session.activation import Activation
from ipmi_lan.session.events import Answered, Closed, Failed, Opened, OpeningFailed
from ipmi_lan.session.opening import Opening
from ipmi_lan.session.states import Phase
from ipmi_lan.wire.codes import AuthType, Privilege
from ipmi_lan.wire.message import Response, build_response, parse_request_untrusted
from ipmi_lan.wire.packet import Packet, build_packet
from ipmi_lan.wire.packet15 import Packet15, build_packet15
from tests.fakes.network import flip
from tests.ipmi_lan.session.pair import DEADLINE, MOST_WAKES, Pair
from tests.ipmi_lan.simulator.console import ADDRESS, a_bmc

OFF, STATUS = chassis_control(Control.POWER_OFF), get_chassis_status()
OTHER_GUID = bytes(range(16, 32))
_STATUSES = st.sampled_from([*range(0x13), 0x55, 0xFF])
_INDEX = st.integers(0, 1000)


class SessionMachine(RuleBasedStateMachine):
    """One session, two BMCs that may stand at its address, and all that is on its way between them."""

    auth15: AuthType | None = None

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[int, float] = {}   # deadlines by token
        self.abandoned: set[int] = set()
        self.to_bmc: list[bytes] = []
        self.to_console: list[bytes] = []
        self.recorded: list[bytes] = []
        self.opened_by_bmc: set[int] = set()
        self.powers = Counter[str]()
        self.is_over = False

    @initialize(
        window=st.sampled_from([1, 1, 2, 5]),
        keeps_alive=st.booleans(),
        returns=st.booleans(),
        comes_down=st.booleans(),
        slots=st.sampled_from([1, 2, 20]),
        is_open=st.booleans(),
    )
    def begin(self, window: int, keeps_alive: bool, returns: bool, comes_down: bool, slots: int, is_open: bool) -> None:
        types = () if self.auth15 is None else (self.auth15,)
        self.bmcs = [a_bmc(auth15=types, slots=slots), a_bmc(auth15=types, guid=OTHER_GUID)]
        self.pair = Pair(
            self.bmcs[0], window=window, keep_alive=25.0 if keeps_alive else None, logs_in_again=returns, auth15=self.auth15,
            lowest_privilege=Privilege.USER if comes_down else None,
        )  # fmt: skip
        self._send, self.pair.session._exchange._send = self.pair.session._exchange._send, self._send_counted
        if is_open:
            self.everything_arrives()
            assert self.pair.session.phase is Phase.OPEN

    # ── the caller ────────────────────────────────────────────────────────────

    @rule(is_power=st.booleans(), timeout=st.sampled_from([0.0, 0.2, 1.0, 6.0, 20.0, 20.0]))
    def ask(self, is_power: bool, timeout: float) -> None:
        command: Command[Any] = OFF if is_power else STATUS
        self.powers["asked"] += is_power
        self.asked[self.pair.ask(command, timeout)] = self.pair.now + timeout

    @precondition(lambda self: self.asked)
    @rule(which=_INDEX)
    def abandon(self, which: int) -> None:
        token = list(self.asked)[which % len(self.asked)]
        self.abandoned.add(token)
        self.pair.session.abandon(token, self.pair.now)

    @rule()
    def close(self) -> None:
        self.is_over = True
        self.pair.session.close(self.pair.now)

    # ── the network ───────────────────────────────────────────────────────────

    @rule()
    def everything_arrives(self) -> None:
        for _ in range(10):
            self._look()
            if not self.to_bmc and not self.to_console:
                break
            while self.to_bmc:
                self._to_bmc(self.to_bmc.pop(0))
            while self.to_console:
                self._to_console(self.to_console.pop(0))

    @precondition(lambda self: self.to_bmc)
    @rule(which=_INDEX, is_doubled=st.booleans())
    def one_reaches_the_bmc(self, which: int, is_doubled: bool) -> None:
        datagram = self.to_bmc[which % len(self.to_bmc)]
        if not is_doubled:
            self.to_bmc.remove(datagram)
        self._to_bmc(datagram)

    @precondition(lambda self: self.to_console)
    @rule(which=_INDEX, is_doubled=st.booleans())
    def one_reaches_the_console(self, which: int, is_doubled: bool) -> None:
        datagram = self.to_console[which % len(self.to_console)]
        if not is_doubled:
            self.to_console.remove(datagram)
        self._to_console(datagram)

    @rule()
    def all_is_lost(self) -> None:
        self.to_bmc, self.to_console = [], []

    @precondition(lambda self: self.recorded)
    @rule(which=_INDEX, bit=st.integers(0, 5000) | st.none())
    def an_old_one_comes_again(self, which: int, bit: int | None) -> None:
        datagram = self.recorded[which % len(self.recorded)]
        self._to_console(datagram if bit is None else flip(datagram, bit % (8 * len(datagram))))

    @rule(datagram=st.binary(max_size=100))
    def noise(self, datagram: bytes) -> None:
        self._to_console(datagram)

    @rule(payload_type=st.sampled_from([0x00, 0x11, 0x13, 0x15]), status=_STATUSES, rest=st.binary(max_size=70), which=_INDEX)
    def a_login_reply_of_the_right_shape(self, payload_type: int, status: int, rest: bytes, which: int) -> None:
        entrance = self.pair.session._entrance
        if isinstance(entrance, Opening) and entrance._attempts:
            attempt = entrance._attempts[which % len(entrance._attempts)]
            head = bytes((attempt._tag, status, 4, 0)) + attempt.console_id.to_bytes(4, "little")
            self._to_console(build_packet(Packet(payload_type, head + rest)))

    @rule(code=_STATUSES | st.integers(0, 255), rest=st.binary(max_size=30), kind=st.sampled_from([AuthType.NONE, AuthType.MD5]))
    def an_activation_reply_of_the_right_shape(self, code: int, rest: bytes, kind: AuthType) -> None:
        entrance = self.pair.session._entrance
        if isinstance(entrance, Activation) and entrance._command is not None:
            command = entrance._command
            message = build_response(Response(command.netfn, command.code, entrance._number, code, rest))
            coded = bytes(16) if kind else b""
            self._to_console(build_packet15(Packet15(kind, 1, entrance._temporary_id, coded, message)))

    @rule(times=st.integers(1, 4))
    def the_host_refuses(self, times: int) -> None:
        for _ in range(times):
            self.pair.session.peer_refused(self.pair.now)

    # ── the BMC ───────────────────────────────────────────────────────────────

    @rule(silence=st.sampled_from([0.0, 0.0, 3.0, 30.0]))
    def the_bmc_restarts(self, silence: float) -> None:
        self.bmcs[0].restart(self.pair.now, silence)

    @rule(is_silent=st.booleans())
    def sessions_are_answered_or_not(self, is_silent: bool) -> None:
        self.bmcs[0].faults.session.silent_after = 0 if is_silent else None

    @rule(codes=st.lists(st.sampled_from([0xC0, 0xC3, 0xCF, 0xD0, 0xD4, 0x81, 0xFF]), max_size=3))
    def the_bmc_refuses(self, codes: list[int]) -> None:
        self.bmcs[0].faults.session.next_codes = codes

    @rule()
    def the_other_bmc_stands_there(self) -> None:
        self.pair.bmc = self.bmcs[1] if self.pair.bmc is self.bmcs[0] else self.bmcs[0]

    # ── time ──────────────────────────────────────────────────────────────────

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.15, 0.3, 0.7, 2.0, 7.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        until = self.pair.now + seconds
        self._run(until)
        self.pair.now = until

    @rule()
    def woken_for_nothing(self) -> None:
        self.pair.session.handle_deadline(self.pair.now)

    # ── what must hold ────────────────────────────────────────────────────────

    @invariant()
    def nothing_more_than_twice_and_power_once(self) -> None:
        if not hasattr(self, "pair"):
            return
        self._look()
        entrance = self.pair.session._entrance
        assert not isinstance(entrance, Opening) or len(entrance._attempts) <= 2
        assert self.powers["sent"] <= self.powers["asked"]
        assert len(self.pair.session._exchange._outstanding) <= self.pair.session._terms.window + 1   # one of its own

    def teardown(self) -> None:
        """Nobody answers any more: everything must come to its end."""
        if not hasattr(self, "pair"):
            return
        self._run(max([DEADLINE, *self.asked.values()]))
        self._look()
        assert self.abandoned | set(self.pair.outcomes()) == set(self.asked)
        self.pair.session.close(self.pair.now)
        self._run(self.pair.now + 1.0)
        self._look()
        assert self.pair.events.count(Closed()) == 1
        assert self.pair.session.phase is Phase.CLOSED
        assert self.pair.session.next_deadline() is None

    # ── inside ────────────────────────────────────────────────────────────────

    def _look(self) -> None:
        """Take what the session sends and tells, and judge it."""
        pair = self.pair
        self.to_bmc += pair.out()
        for event in pair.tell():
            if isinstance(event, Answered | Failed):
                assert pair.now <= self.asked[event.token] or event.token in self.abandoned
            elif isinstance(event, Opened):
                assert event.peer.session_id in self.opened_by_bmc
        beginnings = [event for event in pair.events if isinstance(event, Opened | OpeningFailed)]
        assert len(beginnings) <= 1
        pair.outcomes()

    def _send_counted(self, message: bytes, now: float) -> None:
        """What goes out under the session's keys: only in a session that is open, but for its own two commands."""
        request = parse_request_untrusted(message)
        own = {SET_SESSION_PRIVILEGE_LEVEL.code: Phase.RAISING, CLOSE_SESSION.code: Phase.CLOSING}
        phase = self.pair.session.phase
        assert phase in (Phase.OPEN, own.get(request.command)) or (request.command, phase) == (CLOSE_SESSION.code, Phase.RAISING)
        self.powers["sent"] += (request.netfn, request.command) == (CHASSIS_CONTROL.netfn, CHASSIS_CONTROL.code)
        self._send(message, now)

    def _to_bmc(self, datagram: bytes) -> None:
        bmc = self.pair.simulated
        replies = bmc.receive_datagram_untrusted(datagram, ADDRESS, self.pair.now)
        self.opened_by_bmc |= {session.bmc_id for session in bmc._board.sessions.open(self.pair.now)}
        self.to_console += replies
        self.recorded = (self.recorded + replies)[-50:]

    def _to_console(self, datagram: bytes) -> None:
        self.pair.session.receive_datagram_untrusted(datagram, self.pair.now)
        self._look()

    def _run(self, until: float) -> None:
        """From deadline to deadline."""
        pair, wakes = self.pair, 0
        while (due := pair.session.next_deadline()) is not None and due <= until:
            wakes = wakes + 1 if due <= pair.now else 0
            assert wakes < MOST_WAKES, "it spins"
            pair.now = max(pair.now, due)
            pair.session.handle_deadline(pair.now)
            self._look()
        pair.now = max(pair.now, until)


class SessionMachine15(SessionMachine):
    """The same in IPMI 1.5."""

    auth15 = AuthType.MD5


TestSession = SessionMachine.TestCase
TestSession.settings = settings(max_examples=150, stateful_step_count=40)
TestSession15 = SessionMachine15.TestCase
TestSession15.settings = settings(max_examples=80, stateful_step_count=40)
