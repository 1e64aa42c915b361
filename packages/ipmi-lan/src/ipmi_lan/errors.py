"""Every error of this package. Each is named for the fact and carries its data.

::

    IpmiError
    ├── BadArgument             the caller's own fault, found before anything was sent
    │   └── SuiteUnavailable    a cipher suite that cannot be carried here
    ├── Malformed               bytes that are not what they should be (never leaves a session: there it is counted)
    ├── NotAuthentic            a code that does not verify (never leaves a session: there it is counted)
    ├── Unreachable
    │   ├── NoAnswer            silence until the deadline
    │   ├── PortRefused         the host answers that nothing listens on this port
    │   ├── NotIpmi             something answers, and it does not speak RMCP
    │   ├── NoDevice            this machine has no IPMI device, or has it no more
    │   ├── NoPermission        the IPMI device is not for this user
    │   └── DeviceFailed        the IPMI device is there, and its driver says no
    ├── LoginRefused
    │   ├── WrongPassword       no such user, or the wrong password: a BMC does not say which
    │   ├── WrongKg             the password is right and the BMC key is not
    │   ├── PrivilegeTooHigh    this user may not have the privilege asked for
    │   ├── NoFreeSession       every session slot of the BMC is taken
    │   ├── SuiteRefused        none of the cipher suites offered is one the BMC takes
    │   └── AuthTypeRefused     IPMI 1.5: the BMC does not take this authentication type, or none that proves anything
    ├── SessionLost             the BMC no longer knows the session
    └── CommandRefused          the BMC answered with a completion code other than 00h
"""

from __future__ import annotations


class IpmiError(Exception):
    """The root: whatever this package raises."""


class BadArgument(IpmiError, ValueError):  # noqa: N818 - errors here are named for the fact
    """What the caller asked for cannot be carried by IPMI; nothing was sent."""


class SuiteUnavailable(BadArgument):
    """This cipher suite cannot be carried here."""

    def __init__(self, suite: int, why: str) -> None:
        super().__init__(f"cipher suite {suite} cannot be used: {why}")
        self.suite = suite
        self.why = why


class Malformed(IpmiError):  # noqa: N818
    """Bytes that are not what they should be."""


class NotAuthentic(IpmiError):  # noqa: N818
    """A code does not verify."""


class Unreachable(IpmiError):  # noqa: N818
    """No IPMI conversation came about. It says nothing of the server's power."""


class NoAnswer(Unreachable):
    """Silence until the deadline."""

    def __init__(self, phase: str, waited: float, was_sent: bool = True) -> None:
        never = "" if was_sent else "; it was never sent, for those before it were not answered either"
        super().__init__(f"no answer to {phase} within {waited:.1f} s{never}")
        self.phase = phase
        """What was not answered, like `Open Session Request` or a command's name."""
        self.waited = waited
        """Seconds."""
        self.was_sent = was_sent
        """Whether it went out at all. A power command that was not has had no effect; of one that was, nothing is known."""


class PortRefused(Unreachable):
    """The host says (ICMP) that nothing listens on this port."""

    def __init__(self, tries: int) -> None:
        super().__init__(f"the host refuses the port ({tries} tries)")
        self.tries = tries


class NotIpmi(Unreachable):
    """Something answers on this port, and it does not speak RMCP."""

    def __init__(self, datagrams: int, first: bytes) -> None:
        super().__init__(f"{datagrams} datagrams arrived and none was RMCP; the first begins with {first[:8].hex(' ')}")
        self.datagrams = datagrams
        self.first = first


class NoDevice(Unreachable):
    """This machine has no IPMI device, or has it no more."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: no such IPMI device; is the driver loaded (modprobe ipmi_si ipmi_devintf)?")
        self.path = path


class NoPermission(Unreachable):
    """The IPMI device is there, and not for this user."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: not for this user; root may use it")
        self.path = path


class DeviceFailed(Unreachable):
    """The IPMI device is there, and its driver says no."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


class LoginRefused(IpmiError):  # noqa: N818
    """The BMC is there, and there is no session."""


class WrongPassword(LoginRefused):
    """No such user, or the wrong password: a BMC does not say which."""

    def __init__(self, user: str, evidence: str, quirk: str | None = None) -> None:
        hint = f"; with quirk {quirk} it would verify" if quirk else ""
        super().__init__(f"no user '{user}' with this password ({evidence}{hint})")
        self.user = user
        self.evidence = evidence
        """What showed it: a status code of the BMC, or a code of RAKP 2 that does not verify."""
        self.quirk = quirk
        """The one quirk, if any, under which the same code verifies: then the password is right and the BMC deviates."""


class WrongKg(LoginRefused):
    """The password verified (RAKP 2) and the session key did not (RAKP 4): the BMC key Kg differs."""

    def __init__(self, kg_was_given: bool, quirk: str | None = None) -> None:
        given = "the BMC key given is not the BMC's" if kg_was_given else "the BMC wants a BMC key (Kg) and none was given"
        hint = f"; with quirk {quirk} it would verify" if quirk else ""
        super().__init__(f"wrong Kg: {given}{hint}")
        self.kg_was_given = kg_was_given
        self.quirk = quirk
        """The one quirk, if any, under which the same code verifies: then the keys are right and the BMC deviates."""


class PrivilegeTooHigh(LoginRefused):
    """The user may not have this privilege, or is disabled, or the channel's limit is lower."""

    def __init__(self, user: str, privilege: str, evidence: str) -> None:
        super().__init__(f"user '{user}' may not be {privilege} here ({evidence}): a limit of it or the channel, or disabled")
        self.user = user
        self.privilege = privilege
        self.evidence = evidence


class NoFreeSession(LoginRefused):
    """Every session slot of the BMC is taken, and none came free before the deadline."""

    def __init__(self, tries: int) -> None:
        super().__init__(f"the BMC has no free session ({tries} tries); a leaked one ends by itself after about 60 s")
        self.tries = tries


class SuiteRefused(LoginRefused):
    """None of the cipher suites offered is one the BMC takes."""

    def __init__(self, reasons: dict[int, str]) -> None:
        each = "; ".join(f"suite {suite}: {reason}" for suite, reason in reasons.items())
        super().__init__(f"no cipher suite in common ({each})")
        self.reasons = reasons
        """For each suite id offered, what came back."""


class AuthTypeRefused(LoginRefused):
    """IPMI 1.5: the BMC does not take the authentication type asked for, or switches authentication off."""

    def __init__(self, auth_type: str, evidence: str) -> None:
        super().__init__(f"IPMI 1.5 authentication type {auth_type} is not to be had: {evidence}")
        self.auth_type = auth_type
        self.evidence = evidence


class SessionLost(IpmiError):  # noqa: N818
    """The session is no more: the BMC restarted, dropped it, or does not answer in it. Log in again."""

    def __init__(self, why: str) -> None:
        super().__init__(f"session lost: {why}")
        self.why = why


class CommandRefused(IpmiError):  # noqa: N818
    """The BMC answered a command with a completion code other than 00h."""

    def __init__(self, command: str, code: int, meaning: str) -> None:
        super().__init__(f"{command}: refused with {code:02X}h ({meaning})")
        self.command = command
        self.code = code
        self.meaning = meaning
