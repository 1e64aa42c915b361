"""The responder of the benchmark: it answers a real client, checks what it gets, and misbehaves exactly as told."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest

from ipmi_lan import SUITE_3, SUITE_17, CipherSuite, IpmiError, NoAnswer, Privilege
from ipmi_lan.blocking import BlockingClient, open_client
from ipmi_lan.commands.chassis import get_chassis_status
from tools.bench.steering import PASSWORD, USER, ResponderFailed, Steering, build, running_responder

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None or not Path("/usr/include/openssl/sha.h").exists(), reason="needs gcc and libssl-dev"
)
BMC = "127.5.5.5"
PING = bytes.fromhex("0600ff06000011be80010000")
SUITES = pytest.mark.parametrize("suite", [SUITE_3, SUITE_17], ids=["suite 3", "suite 17"])


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("responder"))


@pytest.fixture
def responder(program: Path) -> Iterator[Steering]:
    with running_responder(program, 0) as steering:
        yield steering


def session(
    responder: Steering, host: str = BMC, suite: CipherSuite = SUITE_3, password: str = PASSWORD
) -> AbstractContextManager[BlockingClient]:
    return open_client(host, USER, password, port=responder.port, suites=(suite,), privilege=Privilege.USER, timeout=5.0)


def status(bmc: BlockingClient) -> bool:
    return bmc.run(get_chassis_status()).power_is_on


def unsent_status(bmc: BlockingClient, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The datagram of a status command that has not left."""
    sealed: list[bytes] = []
    with monkeypatch.context() as patch, suppress(NoAnswer):
        patch.setattr(BlockingClient, "_send", lambda _, datagram: sealed.append(datagram))
        bmc.run(get_chassis_status(), 0.01)
    return sealed[0]


@pytest.fixture
def console(responder: Steering) -> Iterator[socket.socket]:
    """A socket of somebody who speaks to the same BMC."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.connect((BMC, responder.port))
        yield opened


@SUITES
def test_a_status(responder: Steering, suite: CipherSuite) -> None:
    with session(responder, suite=suite) as bmc:
        assert status(bmc)
    counters = responder.checked()
    assert (counters["logins"], counters["statuses"], counters["bad"]) == (1, 1, 0)
    assert counters["received"] == counters["answered"]


def test_every_address_is_a_bmc(responder: Steering) -> None:
    for host in ("127.0.0.1", "127.9.8.7", "127.255.0.3"):
        with session(responder, host) as bmc:
            assert status(bmc)


def test_another_password_is_no_login(responder: Steering) -> None:
    with pytest.raises(IpmiError), session(responder, password="another"):
        pass
    assert responder.tell()["logins"] == 0


@SUITES
def test_a_bit_that_flipped_on_the_way_is_noticed(
    responder: Steering, console: socket.socket, suite: CipherSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(responder, BMC, suite) as bmc:
        sealed = unsent_status(bmc, monkeypatch)
        for position in range(16, len(sealed)):
            console.send(sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :])
        assert responder.tell()["bad"] == len(sealed) - 16
        assert asked(console, sealed)
        assert status(bmc)


def test_the_same_datagram_twice_is_done_once(
    responder: Steering, console: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(responder, BMC) as bmc:
        sealed = unsent_status(bmc, monkeypatch)
        assert asked(console, sealed)
        assert not asked(console, sealed)
    assert responder.tell()["statuses"] == 1


def test_a_session_is_at_one_address_only(responder: Steering, monkeypatch: pytest.MonkeyPatch) -> None:
    with session(responder, BMC) as bmc, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as console:
        console.connect(("127.0.0.9", responder.port))
        assert not asked(console, unsent_status(bmc, monkeypatch))
    assert responder.tell()["strays"] == 1


def test_counters_that_tell_of_bad_datagrams_are_no_success(responder: Steering, console: socket.socket) -> None:
    console.send(b"\x06\x00\xff\x07rubbish")
    with pytest.raises(ResponderFailed, match="1 bad"):
        responder.checked()


@pytest.mark.parametrize("kind", ["request", "answer"])
def test_exactly_one_datagram_is_lost(responder: Steering, kind: str) -> None:
    responder.tell("reset", f"drop-{kind} 2")
    with session(responder) as bmc:
        assert status(bmc)
    assert responder.checked()["lost"] == 1


def test_nothing_comes_where_all_is_lost(responder: Steering, console: socket.socket) -> None:
    responder.tell("reset", "lose-per-mille 1000")
    assert not asked(console, PING)
    assert responder.tell()["lost"] == 1


def test_answers_come_late_when_told(responder: Steering, console: socket.socket) -> None:
    responder.tell("reset", "delay-us 50000")
    began = time.monotonic()
    assert asked(console, PING, patience=5.0)
    assert time.monotonic() - began >= 0.05


def asked(console: socket.socket, datagram: bytes, patience: float = 0.02) -> bool:
    """Whether an answer comes."""
    console.settimeout(patience)
    console.send(datagram)
    try:
        return bool(console.recv(1000))
    except TimeoutError:
        return False
