"""Named deviations of real BMCs, and what each makes a session do otherwise.

The names are those of FreeIPMI's `-W` and ipmitool's `-o`, so that what works there works here. A quirk is always named by a
person for one host, never chosen from a vendor id: newer boards of the same vendor fail with it. Where a login fails,
`explain_code` says which quirk would have made it succeed; it is told, and not used.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Literal

from ipmi_lan.crypto.rakp import Login, NotAuthentic, SessionKeys, Variation, rakp_2_code, rakp_4_code, session_keys, verify_code
from ipmi_lan.crypto.suites import Authentication, Integrity
from ipmi_lan.errors import BadArgument, SuiteUnavailable

JUNK_BEFORE_LOGIN = bytes.fromhex("0000000000000000 072018c8c201013c")
"""Quirk intelwv2: sent once before anything else. No RMCP; the tail of an IPMI 1.5 packet with Get Device ID in it."""
JUNK_AFTER_REQUEST = b"thump".ljust(10, b"\0")
"""Quirk intelwv2: sent after every request, repeats included. Means nothing; the board answers the request then."""


class Quirk(StrEnum):
    """A deviation, by the name that FreeIPMI's -W or ipmitool's -o gives it."""

    AUTHCAP = "authcap"
    IDZERO = "idzero"
    FORCEPERMSG = "forcepermsg"
    UNEXPECTEDAUTH = "unexpectedauth"
    ENDIANSEQ = "endianseq"
    NOAUTHCODECHECK = "noauthcodecheck"
    NOCHECKSUMCHECK = "nochecksumcheck"
    INTEL20 = "intel20"
    SUPERMICRO20 = "supermicro20"
    SUN20 = "sun20"
    OPENSESSPRIV = "opensesspriv"
    INTEGRITYCHECKVALUE = "integritycheckvalue"
    INTELPLUS = "intelplus"
    I82571SPT = "i82571spt"
    ICTS = "icts"
    SUPERMICRO = "supermicro"
    QUANTA = "quanta"
    INTELWV2 = "intelwv2"
    KONTRON = "kontron"
    IBM = "ibm"

    @property
    def relaxes(self) -> str:
        """What a session does otherwise, exactly."""
        return _FACTS[self].relaxes

    @property
    def weakens(self) -> str:
        """What it gives up of identity or integrity; empty: nothing."""
        return _FACTS[self].weakens

    @property
    def versions(self) -> tuple[str, ...]:
        """The kinds of session that it is for: `1.5`, `2.0`, or both; none where it does nothing in a session."""
        return _FACTS[self].versions

    @property
    def seen_on(self) -> str:
        """The boards it was met on."""
        return _FACTS[self].seen_on


@dataclass(frozen=True, slots=True)
class Relaxations:
    """What a session does otherwise because of its quirks; by default nothing."""

    variation: Variation = Variation()   # noqa: RUF009 - frozen
    """What the digests of the login cover otherwise."""
    pads_name_field: bool = False
    """RAKP 1 has 44 octets, its name field filled with zeros; the length octet says 16 too where `variation.pads_name`."""
    trims_rakp_2: bool = False
    """A RAKP 2 code that is exactly one octet too long loses its last octet; what is left must verify."""
    ignores_check_of_suite_0: bool = False
    """A code in RAKP 4 of suite 0, where none is due, is not read."""
    skips_set_privilege: bool = False
    """The session stays at the privilege that it has after the login."""
    sends_junk_first: bool = False
    """`JUNK_BEFORE_LOGIN` goes out first, and `JUNK_AFTER_REQUEST` after every request."""
    pads_short: bool = False
    """The integrity pad counts header and payload only, not its own length octet and the next-header octet."""
    skips_checksums: bool = False
    """Neither checksum of a message is looked at."""
    swaps_sequence: bool = False
    """IPMI 1.5: session sequence numbers travel with their most significant octet first."""
    skips_codes_15: bool = False
    """IPMI 1.5: codes of replies are not verified."""
    takes_zero_id: bool = False
    """IPMI 1.5: a reply may carry session id 0."""
    takes_unexpected_codes: bool = False
    """IPMI 1.5: a reply may carry a code although per-message authentication is off; it must verify."""
    forces_per_message: bool = False
    """IPMI 1.5: every message is authenticated, whatever the capabilities say."""
    trusts_no_capabilities: bool = False
    """What the capabilities say of names, authentication types and Kg refuses nothing."""
    uses_oem_type_15: bool = False
    """IPMI 1.5: authentication type 5. The code of every packet is the key itself, 16 octets, as with a straight password."""
    mixes_challenge_15: bool = False
    """IPMI 1.5, type 5: the key is MD5(challenge XOR MD5(password)), the password without padding; Activate Session carries
    16 zeros instead of the challenge."""


NO_RELAXATIONS = Relaxations()
"""A session by the book."""


@dataclass(frozen=True, slots=True)
class _Facts:
    versions: tuple[str, ...]
    relaxes: str
    seen_on: str
    relaxations: Relaxations = NO_RELAXATIONS
    weakens: str = ""


_V15, _V20, _BOTH, _NEITHER = ("1.5",), ("2.0",), ("1.5", "2.0"), ()

_FACTS: dict[Quirk, _Facts] = {
    Quirk.AUTHCAP: _Facts(
        _BOTH,
        "the capabilities' word on null names, authentication types and Kg is not believed; what was configured is tried",
        "Asus P5M2, P5MT-R, RS162-E4 and RX4; Intel SR1520ML and X38ML; Sun Fire 2200, 4150 and 4450 with ELOM",
        Relaxations(trusts_no_capabilities=True),
    ),
    Quirk.IDZERO: _Facts(
        _V15,
        "a reply in a session may carry session id 0",
        "Tyan S2882 with M3289",
        Relaxations(takes_zero_id=True),
        "a code over session id 0 does not bind a packet to its session: an old one of the same password can pass again",
    ),
    Quirk.FORCEPERMSG: _Facts(
        _V15,
        "every message is authenticated although the BMC says that per-message authentication is off",
        "IBM eServer 325",
        Relaxations(forces_per_message=True),
    ),
    Quirk.UNEXPECTEDAUTH: _Facts(
        _V15,
        "a reply may carry a code although per-message authentication is off; it must verify",
        "Dell PowerEdge 2850 and SC1425",
        Relaxations(takes_unexpected_codes=True),
    ),
    Quirk.ENDIANSEQ: _Facts(
        _V15,
        "session sequence numbers have their most significant octet first, the initial inbound one included",
        "some Sun ILOM 1 and 2",
        Relaxations(swaps_sequence=True),
    ),
    Quirk.NOAUTHCODECHECK: _Facts(
        _V15,
        "the codes of replies are not verified",
        "Xyratex HB-F8-SRAY; Intel, Wiwynn Windmill; Quanta Winterfell",
        Relaxations(skips_codes_15=True),
        "anyone who sees the session can forge the BMC's answers",
    ),
    Quirk.NOCHECKSUMCHECK: _Facts(
        _BOTH,
        "neither checksum of a message is looked at",
        "Supermicro X9SCM-iiF, X9DRi-F and X9DRFR",
        Relaxations(skips_checksums=True),
        "where packets carry no code (suites 0, 1, 6, 15; IPMI 1.5 without codes) only UDP's checksum tells a damaged answer",
    ),
    Quirk.INTEL20: _Facts(
        _V20,
        "RAKP 1, RAKP 2 and the session key have the name as 16 octets filled with zeros; RAKP 3 has it as it is, and the"
        " privilege without the lookup bit; HMAC-MD5 uses the first 16 octets of the password; RAKP 4 is by the integrity"
        " algorithm, so that suites 1, 6, 11, 12 and 15 cannot be verified and fail",
        "Intel SE7520AF2 with Server Management Module",
        Relaxations(
            Variation(pads_name=True, bare_role_3=True, cuts_md5_password=True, checks_by_integrity=True), pads_name_field=True
        ),
        "in the MD5 suites only the first 16 octets of the password count",
    ),
    Quirk.SUPERMICRO20: _Facts(
        _V20,
        "a RAKP 2 code that is one octet too long loses its last octet, in every suite",
        "Supermicro H8QME with SIMSO, old firmware",
        Relaxations(trims_rakp_2=True),
    ),
    Quirk.SUN20: _Facts(
        _V20,
        "a RAKP 2 code that is one octet too long loses its last octet; the rest of the quirk (the real privilege in Open"
        " Session, tolerant cipher suite records) is what a session here does always",
        "Sun Fire 4100, 4200 and 4500 with ILOM",
        Relaxations(trims_rakp_2=True),
    ),
    Quirk.OPENSESSPRIV: _Facts(
        _V20,
        "nothing: Open Session and RAKP 1 carry the same privilege always, so it does not matter which one the BMC hashes",
        "Sun Fire 4100, 4200 and 4500; Supermicro X8DTH and X8DTG; Intel S5500WBV and S2600JF; Inventec 5441; Quanta QSSC-S4R; "
        "Dell C5220; ipmi_sim",
    ),
    Quirk.INTEGRITYCHECKVALUE: _Facts(
        _V20,
        "a code in RAKP 4 of suite 0, where none is due, is not read",
        "Supermicro X8DTG and X8DTU; Intel S5500WBV and S2600JF",
        Relaxations(ignores_check_of_suite_0=True),
    ),
    Quirk.INTELPLUS: _Facts(
        _V20,
        "RAKP 3 has the privilege without the lookup bit; RAKP 4 is by the integrity algorithm, so that suites 1, 6, 11, 12 and"
        " 15 cannot be verified and fail",
        "Intel boards of the first IPMI 2.0 generation",
        Relaxations(Variation(bare_role_3=True, checks_by_integrity=True)),
    ),
    Quirk.I82571SPT: _Facts(
        _V20,
        "RAKP 1 always has 44 octets; RAKP 2, RAKP 3 and the session key have the privilege without the lookup bit; Set Session"
        " Privilege Level is not sent",
        "Intel 82571 in super pass-through mode",
        Relaxations(Variation(bare_role_2=True, bare_role_3=True), pads_name_field=True, skips_set_privilege=True),
    ),
    Quirk.ICTS: _Facts(
        _V20,
        "the integrity pad counts header and payload only",
        "BMCs that follow Intel's conformance test suite to the letter",
        Relaxations(pads_short=True),
    ),
    Quirk.SUPERMICRO: _Facts(
        _V15,
        "authentication type 5; the code of every packet is MD5(challenge XOR MD5(password)), and Activate Session carries zeros "
        "instead of the challenge; these cards do not bear presence pings",
        "Supermicro's IPMI 1.5 cards",
        Relaxations(uses_oem_type_15=True, mixes_challenge_15=True),
        "the code is one value for the whole session and covers no message: who sees one packet can forge all others",
    ),
    Quirk.QUANTA: _Facts(
        _V15,
        "authentication type 5; the code of every packet is the password itself",
        "Quanta's IPMI 1.5 boards",
        Relaxations(uses_oem_type_15=True),
        "the password travels readable in every packet, and no code covers a message",
    ),
    Quirk.INTELWV2: _Facts(
        _V15,
        "16 octets that are no RMCP go out before the login, and 10 after every request",
        "Intel SE7501WV2",
        Relaxations(sends_junk_first=True),
    ),
    Quirk.KONTRON: _Facts(_NEITHER, "nothing in a session: ipmitool asks the board for larger messages with it", "Kontron"),
    Quirk.IBM: _Facts(_NEITHER, "nothing in a session: ipmitool reads event texts from a file with it", "IBM"),
}


def relaxations_of(quirks: Collection[Quirk]) -> Relaxations:
    """What a session does otherwise because of `quirks`: whatever any of them does."""
    each = [_FACTS[quirk].relaxations for quirk in quirks]
    switches = {one.name: any(getattr(it, one.name) for it in each) for one in fields(Relaxations) if one.name != "variation"}
    return Relaxations(variation_of(quirks), **switches)


def variation_of(quirks: Collection[Quirk]) -> Variation:
    """What the digests of the login cover otherwise because of `quirks`."""
    each = [_FACTS[quirk].relaxations.variation for quirk in quirks]
    return Variation(**{one.name: any(getattr(it, one.name) for it in each) for one in fields(Variation)})


def parse_quirks(names: str) -> tuple[Quirk, ...]:
    """The quirks in a list with commas, like `intel20,nochecksumcheck`; empty and `none` are no quirks.

    Raises `BadArgument` for a name that is unknown, or of a quirk that does nothing in a session.
    """
    wanted = [name.strip().lower() for name in names.split(",") if name.strip()]
    return () if wanted == ["none"] else tuple(dict.fromkeys(_quirk_named(name) for name in wanted))


def _quirk_named(name: str) -> Quirk:
    if name not in Quirk.__members__.values():
        raise BadArgument(f"quirk '{name}': there is none of this name{suggestion(name, Quirk)}")
    quirk = Quirk(name)
    if not quirk.versions:
        raise BadArgument(f"quirk '{name}': there is nothing to relax in a session ({quirk.relaxes}); leave it out")
    return quirk


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; meant is perhaps 'x'` where a known name is near, else nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - slow to load, and needed on the way to an error only

    near = get_close_matches(name, [str(one) for one in known], n=1)
    return f"; meant is perhaps '{near[0]}'" if near else ""


def explain_code(received: bytes, login: Login, which: Literal["rakp 2", "rakp 4"], keys: SessionKeys | None) -> Quirk | None:
    """The one quirk with which a code that did not verify would have verified: to be told in an error, and not to be used.

    `login` is as it was tried, `keys` are the session keys of it, of use for RAKP 4. None: no single quirk explains the code.
    """
    if which == "rakp 2":
        return _trimming_that_explains(received, login) or _variation_that_explains(received, login, rakp_2_code)
    if login.suite.authentication is Authentication.NONE:
        return Quirk.INTEGRITYCHECKVALUE if received else None
    if not received and login.suite.integrity is Integrity.NONE:
        return Quirk.INTELPLUS
    return _variation_that_explains(received, login, lambda varied: rakp_4_code(varied, _keys_of(varied, login, keys)))


def _trimming_that_explains(received: bytes, login: Login) -> Quirk | None:
    if len(received) != login.suite.digest_size + 1:
        return None
    is_explained = login.suite.authentication is Authentication.NONE or _verifies(received[:-1], rakp_2_code(login))
    return Quirk.SUPERMICRO20 if is_explained else None


def _variation_that_explains(received: bytes, login: Login, code_of: Callable[[Login], bytes]) -> Quirk | None:
    for quirk in Quirk:
        variation = variation_of([quirk])
        if variation in (Variation(), login.variation):
            continue
        with suppress(SuiteUnavailable):   # MD5-128 makes no code of RAKP 4
            if _verifies(received, code_of(replace(login, variation=variation))):
                return quirk
    return None


def _keys_of(varied: Login, login: Login, keys: SessionKeys | None) -> SessionKeys:
    """The session keys of `varied`; those of `login` where the variation is about RAKP 3 and RAKP 4 only."""
    later_only = {"bare_role_3": False, "checks_by_integrity": False}
    if keys is not None and replace(varied.variation, **later_only) == replace(login.variation, **later_only):
        return keys
    return session_keys(varied)


def _verifies(received: bytes, expected: bytes) -> bool:
    try:
        verify_code(received, expected)
    except NotAuthentic:
        return False
    return True
