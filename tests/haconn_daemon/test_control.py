from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from haconn_cli.config.paths import Paths
from haconn_cli.control import SOCKET_NAME, NotRunning, ask_history, ask_reload, ask_status, socket_address
from haconn_cli.reports import HistoryEntry, ServerReport, StatusReport
from haconn_daemon import control
from haconn_daemon.control import serve_control

REPORT = StatusReport(
    "0.1.0",
    "PSERVER1",
    (
        ServerReport("PSERVER1", "OK", "(own server)", True, 0.5),
        ServerReport("PSERVER2", "NG", "monitoring", False, None, "no answer to Open Session Request within 3.0 s"),
    ),
    {"unsealed": 3},
)

ASKING = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(5)
    connection.connect(sys.argv[1])
    try:
        connection.sendall(b'{"ask": "status"}\\n')
        print(connection.recv(1000).decode())
    except (ConnectionResetError, BrokenPipeError):
        pass
"""


async def history(name: str | None) -> Sequence[HistoryEntry]:
    return [HistoryEntry("ab" * 16, name or "all", "CYCLE")]


async def reload() -> str:
    return "conf_key: is missing"


def serving(
    paths: Paths, main: Callable[[], Awaitable[Any]], reloading: Callable[[], Awaitable[str]] | None = None
) -> None:
    """With the daemon's end at work."""

    async def opened() -> None:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                await nursery.start(serve_control, paths, lambda: REPORT, history, reloading or reload)
                await main()
                nursery.cancel_scope.cancel()

    trio.run(opened)


async def ask(paths: Paths) -> StatusReport:
    return await trio.to_thread.run_sync(ask_status, paths, 5.0)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path)


def test_status(paths: Paths) -> None:
    async def main() -> None:
        assert await ask(paths) == REPORT
        assert await ask(paths) == REPORT, "and again"

    serving(paths, main)


def test_history_and_reload(paths: Paths) -> None:
    async def main() -> None:
        for name in (None, "PSERVER2"):
            answer = await trio.to_thread.run_sync(ask_history, paths, name)
            assert [entry.target for entry in answer.entries] == [name or "all"]
        assert await trio.to_thread.run_sync(ask_reload, paths) == "conf_key: is missing"

    serving(paths, main)


async def a_stream(paths: Paths) -> trio.SocketStream:
    with socket_address(paths) as address:
        return await trio.open_unix_socket(address)


def test_a_reload_goes_on_when_its_caller_has_gone(paths: Paths) -> None:
    begun, may_end = trio.Event(), trio.Event()
    ended: list[float] = []

    async def reload() -> str:
        begun.set()
        await may_end.wait()
        ended.append(trio.current_time())
        return ""

    async def main() -> None:
        async with await a_stream(paths) as stream:
            await stream.send_all(b'{"ask": "reload"}\n')
            await begun.wait()
            others = []
            for _ in range(control.MOST_CALLERS):   # so many that the one above is dropped
                others.append(await a_stream(paths))
                await others[-1].send_all(b'{"ask": "reload"}\n')
                await wait_all_tasks_blocked(0.01)
            assert await stream.receive_some(1) == b""
        may_end.set()
        assert await others[-1].receive_some(100) == b'{"refused": ""}\n'
        assert len(ended) == 2, "who asked during the first waits for one more, and all for the same"
        for other in others:
            await other.aclose()

    serving(paths, main, reload)


def test_who_asks_is_served_among_many_who_only_connect(paths: Paths) -> None:
    """Ten times as many as there is room for, none of whom ever says a word."""

    async def main() -> None:
        silent = []
        for number in range(10 * control.MOST_CALLERS):
            silent.append(await a_stream(paths))
            if number % 40 == 0:
                assert await ask(paths) == REPORT
        assert await ask(paths) == REPORT
        assert await silent[0].receive_some(1) == b"", "the oldest was dropped long before its time"
        for stream in silent:
            await stream.aclose()

    serving(paths, main)


def test_callers_who_do_not_wait_for_the_answer(paths: Paths) -> None:
    async def main() -> None:
        for _ in range(50):
            async with await a_stream(paths) as stream:
                await stream.send_all(b'{"ask": "status"}\n')
        assert await ask(paths) == REPORT

    serving(paths, main)


def test_many_at_once(paths: Paths) -> None:
    answers = []

    async def keep_answer() -> None:
        answers.append(await ask(paths))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(12):
                nursery.start_soon(keep_answer)

    serving(paths, main)
    assert answers == [REPORT] * 12


def test_a_path_longer_than_a_socket_address(tmp_path: Path) -> None:
    paths = Paths(tmp_path / ("x" * 100) / ("y" * 100))
    serving(paths, lambda: ask(paths))
    assert not (paths.run / SOCKET_NAME).exists()


def test_only_for_the_owner(paths: Paths) -> None:
    async def main() -> None:
        assert stat.S_IMODE(paths.run.stat().st_mode) == 0o700
        assert stat.S_IMODE((paths.run / SOCKET_NAME).stat().st_mode) == 0o600

    old = os.umask(0)
    try:
        serving(paths, main)
    finally:
        os.umask(old)


def test_nothing_is_left_behind(paths: Paths) -> None:
    serving(paths, lambda: ask(paths))
    assert list(paths.run.iterdir()) == []
    with pytest.raises(NotRunning):
        ask_status(paths)


def test_a_socket_left_by_a_daemon_that_was_killed(paths: Paths) -> None:
    paths.run.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as killed, socket_address(paths) as address:
        killed.bind(address)
    assert (paths.run / SOCKET_NAME).exists()
    serving(paths, lambda: ask(paths))


@pytest.mark.parametrize(
    "question",
    [b"", b"\n", b"status\n", b'{"ask": "reset"}\n', b'{"ask": 5}\n', b"\xff\xfe\n", b"[]\n", b"[" * 900 + b"\n", b"x" * 100_000],
)
def test_another_question_is_not_answered_and_does_no_harm(paths: Paths, question: bytes) -> None:
    async def main() -> None:
        with socket_address(paths) as address:
            stream = await trio.open_unix_socket(address)
        async with stream:
            try:
                await stream.send_all(question)
                await stream.send_eof()
                assert await stream.receive_some(1000) == b""
            except trio.BrokenResourceError:
                pass   # closed before all was read
        assert await ask(paths) == REPORT

    serving(paths, main)


def test_a_question_in_pieces(paths: Paths) -> None:
    async def main() -> None:
        with socket_address(paths) as address:
            stream = await trio.open_unix_socket(address)
        async with stream:
            for piece in (b'{"ask"', b': "sta', b'tus"}\n'):
                await stream.send_all(piece)
                await trio.sleep(0.01)
            assert (await stream.receive_some(10_000)).startswith(b'{"version": "0.1.0"')

    serving(paths, main)


def test_callers_that_say_nothing_do_not_stay(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "QUESTION_TIMEOUT", 0.2)

    async def main() -> None:
        with socket_address(paths) as address:
            silent = [await trio.open_unix_socket(address) for _ in range(16)]
        for stream in silent:
            assert await stream.receive_some(1) == b""
            await stream.aclose()
        assert await ask(paths) == REPORT

    serving(paths, main)


def test_no_directory_for_the_socket(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    with pytest.raises((OSError, ExceptionGroup)):
        trio.run(serve_control, Paths(tmp_path), lambda: REPORT)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize(("user", "is_answered"), [(65534, False), (0, True)])
def test_another_user_is_not_answered(short_directory: Path, user: int, is_answered: bool) -> None:
    """Even where the file modes would let it in: the kernel says who asks."""
    paths = Paths(short_directory)
    heard = []

    async def main() -> None:
        for directory in (paths.run, *paths.run.parents[:-2]):
            directory.chmod(0o755)
        (paths.run / SOCKET_NAME).chmod(0o666)
        command = ["/usr/bin/python3", "-I", "-c", ASKING, str(paths.run / SOCKET_NAME)]
        if not Path(command[0]).exists():
            command[0] = os.path.realpath(sys.executable)
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, user=user, group=user, extra_groups=[]
        )
        assert b"PermissionError" not in done.stderr or user == 0, done.stderr
        heard.append(done.stdout.strip())

    serving(paths, main)
    assert bool(heard[0]) is is_answered


def test_a_child_without_privileges_can_run_at_all() -> None:
    """So that the silence above is the daemon's doing."""
    if os.geteuid() == 0 and Path("/usr/bin/python3").exists():
        command = ["/usr/bin/python3", "-I", "-c", "print('here')"]
        done = subprocess.run(command, user=65534, group=65534, extra_groups=[], capture_output=True, check=True)
        assert done.stdout == b"here\n"
