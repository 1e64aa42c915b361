"""Their side in Python, run by the interpreter of .venv-peers: python-ipmi and pyghmi."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

from tools.bench.measure import Figures, Order, hosts, latencies, obey, resident, tell, timed_loop

THREADS = 64


# ── python-ipmi ─────────────────────────────────────────────────────────────


@contextmanager
def python_ipmi(order: Order, host: str, keep_alive: int = 0) -> Iterator[Any]:
    """An open session, suite 3 (its suite 17 makes keys that no BMC shares); 1 is its default, a thread that keeps it alive."""
    pyipmi = import_module("pyipmi")
    interfaces = import_module("pyipmi.interfaces")

    ipmi = pyipmi.create_connection(interfaces.create_interface("rmcpplus", cipher_suite=3, keep_alive_interval=keep_alive))
    ipmi.session.set_session_type_rmcp(host, order.port)
    ipmi.session.set_auth_type_user(order.user, order.password)
    ipmi.target = pyipmi.Target(ipmb_address=0x20)
    ipmi.open()
    try:
        yield ipmi
    finally:
        ipmi.close()


def python_ipmi_warm(order: Order) -> Figures:
    with python_ipmi(order, order.host) as ipmi:
        return timed_loop(ipmi.get_chassis_status, order)


def python_ipmi_once(order: Order, host: str, keep_alive: int = 0) -> bool:
    with python_ipmi(order, host, keep_alive) as ipmi:
        ipmi.get_chassis_status()
    return True


def python_ipmi_cold(order: Order, keep_alive: int = 0) -> Figures:
    return timed_loop(lambda: python_ipmi_once(order, order.host, keep_alive), order)


def python_ipmi_fleet(order: Order, keep_alive: int = 0) -> Figures:
    return in_threads(lambda host: python_ipmi_once(order, host, keep_alive), order)


def python_ipmi_lossy(order: Order) -> Figures:
    """Operations under loss: how many failed."""
    failures = 0
    for _ in range(order.count):
        try:
            python_ipmi_once(order, order.host)
        except Exception:
            failures += 1
    return {"failures": failures}


# ── pyghmi ──────────────────────────────────────────────────────────────────


def pyghmi(order: Order, host: str) -> Any:
    """An open session, suite 17 (its first choice)."""
    return import_module("pyghmi.ipmi.command").Command(host, order.user.encode(), order.password.encode(), port=order.port)


def pyghmi_status(bmc: Any) -> bool:
    answer = bmc.raw_command(netfn=0, command=1)
    return "error" not in answer and answer["code"] == 0


def pyghmi_warm(order: Order) -> Figures:
    bmc = pyghmi(order, order.host)
    return timed_loop(lambda: pyghmi_status(bmc), order)


def pyghmi_once(order: Order, host: str) -> bool:
    bmc = pyghmi(order, host)
    is_answered = pyghmi_status(bmc)
    bmc.ipmi_session.logout()
    return is_answered


def pyghmi_fleet(order: Order) -> Figures:
    return in_threads(lambda host: pyghmi_once(order, host), order)


def pyghmi_held(order: Order) -> NoReturn:
    """Sessions opened from threads, then polled one after the other: its cheapest way."""
    pyghmi_status(first := pyghmi(order, order.host))
    before = resident()
    with ThreadPoolExecutor(THREADS) as pool:
        held = list(pool.map(lambda host: pyghmi(order, host), hosts(order.host, order.count + 1)[1:]))
    after = resident()
    for bmc in held:
        pyghmi_status(bmc)
    seconds = []
    cpu = time.process_time()
    for _ in range(order.sweeps):
        for bmc in held:
            began = time.perf_counter()
            assert pyghmi_status(bmc)
            seconds.append(time.perf_counter() - began)
    assert pyghmi_status(first)
    tell({**latencies(seconds, time.process_time() - cpu), "held_kib": (after - before) / 1024 / order.count})
    os._exit(0)   # its clean-up at exit waits a second for many a session


def in_threads(once: Callable[[str], bool], order: Order) -> Figures:
    """Every BMC once, by as many threads as `THREADS`; how many answered."""

    def tried(host: str) -> bool:
        try:
            return once(host)
        except Exception:
            return False

    with ThreadPoolExecutor(THREADS) as pool:
        return {"answers": sum(pool.map(tried, hosts(order.host, order.count)))}


if __name__ == "__main__":
    obey(
        {
            "python-ipmi warm": python_ipmi_warm,
            "python-ipmi cold": python_ipmi_cold,
            "python-ipmi fleet": python_ipmi_fleet,
            "python-ipmi, keep-alive cold": partial(python_ipmi_cold, keep_alive=1),
            "python-ipmi, keep-alive fleet": partial(python_ipmi_fleet, keep_alive=1),
            "python-ipmi lossy": python_ipmi_lossy,
            "pyghmi warm": pyghmi_warm,
            "pyghmi fleet": pyghmi_fleet,
            "pyghmi held": pyghmi_held,
        }
    )
