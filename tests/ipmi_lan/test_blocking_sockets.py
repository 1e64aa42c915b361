"""The blocking client over the loopback, against BMCs that are served in a thread; and what it imports."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from ipmi_lan.blocking import open_client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.errors import BadArgument, NoAnswer, PortRefused, WrongPassword
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.simulator import Faults
from tests.fakes.bmc import Mute
from tests.fakes.served import served
from tests.ipmi_lan.simulator.console import USERS, a_bmc
from tests.ipmi_lan.transport.loopback import a_closed_port

LATE = 0.5   # seconds; a loaded machine is no fault of the code


def login(address: tuple[str, int], password: str = USERS["admin"][0], **changes: Any) -> Any:
    settings: dict[str, Any] = {"known": KnownBmcs()} | changes
    return open_client(address[0], "admin", password, port=address[1], **settings)


def test_log_in_ask_and_close() -> None:
    bmc = a_bmc()
    with served(bmc) as (address,):
        with login(address) as client:
            assert client.run(get_chassis_status()).power_is_on
        assert len(bmc._board.sessions._sessions) == 0


def test_a_name_is_looked_up() -> None:
    with served(a_bmc()) as ((_, port),), login(("localhost", port)) as client:
        assert client.run(get_chassis_status()).power_is_on


def test_wrong_password() -> None:
    with served(a_bmc()) as (address,), pytest.raises(WrongPassword), login(address, "wrong"):
        pytest.fail("logged in")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_refused_port(host: str) -> None:
    start = time.monotonic()
    with pytest.raises(PortRefused), login((host, a_closed_port(host))):
        pytest.fail("logged in")
    assert time.monotonic() - start <= 1.0


def test_silence_ends_at_the_deadline() -> None:
    with served(a_bmc(faults=Faults(silent=True))) as (address,):
        start = time.monotonic()
        with pytest.raises(NoAnswer), login(address, timeout=0.7):
            pytest.fail("logged in")
        assert 0.7 <= time.monotonic() - start <= 0.7 + LATE


def test_a_command_ends_at_its_deadline_and_closing_within_its_second() -> None:
    mute = Mute(a_bmc())
    with served(mute) as (address,), login(address) as client:
        mute.from_now = True
        start = time.monotonic()
        with pytest.raises(NoAnswer):
            client.run(get_device_id(), 0.7)
        assert 0.7 <= time.monotonic() - start <= 0.7 + LATE
        mute.from_now = False


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("no-such-host.invalid", NoAnswer), ("255.255.255.255", NoAnswer), ("a" * 64, BadArgument), ("", BadArgument),
        ("a\0b", BadArgument), ("\udc80", BadArgument), (".", BadArgument),
    ],
)  # fmt: skip
def test_no_such_name_nor_route(host: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught, login((host, 623)):
        pytest.fail("logged in")
    assert host.isprintable() <= (host in str(caught.value))


def test_several_threads_with_a_session_each() -> None:
    bmcs = [a_bmc(guid=bytes([number] * 16), slots=8) for number in range(1, 4)]
    seen: list[tuple[int, bytes]] = []
    known = KnownBmcs()

    def poll(number: int, address: tuple[str, int]) -> None:
        with login(address, known=known) as client:
            seen.extend((number, client.run(get_system_guid()).guid) for _ in range(30))

    with served(*bmcs) as addresses:
        threads = [threading.Thread(target=poll, args=(number % 3, addresses[number % 3])) for number in range(9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20.0)
    assert len(seen) == 9 * 30
    assert all(guid == bmcs[number]._board.guid for number, guid in seen)
    assert [bmc.handshakes for bmc in bmcs] == [3, 3, 3]


def test_an_interruption_gives_the_slot_back() -> None:
    bmc = a_bmc()
    with served(bmc) as (address,):
        with pytest.raises(KeyboardInterrupt), login(address):
            raise KeyboardInterrupt
        assert len(bmc._board.sessions._sessions) == 0


def test_a_signal_while_it_waits() -> None:
    """The real one: the program is in `recv` then, and gives its slot back all the same."""
    mute = Mute(a_bmc())
    program = f"""
from ipmi_lan.blocking import open_client
from ipmi_lan.commands.device import get_device_id
with open_client("127.0.0.1", "admin", {USERS["admin"][0]!r}, port=int(input())) as client:
    print("logged in", flush=True)
    input()
    client.run(get_device_id(), timeout=60.0)
"""
    words = [sys.executable, "-c", program]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with served(mute) as ((_, port),), subprocess.Popen(words, text=True, **pipes) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        print(port, file=child.stdin, flush=True)
        assert child.stdout.readline() == "logged in\n"
        has_asked = threading.Event()
        mute.drops = lambda datagram: has_asked.set() is None  # type: ignore[func-returns-value]
        print(file=child.stdin, flush=True)
        assert has_asked.wait(10.0)
        child.send_signal(signal.SIGINT)
        mute.drops = lambda datagram: False
        _, errors = child.communicate(timeout=20.0)
        assert "KeyboardInterrupt" in errors
        assert mute.bmc.handshakes == 1
        assert len(mute.bmc._board.sessions._sessions) == 0


def test_a_session_that_lay_idle_is_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    bmc = a_bmc()
    with served(bmc) as (address,), login(address) as client:
        first = client.peer.session_id
        client.run(get_device_id())
        monkeypatch.setattr("ipmi_lan.blocking.monotonic", lambda: time.monotonic() + 64.0)
        start = time.monotonic()
        client.run(get_device_id())
        assert time.monotonic() - start <= LATE
        assert client.peer.session_id != first
    assert bmc.handshakes == 2


# ── what it imports ───────────────────────────────────────────────────────────

_CHECK = "import sys\n{}\nassert 'trio' not in sys.modules, [name for name in sys.modules if 'ipmi' in name]"
WITHOUT_TRIO = [
    "import ipmi_lan",
    "import ipmi_lan.blocking",
    "from ipmi_lan import IpmiError, WrongPassword, Privilege, SUITE_3, Command, Hop, KnownBmcs, Quirk, SessionBudget",
    "import ipmi_lan; dir(ipmi_lan)",
    *(
        f"import pkgutil, ipmi_lan.{room} as room\n"
        f"for module in pkgutil.iter_modules(room.__path__, 'ipmi_lan.{room}.'): __import__(module.name)"
        for room in ("wire", "crypto", "session", "commands")
    ),
]


@pytest.mark.parametrize("statement", WITHOUT_TRIO)
def test_no_trio(statement: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _CHECK.format(statement)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_trio_in_a_whole_visit() -> None:
    statement = f"""
from ipmi_lan.blocking import open_client
from ipmi_lan.commands.chassis import get_chassis_status
with open_client("127.0.0.1", "admin", {USERS["admin"][0]!r}, port=int(sys.argv[1])) as client:
    print(client.run(get_chassis_status()).power_is_on)"""
    with served(a_bmc()) as ((_, port),):
        words = [sys.executable, "-W", "error", "-c", _CHECK.format(statement), str(port)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")
