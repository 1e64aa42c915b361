"""What real processes go through: bad networks, sudden death, a flood."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import trio

from haconn_cli.resetpath.client import NotAnswered
from haconn_cli.resetpath.vocabulary import Action, ResultCode
from ipmi_lan.commands.chassis import Control
from tests.haconn_daemon.cluster.history import CALM
from tools.fault_proxy.plan import Faults
from tools.soak.site import Site, Tally, open_site

Say = Callable[[str], None]
MIXES = {
    "none": CALM,
    "loss 1 %": Faults(loss=0.01),
    "loss 10 %": Faults(loss=0.1),
    "duplication 100 %": Faults(duplication=1.0),
    "reordering 25 %": Faults(reorder=0.25),
    "delay to 2 s, 10 %": Faults(delay=0.1, longest_delay=2.0),
    "corruption 1 %": Faults(corruption=0.01),
    "all together": Faults(loss=0.1, duplication=0.1, reorder=0.25, delay=0.05, corruption=0.01),
    "loss 30 %": Faults(loss=0.3),
}
"""Each way, on the reset path and toward the BMCs. The worst comes last: after a silence a BMC is distrusted for a minute."""
BUDGET = 30.0
CAPTURED = 200


def chance(seed: str) -> random.Random:
    """What decides in a part of a run."""
    return random.Random(seed)   # noqa: S311 - a seed is wanted


# ── bad networks ──────────────────────────────────────────────────────────────


async def weather(folder: Path, seconds: float, seed: int, say: Say, servers: int = 8) -> dict[str, Tally]:
    """Resets of several servers at once, mix after mix, each for its share of the time."""
    tallies = {name: Tally() for name in MIXES}
    async with open_site(folder, servers, seed) as site:
        await site.start()
        await site.until_monitored()
        for name, faults in MIXES.items():
            site.set_weather(faults, faults)
            await _reset_all(site, seconds / len(MIXES), tallies[name], chance(f"{seed} {name}"))
            say(f"network: {name}: {tallies[name].resets} resets, {dict(tallies[name].codes)}, wrong {len(tallies[name].wrong)}")
        site.set_weather(CALM, CALM)
        await _stop_cleanly(site, tallies["none"])
    return tallies


async def _reset_all(site: Site, seconds: float, tally: Tally, dice: random.Random) -> None:
    """One reset after the other of each server but our own; none is begun after that time."""
    ends = trio.current_time() + seconds

    async def one(target: str) -> None:
        while True:
            action = dice.choice((Action.CYCLE, Action.CYCLE, Action.OFF))
            await site.reset(target, action, BUDGET, tally)
            if trio.current_time() >= ends:
                return
            if not site.boards[target].chassis.power_is_on(trio.current_time()):
                site.boards[target].chassis.gain_power(trio.current_time())

    async with trio.open_nursery() as nursery:
        for target in list(site.boards)[1:]:
            nursery.start_soon(one, target)


async def _stop_cleanly(site: Site, tally: Tally) -> None:
    """Sessions are given back: none that the last calm seconds have seen is left."""
    await trio.sleep(2.0)
    before = {id(session) for board in site.boards.values() for session in board._board.sessions.open(trio.current_time())}
    await site.stop()
    await trio.sleep(2.0)
    now = trio.current_time()
    left = [session for board in site.boards.values() for session in board._board.sessions.open(now)]
    fresh = [session for session in left if id(session) not in before or now - session.heard_at < 4.5]
    if fresh:
        tally.wrong.append(f"{len(fresh)} sessions left open at a clean stop")


# ── sudden death ──────────────────────────────────────────────────────────────


@dataclass
class Kills:
    """What came of killing the connector in the middle of resets."""

    tally: Tally = field(default_factory=Tally)
    kills: int = 0
    interrupted: int = 0
    ready: list[float] = field(default_factory=list)
    """Seconds from each start to the first path check answered."""


async def kills(folder: Path, seconds: float, seed: int, say: Say, most: int = 1_000_000) -> Kills:
    """SIGKILL at random moments of resets, and start again; nothing is resumed, nothing torn, no answer false."""
    told, dice = Kills(), chance(f"kills {seed}")
    async with open_site(folder, 4, seed, poll_interval=0.5) as site:
        told.ready.append(await site.start())
        await site.until_monitored()
        ends = trio.current_time() + seconds
        while trio.current_time() < ends and told.kills < most:
            await _kill_once(site, told, dice)
            if told.kills % 20 == 0:
                say(f"kills: {told.kills}, {dict(told.tally.codes)}, wrong {len(told.tally.wrong)}")
        await site.stop()
    return told


async def _kill_once(site: Site, told: Kills, dice: random.Random) -> None:
    targets = dice.sample(list(site.boards)[1:], dice.choice((1, 2, 3)))
    for target in targets:
        site.boards[target].faults.lag = dice.choice((0.0, 0.0, 0.4))
        site.boards[target].chassis.gain_power(trio.current_time())
    async with trio.open_nursery() as nursery:
        for target in targets:
            nursery.start_soon(site.reset, target, dice.choice((Action.CYCLE, Action.OFF)), 8.0, told.tally)
        await trio.sleep(dice.choice((dice.uniform(0.0, 0.05), dice.uniform(0.0, 2.5))))
        await site.stop(signal.SIGKILL)
        told.kills += 1
        cut_short = _unfinished(site.record)
        before = {target: len(site.commands(target)) for target in targets}
        told.ready.append(await site.start())
    told.interrupted += len(cut_short)
    _judge_record(site, told.tally, cut_short, before)


def _entries(record: Path, wrong: list[str]) -> list[dict[str, Any]]:
    entries = []
    for line in record.read_text().splitlines() if record.exists() else []:
        try:
            entries.append(json.loads(line))
        except ValueError:
            wrong.append(f"a torn line in the record: {line[:80]!r}")
    return entries


def _unfinished(record: Path) -> dict[str, str]:
    """Operations without a result, with their target; a torn last line, which the next start drops, is none yet."""
    entries = _entries(record, [])
    done = {entry["operation"] for entry in entries if "code" in entry}
    return {entry["operation"]: entry["target"] for entry in entries if "target" in entry and entry["operation"] not in done}


def _judge_record(site: Site, tally: Tally, cut_short: dict[str, str], before: dict[str, int]) -> None:
    entries = _entries(site.record, tally.wrong)
    codes = {entry["operation"]: entry["code"] for entry in entries if "code" in entry}
    tickets = Counter(entry["ticket"] for entry in entries if "target" in entry)
    tally.wrong += [f"{count} operations for one request" for count in tickets.values() if count > 1]
    for operation, target in cut_short.items():
        if codes.get(operation) != ResultCode.INTERRUPTED.name:
            tally.wrong.append(f"a reset of {target} cut short became {codes.get(operation)}")
    begun_since = {entry["target"] for entry in entries[-6:] if "target" in entry and entry["operation"] not in cut_short}
    for target, count in before.items():
        if len(site.commands(target)) > count and target not in begun_since:
            tally.wrong.append(f"{target} got a power command after the crash, for no new reset")
    for target in before:
        if site.commands(target).count(Control.HARD_RESET):
            tally.wrong.append(f"{target} was reset, which nobody asked for")


# ── a flood ───────────────────────────────────────────────────────────────────


@dataclass
class Flooded:
    """Idle and under the flood."""

    idle: Tally = field(default_factory=Tally)
    flooded: Tally = field(default_factory=Tally)
    checks: dict[str, list[float]] = field(default_factory=lambda: {"idle": [], "flooded": []})
    """Seconds of each path check."""
    lost: Counter[str] = field(default_factory=Counter)
    sent: dict[str, int] = field(default_factory=dict)
    rate: float = 0.0
    """Hostile datagrams a second, really."""
    footprints: list[dict[str, int]] = field(default_factory=list)
    """Before, after a while, and at the end."""
    processor: float = 0.0
    """Share of one processor that the connector took under it."""
    wrong: list[str] = field(default_factory=list)


async def flood(folder: Path, seconds: float, seed: int, say: Say, rate: float = 10_000.0) -> Flooded:
    """The same resets and path checks, half the time in peace and half the time under the flood."""
    told, half = Flooded(), seconds / 2
    async with open_site(folder, 4, seed) as site:
        await site.start()
        await site.until_monitored()
        captured = _capture(site)
        await _work(site, min(half, 20.0), told.idle, told, "idle")
        (folder / "captured").write_text("\n".join(datagram.hex() for datagram in captured))
        told.footprints.append(site.footprint())
        words = [f"{site.address[0]}:{site.address[1]}", str(rate), str(half), str(folder / "captured"), str(seed)]
        began, used = trio.current_time(), site.processor_seconds()
        with subprocess.Popen([sys.executable, "-m", "tools.soak.flood", *words], stdout=subprocess.PIPE) as process:
            try:
                await _work(site, half - 0.5, told.flooded, told, "flooded", lambda: told.footprints.append(site.footprint()))
                told.processor = (site.processor_seconds() - used) / (trio.current_time() - began)
                output = await trio.to_thread.run_sync(process.communicate)
            finally:
                process.kill()
        told.sent = json.loads(output[0])
        told.rate = sum(told.sent.values()) / half
        told.footprints.append(site.footprint())
        await _stop_cleanly(site, told.flooded)
    told.wrong = told.idle.wrong + told.flooded.wrong
    say(f"flood: {told.rate:.0f}/s, {len(told.checks['flooded'])} path checks, lost {told.lost['flooded']}, "
        f"resets {dict(told.flooded.codes)}, median {median(told.flooded.seconds or [0]):.2f} s")  # fmt: skip
    return told


def _capture(site: Site) -> list[bytes]:
    """Keep what this HA Monitor sends: what an attacker on the segment sees."""
    captured: list[bytes] = []
    send = site.machine.datagrams_to_send

    def keeping(now: float) -> list[bytes]:
        datagrams = send(now)
        captured.extend(datagrams[: CAPTURED - len(captured)])
        return datagrams

    site.machine.datagrams_to_send = keeping   # type: ignore[method-assign]
    return captured


async def _work(
    site: Site, seconds: float, tally: Tally, told: Flooded, when: str, halfway: Callable[[], object] = lambda: None
) -> None:
    """Resets of three servers and a path check every 20 ms, for that time."""

    async def check() -> None:
        while True:
            began = trio.current_time()
            try:
                await site.requests.check(patience=2.0)
                told.checks[when].append(trio.current_time() - began)
            except NotAnswered:
                told.lost[when] += 1
            await trio.sleep(0.02)

    async def look() -> None:
        await trio.sleep(seconds / 2)
        halfway()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(check)
        nursery.start_soon(look)
        await _reset_all(site, seconds, tally, chance(when))
        nursery.cancel_scope.cancel()
