"""After the login: what is not protected as agreed, of this session and new is dropped, in every cipher suite and in IPMI 1.5.

More than ten thousand packets, none of which may be taken; and after every batch an honest command is answered.
"""

from __future__ import annotations

from collections.abc import Iterator

from ipmi_lan.commands.device import get_device_id
from ipmi_lan.crypto.auth15 import auth_code
from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.simulator.sessions import Session as BmcSession
from ipmi_lan.wire.codes import AuthType
from ipmi_lan.wire.message import Request, parse_request_untrusted
from ipmi_lan.wire.packet import Packet, build_packet
from ipmi_lan.wire.packet15 import Packet15, build_packet15, parse_packet15_untrusted
from tests.fakes.network import flip
from tests.ipmi_lan.session.forgery import FORGERIES, UNREAD, Forger, Siege, is_available, never_fresh, other_payloads, replayed
from tests.ipmi_lan.session.pair import Pair
from tests.ipmi_lan.simulator.console import a_bmc

FEWEST_FRAMES = 10_000
_REASONS = {"not authentic", "malformed", "oversized", "other payload type", "replayed or too old"}
_CODED = (AuthType.MD2, AuthType.MD5)


AUTHENTICATED_SUITES = [number for number, suite in SUITES.items() if suite.is_authenticated and is_available(number)]


def recorded_earlier(pair: Pair) -> list[bytes]:
    """All that was said, both ways, in a session of the same user and password, which the BMC then forgets."""
    pair.log_in().value(get_device_id())
    pair.simulated.restart(pair.now)
    return [datagram for _, datagram in pair.sent] + pair.heard


def frames_against(number: int) -> int:
    """Everything against a session of this suite; how many packets that were."""
    suites = [SUITES[number]]
    bmc = a_bmc(suites=tuple(suites))
    earlier = recorded_earlier(Pair(bmc, suites=suites, seed=11))
    pair = Pair(bmc, suites=suites, seed=12).log_in()
    siege = Siege(pair)
    for forge in FORGERIES:
        siege.attack(forge)
    siege.attack(other_payloads, is_authentic=True)
    siege.attack(never_fresh)
    siege.attack(replayed(*earlier))
    siege.attack(replayed(*siege.honest, *(datagram for _, datagram in pair.sent)))
    assert set(pair.session.dropped) == _REASONS
    return siege.frames


# ── IPMI 1.5 ──────────────────────────────────────────────────────────────────


def requests_in_15(pair: Pair, datagrams: list[bytes]) -> list[Request]:
    """What stands in packets of IPMI 1.5, which hide nothing."""
    return [parse_request_untrusted(parse_packet15_untrusted(datagram).payload) for datagram in datagrams]


def coded(
    session: BmcSession,
    message: bytes,
    number: int,
    kind: AuthType | None = None,
    session_id: int | None = None,
    password: bytes | None = None,
) -> bytes:
    """A packet with the code that the BMC would make, but for what is changed."""
    kind = session.auth_type if kind is None else kind
    session_id = session.bmc_id if session_id is None else session_id
    code = auth_code(kind, session.password if password is None else password, session_id, number, message)
    return build_packet15(Packet15(kind, number, session_id, code, message))


def other_types_15(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """Every other type, with codes as the right password makes them, in and out of the session; and RMCP+ packets."""
    for session_id in (session.bmc_id, 0):
        for kind in (AuthType.NONE, AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT, AuthType.OEM):
            if (kind, session_id) != (session.auth_type, session.bmc_id):
                yield coded(session, message, number, kind=kind, session_id=session_id)
        for flags in range(4):
            packet = Packet(0, message, session_id, number, bool(flags & 1), bool(flags & 2))
            yield build_packet(packet) + bytes(16 * packet.authenticated)


def other_ids_15(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """With codes that are right for another session of the same password."""
    for session_id in {0, 0xFFFFFFFF, *(session.bmc_id ^ 1 << bit for bit in range(32))}:
        yield coded(session, message, number, session_id=session_id)


def other_codes_15(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """Codes of zeros, of other passwords, and over something else."""
    good = coded(session, message, number)
    packet = parse_packet15_untrusted(good)
    others = (coded(session, message, number + 1), coded(session, message, number, session_id=0), coded(session, b"", number))
    codes = [bytes(16), packet.code[::-1], *(parse_packet15_untrusted(other).code for other in others)]
    yield from (build_packet15(packet._replace(code=code)) for code in codes)
    yield from (coded(session, message, number, password=other) for other in (b"", b"guess", session.password[:-1]))


def damaged_15(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """A good packet with one bit the other way, or cut short."""
    good = coded(session, message, number)
    yield from (flip(good, bit) for bit in range(8 * len(good)) if bit // 8 not in UNREAD)
    yield from (good[:size] for size in range(len(good)))


def never_fresh_15(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """Good packets whose numbers are zero, used already, or outside of the window."""
    for jump in (0, 17, 18, 64, 1 << 16, 1 << 31, (1 << 32) - 18):
        yield coded(session, message, (number - 1 + jump) % (1 << 32))
    yield coded(session, message, 0)


FORGERIES_15: tuple[Forger, ...] = (other_types_15, other_ids_15, other_codes_15, damaged_15, never_fresh_15)


def frames_against_15(kind: AuthType) -> int:
    """Everything against a session of IPMI 1.5 of this type; how many packets that were."""
    bmc = a_bmc(auth15=_CODED)
    earlier = recorded_earlier(Pair(bmc, auth15=kind, seed=11))
    pair = Pair(bmc, auth15=kind, seed=12).log_in()
    siege = Siege(pair, requests_in_15)
    for forge in FORGERIES_15:
        siege.attack(forge)
    siege.attack(replayed(*earlier))
    siege.attack(replayed(*siege.honest, *(datagram for _, datagram in pair.sent)))
    assert set(pair.session.dropped) == _REASONS - {"oversized", "other payload type"}
    return siege.frames


def test_nothing_is_taken_but_what_is_authentic_and_new() -> None:
    assert {2, 3, 7, 8, 11, 12, 16, 17} <= set(AUTHENTICATED_SUITES)
    frames = {f"suite {number}": frames_against(number) for number in AUTHENTICATED_SUITES}
    frames |= {kind.name: frames_against_15(kind) for kind in _CODED}
    assert all(count > 500 for count in frames.values()), frames
    assert sum(frames.values()) >= FEWEST_FRAMES, frames
