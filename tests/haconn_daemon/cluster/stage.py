"""What stands in for the operating system where whole connectors live in one process: signals, threads, clock, chance."""

from __future__ import annotations

import os
import random
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
import trio

from haconn_daemon import systemd
from tests.fakes.clock import run_in_virtual_time, without_threads
from tests.fakes.host_sockets import LIFE
from tests.haconn_daemon.cluster.values import Server
from tests.haconn_daemon.cluster.world import World, open_world

OURS = ("haconn_daemon.", "haconn_cli.", "ipmi_lan.")


def run_world(
    seed: int,
    count: int,
    story: Callable[[World], Awaitable[None]],
    *,
    arbitration_wait: float = 0.0,
    slots: int = 16,
    plant: Callable[[Any], None] = lambda patch: None,
) -> None:
    """A cluster of `count` servers on a virtual clock, through `story`; `plant` puts a fault into the product first."""
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir=in_memory) as folder:
        plant(patch)
        world = World(seed, Path(folder), count, {"arbitration_wait": arbitration_wait, "sel_interval": 0.0}, slots)
        set_stage(world, patch)

        async def main() -> None:
            async with open_world(world, patch):
                await story(world)

        run_in_virtual_time(main)


def set_stage(world: World, monkeypatch: Any) -> None:
    """Before `open_world`."""
    by_host = {server.host: server for server in world.servers.values()}

    def this() -> Server:
        return by_host[LIFE.get().host]

    @contextmanager
    def receiver(*_: object) -> Iterator[AsyncIterator[int]]:
        send, receive = trio.open_memory_channel[int](10)
        this().signals = send
        yield receive

    def notify(*messages: str) -> bool:
        if systemd.READY in messages:
            this().ready.set()
        return True

    async def no_control(*_: object, task_status: trio.TaskStatus[None], **__: object) -> None:
        task_status.started()

    without_threads(monkeypatch)
    monkeypatch.setattr(trio, "open_signal_receiver", receiver)
    monkeypatch.setattr(systemd, "notify", notify)
    monkeypatch.setattr("haconn_daemon.service.serve_control", no_control)
    world.hosts.plug_in(monkeypatch)
    set_wall_clock(world, monkeypatch)
    set_chance(world, monkeypatch)


def set_chance(world: World, monkeypatch: Any) -> None:
    """What is drawn at random, and in which order tasks run, comes out of the seed as well."""
    chance = random.Random(f"system {world.seed}")
    monkeypatch.setattr(os, "urandom", chance.randbytes)
    monkeypatch.setattr(secrets, "token_bytes", chance.randbytes)
    monkeypatch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)
    monkeypatch.setattr("trio._core._run._r", random.Random(f"tasks {world.seed}"))


def set_wall_clock(world: World, monkeypatch: Any) -> None:
    """Every module of ours that looks at the wall clock sees the one of the world, which steps; the monotonic one never does."""

    class Stepping(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime(2026, 1, 2, tzinfo=tz or UTC) + timedelta(seconds=trio.current_time() + world.wall)

    class Time:
        def time(self) -> float:
            return 1.7e9 + trio.current_time() + world.wall

        def __getattr__(self, name: str) -> Any:
            return getattr(time, name)

    stepping = Time()
    for name, module in list(sys.modules.items()):
        if name.startswith(OURS) and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", Stepping)
        if name.startswith(OURS) and getattr(module, "time", None) is time:
            monkeypatch.setattr(module, "time", stepping)
