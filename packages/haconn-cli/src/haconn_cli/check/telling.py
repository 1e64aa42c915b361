"""An inspection for a person, a block of lines for each BMC, and as values for a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from haconn_cli.check.findings import Inspection
from haconn_cli.check.look import Look
from haconn_cli.config.identity import Identity
from haconn_cli.config.wording import one_line
from ipmi_lan.commands.chassis import RestorePolicy

_WIDTH = 9
_POLICIES = {
    RestorePolicy.STAY_OFF: "stays off after a loss of mains",
    RestorePolicy.AS_BEFORE: "as before after a loss of mains",
    RestorePolicy.POWER_UP: "comes on after a loss of mains",
}


def block(inspection: Inspection, look: Look) -> list[str]:
    """The lines of one BMC: its server, what it is, then what is wrong and what is doubtful."""
    findings = inspection.of(look.server)
    rows = list(_facts(inspection, look))
    rows += [("PROBLEM" if finding.is_problem else "warning", finding.text) for finding in findings]
    if not any(finding.is_problem for finding in findings):
        rows.append(("result", "all right"))
    lines = [f"  {what:<{_WIDTH}} {one_line(text)}" for what, text in rows]
    return [f"{look.server.name}  {look.server.bmc}", *lines]


def overall(inspection: Inspection) -> list[str]:
    """What is to be said of all together."""
    findings = [finding for finding in inspection.findings if finding.server is None]
    return [f"{'PROBLEM' if finding.is_problem else 'warning'}: {one_line(finding.text)}" for finding in findings]


def _facts(inspection: Inspection, look: Look) -> Iterator[tuple[str, str]]:
    if look.seen is None:
        return
    if look.device is not None:
        device = look.device
        yield "vendor", device.maker
        yield "product", f"{device.product} (device {device.device_id}, revision {device.device_revision})"
        yield "firmware", f"{device.firmware}, IPMI {device.ipmi_major}.{device.ipmi_minor}"
    yield "GUID", "none of its own" if look.seen.guid is None else look.seen.guid.hex()
    yield "MAC", "not told" if look.seen.ethernet is None else look.seen.ethernet.hex(":")
    yield "identity", _identity_in_words(inspection, look)
    yield "login", f"{look.account.name}, cipher suite {look.suite}, operator{_more(look)}"
    if look.sessions is not None:
        yield "sessions", f"{look.sessions.slots}, in use {look.sessions.active}, this one included"
    if look.status is not None:
        policy = _POLICIES.get(look.status.restore_policy)  # type: ignore[call-overload]
        yield "power", ("on" if look.status.power_is_on else "off") + (f"; {policy}" if policy else "")


def _more(look: Look) -> str:
    return {None: "", True: ", may be administrator", False: ", may be no more"}[look.may_be_administrator]


def _identity_in_words(inspection: Inspection, look: Look) -> str:
    identity, pinned = inspection.identity(look), inspection.pinned(look.server)
    if pinned is None:
        return f"{identity or 'none'}; not pinned yet"
    where = "written in conf_pserver" if look.server.identity is not None else "pinned by the connector on this server"
    return f"{pinned}; {where}"


def values(inspection: Inspection) -> dict[str, Any]:
    """For `--json`."""
    return {
        "ok": inspection.is_all_right,
        "servers": [_values(inspection, look) for look in inspection.looks],
        **_texts([finding for finding in inspection.findings if finding.server is None]),
    }


def _texts(findings: list[Any]) -> dict[str, list[str]]:
    problems = [finding.text for finding in findings if finding.is_problem]
    return {"problems": problems, "warnings": [finding.text for finding in findings if not finding.is_problem]}


def _values(inspection: Inspection, look: Look) -> dict[str, Any]:
    findings = inspection.of(look.server)
    seen, device, status, sessions = look.seen, look.device, look.status, look.sessions
    return {
        "name": look.server.name,
        "addr": str(look.server.bmc),
        "ok": not any(finding.is_problem for finding in findings),
        **_texts(findings),
        "identity": _text(inspection.identity(look)),
        "pinned": _text(inspection.pinned(look.server)),
        "guid": None if seen is None or seen.guid is None else seen.guid.hex(),
        "mac": None if seen is None or seen.ethernet is None else seen.ethernet.hex(":"),
        "vendor": None if device is None else device.maker,
        "manufacturer": None if device is None else device.manufacturer,
        "product": None if device is None else device.product,
        "firmware": None if device is None else device.firmware,
        "account": look.account.name,
        "suite": look.suite,
        "administrator": look.may_be_administrator,
        "sessions": None if sessions is None else sessions.slots,
        "sessions_in_use": None if sessions is None else sessions.active,
        "power_is_on": None if status is None else status.power_is_on,
        "restore_policy": None if status is None else _policy_word(status.restore_policy),
        "seconds": round(look.seconds, 3),
    }


def _text(identity: Identity | None) -> str | None:
    return None if identity is None else str(identity)


def _policy_word(policy: int) -> str:
    return RestorePolicy(policy).name.lower() if policy in tuple(RestorePolicy) else str(policy)
