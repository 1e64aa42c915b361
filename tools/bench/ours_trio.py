"""Our side with trio: `ipmi_lan.open_client`, and for many BMCs one shared endpoint."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import trio

from ipmi_lan import SUITE_3, Client, Endpoint, IpmiError, Privilege, open_client, open_endpoint
from ipmi_lan.commands.chassis import get_chassis_status
from tools.bench.measure import Figures, Order, hosts, latencies, obey, resident
from tools.bench.one_loss import extra, places
from tools.bench.steering import Steering

HOLD_TIMEOUT = 60.0   # seconds; a thousand logins at once on one processor


def client(order: Order, host: str, **more: Any) -> AbstractAsyncContextManager[Client]:
    """A session as a monitor opens it: suite known, and no more privilege than a status needs."""
    return open_client(host, order.user, order.password, port=order.port, suites=(SUITE_3,), privilege=Privilege.USER, **more)


async def timed(operation: Callable[[], Awaitable[Any]], order: Order) -> Figures:
    """As `measure.timed_loop`, for coroutines."""
    for _ in range(order.warm_up):
        await operation()
    clock = time.perf_counter
    seconds = []
    cpu = time.process_time()
    for _ in range(order.count):
        began = clock()
        await operation()
        seconds.append(clock() - began)
    return latencies(seconds, time.process_time() - cpu)


async def warm(order: Order) -> Figures:
    async with client(order, order.host) as bmc:
        return await timed(lambda: bmc.run(get_chassis_status()), order)


async def once(order: Order, host: str, **more: Any) -> None:
    async with client(order, host, **more) as bmc:
        await bmc.run(get_chassis_status())


async def cold(order: Order) -> Figures:
    return await timed(lambda: once(order, order.host), order)


async def fleet(order: Order) -> Figures:
    """Every BMC once, `window` at a time; how many answered."""
    answers = 0
    waiting = iter(hosts(order.host, order.count))

    async def ask(endpoint: Endpoint) -> None:
        nonlocal answers
        for host in waiting:
            try:
                await once(order, host, endpoint=endpoint)
            except IpmiError:
                continue
            answers += 1

    async with open_endpoint() as endpoint, trio.open_nursery() as nursery:
        for _ in range(order.window):
            nursery.start_soon(ask, endpoint)
    return {"answers": answers}


async def held(order: Order) -> Figures:
    """Many sessions open in one process, a task for each; their memory, and the processor of a poll, one after the other."""
    bmcs: list[Client] = []
    finished = trio.Event()
    limit = trio.CapacityLimiter(order.window)

    async def hold(host: str, endpoint: Endpoint) -> None:
        async with AsyncExitStack() as stack:
            async with limit:
                bmcs.append(await stack.enter_async_context(client(order, host, timeout=HOLD_TIMEOUT, endpoint=endpoint)))
            await finished.wait()

    async def poll_all() -> list[float]:
        seconds = []
        for bmc in bmcs:
            began = time.perf_counter()
            await bmc.run(get_chassis_status())
            seconds.append(time.perf_counter() - began)
        return seconds

    async with open_endpoint() as endpoint:
        await once(order, order.host, endpoint=endpoint)
        before = resident()
        async with trio.open_nursery() as nursery:
            for host in hosts(order.host, order.count):
                nursery.start_soon(hold, host, endpoint)
            while len(bmcs) < order.count:
                await trio.sleep(0.01)
            await poll_all()
            after = resident()
            cpu = time.process_time()
            seconds = [second for _ in range(order.sweeps) for second in await poll_all()]
            figures = latencies(seconds, time.process_time() - cpu)
            finished.set()
    return {**figures, "held_kib": (after - before) / 1024 / order.count}


async def lossy(order: Order) -> Figures:
    """Operations under loss: how many failed, and the slowest."""
    failures = 0
    slowest = 0.0
    for _ in range(order.count):
        began = time.perf_counter()
        try:
            await once(order, order.host)
        except IpmiError:
            failures += 1
        slowest = max(slowest, time.perf_counter() - began)
    return {"failures": failures, "slowest_s": slowest}


async def one_lost(order: Order) -> Figures:
    """What one lost datagram costs a cold operation, for each of its datagrams in turn."""
    steering = Steering(order.steering)
    seconds = []
    for _ in places(steering):
        began = time.perf_counter()
        await once(order, order.host)
        seconds.append(time.perf_counter() - began)
    return extra(seconds)


async def silent(order: Order) -> Figures:
    """How long beyond its deadline a login waits for a BMC that says nothing, and a command for one that falls silent."""
    steering = Steering(order.steering)
    steering.tell("lose-per-mille 1000")
    beyond = [await too_long(lambda: once(order, order.host, timeout=order.timeout), order.timeout)]
    steering.tell("reset")
    async with client(order, order.host) as bmc:
        steering.tell("lose-per-mille 1000")
        beyond.append(await too_long(lambda: bmc.run(get_chassis_status(), order.timeout), order.timeout))
        steering.tell("reset")
    return {"beyond_ms": 1000 * max(beyond)}


async def refused(order: Order) -> Figures:
    """How long it takes to say that nobody listens."""
    return {"seconds": await too_long(lambda: once(order, order.host), 0.0)}


async def too_long(operation: Callable[[], Awaitable[Any]], deadline: float) -> float:
    """Seconds that `operation`, which fails, takes beyond `deadline`."""
    began = time.perf_counter()
    try:
        await operation()
    except IpmiError:
        return time.perf_counter() - began - deadline
    raise AssertionError("it answered")


CASES: dict[str, Callable[[Order], Awaitable[Figures]]] = {
    "warm": warm, "cold": cold, "fleet": fleet, "held": held, "lossy": lossy, "one lost": one_lost, "silent": silent,
    "refused": refused,
}  # fmt: skip

def _driven(case: Callable[[Order], Awaitable[Figures]]) -> Callable[[Order], Figures]:
    return lambda order: trio.run(case, order)


if __name__ == "__main__":
    obey({name: _driven(case) for name, case in CASES.items()})
