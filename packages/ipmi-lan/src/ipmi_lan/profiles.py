"""What to expect of a family of firmware, as defaults that a person names for one host; never chosen from a vendor id.

A profile sets nothing that weakens identity or integrity: every suite in it authenticates and encrypts, and under those suites
its quirks give up nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from ipmi_lan.errors import BadArgument
from ipmi_lan.quirks import Quirk, suggestion

_OPERATOR = 3


@dataclass(frozen=True, slots=True)
class Profile:
    """Defaults for one family."""

    expects: str
    """Which boards, and what is known of them."""
    suites: tuple[int, ...] = (17, 3)
    """Ids of cipher suites, in the order in which they are tried."""
    quirks: tuple[Quirk, ...] = ()
    by_name_only: bool = True
    """Whether the BMC finds the user by name alone."""
    lowest_privilege: int | None = None
    """What may be asked for when the privilege wanted is refused (table of 6.8: 3 is operator); None: nothing lower."""
    longest_password: int = 20
    """Octets that are known to work."""
    shares_session: bool = False
    """Sessions are few or leak: keep one and use it for everything."""


PROFILES: dict[str, Profile] = {
    "openbmc": Profile(
        "OpenBMC (phosphor-net-ipmid): suite 17 only, no IPMI 1.5, mostly no presence pong, no null user; a half-open login ends "
        "after 3 s, an idle session after 60 s or sooner under load; RAKP 2 takes up to a second",
        suites=(17,),
    ),
    "idrac": Profile(
        "Dell iDRAC 9 and 10: cipher suites are told in RMCP+ framing only; a session is tied to the console's UDP port"
    ),
    "idrac6": Profile("Dell iDRAC 6 to 8: the older know suite 3 only; session slots run out", shares_session=True),
    "ilo": Profile("HPE iLO: cipher suites often not told, no IPMI 1.5; power changes take 4 s and more"),
    "supermicro-x9": Profile(
        "Supermicro X8, X9 and H8: suite 3; suites 7, 8, 11 and 12 are advertised and fail; the code of RAKP 2 is one octet too "
        "long on some, and checksums are wrong on others",
        suites=(3,),
        quirks=(Quirk.SUPERMICRO20, Quirk.OPENSESSPRIV, Quirk.NOCHECKSUMCHECK),
    ),
    "supermicro": Profile(
        "Supermicro X10 to X12, H11 and H12: xRC4 is advertised and refused; passwords of 19 octets at most; a GUID of zeros",
        lowest_privilege=_OPERATOR,
        longest_password=19,
    ),
    "intel": Profile("Intel M50 and later: suite 17; other suites are refused with status 01h; mostly no presence pong"),
    "intel-old": Profile(
        "Intel S5500 and S2600: suite 3; suite 15 is advertised and fails", suites=(3,), quirks=(Quirk.OPENSESSPRIV,)
    ),
    "intel-se7520": Profile(
        "Intel SE7520AF2 with Server Management Module: names are padded in the digests", suites=(3,), quirks=(Quirk.INTEL20,)
    ),
    "ami": Profile("AMI MegaRAC, as of Gigabyte: suites 17 and 3; IPMI 1.5 is advertised and refused"),
    "cisco": Profile("Cisco IMC: 4 sessions, and a lost one ends after 60 s", shares_session=True),
    "lenovo-xcc": Profile(
        "Lenovo XCC: XCC3 behaves as OpenBMC; the AMI firmware of SR635 sends a code of zeros in suite 17, and takes 3"
    ),
    "sun-ilom": Profile(
        "Sun and Oracle ILOM: the code of RAKP 2 is one octet too long; in IPMI 1.5 some need endianseq",
        suites=(3,),
        quirks=(Quirk.SUN20,),
    ),
    "quanta": Profile(
        "Quanta, Wiwynn, Inventec and Dell C: suite 3, IPMI 2.0 only, mostly no presence pong",
        suites=(3,),
        quirks=(Quirk.OPENSESSPRIV,),
    ),
}


def named_profile(name: str) -> Profile:
    """The profile of this name. Raises `BadArgument` for one that is unknown."""
    profile = PROFILES.get(name.strip().lower())
    if profile is None:
        raise BadArgument(f"profile '{name}': there is none of this name{suggestion(name, PROFILES)}")
    return profile
