"""Families of firmware as a simulated BMC shows them: what is known of their boards, put together.

A profile is the sum of its family's deviations, so it is worse than any one board. The names are those of `ipmi_lan.profiles`
where that has the family too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ipmi_lan.commands.device import DeviceId
from ipmi_lan.crypto.rakp import Variation
from ipmi_lan.crypto.suites import DEFAULT_SUITES, SUITE_3, SUITE_17, SUITES, CipherSuite
from ipmi_lan.errors import BadArgument
from ipmi_lan.simulator.board import DEVICE_ID
from ipmi_lan.simulator.faults import CodeForm, Faults, Framing, LoginFaults, ProbeFaults, SessionFaults
from ipmi_lan.simulator.power import Chassis
from ipmi_lan.wire.codes import AuthType, PayloadType, RakpStatus

_AUTH15 = (AuthType.MD5, AuthType.STRAIGHT)
_XRC4 = tuple(SUITES[number] for number in (4, 5, 9, 10, 13, 14))
_DELL, _HPE, _SUPERMICRO, _INTEL, _AMI = 674, 47196, 10876, 343, 20974   # enterprise numbers
_OLDEST = DEVICE_ID._replace(ipmi_major=1, ipmi_minor=5)


@dataclass(frozen=True, slots=True)
class Profile:
    """The constructor's arguments for one family."""

    shows: str
    """What a console meets."""
    make_faults: Callable[[], Faults]
    """Each BMC gets its own."""
    suites: tuple[CipherSuite, ...] = DEFAULT_SUITES
    slots: int = 4
    auth15: tuple[AuthType, ...] = ()
    power_lag: float = 0.0
    """Seconds that power takes to change."""
    device_id: DeviceId = DEVICE_ID

    def settings(self) -> dict[str, object]:
        """Arguments of `SimulatedBmc`, for one BMC."""
        return {
            "faults": self.make_faults(),
            "suites": self.suites,
            "slots": self.slots,
            "auth15": self.auth15,
            "chassis": Chassis(lag=self.power_lag),
            "device_id": self.device_id,
        }


def _of(vendor: int) -> DeviceId:
    return DEVICE_ID._replace(manufacturer=vendor)


def _openbmc() -> Faults:
    return Faults(
        probe=ProbeFaults(no_pong=True, pong_is_little_endian=True, trailer=b"\0"),
        login=LoginFaults(
            error_size=36,
            errors_are_anonymous=True,
            repeated_rakp_3_spoils_keys=True,
            delays={PayloadType.RAKP_2: 0.4},
        ),
        session=SessionFaults(
            idle_limit_shrinks=True, loses_first_packet=True, pads_whole_blocks=True, pads_4_for_0=True
        ),
    )


def _idrac() -> Faults:
    return Faults(probe=ProbeFaults(suites_only_in_rmcp_plus=True), session=SessionFaults(ties_to_port=True))


def _ilo() -> Faults:
    return Faults(probe=ProbeFaults(suites_are_unanswered=True))


def _supermicro_x9() -> Faults:
    return Faults(
        probe=ProbeFaults(also_advertises=tuple(SUITES[number] for number in (7, 8, 11, 12))),
        login=LoginFaults(keys_with_open_privilege=True, rakp_2_code=CodeForm.LONG),
        session=SessionFaults(wrong_checksums=True),
    )


def _supermicro() -> Faults:
    return Faults(
        probe=ProbeFaults(also_advertises=_XRC4),
        login=LoginFaults(refuses_highest=True, error_size=1, cuts_password_at=19),
    )


def _intel() -> Faults:
    statuses = {number: int(RakpStatus.INSUFFICIENT_RESOURCES) for number in SUITES if number != SUITE_17.id}
    return Faults(probe=ProbeFaults(no_pong=True), login=LoginFaults(status_by_suite=statuses))


def _intel_old() -> Faults:
    return Faults(
        probe=ProbeFaults(also_advertises=(SUITES[15],)),
        login=LoginFaults(keys_with_open_privilege=True),
    )


def _intel_se7520() -> Faults:
    variation = Variation(pads_name=True, bare_role_3=True, cuts_md5_password=True, checks_by_integrity=True)
    return Faults(login=LoginFaults(keys_with_open_privilege=True, variation=variation))


def _ami() -> Faults:
    return Faults(probe=ProbeFaults(claims_auth15=_AUTH15), login=LoginFaults(reserved=0x04))


def _ipmi_1_5() -> Faults:
    return Faults(probe=ProbeFaults(refuses_ipmi_2_bit=True, framing=Framing.ONLY_1_5))


PROFILES: dict[str, Profile] = {
    "openbmc": Profile(
        "OpenBMC (phosphor-net-ipmid): suite 17 only; no pong; errors of 36 octets with tag and id 0; RAKP 2 after 0.4 s; a "
        "second RAKP 3 spoils the keys; the first packet of a session is lost; pads of 16 and of 4; half-open 3 s, idle 60 s and "
        "less under load",
        _openbmc,
        suites=(SUITE_17,),
        slots=15,
    ),
    "idrac": Profile(
        "Dell iDRAC 9 and 10: cipher suites are told in RMCP+ framing only; a session is tied to the console's port",
        _idrac,
        device_id=_of(_DELL),
    ),
    "ilo": Profile(
        "HPE iLO: cipher suites are never told; no IPMI 1.5; power changes after 4 s", _ilo, power_lag=4.0, device_id=_of(_HPE)
    ),
    "supermicro-x9": Profile(
        'Supermicro X8, X9 and H8: suite 3; suites 7, 8, 11 and 12 are advertised and refused; codes over '
        "the privilege of Open Session; RAKP 2 an octet too long; wrong checksums; IPMI 1.5",
        _supermicro_x9,
        suites=(SUITE_3,),
        auth15=_AUTH15,
        device_id=_of(_SUPERMICRO),
    ),
    "supermicro": Profile(
        'Supermicro X10 to X12: xRC4 suites are advertised and refused; "highest" is refused; errors of one octet; passwords of '
        "19 octets",
        _supermicro,
        device_id=_of(_SUPERMICRO),
    ),
    "intel": Profile(
        "Intel M50CYP: suite 17, and 01h for every other; no pong", _intel, suites=(SUITE_17,), device_id=_of(_INTEL)
    ),
    "intel-old": Profile(
        "Intel S5500 and S2600: suite 3; suite 15 is advertised and refused; codes over the privilege of Open Session; IPMI 1.5",
        _intel_old,
        suites=(SUITE_3,),
        auth15=_AUTH15,
        device_id=_of(_INTEL),
    ),
    "intel-se7520": Profile(
        "Intel SE7520AF2: suites 3 and 8 with the digests of FreeIPMI's flag intel20; IPMI 1.5",
        _intel_se7520,
        suites=(SUITE_3, SUITES[8]),
        auth15=_AUTH15,
        device_id=_of(_INTEL),
    ),
    "ami": Profile(
        "AMI MegaRAC: suites 17 and 3; a reserved octet of RAKP 2 and 4 is 04h; IPMI 1.5 is advertised and refused",
        _ami,
        device_id=_of(_AMI),
    ),
    "ipmi-1.5": Profile(
        "A BMC of IPMI 1.5: no RMCP+; the IPMI 2.0 bit of the capabilities is refused; MD2, MD5, straight password and none",
        _ipmi_1_5,
        suites=(),
        auth15=(AuthType.NONE, AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT),
        device_id=_OLDEST,
    ),
}


def profile_named(name: str) -> Profile:
    """Raises `BadArgument` for a name that is none of `PROFILES`."""
    profile = PROFILES.get(name)
    if profile is None:
        raise BadArgument(f"profile '{name}': there are {', '.join(PROFILES)}")
    return profile
