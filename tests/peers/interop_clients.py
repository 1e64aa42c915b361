"""Clients of somebody else: the words that make each log in as a row says, and what it prints when it could."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.wire.codes import AuthType
from tests.peers.interop import Case
from tests.peers.programs import find_program, peer_library_script

Words = list[str]

_IPMITOOL_15 = {AuthType.NONE: "NONE", AuthType.MD2: "MD2", AuthType.MD5: "MD5", AuthType.STRAIGHT: "PASSWORD"}
_FREEIPMI_15 = {AuthType.NONE: "none", AuthType.MD2: "md2", AuthType.MD5: "md5", AuthType.STRAIGHT: "straight_password_key"}
_OPENIPMI_15 = {AuthType.NONE: "none", AuthType.MD2: "md2", AuthType.MD5: "md5", AuthType.STRAIGHT: "straight"}
_OPENIPMI_20 = (
    ("rakp_none", "rakp_hmac_sha1", "rakp_hmac_md5", "rakp_hmac_sha256"),
    ("none", "hmac_sha1", "hmac_md5", "md5", "hmac_sha256"),
    ("none", "aes_cbc_128", "xrc4_128", "xrc4_40"),
)


@dataclass(frozen=True, slots=True)
class ForeignClient:
    """A program that reads the power state, or the device id, of the BMC it is told."""

    program: str
    """By which its version is asked for."""
    words: Callable[[Case, str, int], Words]
    success: re.Pattern[str]
    """What it prints when it has read what it was to read."""


def _ipmitool(case: Case, host: str, port: int) -> Words:
    words = [find_program("ipmitool"), "-H", host, "-p", str(port), "-P", case.password, "-N", "1", "-R", "1"]
    words += ["-U", case.user] if case.user else []
    if case.auth15 is not None:
        return [*words, "-I", "lan", "-A", _IPMITOOL_15[case.auth15], "power", "status"]
    words += ["-I", "lanplus", "-C", str(case.suite), "-L", "ADMINISTRATOR" + "+" * (not case.by_name_only)]
    return [*words, *(["-k", case.kg] if case.kg else []), "power", "status"]


def _freeipmi(name: str, *task: str) -> Callable[[Case, str, int], Words]:
    def words(case: Case, host: str, port: int) -> Words:
        most = ["--session-timeout=3000", "--retransmission-timeout=500"]
        found = [find_program(name), "-h", f"{host}:{port}", "-p", case.password, *most]
        found += ["-u", case.user] if case.user else []
        if case.auth15 is not None:
            return [*found, "-D", "LAN", "-a", _FREEIPMI_15[case.auth15], *task]
        return [*found, "-D", "LAN_2_0", "-I", str(case.suite), *(["-k", case.kg] if case.kg else []), *task]

    return words


def _openipmi_parameters(case: Case, host: str, port: int) -> Words:
    words = ["lan", "-P", case.password, "-p", str(port), *(["-U", case.user] if case.user else [])]
    if case.auth15 is not None:
        return [*words, "-A", _OPENIPMI_15[case.auth15], host]
    chosen = SUITES[case.suite].algorithms
    numbers = (chosen.authentication, chosen.integrity, chosen.confidentiality)
    for option, names, number in zip(("-Ra", "-Ri", "-Rc"), _OPENIPMI_20, numbers, strict=True):
        words += [option, names[number]]
    words += [*(["-Rk", case.kg] if case.kg else []), *([] if case.by_name_only else ["-Rl"])]
    return [*words, "-A", "rmcp+", host]


def _openipmicmd(case: Case, host: str, port: int) -> Words:
    return [find_program("openipmicmd"), "-k", "0f 0 0 1", *_openipmi_parameters(case, host, port)]


def _ipmish(case: Case, host: str, port: int) -> Words:
    parameters = " ".join(f'"{word}"' for word in _openipmi_parameters(case, host, port))
    script = (f"domain open d -noall -activate -wait_til_up {parameters}", "mc msg d(0.20) 0 0 1", "domain close d", "exit")
    return [find_program("ipmish"), *(word for line in script for word in ("-x", line))]


def _pyghmi(case: Case, host: str, port: int) -> Words:
    script = peer_library_script("pyghmi", "interop_pyghmi_client.py")
    return [*script, host, str(port), case.user, case.password, case.kg]


def _python_ipmi(case: Case, host: str, port: int) -> Words:
    script = peer_library_script("python-ipmi", "interop_python_ipmi_client.py")
    kind = "1.5" if case.auth15 is not None else str(case.suite)
    return [*script, host, str(port), case.user, case.password, case.kg, kind]


CLIENTS = {
    "ipmitool": ForeignClient("ipmitool", _ipmitool, re.compile(r"^Chassis Power is on$", re.MULTILINE)),
    "ipmipower": ForeignClient("ipmipower", _freeipmi("ipmipower", "--stat"), re.compile(r": on$", re.MULTILINE)),
    "bmc-info": ForeignClient(
        "bmc-info", _freeipmi("bmc-info", "--get-device-id"), re.compile(r"^Device ID +: 32$", re.MULTILINE)
    ),
    "ipmi-raw": ForeignClient("ipmi-raw", _freeipmi("ipmi-raw", "0", "0", "1"), re.compile(r"rcvd: 01 00 [0-9A-F]1 ")),
    "pyghmi": ForeignClient("pyghmi", _pyghmi, re.compile(r"'powerstate': 'on'")),
    "python-ipmi": ForeignClient("python-ipmi", _python_ipmi, re.compile(r"power on is True")),
    "openipmicmd": ForeignClient("openipmicmd", _openipmicmd, re.compile(r"^0f 01 00 01 00 [0-9a-f]1 ", re.MULTILINE)),
    "ipmish": ForeignClient("ipmish", _ipmish, re.compile(r"Data: 0x00 0x[0-9a-f]1 ")),
}
"""A column each. All are run as processes, FreeIPMI's without any of its workaround flags."""
