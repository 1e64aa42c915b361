"""What a reset comes to that ended without a proof of off: the code, and the sentence that says why. No I/O."""

from __future__ import annotations

from haconn_cli.resetpath.vocabulary import ResultCode
from haconn_daemon.fence.contact import Contact
from haconn_daemon.fence.findings import Findings
from haconn_daemon.fence.sent import UNCLEAR_CODES, Sent


def of_spent_budget(contact: Contact, findings: Findings, sent: Sent | None, held: str) -> tuple[ResultCode, str]:
    """The time is over. `held`: why no power command was sent, if something held it back to the end."""
    if contact.is_lost:
        return contact.code, contact.why or "the budget was over before the BMC answered"
    if not findings.readings[-1].power_is_on:
        return ResultCode.TIMEOUT, "seen off, and not long enough to be sure"
    if sent is not None and sent.refusal is not None:
        return ResultCode.REFUSED_BY_BMC, f"{sent.refusal_in_words}, and it is still on"
    why = f"; no power command was sent: {held}" if held else ""
    return ResultCode.STILL_ON, f"still on at the last reading{why}"


def of_unaccepted_reset(sent: Sent) -> tuple[ResultCode, str]:
    """A plain reset is never sent again: whether it was done cannot be seen."""
    if sent.refusal is None or sent.refusal in UNCLEAR_CODES:
        return ResultCode.TIMEOUT, "no clear answer to the reset; whether it was done is not known"
    return ResultCode.REFUSED_BY_BMC, f"{sent.refusal_in_words}, and it is on"


def of_accepted_reset(evidence: str) -> str:
    """The sentence for one."""
    return f"the BMC accepted a reset; there is no moment without power to see; {evidence}"
