"""The fault proxy: its plan keeps its rates and repeats itself, and its shell brings datagrams both ways."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tools.fault_proxy.plan import Fate, Faults, WrongRate
from tools.fault_proxy.proxy import MOST_CLIENTS, Proxy

chances = st.floats(0, 1)
some_faults = st.builds(Faults, chances, chances, chances, chances, chances, st.floats(0, 2), st.floats(0, 0.1))


@given(faults=some_faults, seed=st.integers(), datagrams=st.lists(st.binary(max_size=40), max_size=20))
def test_the_same_seed_is_the_same_fate(faults: Faults, seed: int, datagrams: list[bytes]) -> None:
    first, again = Fate(faults, seed, "there"), Fate(faults, seed, "there")
    assert [first.judge(datagram) for datagram in datagrams] == [again.judge(datagram) for datagram in datagrams]
    for datagram in datagrams:
        for copy in first.judge(datagram):
            assert 0 <= copy.delay <= faults.slowest + 1e-9
            assert len(copy.datagram) == len(datagram)
            flips = sum((mine ^ other).bit_count() for mine, other in zip(copy.datagram, datagram, strict=True))
            assert flips <= (1 if faults.corruption else 0)


@given(st.integers())
def test_what_is_in_a_datagram_changes_nothing_for_those_after_it(seed: int) -> None:
    faults = Faults(loss=0.3, duplication=0.3, corruption=0.3, delay=0.3)
    one, other = Fate(faults, seed, "back"), Fate(faults, seed, "back")
    one.judge(b"short"), other.judge(b"")
    assert one.judge(b"next") == other.judge(b"next")


def test_a_network_without_faults_changes_nothing() -> None:
    fate = Fate(Faults(), 1, "there")
    assert [copy.datagram for number in range(100) for copy in fate.judge(bytes([number]))] == [bytes([n]) for n in range(100)]
    assert fate.counts == {"datagrams": 100}


@pytest.mark.parametrize("fault", ["loss", "duplication", "reorder", "delay", "corruption"])
@pytest.mark.parametrize("rate", [0.01, 0.3, 1.0])
def test_rates_are_kept(fault: str, rate: float) -> None:
    told: Counter[str] = Counter()

    def note(way: str, what: str, size: int) -> None:
        told[what] += 1

    fate = Fate(Faults(**{fault: rate}), 5, "there", note)
    for _ in range(20_000):
        fate.judge(bytes(8))
    (happened,) = told.values()
    assert happened == pytest.approx(20_000 * rate, rel=0.2)
    assert fate.counts.total() == 20_000 + happened


@pytest.mark.parametrize(("name", "value"), [("loss", 1.1), ("corruption", -0.1), ("latency", 61.0), ("loss", float("nan"))])
def test_a_rate_that_cannot_be_is_refused(name: str, value: float) -> None:
    with pytest.raises(WrongRate, match=name):
        Faults(**{name: value})


async def _echo(*, task_status: trio.TaskStatus[tuple[str, int]]) -> None:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as socket:
        await socket.bind(("127.0.0.1", 0))
        task_status.started(socket.getsockname())
        while True:
            data, sender = await socket.recvfrom(65535)
            await socket.sendto(data.upper(), sender)


def test_each_client_hears_its_own_answers_and_the_first_makes_room_for_too_many() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            server = await nursery.start(_echo)
            proxy = Proxy(server, Faults(), seed=1)
            where = await nursery.start(proxy.run, ("127.0.0.1", 0))
            with trio.fail_after(20):
                for number in range(MOST_CLIENTS + 5):
                    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as client:
                        await client.connect(where)
                        await client.send(b"client %d" % number)
                        assert await client.recv(100) == b"CLIENT %d" % number
            assert proxy.counts["back"] == {"datagrams": MOST_CLIENTS + 5}
            assert len(proxy._clients) == MOST_CLIENTS
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_what_is_lost_on_the_way_back_is_lost_and_counted() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            lines: list[str] = []
            proxy = Proxy(await nursery.start(_echo), Faults(), 1, lines.append)
            where = await nursery.start(proxy.run, ("127.0.0.1", 0))
            proxy.set_faults(Faults(), Faults(loss=1.0))
            with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as client, trio.fail_after(20):
                await client.connect(where)
                await client.send(b"there")
                while not proxy.counts["back"]["lost"]:
                    await trio.sleep(0.005)
                proxy.set_faults(Faults(duplication=1.0), Faults())
                await client.send(b"twice")
                assert [await client.recv(10), await client.recv(10)] == [b"TWICE", b"TWICE"]
            assert [line.split()[1:] for line in lines] == [["back", "lost", "5"], ["there", "duplicated", "5"]]
            nursery.cancel_scope.cancel()

    trio.run(main)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--listen", "127.0.0.1:0", "--to", "192.0.2.1:623"], "must be ADDRESS:PORT"),
        (["--listen", "127.0.0.1:0", "--to", "127.0.0.1:1", "--loss", "2"], "loss 2.0: must be 0 to 1"),
        (["--listen", "127.0.0.1:0", "--to", "127.0.0.1:1", "--seconds", "0"], ""),
    ],
)
def test_the_program(words: list[str], complaint: str) -> None:
    command = [sys.executable, "-m", "tools.fault_proxy", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert complaint in done.stderr
    assert done.returncode == (2 if complaint else 0), done.stderr
