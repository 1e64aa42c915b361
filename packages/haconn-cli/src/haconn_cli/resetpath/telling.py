"""Results and progress as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from haconn_cli.resetpath.outcomes import Accepted, Progress
from haconn_cli.resetpath.vocabulary import Evidence, Phase, Reading, ResetResult, ResultCode

_PHASES = {
    Phase.WAITING: "waiting",
    Phase.LOGGING_IN: "logging in at the BMC",
    Phase.READING: "reading the power state",
    Phase.SWITCHING_OFF: "switching off",
    Phase.CONFIRMING_OFF: "confirming that it is off",
    Phase.SWITCHING_ON: "switching on",
    Phase.CONFIRMING_ON: "confirming that it is on",
    Phase.ARBITRATING: "listening whether another server resets this one first",
    Phase.WAITING_FOR_DUMP: "waiting for the end of its crash dump",
    Phase.DUMPING: "asked it for a crash dump",
}

_CODES = {
    ResultCode.OFF_CONFIRMED: "seen off",
    ResultCode.ALREADY_OFF: "was off already; nothing was switched",
    ResultCode.CYCLED_CONFIRMED: "seen off, then switched on",
    ResultCode.RESET_UNVERIFIED: "the BMC accepted the reset, which cannot be seen from outside: not proven",
    ResultCode.UNREACHABLE: "the BMC could not be talked to, so nothing is known of the power",
    ResultCode.WRONG_PASSWORD: "the BMC does not take the account or password",
    ResultCode.WRONG_IDENTITY: "another BMC answers at that address",
    ResultCode.REFUSED_BY_BMC: "the BMC refuses the command",
    ResultCode.STILL_ON: "the power is still on",
    ResultCode.TIMEOUT: "the time was over before it was proven",
    ResultCode.INTERRUPTED: "the connector stopped meanwhile; how far it came is not known",
    ResultCode.UNKNOWN_REQUEST: "the connector knows nothing of this request; what became of it is not known",
    ResultCode.LOST_RACE: "the other server, which has more right, resets this one at the same time; nothing was switched",
    ResultCode.UNKNOWN_TARGET: "the connector has no such server",
    ResultCode.OWN_SERVER: "that is the server the connector stands on; only with force",
    ResultCode.BUSY: "the connector has too much to do; ask again",
    ResultCode.POLICY: "the connector does not do this",
}


def progress_line(seen: Accepted | Progress) -> str:
    """One line: how far a reset is."""
    if isinstance(seen, Accepted):
        return "accepted; joined a reset of this server that was under way" if seen.joined else "accepted"
    return _PHASES[seen.phase] + _count(seen.reads)


def _count(readings: int) -> str:
    return "" if readings == 0 else " (1 reading)" if readings == 1 else f" ({readings} readings)"


def result_lines(target: str, result: ResetResult) -> Iterator[str]:
    """The verdict, then what it rests on, a line each."""
    verdict = "succeeded" if result.code.is_success else "refused" if result.code.is_refusal else "FAILED"
    why = "" if result.code.is_success else result.evidence.detail
    yield f"reset of {target} {verdict}: {result.code.name}: {_CODES[result.code]}" + (f": {why}" if why else "")
    if result.code is ResultCode.CYCLED_CONFIRMED:
        yield "  power: seen on again" if result.back_on else "  power: not seen on again"
    yield from _evidence_lines(result.evidence)
    if result.code.is_success and result.evidence.detail:
        yield f"  {result.evidence.detail}"


def _times(readings: list[Reading]) -> str:
    """When the same was read, once or many times in a row."""
    first, last = readings[0].after, readings[-1].after
    if len(readings) == 1:
        return f"read at {first:.3f} s"
    return f"read {len(readings)} times from {first:.3f} to {last:.3f} s"


def _evidence_lines(evidence: Evidence) -> Iterator[str]:
    for power_is_on, run in groupby(evidence.readings, lambda reading: reading.power_is_on):
        yield f"  {_times(list(run))}: power {'on' if power_is_on else 'off'}"
    for command in evidence.power_commands:
        yield f"  {command}"
    if evidence.bmc_guid:
        yield f"  BMC GUID {evidence.bmc_guid.hex()}, cipher suite {evidence.cipher_suite}"
