"""A UDP proxy with faults: `python -m tools.fault_proxy --listen 127.0.0.5:7000 --to 127.0.0.9:623 --loss 0.1 --seed 7`.

Rates are chances from 0 to 1 for each datagram and both ways; `--back-loss` and so on set the way back apart. It runs until
SIGTERM, SIGINT or the end of `--seconds`, and then prints how many datagrams met which fault. Both addresses are of 127.0.0.0/8.
"""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import fields
from ipaddress import IPv4Address

import trio

from tools.fault_proxy.plan import Faults, WrongRate
from tools.fault_proxy.proxy import Address, Proxy


def address(text: str) -> Address:
    """`HOST:PORT` on the loopback."""
    host, _, port = text.rpartition(":")
    try:
        if IPv4Address(host).is_loopback and 0 <= int(port) <= 65535:
            return host, int(port)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"'{text}': must be ADDRESS:PORT, the address of 127.0.0.0/8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.fault_proxy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listen", type=address, required=True, metavar="ADDRESS:PORT", help="where clients send to")
    parser.add_argument("--to", type=address, required=True, metavar="ADDRESS:PORT", help="the server")
    parser.add_argument("--seed", type=int, default=0, help="of everything (default 0)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="how long to run")
    parser.add_argument("--log", action="store_true", help="print a line for each fault")
    for each in fields(Faults):
        word = each.name.replace("_", "-")
        parser.add_argument(f"--{word}", dest=each.name, type=float, default=each.default, metavar="N")
        parser.add_argument(f"--back-{word}", dest=f"back_{each.name}", type=float, metavar="N")
    return parser.parse_args()


def rates(words: argparse.Namespace, back: bool) -> Faults:
    """Of one way. Raises `WrongRate`."""
    there = {each.name: getattr(words, each.name) for each in fields(Faults)}
    apart = {name: getattr(words, f"back_{name}") for name in there}
    return Faults(**(there | {name: value for name, value in apart.items() if back and value is not None}))


async def run(words: argparse.Namespace, there: Faults, back: Faults) -> Proxy:
    proxy = Proxy(words.to, there, words.seed, lambda line: print(line, flush=True) if words.log else None)
    proxy.set_faults(there, back)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals, trio.move_on_after(words.seconds):
        async with trio.open_nursery() as nursery:
            bound = await nursery.start(proxy.run, words.listen)
            print(f"seed {words.seed}: {bound[0]}:{bound[1]} to {words.to[0]}:{words.to[1]}", flush=True)
            await anext(aiter(signals))
            nursery.cancel_scope.cancel()
    return proxy


def main() -> int:
    words = arguments()
    try:
        there, back = rates(words, back=False), rates(words, back=True)
    except WrongRate as wrong:
        print(f"fault_proxy: {wrong}", file=sys.stderr)
        return 2
    proxy = None
    try:
        proxy = trio.run(run, words, there, back)
    except* OSError as group:
        print(f"fault_proxy: {words.listen[0]} port {words.listen[1]}: {group.exceptions[0]}", file=sys.stderr)
    if proxy is None:
        return 1
    for way, counts in proxy.counts.items():
        print(way, " ".join(f"{what}={number}" for what, number in sorted(counts.items())), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
