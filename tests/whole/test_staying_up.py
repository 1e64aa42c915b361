"""What a connector outlives: a long stop, a disk that takes nothing, a network that comes late. And what it never tells."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest
import trio

from haconn_cli.resetpath.vocabulary import ResetResult, ResultCode
from tests.whole.connector import Connector, running
from tests.whole.segment import open_segment
from tests.whole.test_stopping import NAMES, ask, pair

pytestmark = pytest.mark.whole
STOP = 3.0
"""Seconds; longer than a reading may take."""


def test_a_stop_that_lasted_is_nobodys_fault(tmp_path: Path) -> None:
    """Nothing is taken for lost, or for off, that was only not looked at."""

    async def main() -> None:
        async with pair(tmp_path) as (connector, bmc, path):
            assert connector.process is not None
            connector.process.send_signal(signal.SIGSTOP)
            for _ in range(20):
                await trio.sleep(STOP / 40)
                bmc.restart(trio.current_time())      # our sessions are forgotten
                await trio.sleep(STOP / 40)
            connector.process.send_signal(signal.SIGCONT)
            await path.check()
            await connector.until("proven", lambda status: all(0 <= each["proof_age"] < STOP / 2 for each in status.values()))
            assert {each["link"] for each in (await connector.status()).values()} == {"OK"}
            for event in ("link_lost", "power_off", "no_progress"):
                assert event not in connector.events

    trio.run(main)


@pytest.mark.shows("M4")
def test_a_disk_that_takes_nothing_any_more(tmp_path: Path) -> None:
    """No file may grow, neither logs nor record. Checks and a reset go on, it is noted, and later all is written again."""
    results: list[ResetResult] = []

    async def main() -> None:
        async with pair(tmp_path) as (connector, _, path):
            assert connector.process is not None
            pid = connector.process.pid
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            await until_noted(connector, "cannot be written")
            for _ in range(20):
                await path.check()
            await ask(path, results)
            assert results[0].code is ResultCode.CYCLED_CONFIRMED
            assert "reset_asked" not in connector.events
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            with trio.fail_after(15):
                while "log_written_again" not in connector.events:
                    await trio.sleep(0.05)
            assert "Traceback" not in (connector.root / "daemon.out").read_text()

    trio.run(main)


async def until_noted(connector: Connector, text: str) -> None:
    """Wait until `show status` says it."""
    with trio.fail_after(20):
        while text not in await connector.setup("show", "status", "--json"):
            await trio.sleep(0.1)


@pytest.mark.shows("C11")
def test_no_secret_is_told_anywhere(tmp_path: Path) -> None:
    """After a reset, a reload that is refused, one that is taken, and a stop: everything that a stranger might read."""

    async def main() -> None:
        async with pair(tmp_path) as (connector, _, path):
            assert connector.process is not None
            process = Path(f"/proc/{connector.process.pid}")
            good = connector.paths.conf_key.read_text()
            secret = connector.settings.keys.keys[0].secret
            secrets = [b"correct horse", secret, secret.hex().encode()]
            await ask(path, [])
            for text in (good.replace("secret = ", "secret = 5 # "), good):
                connector.paths.conf_key.write_text(text)
                connector.process.send_signal(signal.SIGHUP)
                wanted = "settings_taken" if text == good else "settings_refused"
                with trio.fail_after(10):
                    while wanted not in connector.events:
                        await trio.sleep(0.05)
            told = [(process / name).read_bytes() for name in ("environ", "cmdline")]
            told += [(await connector.setup("show", "status", "--json")).encode()]
            assert await connector.stop() == 0
            config = {connector.paths.conf_key, connector.paths.conf_pserver}
            told += [file.read_bytes() for file in connector.root.rglob("*") if file.is_file() and file not in config]
            assert len(told) > 8
            assert [secret for secret in secrets for text in told if secret in text] == []

    trio.run(main)


def test_the_network_comes_late(tmp_path: Path) -> None:
    """The reset path's address is on no interface at first, and no BMC can be reached."""

    async def main() -> None:
        with open_segment() as segment:
            segment.plug("server1", "reset0")
            connector = Connector(tmp_path / "server1", "192.0.2.1", 31000)
            await connector.setup("resetpath", "addr=192.0.2.1/24", "port=31000")
            await connector.setup("key", "new")
            await connector.setup("default", "account=operator", piped="correct horse\n")
            for number, name in enumerate(NAMES):
                await connector.setup("pserver", "add", name, f"addr=192.0.2.5{number}")
            connector.launcher = segment.within("server1")
            async with running(connector):
                await until_noted(connector, "no reset path: ")
                await connector.until("no route is NG", lambda status: all(each["link"] == "NG" for each in status.values()))
                assert all(each["reason"] for each in (await connector.status()).values())
                segment.inside("server1", "address", "add", "192.0.2.1/24", "brd", "+", "dev", "reset0")
                with trio.fail_after(15):
                    while "reset_path_back" not in connector.events:
                        await trio.sleep(0.05)
                assert "no reset path: " not in await connector.setup("show", "status", "--json")
                assert connector.events.count("reset_path_waits") == 1

    trio.run(main)
