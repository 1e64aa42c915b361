"""What is measured: contests, each with its sides. A side does the job once and returns its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tools.bench import programs
from tools.bench.children import OURS, ROOT, THEIRS, Done, measured, run
from tools.bench.measure import Figures, Order
from tools.bench.one_loss import extra, places
from tools.bench.steering import PASSWORD, USER, Steering

TRIO, BLOCKING = "trio", "blocking"
"""The names of our two sides."""

_COMMANDS = 2000
_FEW_COMMANDS = 300       # of one millisecond each
_LOGINS = 100
_WINDOW = 128             # logins that our fleets have under way at a time
_FANOUT = 500             # the least with which ipmipower asks 5000 BMCs without losing answers, and no slower
_LOSS_SEED = 3


@dataclass(frozen=True)
class Ground:
    """Where it all takes place."""

    steering: Steering
    folder: Path
    cpu: int
    sim: tuple[str, int]
    """Address of the ipmi_sim, which has the same user."""
    closed_port: int

    def order(self, host: str, count: int = 1) -> Order:
        """An order for the responder at `host`."""
        return Order(host, self.steering.port, USER, PASSWORD, count, steering=self.steering.port)

    def sim_order(self, count: int) -> Order:
        """An order for the ipmi_sim."""
        return replace(self.order(self.sim[0], count), port=self.sim[1])


Side = Callable[[Ground], Figures]


@dataclass(frozen=True)
class Contest:
    """One job and those who do it, in turn, round by round."""

    name: str
    sides: Mapping[str, Side]
    share: float = 1.0
    """Part of the rounds that are run; long jobs run less often."""
    orders: tuple[str, ...] = ()
    """How the responder behaves."""


def ours(name: str, case: str, make: Callable[[Ground], Order]) -> Side:
    """One of our clients, by name."""
    return lambda ground: measured(OURS, f"ours_{name}", case, make(ground), ground.cpu)


def theirs(case: str, make: Callable[[Ground], Order]) -> Side:
    """A Python library that is a peer."""
    return lambda ground: measured(THEIRS, "peers", case, make(ground), ground.cpu)


def program(do: Callable[[Ground], Done]) -> Side:
    """A program whose whole process is measured."""
    return lambda ground: do(ground).figures


# ── orders ──────────────────────────────────────────────────────────────────


def _warm(ground: Ground) -> Order:
    return replace(ground.order("127.2.0.1", _COMMANDS), warm_up=100)


def _warm_sim(ground: Ground) -> Order:
    return replace(ground.sim_order(_COMMANDS), warm_up=100)


def _slow(ground: Ground) -> Order:
    return replace(ground.order("127.2.1.1", _FEW_COMMANDS), warm_up=10)


def _cold(ground: Ground) -> Order:
    return replace(ground.order("127.2.2.1", _LOGINS), warm_up=5)


def _one(ground: Ground) -> Order:
    return ground.order("127.2.3.1")


def _fleet(count: int) -> Callable[[Ground], Order]:
    return lambda ground: replace(ground.order("127.3.0.1", count), window=_WINDOW)


def _held(ground: Ground) -> Order:
    return replace(ground.order("127.4.0.1", 1000), window=_WINDOW, sweeps=3)


def _lossy(ground: Ground) -> Order:
    return ground.order("127.2.4.1", 60)


def _silent(ground: Ground) -> Order:
    return replace(ground.order("127.2.5.1"), timeout=1.0)


def _refused(ground: Ground) -> Order:
    return replace(ground.order("127.2.6.1"), port=ground.closed_port)


# ── sides that need more than a case and an order ───────────────────────────


def _mean(of: Callable[[Ground, int], Done], count: int) -> Side:
    """Microseconds a command, from a long run and a short one: what starting and logging in take falls out."""

    def side(ground: Ground) -> Figures:
        short, long = of(ground, 1), of(ground, count)
        return {
            "mean_us": 1e6 * (long.wall - short.wall) / (count - 1),
            "cpu_us": 1e6 * (long.cpu - short.cpu) / (count - 1),
        }

    return side


def _ipmitool_exec(make: Callable[[Ground], Order]) -> Callable[[Ground, int], Done]:
    return lambda ground, count: programs.ipmitool_exec(replace(make(ground), count=count), ground.folder, ground.cpu)


def _ipmi_raw(make: Callable[[Ground], Order]) -> Callable[[Ground, int], Done]:
    return lambda ground, count: programs.ipmi_raw(replace(make(ground), count=count), ground.folder, ground.cpu)


def _ipmipower(count: int, fanout: int = 0) -> Side:
    def side(ground: Ground) -> Figures:
        done = programs.ipmipower(_fleet(count)(ground), ground.cpu, fanout)
        return {**done.figures, "answers": programs.powers_told(done.output)}

    return side


def _ipmipower_one_lost(ground: Ground) -> Figures:
    return extra([programs.ipmipower(_one(ground), ground.cpu).wall for _ in places(ground.steering)])


def _script(python: Path, name: str) -> Side:
    def side(ground: Ground) -> Figures:
        order = _one(ground)
        words = [python, ROOT / "tools/bench" / name, order.host, str(order.port), order.user, order.password]
        done = run(words, ground.cpu)
        assert done.output.strip() == "on", done.output
        return done.figures

    return side


def _ipmitool(ground: Ground) -> Figures:
    return programs.ipmitool(_one(ground), "chassis", "power", "status", cpu=ground.cpu).figures


def _silent_for_ipmitool(ground: Ground) -> Figures:
    ground.steering.tell("lose-per-mille 1000")
    return {"seconds": programs.ipmitool(_one(ground), "chassis", "power", "status", cpu=ground.cpu, may_fail=True).wall}


def _refused_for_ipmitool(ground: Ground) -> Figures:
    return {"seconds": programs.ipmitool(_refused(ground), "chassis", "power", "status", cpu=ground.cpu, may_fail=True).wall}


def both(case: str, make: Callable[[Ground], Order]) -> dict[str, Side]:
    """Our two clients."""
    return {name: ours(name, case, make) for name in (TRIO, BLOCKING)}


AT_ONCE, AFTER_1_MS, AFTER_5_MS = ("delay-us 0",), ("delay-us 1000",), ("delay-us 5000",)

CONTESTS = [
    Contest("warm", both("warm", _warm) | {
        "python-ipmi": theirs("python-ipmi warm", _warm),
        "ipmitool exec": program(lambda ground: _ipmitool_exec(_warm)(ground, _COMMANDS)),
        "ipmi-raw": program(lambda ground: _ipmi_raw(_warm)(ground, _COMMANDS)),
    }, 2.0, AT_ONCE),
    Contest("warm, ipmi_sim", both("warm", _warm_sim) | {
        "python-ipmi": theirs("python-ipmi warm", _warm_sim),
        "ipmitool exec": _mean(_ipmitool_exec(_warm_sim), _COMMANDS),
        "ipmi-raw": _mean(_ipmi_raw(_warm_sim), _COMMANDS),
    }, 2.0),
    Contest("warm, 1 ms", both("warm", _slow) | {"pyghmi": theirs("pyghmi warm", _slow)}, 2.0, AFTER_1_MS),
    Contest("cold", both("cold", _cold) | {
        name: theirs(f"{name} cold", _cold) for name in ("python-ipmi", "python-ipmi, keep-alive")
    }, 2.0, AT_ONCE),
    Contest("datagrams", both("cold", _one) | {"ipmipower": _ipmipower(1), "ipmitool": _ipmitool}, 0.01, AT_ONCE),
    Contest("start", {
        BLOCKING: _script(OURS, "status_ours.py"), "pyghmi": _script(THEIRS, "status_pyghmi.py"),
    }, 2.0, AFTER_1_MS),
    Contest("1000 BMCs", {TRIO: ours(TRIO, "fleet", _fleet(1000)), "ipmipower": _ipmipower(1000)}, orders=AFTER_5_MS),
    Contest("1000 BMCs, threads", {
        TRIO: ours(TRIO, "fleet", _fleet(1000)),
        **{name: theirs(f"{name} fleet", _fleet(1000)) for name in ("python-ipmi", "python-ipmi, keep-alive", "pyghmi")},
    }, 0.6, AFTER_5_MS),
    Contest("5000 BMCs", {
        TRIO: ours(TRIO, "fleet", _fleet(5000)),
        "ipmipower": _ipmipower(5000),
        f"ipmipower --fanout={_FANOUT}": _ipmipower(5000, _FANOUT),
    }, 0.6, AFTER_5_MS),
    Contest("held", {TRIO: ours(TRIO, "held", _held), "pyghmi": theirs("pyghmi held", _held)}, 0.6, AFTER_1_MS),
    Contest("one lost", both("one lost", _one) | {"ipmipower": _ipmipower_one_lost}, 0.3, AT_ONCE),
    Contest("3 % lost", both("lossy", _lossy) | {"python-ipmi": theirs("python-ipmi lossy", _lossy)}, 0.01,
            (*AT_ONCE, f"lose-per-mille 30 {_LOSS_SEED}")),
    Contest("silent", both("silent", _silent) | {"ipmitool": _silent_for_ipmitool}, 0.01, AT_ONCE),
    Contest("refused", both("refused", _refused) | {"ipmitool": _refused_for_ipmitool}, 0.01),
]  # fmt: skip

ORDERS: dict[str, tuple[Callable[[Ground], Order], tuple[str, ...]]] = {
    "warm": (_warm, AT_ONCE), "cold": (_cold, AT_ONCE), "fleet": (_fleet(1000), AFTER_5_MS), "held": (_held, AFTER_1_MS),
}  # fmt: skip
"""For the profiler: our cases, what is ordered, and how the responder behaves."""
