"""Histories of a cluster out of a seed: what may happen, and in which order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from haconn_cli.resetpath.vocabulary import Action, ResultCode
from tests.haconn_daemon.cluster.attack import attack
from tests.haconn_daemon.cluster.judge import Verdict, judge
from tests.haconn_daemon.cluster.stage import run_world
from tests.haconn_daemon.cluster.values import LyingChassis, Server
from tests.haconn_daemon.cluster.world import World
from tools.fault_proxy.plan import Faults

CALM = Faults(latency=0.0005)
WEATHERS = (
    CALM,
    Faults(loss=0.05, latency=0.001),
    Faults(loss=0.3, latency=0.001),
    Faults(loss=0.1, duplication=0.3, reorder=0.25, delay=0.1, longest_delay=1.5, corruption=0.01, latency=0.001),
    Faults(duplication=1.0, latency=0.001),
    Faults(reorder=0.25, corruption=0.05, latency=0.02),
    Faults(loss=1.0),
)
SLOWEST = max(weather.slowest for weather in WEATHERS)
BUDGETS = (2.0, 5.0, 10.0, 20.0)
ACTIONS = (Action.OFF, Action.CYCLE, Action.CYCLE, Action.CYCLE, Action.RESET, Action.DUMP_CYCLE)
CLOCK_STEPS = (3600.0, -3600.0, 315e6, -315e6, -1.7e9, 1.0)
RESTART = 15.0
"""Seconds of silence of a BMC that restarts."""

Step = Callable[[World], Awaitable[str]]


def _pick(world: World, *, is_up: bool = False) -> Server | None:
    servers = [server for server in world.servers.values() if server.monitor is not None and (server.is_up or not is_up)]
    return world.chance.choice(servers) if servers else None


async def _reset(world: World) -> str:
    by, of = _pick(world), _pick(world)
    if by is None or of is None:
        return "nobody to ask"
    target = world.chance.choice([name for name in world.servers if name != of.name])
    asked = world.ask(by, of, target, world.chance.choice(ACTIONS), world.chance.choice(BUDGETS))
    return f"{by.name} asks {of.name} for {asked.action.name} of {target}, {asked.budget:g} s"


async def _look(world: World) -> str:
    by, of = _pick(world), _pick(world)
    if by is not None and of is not None:
        with trio.move_on_after(3):
            await world.look(by, of)
    return "a path check"


async def _crash(world: World) -> str:
    server = _pick(world, is_up=True)
    if server is None:
        return "nobody to crash"
    await world.crash(server)
    await trio.sleep(world.chance.choice((0.0, 0.2, 1.0)))
    if server.monitor is not None and server.gone.is_set():
        await world.start(server)
    return f"{server.name}'s connector crashes"


async def _stop(world: World) -> str:
    server = _pick(world, is_up=True)
    if server is None:
        return "nobody to stop"
    await world.stop(server)
    if server.monitor is not None and server.gone.is_set():
        await world.start(server)
    return f"{server.name}'s connector is stopped and started"


async def _spoil_bmc(world: World) -> str:
    server, now = world.chance.choice([*world.servers.values()]), trio.current_time()
    faults, kind = server.board.faults, world.chance.randrange(12)
    match kind:
        case 0:
            faults.silent = True
        case 1:
            faults.lag = world.chance.choice((0.4, 2.0, 6.0))
        case 2:
            faults.flaps = world.chance.choice((1, 2, 3))
        case 3:
            faults.ignores_power_commands = True
        case 4:
            faults.refuses_control = world.chance.choice((0xC0, 0xD5, 0xD4, 0xFF))
        case 5:
            faults.loses_control_reply = True
        case 6 if not _lies(server, now):   # one that lies was silent for long before; that is what gives it away
            server.board.restart(now, world.chance.choice((0.0, 3.0, 15.0)))
        case 7:
            faults.silent_after_off = True
        case 8:
            server.board.chassis.lose_power(now)
        case 9:
            faults.session.answer_delay = world.chance.choice((0.2, 1.0, 2.5))
        case 10:
            faults.session.next_codes = [world.chance.choice((0xC0, 0xC3, 0xD0, 0xFF)) for _ in range(3)]
        case 11:
            faults.login.next_statuses = {world.chance.choice((0x11, 0x13, 0x15)): [0x01]}
    world.stir()
    return f"{server.name}'s BMC has fault {kind}"


async def _restart_lying(world: World) -> str:
    """A BMC that restarts, for as long as it takes to be noticed, and then calls its running server off for some seconds."""
    server, now = world.chance.choice([*world.servers.values()]), trio.current_time()
    server.board.restart(now, RESTART)
    assert isinstance(server.board.chassis, LyingChassis)
    server.board.chassis.lie(now + RESTART + world.chance.choice((2.0, 4.0)))
    return f"{server.name}'s BMC restarts and will lie"


def _lies(server: Server, now: float) -> bool:
    assert isinstance(server.board.chassis, LyingChassis)
    return now < server.board.chassis.lies_until


async def _heal_bmc(world: World) -> str:
    server = world.chance.choice([*world.servers.values()])
    heal(server)
    server.board.chassis.gain_power(trio.current_time())
    world.stir()
    return f"{server.name}'s BMC is well, and power is on"


async def _weather(world: World) -> str:
    kind = world.chance.choice(("ipmi", "reset"))
    world.weather[kind] = world.chance.choice(WEATHERS)
    return f"weather of {kind}: {world.weather[kind]}"


async def _clear(world: World) -> str:
    world.weather = {"ipmi": CALM, "reset": CALM}
    return "clear weather"


async def _cut_off_bmcs(world: World) -> str:
    world.weather["ipmi"] = Faults(loss=1.0)
    return "no BMC can be reached"


async def _swap_bmcs(world: World) -> str:
    """Two BMCs get each other's address, once every connector has seen which is whose."""
    one, other = world.chance.sample([*world.servers.values()], 2)
    if not all(server.knows(one.name) and server.knows(other.name) for server in world.servers.values()):
        return "no BMCs to swap"
    one.bmc_host, other.bmc_host = other.bmc_host, one.bmc_host
    for server in (one, other):
        world.hosts.put(server.board, server.bmc_host)
    return f"the BMCs of {one.name} and {other.name} are swapped"


async def _attack(world: World) -> str:
    attack(world, 60)
    return "an attack"


async def _step_clock(world: World) -> str:
    world.wall += world.chance.choice(CLOCK_STEPS)
    return f"the wall clock is {world.wall:g} s off"


Table = tuple[tuple[Step, int], ...]
"""Steps with their weights."""
STEPS: Table = (
    (_reset, 16), (_look, 4), (_crash, 4), (_stop, 2), (_spoil_bmc, 8), (_restart_lying, 1), (_swap_bmcs, 1), (_heal_bmc, 6),
    (_weather, 6), (_clear, 4), (_attack, 6), (_step_clock, 2),
)  # fmt: skip
RESETS: Table = ((_reset, 1),)
SPOILT: Table = ((_reset, 2), (_spoil_bmc, 1))
SILENCES: Table = ((_reset, 2), (_cut_off_bmcs, 1))
LIARS: Table = ((_reset, 3), (_restart_lying, 2))
ATTACKS: Table = ((_reset, 1), (_attack, 3))
"""Histories of one kind, in which one thing soon happens."""
PAUSES = (0.0, 0.05, 0.3, 0.7, 1.5, 4.0)


OF_THE_BMC = (
    "silent", "lag", "flaps", "ignores_power_commands", "refuses_control", "loses_control_reply", "silent_after_off",
)  # fmt: skip


def heal(server: Server) -> None:
    """A BMC without faults."""
    faults, fresh = server.board.faults, type(server.board.faults)()
    for name in OF_THE_BMC:
        setattr(faults, name, getattr(fresh, name))
    faults.session.answer_delay, faults.session.next_codes, faults.login.next_statuses = 0.0, [], {}


async def history(world: World, steps: int, verdict: Verdict, table: Table = STEPS) -> None:
    """Some steps, then good weather, everybody's answer, everybody asked again, and a clean stop."""
    for step in world.chance.choices([step for step, _ in table], [weight for _, weight in table], k=steps):
        began = trio.current_time()
        verdict.story.append(f"{began:8.3f} {await step(world)}")
        await trio.sleep(world.chance.choice(PAUSES))
    world.weather = {"ipmi": CALM, "reset": CALM}
    for server in world.servers.values():
        heal(server)
    while any(asked.answered is None and not asked.is_moot for asked in world.asked):
        await trio.sleep(0.5)
        if trio.current_time() > 300:
            break
    await _ask_everybody_again(world, verdict)
    stopped = [server for server in world.servers.values() if server.is_up]
    for server in stopped:
        await world.stop(server)
    judge(world, verdict, SLOWEST)


async def _ask_everybody_again(world: World, verdict: Verdict) -> None:
    """Invariant 2: an answer never changes. What was refused without a trace may be unknown after a crash."""
    for asked in world.asked:
        by, of = world.servers[asked.by], world.servers[asked.of]
        if asked.result is None or by.monitor is None or not of.is_up:
            continue
        code = await world.ask_again(asked)
        was = asked.result.code
        is_lost = code in (None, ResultCode.UNKNOWN_REQUEST) and (was.is_refusal or len(of.lives) > 1 or code is None)
        if code is not was and not is_lost:
            verdict.faults.append(f"2: {asked.of} said {was.name} of {asked.request.hex()[:8]}, and now {code}")


def play(seed: int, plant: Callable[[Any], None] = lambda patch: None, table: Table = STEPS, steps: int = 12) -> Verdict:
    """One history; the same seed is the same one. `plant` puts a fault into the product first."""
    verdict = Verdict(seed)
    run_world(seed, 3, lambda world: history(world, steps, verdict, table), plant=plant)
    return verdict
