"""How a simulated BMC misbehaves, by phase. Every switch may be turned while it runs; docs/simulator.md lists them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from ipmi_lan.crypto.rakp import Variation
from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.wire.codes import AuthType, RakpStatus

HALF_OPEN_LIMIT = 3.0
"""Seconds from Open Session to RAKP 3, as OpenBMC has it."""
IDLE_LIMIT = 60.0
"""Seconds without an authentic packet after which a session ends (6.12.15)."""
LONGEST_PASSWORD = 20
"""Octets of a password in RMCP+ (13.31)."""


class Framing(Enum):
    """In which framing what needs no session is answered."""

    AS_ASKED = auto()
    ONLY_1_5 = auto()
    """The RMCP+ one is dropped: ipmi_sim."""
    ONLY_RMCP_PLUS = auto()
    """The IPMI 1.5 one is dropped."""
    THE_OTHER = auto()
    """Both are heard, and answered in the other one: pyghmi's server."""


class Records(Enum):
    """How the records of Get Channel Cipher Suites look (table 22-18)."""

    WHOLE = auto()
    SHORT = auto()
    """The octet of an algorithm that is "none" is left out: OpenBMC."""
    WITHOUT_START = auto()
    """The start octet C0h is missing."""
    WRONG_TAGS = auto()
    """Every algorithm has the tag of an authentication algorithm: Sun ILOM."""


class CodeForm(Enum):
    """What stands where the code of RAKP 2 should."""

    RIGHT = auto()
    LONG = auto()
    """The right code and an octet more: Supermicro H8QME, Sun ILOM."""
    SHORT = auto()
    """The right code without its last octet."""
    ZERO = auto()
    """As many zeros: an AMI firmware with suite 17."""


@dataclass(slots=True)
class ProbeFaults:
    """Before any login."""

    no_pong: bool = False
    """The presence ping is not answered: OpenBMC."""
    pong_is_little_endian: bool = False
    """The pong's IANA numbers have their octets the other way round: OpenBMC."""
    framing: Framing = Framing.AS_ASKED
    suites_only_in_rmcp_plus: bool = False
    """Get Channel Cipher Suites is dropped in IPMI 1.5 framing: iDRAC."""
    refuses_ipmi_2_bit: bool = False
    """Get Channel Authentication Capabilities with the IPMI 2.0 bit gets CCh: BMCs of IPMI 1.5."""
    wants_ipmi_2_bit: bool = False
    """It is only answered with that bit: pyghmi's server."""
    capabilities_are_wrong: bool = False
    """It says the contrary of null users, Kg and authentication types (FreeIPMI's flag `authcap`)."""
    claims_auth15: tuple[AuthType, ...] = ()
    """Authentication types of IPMI 1.5 that it names although no such login is taken: AMI."""
    suites_are_unanswered: bool = False
    """Get Channel Cipher Suites is dropped."""
    records: Records = Records.WHOLE
    also_advertises: tuple[CipherSuite, ...] = ()
    """Suites that are listed, and refused at Open Session."""
    trailer: bytes = b""
    """Octets after the end of every datagram outside a session: OpenBMC in IPMI 1.5 framing has one."""


@dataclass(slots=True)
class LoginFaults:
    """Open Session, RAKP and who may log in."""

    refuses_highest: bool = False
    """A request for "the highest privilege" (0) gets 09h: Supermicro."""
    returns_privilege_0: bool = False
    """Open Session Response has privilege 0 where 0 was asked for: ipmi_sim."""
    status_by_suite: dict[int, int] = field(default_factory=dict)
    """The status that Open Session gives a suite, by its id, whether or not the suite is there."""
    answers_with_suite: CipherSuite | None = None
    """Open Session Response names this suite's algorithms, and the login goes on with them: what a downgrade looks like."""
    next_statuses: dict[int, list[int]] = field(default_factory=dict)
    """By payload type of the reply: what the next requests get instead of being looked at, a status each (00h: no fault)."""
    delays: dict[int, float] = field(default_factory=dict)
    """By payload type: how many seconds late that reply leaves. RAKP 2 takes 0.2 to over 1 s on OpenBMC and Cisco."""
    error_size: int = 8
    """Octets of an Open Session Response with an error: 1 and 2 and 36 are seen."""
    errors_are_anonymous: bool = False
    """Tag and session id of every reply with an error are 0: OpenBMC."""
    errors_have_a_trailer: bool = False
    """A session trailer with a code of zeros stands behind every reply with an error, beyond the length it says."""
    reserved: int = 0
    """The first reserved octet of RAKP 2 and RAKP 4: 04h on AMI."""
    rakp_2_code: CodeForm = CodeForm.RIGHT
    rakp_1_has_44_octets: bool = False
    """A RAKP 1 whose name is filled up to 16 octets is the only one taken: Intel 82571."""
    unknown_user: int | None = RakpStatus.UNAUTHORIZED_NAME
    """The status of an unknown name (ipmi_sim: 12h); None: RAKP 2 with the code of an empty password, and a refusal later."""
    high_privilege: int = RakpStatus.INVALID_ROLE
    """The status for a privilege above the user's, and for disabled users."""
    disabled_users: frozenset[str] = frozenset()
    keys_with_open_privilege: bool = False
    """The codes cover the privilege of Open Session in the place of RAKP 1's (FreeIPMI's flag `opensesspriv`)."""
    variation: Variation = field(default_factory=Variation)
    """The codes are those of an old Intel BMC."""
    suite_0_carries_code: bool = False
    """RAKP 4 of a login without authentication has a code all the same (FreeIPMI's flag `integritycheckvalue`)."""
    silent_after_wrong_password: bool = False
    """A RAKP 3 that does not verify is not answered: pyghmi's server."""
    repeated_rakp_3_spoils_keys: bool = False
    """A second RAKP 3 is answered like the first, and nothing in the session verifies any more: OpenBMC."""
    cuts_password_at: int = LONGEST_PASSWORD
    """Octets of a password that the BMC keeps: 19 on some Supermicro, 16 on others."""
    locks_after: int = 0
    """How many wrong passwords in a row make the BMC behave as if it did not know the user; 0: any number may be wrong."""
    locks_for: float = 60.0
    """Seconds that it does so."""


@dataclass(slots=True)
class SessionFaults:
    """In a session, of RMCP+ or IPMI 1.5."""

    half_open_limit: float = HALF_OPEN_LIMIT
    """Seconds that a login may take."""
    idle_limit: float = IDLE_LIMIT
    """Seconds that a session may be silent."""
    idle_limit_shrinks: bool = False
    """The idle limit is divided by the cube of how often the sessions would fill half the slots: OpenBMC under load."""
    ties_to_port: bool = False
    """Packets from another address or port than the login's are dropped: iDRAC."""
    answers_from_second_address: bool = False
    """Everything leaves from the BMC's second address, if it is served on two."""
    loses_first_packet: bool = False
    """The first authentic packet of a session is dropped: OpenBMC."""
    pads_whole_blocks: bool = False
    """AES pads 16 octets where 0 would do: OpenBMC."""
    pads_4_for_0: bool = False
    """The session trailer has 4 octets of pad where 0 would do: OpenBMC."""
    pads_short: bool = False
    """The trailer's pad counts header and payload only, and what is padded otherwise is dropped (ipmitool's `icts`)."""
    pad_octet: int = 0xFF
    """What the trailer's pad consists of."""
    first_sequence: int = 1
    sequence_step: int = 1
    """Between the sequence numbers of two answers: some skip by 2."""
    addresses: tuple[int, int] | None = None
    """Addresses in answers, as (to, from), in the place of (81h, 20h): (20h, 20h) and (20h, 81h) are seen."""
    wrong_checksums: bool = False
    """Both checksums of every answer are wrong: Supermicro X9."""
    longer_data: bytes = b""
    """Octets after the data of every answer of a command that succeeded."""
    repeats_older_answers: bool = False
    """Before each answer goes the one before, with a sequence number of its own."""
    answer_delay: float = 0.0
    """Seconds that each answer is late."""
    next_codes: list[int] = field(default_factory=list)
    """Completion codes of the next requests, which are not carried out: C0h, C3h, D0h to D2h."""
    says_duplicate_first: int = 0
    """How many requests are answered with CFh, and then properly."""
    garbage_after: int | None = None
    """From this many packets of a session on, each answer is random octets of its length: Supermicro X10."""
    silent_after: int | None = None
    """From this many packets of a session on, nothing in it is answered."""
    close_is_unanswered: bool = False
    """Close Session is carried out and not answered."""


@dataclass(slots=True)
class Auth15Faults:
    """In IPMI 1.5 sessions; the words in brackets are FreeIPMI's flags."""

    zero_id: bool = False
    """Answers in a session have the session id 0 (`idzero`)."""
    codes_though_off: bool = False
    """Answers carry a code although messages are not authenticated (`unexpectedauth`)."""
    claims_no_codes: bool = False
    """Says that messages are not authenticated, and drops those that are not (`forcepermsg`)."""
    capabilities_lie: bool = False
    """Capabilities say the contrary of whether messages are authenticated; Activate Session tells the truth: H8QME."""
    swaps_sequence: bool = False
    """Sequence numbers leave big-endian, the initial inbound one included (`endianseq`); the console's are taken either way."""
    wrong_codes: bool = False
    """The codes of answers are wrong (`noauthcodecheck`)."""
    zero_sequence: bool = False
    """Answers have the sequence number 0."""
    activate_shares_number: bool = False
    """The answer to Activate Session has the same number as the one after it: ipmi_sim."""
    mixes_challenge: bool = False
    """The OEM type's codes are MD5(challenge XOR MD5(password)), not the password: Supermicro."""
    answers_with_password: str | None = None
    """Codes of answers are made with this password: an X9DRT-HF+ whose password was changed in the session."""


@dataclass(slots=True)
class SelFaults:
    """The system event log."""

    next_ids_are_0: int = 0
    """How many answers of Get SEL Entry name 0 as the next record: ipmitool asks again."""
    never_ends: bool = False
    """The newest record names the oldest as the next one, so that FFFFh never comes."""
    claims_entries: int | None = None
    """Get SEL Info says that there are so many."""
    erase_time: float = 0.0
    """Seconds that Clear SEL takes; meanwhile entries are refused with 81h."""


@dataclass(slots=True)
class HostFaults:
    """The operating system of the server, when it crashes; see `Host`."""

    dump_time: float = 10.0
    """Seconds that it dumps after a crash; 0: it does not."""
    stays_down: bool = False
    """After the dump it hangs instead of starting again."""
    crashes_unlogged: bool = False
    """No OS Critical Stop is logged when it crashes, as where no IPMI driver is loaded."""
    ignores_interrupt: bool = False
    """A diagnostic interrupt is accepted and does nothing."""


@dataclass(slots=True)
class Faults:
    """A BMC without any of them is as the specification has it. The switches right here are of the whole BMC and of power."""

    silent: bool = False
    """Drops everything, like a BMC that hangs or has lost its supply."""
    waits_for_junk: bool = False
    """An answer, but a pong, leaves only when another datagram comes from the same console: Intel SE7501WV2 (`intelwv2`)."""
    silent_after_off: bool = False
    """Takes a power-off command, obeys it, and is `silent` from then on: not even that command is answered."""
    ignores_power_commands: bool = False
    """Answers every Chassis Control with 00h and does nothing."""
    lag: float = 0.0
    """Seconds that power commands take to have an effect, beside `Chassis.lag`."""
    flaps: int = 0
    """How many changes of power follow a power-off command, 0.3 s apart, on first: an odd number leaves the power on."""
    refuses_control: int | None = None
    """The completion code that every Chassis Control gets instead of being obeyed."""
    loses_control_reply: bool = False
    """Obeys Chassis Control and does not answer it."""
    open_session_status: int | None = None
    """The RMCP+ status that every Open Session Request gets."""
    close_is_ignored: bool = False
    """Answers Close Session with 00h and keeps the session, so that its slot leaks until the idle time-out."""
    codes: dict[tuple[int, int], int] = field(default_factory=dict)
    """By network function and command, in a session or not: the completion code it gets instead of being carried out."""
    probe: ProbeFaults = field(default_factory=ProbeFaults)
    login: LoginFaults = field(default_factory=LoginFaults)
    session: SessionFaults = field(default_factory=SessionFaults)
    auth15: Auth15Faults = field(default_factory=Auth15Faults)
    sel: SelFaults = field(default_factory=SelFaults)
    host: HostFaults = field(default_factory=HostFaults)
