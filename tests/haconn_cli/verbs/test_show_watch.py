"""The live view: its picture as lines, and the program on a pseudo-terminal as a person has it."""

from __future__ import annotations

import dataclasses
import signal
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli import terminal as terminal_module
from haconn_cli.config.paths import Paths
from haconn_cli.reports import ServerReport, StatusReport, build_report
from haconn_cli.terminal import Line, Style, width
from haconn_cli.verbs.show_watch import Changes, Seen, picture
from tests.haconn_cli.conftest import Setup
from tests.haconn_cli.control_server import NEVER, control_server
from tests.haconn_cli.vt import terminal

PASSWORD_REASON = "the BMC does not take the account or its password (never an answer yet; tried again only every 300 s)"
SERVERS = (
    ServerReport("PSERVER1", "OK", "(own server)", True, 0.2, bmc="192.168.0.51", since=7000.0, round_trip=0.004),
    ServerReport("PSERVER2", "OK", "monitoring", True, 0.4, bmc="192.168.0.52", since=12.0, round_trip=0.2),
    ServerReport("PSERVER3", "NG", "monitoring", False, None, PASSWORD_REASON, bmc="192.168.0.53:6230", since=72.0),
)
REPORT = StatusReport("0.1.0", "PSERVER1", SERVERS, {"tag": 3}, ("the list of servers of 192.168.0.3 is not ours",))
NOTHING_WRONG = dataclasses.replace(REPORT, servers=SERVERS[:2], notes=(), counters={})


def seen(report: StatusReport | None = REPORT, age: float = 0.1, trouble: str = "") -> Seen:
    return Seen(report, age, "22:40:01", trouble)


def text(lines: list[Line]) -> list[str]:
    return ["".join(part for part, _ in line).rstrip() for line in lines]


def test_the_whole_picture() -> None:
    lines = text(picture(seen(), 100, 24))
    assert len(lines) == 24
    assert lines[0].startswith(" HA monitor connector service status")
    assert lines[0].endswith("PSERVER1  0.1.0")
    assert lines[1] == "not as it should be: PSERVER3 link NG"
    assert lines[3].split() == ["#", "name", "link", "status", "link", "for", "reset", "last", "answer", "BMC"]
    assert lines[4].split()[:5] == ["1", "PSERVER1", "OK", "(own", "server)"]
    assert "1 h 56 min" in lines[4]
    assert "0.3 s ago, in 4 ms" in lines[4]
    assert lines[7].strip().startswith("the BMC does not take the account")
    assert any(line.startswith(" ! the list of servers") for line in lines)
    assert "datagrams without effect: tag 3" in lines
    assert lines[-1].startswith("answer of 22:40:01 UTC")
    assert lines[-1].endswith("q: leave")


def test_all_is_well() -> None:
    lines = picture(seen(NOTHING_WRONG), 100, 24)
    assert lines[1] == [("all is as it should be", Style.GOOD)]


def test_what_is_old_says_so_and_looks_so() -> None:
    lines = picture(seen(age=12.0, trouble="HA connector service is not processing."), 100, 24)
    assert "No answer for 12 s; below is what it said then." in text(lines)[1]
    assert text(lines)[-1].startswith("answer of 22:40:01 UTC, 12 s ago")
    assert {style for _, style in lines[4]} == {Style.FAINT}
    assert "PSERVER1" in text(lines)[4]
    assert "12 s ago" in text(lines)[4], "its age counts on"


def test_before_the_first_answer() -> None:
    lines = text(picture(seen(None, trouble="HA connector service is not processing."), 80, 10))
    assert lines[1] == "HA connector service is not processing."
    assert lines[-1].startswith("no answer yet")


@pytest.mark.parametrize("rows", [9, 8, 7])
def test_where_there_is_little_room_every_server_is_still_there(rows: int) -> None:
    lines = text(picture(seen(), 60, rows))
    rows_seen = [line.split()[:2] for line in lines if line[:2].strip().isdigit()]
    assert rows_seen == [["1", "PSERVER1"], ["2", "PSERVER2"], ["3", "PSERVER3"]]


@given(st.integers(1, 130), st.integers(1, 40), st.booleans(), st.sampled_from(["", "no answer"]), st.integers(0, 16))
def test_it_fits_into_every_window(columns: int, rows: int, has_report: bool, trouble: str, servers: int) -> None:
    report = dataclasses.replace(REPORT, servers=(SERVERS * 6)[:servers]) if has_report else None
    lines = picture(seen(report, 3.0, trouble), columns, rows)
    assert len(lines) == rows
    for line in lines:
        assert width("".join(part for part, _ in terminal_module.cut(line, columns))) <= columns


# ── a line for each change ────────────────────────────────────────────────────


def test_lines_for_changes_only() -> None:
    changes = Changes()
    assert list(changes.since(NOTHING_WRONG)) == [
        "connector 0.1.0 on PSERVER1 answers",
        "PSERVER1: link OK, (own server)",
        "PSERVER2: link OK, monitoring",
    ]
    assert list(changes.since(NOTHING_WRONG)) == []
    lost = dataclasses.replace(SERVERS[1], link="NG", reason="no answer (last answer 3 s ago)")
    later = dataclasses.replace(NOTHING_WRONG, servers=(SERVERS[0], lost), notes=("a note of 5 s",))
    assert list(changes.since(later)) == [
        "PSERVER2: link NG (no answer (last answer 3 s ago)), monitoring",
        "note: a note of 5 s",
    ]
    lost = dataclasses.replace(lost, reason="no answer (last answer 4 s ago)")
    later = dataclasses.replace(later, servers=(SERVERS[0], lost), notes=("a note of 6 s",))
    assert list(changes.since(later)) == [], "what only counts up is no news"
    assert list(changes.since("HA connector service is not processing.")) == ["HA connector service is not processing."]
    assert list(changes.since("HA connector service is not processing.")) == []
    assert list(changes.since(NOTHING_WRONG)) == [
        "connector 0.1.0 on PSERVER1 answers",
        "PSERVER2: link OK, monitoring",
        "no longer: note: a note of 6 s",
    ]


def test_no_terminal_no_picture(haconnsetup: Setup, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def stop(seconds: float) -> None:
        if len(asked) >= 3:
            raise KeyboardInterrupt

    def reply(question: bytes) -> bytes:
        asked.append(question)
        return build_report(NOTHING_WRONG if len(asked) < 3 else REPORT)

    monkeypatch.setattr(time, "sleep", stop)
    with control_server(paths, reply):
        outcome = haconnsetup("show", "status", "--watch")
    assert (outcome.code, outcome.err) == (0, [])
    assert [line[20:] for line in outcome.out] == [
        "UTC connector 0.1.0 on PSERVER1 answers",
        "UTC PSERVER1: link OK, (own server)",
        "UTC PSERVER2: link OK, monitoring",
        f"UTC PSERVER3: link NG ({PASSWORD_REASON}), monitoring",
        "UTC note: the list of servers of 192.168.0.3 is not ours",
    ]


# ── on a terminal ─────────────────────────────────────────────────────────────

COMMAND = [
    sys.executable, "-c", "import sys; from haconn_cli.app import main; sys.exit(main())", "show", "status", "--watch",
]  # fmt: skip


class Daemon:
    """What it answers from now on."""

    def __init__(self, report: StatusReport = REPORT) -> None:
        self.report: StatusReport | None = report

    def __call__(self, question: bytes) -> bytes | None:
        return NEVER if self.report is None else build_report(self.report)


def restored(modes: list[object], before: list[object]) -> bool:
    return modes[:4] == before[:4]


@pytest.mark.whole
def test_a_view_from_start_to_q(paths: Paths) -> None:
    daemon = Daemon()
    with control_server(paths, daemon), terminal(COMMAND, paths.root) as view:
        before = view.modes
        view.shows("PSERVER3")
        assert view.screen.is_alternate
        assert not view.screen.has_cursor
        assert not restored(view.modes, before), "keys come one by one, without echo"
        daemon.report = NOTHING_WRONG
        view.shows("all is as it should be")
        view.until("gone", lambda lines: not any("PSERVER3" in line for line in lines))
        view.resize(40, 6)
        view.until("its last line", lambda lines: lines[5].endswith("q: leave"))
        assert [line.split()[:2] for line in view.screen.text[3:5]] == [["1", "PSERVER1"], ["2", "PSERVER2"]]
        view.resize(9, 2)
        view.until("the smallest", lambda lines: lines[1].startswith("q: leave"))
        view.resize(120, 20)
        view.until("all again", lambda lines: lines[19].endswith("q: leave") and "192.168.0.52" in "".join(lines))
        view.type("xyz")
        view.type("\x1b[A")
        view.type("q")
        assert view.end() == 0
        assert not view.screen.is_alternate
        assert view.screen.has_cursor
        assert restored(view.modes, before)
        assert "".join(view.screen.text) == "", "nothing of it is left, and no key was echoed"


@pytest.mark.whole
def test_only_what_changed_is_drawn(paths: Paths) -> None:
    still = dataclasses.replace(
        NOTHING_WRONG, servers=tuple(dataclasses.replace(each, proof_age=None, since=None) for each in NOTHING_WRONG.servers)
    )
    with control_server(paths, Daemon(still)) as asked, terminal(COMMAND, paths.root) as view:
        view.shows("PSERVER2")
        view.read(0.3)
        drawn, questions = view.screen.writes, len(asked)
        view.until("two more answers", lambda lines: len(asked) > questions + 2)
        assert view.screen.writes - drawn <= 4 * 100, "the last line, which tells the time of the answer, and no more"
        assert view.raw.count("\x1b[2J") <= 2


@pytest.mark.whole
def test_a_connector_that_goes_and_comes_back(paths: Paths) -> None:
    with terminal(COMMAND, paths.root) as view:
        view.shows("HA connector service is not processing.")
        with control_server(paths, Daemon()):
            view.shows("PSERVER2")
            view.until("well", lambda lines: not any("not processing" in line for line in lines))
        view.shows("HA connector service is not processing. No answer for")
        assert any("PSERVER2" in line for line in view.screen.text), "what it said last is still there"
        view.type("\x03")
        assert view.end() == 0
        assert not view.screen.is_alternate


@pytest.mark.whole
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_restores_the_terminal_and_ends_the_program(paths: Paths, number: int) -> None:
    with control_server(paths, NEVER), terminal(COMMAND, paths.root) as view:
        before = view.modes
        view.until("drawn", lambda lines: lines[-1].endswith("q: leave"))
        assert view.end(number) in (-number, 128 + number)
        assert not view.screen.is_alternate
        assert view.screen.has_cursor
        assert restored(view.modes, before)


@pytest.mark.whole
def test_ctrl_z_gives_the_terminal_back_for_a_while(paths: Paths) -> None:
    with control_server(paths, Daemon()), terminal(COMMAND, paths.root) as view:
        before = view.modes
        view.shows("PSERVER2")
        view.process.send_signal(signal.SIGTSTP)
        view.until("back", lambda lines: not view.screen.is_alternate)
        while _state(view.process.pid) != "T":
            time.sleep(0.01)
        assert restored(view.modes, before)
        view.process.send_signal(signal.SIGCONT)
        view.shows("PSERVER2")
        assert view.screen.is_alternate
        view.type("q")
        assert view.end() == 0


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.whole
def test_a_mistake_of_ours_restores_the_terminal_before_it_is_printed(paths: Paths) -> None:
    code = "from haconn_cli.terminal import full_screen\nwith full_screen(True) as view:\n view.draw([])\n 1 / 0"
    with terminal([sys.executable, "-c", code], paths.root) as view:
        before = view.modes
        assert view.end() == 1
        assert "ZeroDivisionError" in "\n".join(view.screen.text)
        assert not view.screen.is_alternate
        assert restored(view.modes, before)


@pytest.mark.whole
@pytest.mark.parametrize(("term", "no_color"), [("vt100", ""), ("xterm", "1")])
def test_colours_only_where_they_are_wanted(paths: Paths, term: str, no_color: str) -> None:
    with control_server(paths, Daemon()), terminal(COMMAND, paths.root, term=term, NO_COLOR=no_color) as view:
        view.shows("PSERVER3")
        assert "\x1b[32m" not in view.raw
        assert "31m" not in view.raw
        assert any("NG" in line for line in view.screen.text)
    with control_server(paths, Daemon()), terminal(COMMAND, paths.root) as view:
        view.shows("PSERVER3")
        assert "\x1b[32m" in view.raw


@pytest.mark.whole
def test_a_dumb_terminal_gets_lines(paths: Paths) -> None:
    with control_server(paths, Daemon()), terminal(COMMAND, paths.root, columns=200, term="dumb") as view:
        view.shows("UTC PSERVER2: link OK, monitoring")
        assert "\x1b" not in view.raw
        assert view.end(signal.SIGINT) == 0
