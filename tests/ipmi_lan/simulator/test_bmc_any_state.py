from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.login import close_session
from ipmi_lan.commands.sel import clear_sel, get_sel_entry, get_sel_info
from ipmi_lan.crypto.rakp import Variation
from ipmi_lan.crypto.suites import SUITES, CipherSuite
from ipmi_lan.errors import Malformed, NotAuthentic
from ipmi_lan.simulator import (
    Auth15Faults,
    CodeForm,
    Faults,
    Framing,
    HostFaults,
    LoginFaults,
    ProbeFaults,
    Records,
    SelFaults,
    SessionFaults,
    SimulatedBmc,
)
from ipmi_lan.wire.codes import AuthType, PayloadType, Privilege
from ipmi_lan.wire.rmcp import IPMI_HEADER
from tests.ipmi_lan.simulator.console import ADDRESS, Console
from tests.ipmi_lan.simulator.console15 import ALL_TYPES, SHORT_USERS, Console15, a_bmc_of_1_5

OFF = chassis_control(Control.POWER_OFF)
TALK = (OFF, get_chassis_status(), chassis_control(Control.DIAGNOSTIC_INTERRUPT), get_sel_info(), get_sel_entry(0), clear_sel(1))
ALL = tuple(SUITES.values())
SEALED = tuple(suite for suite in ALL if suite.is_authenticated)
_HEADERS = st.sampled_from(
    [b"", IPMI_HEADER, IPMI_HEADER + b"\x06", IPMI_HEADER + b"\0" * 9, IPMI_HEADER + b"\x02", b"\x06\0\xff\x06\0\0\x11\xbe\x80"]
)


@dataclass
class Trial:
    """A BMC, its honest consoles, and whoever else sends; what the honest ones switched is counted."""

    seed: int
    slots: int = 3
    now: float = 1.0
    honest: int = 0
    consoles: list[Console | Console15] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bmc = a_bmc_of_1_5(suites=SEALED, slots=self.slots, randomness=random.Random(self.seed).randbytes)

    def log_in(self, user: str, kind: CipherSuite | AuthType) -> None:
        privilege = SHORT_USERS[user][1]
        if self.bmc.open_sessions(self.now) + self.bmc.half_open_sessions(self.now) >= self.slots:
            return
        password = SHORT_USERS[user][0]
        if isinstance(kind, CipherSuite):
            self.consoles.append(Console(self.bmc, user, password, privilege, suite=kind).log_in(self.now))
        else:
            self.consoles.append(Console15(self.bmc, kind, user, privilege=privilege).log_in(self.now))

    def switch_off(self, which: int) -> None:
        """An honest command, which counts when its console may switch power and its session still is."""
        if self.consoles:
            console = self.consoles[which % len(self.consoles)]
            datagram = console.datagram_of(OFF)
            self.sent.append(datagram)
            answered = bool(self.bmc.receive_datagram_untrusted(datagram, ADDRESS, self.now))
            self.honest += answered and console.privilege >= Privilege.OPERATOR

    def forge(self, which: int, how: int) -> None:
        """An honest command, changed on its way, or an old one once more."""
        if not self.consoles:
            return
        datagram = bytearray(self.consoles[which % len(self.consoles)].datagram_of(OFF))
        other = self.consoles[how % len(self.consoles)]
        own_id = other.bmc_id if isinstance(other, Console) else other.session_id
        match how % 5:
            case 0:
                datagram[how % len(datagram)] ^= 1 << how % 7
            case 1:
                del datagram[how % len(datagram) :]
            case 2:
                datagram[5:6] = b"\0"
                datagram[6:10] = own_id.to_bytes(4, "little")
            case 3:
                datagram[4:14] = bytes((0,)) + bytes(4) + own_id.to_bytes(4, "little") + b"\x08"
            case 4:
                datagram = bytearray(self.sent[how % len(self.sent)] if self.sent else b"")
        self.bmc.receive_datagram_untrusted(bytes(datagram), ADDRESS, self.now)


_LOGIN = st.tuples(st.just("login"), st.sampled_from(sorted(SHORT_USERS)), st.sampled_from([*SEALED, AuthType.MD5, AuthType.MD2]))
_FIRST = st.lists(_LOGIN, min_size=1, max_size=3)
_STEPS = st.lists(
    st.one_of(
        _LOGIN,
        st.tuples(st.just("off"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("forge"), st.integers(0, 9), st.integers(0, 9999)),
        st.tuples(st.just("bytes"), _HEADERS, st.binary(max_size=60)),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 3.0, 60.0]), st.just(0)),
        st.tuples(st.just("restart"), st.just(0), st.just(0)),
        st.tuples(st.just("half"), st.just(0), st.just(0)),
    ),
    min_size=8,
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 32), _FIRST, _STEPS)
def test_only_authentic_commands_with_the_privilege_switch_power_and_slots_are_never_exceeded(
    seed: int, logins: list[tuple[str, object, object]], steps: list[tuple[str, object, object]]
) -> None:
    trial = Trial(seed)
    for step in [*logins, *steps]:
        match step:
            case ("login", str() as user, CipherSuite() | AuthType() as kind):
                trial.log_in(user, kind)
            case ("off", int() as which, _):
                trial.switch_off(which)
            case ("forge", int() as which, int() as how):
                trial.forge(which, how)
            case ("bytes", bytes() as header, bytes() as rest):
                trial.bmc.receive_datagram_untrusted(header + rest, ADDRESS, trial.now)
            case ("wait", float() as seconds, _):
                trial.now += seconds
            case ("restart", _, _):
                trial.bmc.restart(trial.now)
            case ("half", _, _):
                Console(trial.bmc, suite=SEALED[0]).open_session(trial.now)
        assert len(trial.bmc.power_commands) == trial.honest
        assert trial.bmc.open_sessions(trial.now) + trial.bmc.half_open_sessions(trial.now) <= trial.slots


def _any_of(kind: type, **others: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Faults of `kind`, each switch that is on or off either way."""
    switches = {name: st.booleans() for name, each in kind.__dataclass_fields__.items() if each.type == "bool"}   # type: ignore[attr-defined]
    return st.builds(kind, **(switches | others))


_OCTET = st.integers(0, 0xFF)
_FAULTS = st.builds(
    Faults,
    probe=_any_of(
        ProbeFaults, framing=st.sampled_from(Framing), records=st.sampled_from(Records), trailer=st.binary(max_size=3),
        claims_auth15=st.just((AuthType.MD5,)), also_advertises=st.just(ALL),
    ),
    login=_any_of(
        LoginFaults,
        rakp_2_code=st.sampled_from(CodeForm), unknown_user=st.sampled_from([None, 0x0D]), reserved=_OCTET,
        error_size=st.sampled_from([1, 2, 8, 36]), answers_with_suite=st.sampled_from([None, *ALL]),
        next_statuses=st.just({}) | st.builds(dict, st.just([(PayloadType.RAKP_4, [0, 2])])),
        delays=st.sampled_from([{}, {PayloadType.RAKP_2: 1.0}]), locks_after=st.integers(0, 2),
        cuts_password_at=st.sampled_from([4, 16, 20]),
        variation=st.builds(Variation, st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    ),
    session=_any_of(
        SessionFaults, pad_octet=_OCTET, first_sequence=st.sampled_from([0, 1, 0xFFFFFFFF]), sequence_step=st.integers(0, 3),
        addresses=st.none() | st.tuples(_OCTET, _OCTET), longer_data=st.binary(max_size=9),
        answer_delay=st.sampled_from([0.0, 0.5]), says_duplicate_first=st.integers(0, 2),
        next_codes=st.sampled_from([[], [0xC0]]).map(list), garbage_after=st.sampled_from([None, 1]),
    ),
    auth15=_any_of(Auth15Faults, answers_with_password=st.sampled_from([None, "another"])),
    sel=_any_of(SelFaults, erase_time=st.sampled_from([0.0, 2.0])),
    host=_any_of(HostFaults, dump_time=st.sampled_from([0.0, 2.0])),
    close_is_ignored=st.booleans(),
    loses_control_reply=st.booleans(),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(_FAULTS, st.sampled_from([*ALL, *ALL_TYPES]), st.booleans(), st.booleans(), st.binary(max_size=40))
def test_no_fault_makes_it_raise(
    faults: Faults, kind: CipherSuite | AuthType, per_message: bool, user_level: bool, rest: bytes
) -> None:
    bmc = a_bmc_of_1_5(suites=ALL, faults=faults, per_message_auth=per_message, user_level_auth=user_level)
    watched = Watched(bmc)
    with suppress(AssertionError, Malformed, NotAuthentic, IndexError, ValueError):   # an honest console, which gives up
        _converse(watched, kind)
    for header in (IPMI_HEADER, IPMI_HEADER + b"\x06\x12", IPMI_HEADER + b"\0", b"\x06\0\xff\x06\0\0\x11\xbe\x80"):
        watched.receive_datagram_untrusted(header + rest, ADDRESS, 2.0)
    bmc.due_replies(9.0)
    assert watched.raised == []


class Watched(SimulatedBmc):
    """A BMC whose errors are kept, for its console's are suppressed."""

    def __init__(self, bmc: SimulatedBmc) -> None:
        self.__dict__ = bmc.__dict__
        self.raised: list[Exception] = []

    def receive_datagram_untrusted(self, data: bytes, address: tuple[str, int], now: float) -> list[bytes]:
        try:
            return super().receive_datagram_untrusted(data, address, now)
        except Exception as error:
            self.raised.append(error)
            return []


def _converse(bmc: SimulatedBmc, kind: CipherSuite | AuthType) -> None:
    password = SHORT_USERS["admin"][0]
    if isinstance(kind, CipherSuite):
        console = Console(bmc, "admin", password, suite=kind, variation=bmc.faults.login.variation).log_in()
        for command in (*TALK, close_session(console.bmc_id)):
            console.ask(command.netfn, command.code, command.data)
    else:
        other = Console15(bmc, kind).log_in()
        for command in (OFF, get_chassis_status(), close_session(other.session_id)):
            other.run(command)
