"""Our side without an event loop: `ipmi_lan.blocking.open_client`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ipmi_lan import SUITE_3, IpmiError, Privilege
from ipmi_lan.blocking import BlockingClient, open_client
from ipmi_lan.commands.chassis import get_chassis_status
from tools.bench.measure import Figures, Order, obey, timed_loop
from tools.bench.one_loss import extra, places
from tools.bench.steering import Steering


def client(order: Order, **more: Any) -> AbstractContextManager[BlockingClient]:
    """A session as a script opens it: suite known, and no more privilege than a status needs."""
    more = {"port": order.port, "suites": (SUITE_3,), "privilege": Privilege.USER, **more}
    return open_client(order.host, order.user, order.password, **more)


def warm(order: Order) -> Figures:
    with client(order) as bmc:
        return timed_loop(lambda: bmc.run(get_chassis_status()), order)


def once(order: Order, **more: Any) -> None:
    with client(order, **more) as bmc:
        bmc.run(get_chassis_status())


def cold(order: Order) -> Figures:
    return timed_loop(lambda: once(order), order)


def lossy(order: Order) -> Figures:
    """Operations under loss: how many failed, and the slowest."""
    failures = 0
    slowest = 0.0
    for _ in range(order.count):
        began = time.perf_counter()
        try:
            once(order)
        except IpmiError:
            failures += 1
        slowest = max(slowest, time.perf_counter() - began)
    return {"failures": failures, "slowest_s": slowest}


def one_lost(order: Order) -> Figures:
    """What one lost datagram costs a cold operation, for each of its datagrams in turn."""
    seconds = []
    for _ in places(Steering(order.steering)):
        began = time.perf_counter()
        once(order)
        seconds.append(time.perf_counter() - began)
    return extra(seconds)


def silent(order: Order) -> Figures:
    """How long beyond its deadline a login waits for a BMC that says nothing, and a command for one that falls silent."""
    steering = Steering(order.steering)
    steering.tell("lose-per-mille 1000")
    beyond = [too_long(lambda: once(order, timeout=order.timeout), order.timeout)]
    steering.tell("reset")
    with client(order) as bmc:
        steering.tell("lose-per-mille 1000")
        beyond.append(too_long(lambda: bmc.run(get_chassis_status(), order.timeout), order.timeout))
        steering.tell("reset")
    return {"beyond_ms": 1000 * max(beyond)}


def refused(order: Order) -> Figures:
    """How long it takes to say that nobody listens."""
    return {"seconds": too_long(lambda: once(order), 0.0)}


def too_long(operation: Callable[[], Any], deadline: float) -> float:
    """Seconds that `operation`, which fails, takes beyond `deadline`."""
    began = time.perf_counter()
    try:
        operation()
    except IpmiError:
        return time.perf_counter() - began - deadline
    raise AssertionError("it answered")


if __name__ == "__main__":
    obey({"warm": warm, "cold": cold, "lossy": lossy, "one lost": one_lost, "silent": silent, "refused": refused})
