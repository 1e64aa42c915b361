"""The judge of a cluster's history: holds all that was answered, sent and written against what the simulated BMCs know.

The numbers in front of what it finds: 1 a success without an off, 2 answers that are late, missing or change, 3 too many
commands, 4 commands that nobody asked for, 5 and 9 events and states that were not so, 10 torn files, 11 leaks, 12 secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from haconn_cli.resetpath.vocabulary import EventKind, Link, ResultCode, Status
from haconn_daemon.monitor.health import SETTLING
from ipmi_lan.commands.chassis import Control
from ipmi_lan.simulator import SimulatedBmc
from tests.haconn_daemon.cluster.values import ACCOUNT, Asked, Begun, LyingChassis, Server
from tests.haconn_daemon.cluster.world import World

GRACE = 1.0
"""Seconds after its budget in which an answer must be there; beside it a tenth for the steps between."""
LATE = 15.0
"""Seconds that the truth behind a status or an event may be old: two polls, their time-outs and the way."""
MOST_SENDS = 8


@dataclass
class Verdict:
    """What came of a history."""

    seed: int
    faults: list[str] = field(default_factory=list)
    """What should not have been."""
    resets: int = 0
    successes: int = 0
    answers: int = 0
    commands: int = 0
    story: list[str] = field(default_factory=list)
    datagrams: int = 0
    """A digest of all that were sent."""


# ── the truth ─────────────────────────────────────────────────────────────────


def was_off(board: SimulatedBmc, since: float, until: float) -> bool:
    """Whether power was off at any moment of that time."""
    is_on, last = board.chassis.was_on_at_start, float("-inf")
    for change in [*board.chassis.trace]:
        if not is_on and change.at >= since and last <= until:
            return True
        is_on, last = change.is_on, change.at
    return not is_on and last <= until


def was_on(board: SimulatedBmc, since: float, until: float) -> bool:
    """Whether power was on at any moment of that time."""
    is_on, last = board.chassis.was_on_at_start, float("-inf")
    for change in [*board.chassis.trace]:
        if is_on and change.at >= since and last <= until:
            return True
        is_on, last = change.is_on, change.at
    return is_on and last <= until


# ── the judge ─────────────────────────────────────────────────────────────────


def judge(world: World, verdict: Verdict, slowest: float) -> None:
    """All that a whole connector can break. `slowest`: seconds that a datagram may have been on its way."""
    now = trio.current_time()
    for server in world.servers.values():
        server.board.chassis.advance(now)
    for asked in world.asked:
        _judge_answer(world, asked, verdict)
    _judge_operations(world, verdict)
    _judge_commands(world, verdict, slowest + 0.1)
    _judge_statuses(world, verdict)
    for (host, request), codes in world.results.items():
        if len(codes) > 1:
            verdict.faults.append(f"2: {host} answers {request.hex()[:8]} with {sorted(ResultCode(code).name for code in codes)}")
    for server in world.servers.values():
        _judge_files(world, server, verdict)
    verdict.datagrams = world.digest
    verdict.resets, verdict.commands = len(world.asked), len(world.commands)
    verdict.answers = sum(asked.result is not None for asked in world.asked)
    verdict.successes = sum(asked.result is not None and asked.result.code.is_success for asked in world.asked)


def _judge_answer(world: World, asked: Asked, verdict: Verdict) -> None:
    words = f"{asked.action.name} of {asked.target} asked at {asked.at:.3f} by {asked.by} of {asked.of}"
    if asked.answered is None:
        if not asked.is_moot:
            verdict.faults.append(f"2: no end of {words}")
        return
    if asked.answered - asked.at > asked.budget + GRACE + 0.1:
        verdict.faults.append(f"2: {words} was answered after {asked.answered - asked.at:.3f} s, budget {asked.budget:g}")
    if asked.result is None or not asked.result.code.is_success:
        return
    if not was_off(world.servers[asked.target].board, asked.at, asked.answered):
        verdict.faults.append(f"1: {words}: {asked.result.code.name} at {asked.answered:.3f}, and it was on all the time")


def _judge_operations(world: World, verdict: Verdict) -> None:
    known = {(world.servers[asked.of].host, asked.request.hex(), asked.target) for asked in world.asked}
    tickets: dict[tuple[str, str], int] = {}
    for begun in world.begun:
        request = begun.ticket.partition(":")[2]
        tickets[begun.host, request] = tickets.get((begun.host, request), 0) + 1
        if (begun.host, request, begun.target) not in known:
            verdict.faults.append(f"4: {begun.host} began a reset of {begun.target} that nobody asked it for")
    for (host, request), count in tickets.items():
        if count > 1:
            verdict.faults.append(f"3: {host} began {count} resets for the one request {request[:8]}")


def _judge_commands(world: World, verdict: Verdict, slowest: float) -> None:
    of: dict[str, list[Control | int]] = {}
    for command in world.commands:
        words = f"{command.host} sent {command.control!r} to {command.board} at {command.at:.3f}"
        mine = [begun for begun in world.begun if begun.host == command.host and begun.target == command.board]
        mine = [each for each in mine if each.began <= command.at <= (each.ended or float("inf")) + slowest]
        if not mine:
            verdict.faults.append(f"4: {words}, for no reset of it")
            continue
        of.setdefault(mine[-1].id, []).append(command.control)
    for begun in world.begun:
        _judge_row(begun, of.get(begun.id, []), verdict)


def _judge_row(begun: Begun, row: list[Control | int], verdict: Verdict) -> None:
    offs, ons, resets = (row.count(control) for control in (Control.POWER_OFF, Control.POWER_ON, Control.HARD_RESET))
    most = {"OFF": (MOST_SENDS, 0, 0), "RESET": (0, 0, 1)}.get(begun.action, (MOST_SENDS, MOST_SENDS, 0))
    if row.count(Control.DIAGNOSTIC_INTERRUPT) > (begun.action == "DUMP_CYCLE"):
        verdict.faults.append(f"3: a {begun.action} of {begun.target} sent {row}")
    if offs > most[0] or ons > most[1] or resets > most[2] or sorted(row, key=_order) != row:
        verdict.faults.append(f"3: a {begun.action} of {begun.target} sent {row}")


def _order(control: Control | int) -> int:
    return {Control.DIAGNOSTIC_INTERRUPT: 0, Control.POWER_OFF: 1, Control.POWER_ON: 2}.get(Control(control), 1)


def _judge_statuses(world: World, verdict: Verdict) -> None:
    for at, up, status in world.seen:
        for each in status.servers:
            board, since = world.servers[each.name].board, at - LATE - (each.proof_age or 0.0)
            is_excused = up < SETTLING and _has_lied(board)   # what a BMC says at the first look is all that can be told
            if each.status is Status.POFF_DETECTED and not is_excused and not was_off(board, since, at):
                verdict.faults.append(f"9: {each.name} is said to be off at {at:.3f}, and was on since {since:.3f}")
            if each.link is Link.OK and (each.proof_age is None or each.proof_age > LATE):
                verdict.faults.append(f"9: the link to {each.name} is OK at {at:.3f} with a proof of {each.proof_age} s ago")
    for at, event in world.events:
        board = world.servers[event.server].board
        if event.kind is EventKind.POWER_OFF and not was_off(board, at - LATE, at):
            verdict.faults.append(f"5: power off of {event.server} told at {at:.3f}, and it was on")
        if event.kind is EventKind.POWER_ON and not was_on(board, at - LATE, at):
            verdict.faults.append(f"5: power on of {event.server} told at {at:.3f}, and it was off")


def _has_lied(board: SimulatedBmc) -> bool:
    assert isinstance(board.chassis, LyingChassis)
    return board.chassis.has_lied


def _judge_files(world: World, server: Server, verdict: Verdict) -> None:
    try:
        lines = world.record_lines(server)
    except ValueError:
        verdict.faults.append(f"10: the record of {server.name} is torn")
        return
    told = "\n".join([*lines, *(f"{name} {fields}" for _, name, fields in server.journal.lines)])
    if ACCOUNT.password in told:
        verdict.faults.append(f"12: a password in what {server.name} writes")
    for life in server.lives:
        if life.open and life.is_over:
            verdict.faults.append(f"11: a life of {server.name} left {life.open} sockets open")
