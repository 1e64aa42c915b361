"""The notification hook: what it is given, and that it can hold up nobody, whatever it does. With real executables."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from haconn_daemon.logs import hook as hook_module
from haconn_daemon.logs.hook import MOST_OUTPUT, MOST_WAITING, Hook, checked_hook

SECRET = "canary in the environment"


class Log:
    """A journal that remembers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def event(self, name: str, level: int = 20, /, **fields: Any) -> None:
        self.told.append((name, fields))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.told]


def executable(place: Path, script: str) -> str:
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o700)
    return os.path.realpath(place)


def run(path: str | None, main: Callable[[Hook, Log], Awaitable[None]]) -> Log:
    """With the hook at work."""
    log = Log()

    async def opened() -> None:
        hook = Hook(path, log)  # type: ignore[arg-type]
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(hook.run)
                await main(hook, log)
                nursery.cancel_scope.cancel()

    trio.run(opened)
    return log


async def until(is_so: Callable[[], object]) -> None:
    while not is_so():
        await trio.sleep(0.01)


def test_it_is_given_the_event_and_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HACONN_TEST_SECRET", SECRET)
    got, surroundings = tmp_path / "got", tmp_path / "env"
    look = f"env > {surroundings}; ls /proc/self/fd >> {surroundings}"
    path = executable(tmp_path / "hook", f"cat > {got}.new; {look}; mv {got}.new {got}")
    fields = {"target": "PSERVER2", "seconds": 1.5, "odd": float("nan"), "text": 'a"\n', "back_on": True}

    async def main(hook: Hook, log: Log) -> None:
        hook.tell("reset_finished", 40, fields)
        await until(got.exists)

    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        run(path, main)
    event = json.loads(got.read_text())
    assert event.pop("time").endswith("+00:00")
    assert event == {
        "event": "reset_finished",
        "level": "error",
        "server": "PSERVER2",
        "fields": fields | {"odd": "nan"},
    }
    seen = surroundings.read_text().split()
    assert SECRET not in surroundings.read_text()
    assert "HACONN_TEST_SECRET" not in surroundings.read_text()
    assert [word for word in seen if word.isdigit()] == ["0", "1", "2", "3"], "3 is the directory that ls reads"


def test_one_at_a_time_in_order(tmp_path: Path) -> None:
    got = tmp_path / "got"
    path = executable(tmp_path / "hook", f'echo begin >> {got}; cat >> {got}; echo end >> {got}')

    async def main(hook: Hook, log: Log) -> None:
        for number in range(5):
            hook.tell("power_off", 30, {"server": f"PSERVER{number}"})
        await until(lambda: got.exists() and got.read_text().count("end") == 5)

    run(path, main)
    lines = got.read_text().splitlines()
    assert lines[::3] == ["begin"] * 5
    assert [json.loads(line)["server"] for line in lines[1::3]] == [f"PSERVER{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("script", "event", "expected"),
    [
        ("exit 3", "hook_failed", {"why": "exit code 3", "output": ""}),
        ("kill -9 $$", "hook_failed", {"why": "ended by signal 9"}),
        ("echo hello; echo there >&2", "hook_said", {"output": "hello\nthere"}),
        ("head -c 100000 /dev/zero | tr '\\0' x; exit 1", "hook_failed", {"output": "x" * MOST_OUTPUT}),
    ],
)
def test_how_it_ended_is_in_the_log(tmp_path: Path, script: str, event: str, expected: dict[str, str]) -> None:
    async def main(hook: Hook, log: Log) -> None:
        hook.tell("power_off", 30, {})
        await until(lambda: log.told)

    ((name, fields),) = run(executable(tmp_path / "hook", script), main).told
    assert name == event
    assert expected.items() <= fields.items()


def test_what_is_no_program_is_logged(tmp_path: Path) -> None:
    async def main(hook: Hook, log: Log) -> None:
        hook.tell("power_off", 30, {})
        await until(lambda: "hook_failed" in log.names)

    path = executable(tmp_path / "hook", "")
    Path(path).write_text("neither a script nor a program")
    name, fields = run(path, main).told[-1]
    assert (name, "format error" in fields["why"]) == ("hook_failed", True)


def test_one_that_is_missing_is_an_alarm_at_once_and_is_run_when_it_is_there(tmp_path: Path) -> None:
    """As at boot, when its disk comes late; a connector that did not start for that would fence nobody."""
    got = tmp_path / "got"
    path = Path(executable(tmp_path / "hook", f"cat >> {got}"))
    path.rename(aside := tmp_path / "aside")

    async def main(hook: Hook, log: Log) -> None:
        await until(lambda: log.told)
        assert "No such file" in hook.trouble
        for _ in range(3):
            hook.tell("power_off", 30, {"server": "OLD"})
        await until(lambda: not hook._waiting)
        aside.rename(path)
        hook.tell("power_off", 30, {"server": "NEW"})
        await until(lambda: got.exists() and "NEW" in got.read_text())
        await until(lambda: not hook.trouble)

    log = run(str(path), main)
    assert log.names == ["hook_unusable", "hook_usable"], "and nothing for each event"
    assert "OLD" not in got.read_text()


def test_one_that_others_can_change_meanwhile_is_not_run(tmp_path: Path) -> None:
    got = tmp_path / "got"
    path = executable(tmp_path / "hook", f"cat >> {got}")

    async def main(hook: Hook, log: Log) -> None:
        await trio.testing.wait_all_tasks_blocked()
        Path(path).chmod(0o777)
        hook.tell("power_off", 30, {})
        await until(lambda: log.told)
        assert "written by others" in hook.trouble
        hook.path = None
        assert hook.trouble == ""

    run(path, main)
    assert not got.exists()


def test_a_disk_that_hangs_while_it_is_loaded_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease makes whoever opens the file wait, here the kernel that loads it, until it is given back."""
    got = tmp_path / "got"
    path = executable(tmp_path / "hook", f"cat >> {got}")

    with Path(path).open("r+") as leased:
        fcntl.fcntl(leased, F_SETSIG, signal.SIGURG)     # instead of SIGIO, which would end us
        try:
            fcntl.fcntl(leased, F_SETLEASE, fcntl.F_WRLCK)
        except OSError:
            pytest.skip("no leases in this file system")

        process = hook_module._Process()
        monkeypatch.setattr(hook_module, "_Process", lambda: process)

        async def main(hook: Hook, log: Log) -> None:
            hook.tell("power_off", 30, {})
            await until(lambda: fcntl.fcntl(leased, F_GETLEASE) != fcntl.F_WRLCK)    # it has been asked for

        run(path, main)
        assert fcntl.fcntl(leased, F_GETLEASE) != fcntl.F_UNLCK, "it still hangs"
        trio.run(until, lambda: not is_alive(str(process.pid)))
    assert not got.exists(), "nor is it run when the disk is back"


def test_a_disk_that_hangs_at_its_loading_is_one_alarm_and_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_module, "TIME_LIMIT", 0.1)
    may_go_on, loading, start = threading.Event(), [], hook_module._Process.start

    def hang(process: hook_module._Process, path: str) -> str:
        loading.append(path)
        assert may_go_on.wait(20)
        return start(process, path)

    monkeypatch.setattr(hook_module._Process, "start", hang)
    got = tmp_path / "got"
    path = executable(tmp_path / "hook", f"cat >> {got}")

    async def main(hook: Hook, log: Log) -> None:
        for _ in range(4):
            hook.tell("power_off", 30, {"server": "OLD"})
        await until(lambda: not hook._waiting and hook.trouble)
        await trio.sleep(0.3)
        assert (log.names, loading) == (["hook_unusable"], [path])
        monkeypatch.setattr(hook_module, "TIME_LIMIT", 30.0)
        may_go_on.set()
        await until(lambda: not hook._one_thread.borrowed_tokens)
        hook.tell("power_off", 30, {"server": "NEW"})
        await until(lambda: got.exists() and "NEW" in got.read_text())

    assert run(path, main).names[:2] == ["hook_unusable", "hook_usable"]
    assert "OLD" not in got.read_text()


F_SETSIG, F_SETLEASE, F_GETLEASE = 10, 1024, 1025
"""Of Linux; the module has no name for the first."""


def test_one_that_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_module, "TIME_LIMIT", 0.3)
    monkeypatch.setattr(hook_module, "GRACE", 0.2)
    children = tmp_path / "children"
    stubborn = f"trap '' TERM; (trap '' TERM; sleep 60) & echo $! > {children}; echo $$ >> {children}; sleep 60; sleep 60"
    path = executable(tmp_path / "hook", stubborn)

    async def main(hook: Hook, log: Log) -> None:
        hook.tell("power_off", 30, {})
        await until(lambda: log.told)
        await until(lambda: not any(map(is_alive, children.read_text().split())))

    ((name, fields),) = run(path, main).told
    assert (name, fields["why"]) == ("hook_failed", "took longer than 0.3 s")


def is_alive(pid: str) -> bool:
    """A zombie that nobody has reaped yet is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_that_keeps_its_output_open_holds_up_nothing(tmp_path: Path) -> None:
    got = tmp_path / "got"
    path = executable(tmp_path / "hook", f"sleep 60 & echo $! >> {got}")

    async def main(hook: Hook, log: Log) -> None:
        for _ in range(2):
            hook.tell("power_off", 30, {})
        await until(lambda: got.exists() and len(got.read_text().split()) == 2)

    run(path, main)
    for pid in got.read_text().split():
        os.kill(int(pid), 9)


def test_what_does_not_fit_into_the_queue_is_counted(tmp_path: Path) -> None:
    path = executable(tmp_path / "hook", "exit 0")

    async def main(hook: Hook, log: Log) -> None:
        for _ in range(MOST_WAITING + 7):
            hook.tell("power_off", 30, {})
        hook._waiting = type(hook._waiting)(list(hook._waiting)[:2])     # the rest would take its time
        await until(lambda: log.told)

    assert run(path, main).told == [("hook_events_lost", {"count": 7})]


def test_one_that_runs_when_we_end_is_ended_too(tmp_path: Path) -> None:
    started = tmp_path / "started"
    path = executable(tmp_path / "hook", f"echo $$ > {started}.new; mv {started}.new {started}; sleep 60")

    async def main(hook: Hook, log: Log) -> None:
        hook.tell("power_off", 30, {})
        await until(started.exists)

    run(path, main)
    assert not is_alive(started.read_text().strip())


def test_none_is_run_where_none_is_wanted() -> None:
    async def main(hook: Hook, log: Log) -> None:
        hook.tell("power_off", 30, {})
        assert not hook._waiting

    assert run(None, main).told == []


def test_what_waited_when_it_was_taken_away_is_told_to_nobody(tmp_path: Path) -> None:
    """Another hook is set hours later; it is not told of what is long over."""
    got = tmp_path / "got"
    path = executable(tmp_path / "hook", f"cat >> {got}")

    async def main(hook: Hook, log: Log) -> None:
        hook.tell("power_off", 30, {"server": "OLD"})
        hook.path = None
        await trio.testing.wait_all_tasks_blocked()
        hook.path = path
        hook.tell("power_off", 30, {"server": "NEW"})
        await until(lambda: got.exists() and "NEW" in got.read_text())

    run(path, main)
    assert "OLD" not in got.read_text()


def test_one_that_we_may_not_end_ends_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has made itself another user's."""
    monkeypatch.setattr(hook_module, "TIME_LIMIT", 0.1)
    monkeypatch.setattr(hook_module, "GRACE", 10.0)

    def refuse(group: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "killpg", refuse)

    async def main(hook: Hook, log: Log) -> None:
        hook.tell("power_off", 30, {})
        await until(lambda: log.told)

    ((name, _),) = run(executable(tmp_path / "hook", "sleep 0.5"), main).told
    assert name == "hook_failed"


# ── one to rely on ────────────────────────────────────────────────────────────


def test_a_good_one(tmp_path: Path) -> None:
    assert checked_hook(executable(tmp_path / "hook", "")) == ""


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: path.chmod(0o720), "written by others"),
        (lambda path: path.chmod(0o702), "written by others"),
        (lambda path: path.chmod(0o600), "executable"),
        (lambda path: path.parent.chmod(0o777), "others can replace it"),
        (lambda path: path.unlink(), "No such file"),
        (lambda path: (path.unlink(), path.mkdir()), "executable file"),
        (lambda path: (path.rename(path.with_name("real")), path.symlink_to(path.with_name("real"))), "symbolic links"),
    ],
)
def test_one_that_is_not_to_be_relied_on(tmp_path: Path, spoil: Callable[[Path], Any], problem: str) -> None:
    path = Path(executable(tmp_path / "hook", ""))
    spoil(path)
    assert problem in checked_hook(str(path))


def test_a_path_that_none_can_have() -> None:
    assert "cannot be looked at" in checked_hook("/no\0such")
