from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haconn_cli.config import store
from haconn_cli.config.identity import Identity
from haconn_cli.config.load import load_haconn, load_keys, load_servers
from haconn_cli.config.model import (
    LARGEST_ACCOUNT,
    LARGEST_PASSWORD,
    Account,
    BmcAddress,
    Key,
    KeyRing,
    ManagedServer,
    ResetPath,
    Servers,
    Service,
)
from haconn_cli.config.paths import ROOT_VARIABLE, Paths

RESET_PATH = ResetPath(ip_interface("192.168.0.1/24"), 30000)
SERVERS = Servers((ManagedServer("A", BmcAddress("10.0.0.1"), Account("admin", "pw")),))
_MORE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def put(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)
    return file


def sized(alphabet: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=1, max_size=most).filter(lambda text: len(text.encode()) <= most)


_CHARACTERS = st.characters(exclude_categories=["Cs"])
_ACCOUNTS = st.builds(
    Account,
    sized(_CHARACTERS.filter(str.isprintable), LARGEST_ACCOUNT),
    sized(_CHARACTERS.filter(lambda character: character != "\0"), LARGEST_PASSWORD),
)
_NAMES = st.from_regex(r"[A-Za-z0-9]{1,31}", fullmatch=True)
_BMCS = st.builds(
    BmcAddress,
    (st.ip_addresses(v=4) | st.ip_addresses(v=6)).filter(lambda ip: not (ip.is_multicast or ip.is_unspecified)).map(str),
    st.integers(1, 65535),
)
_ADDRESSES = st.lists(_BMCS.map(lambda bmc: bmc.host), max_size=8).map(tuple)
_IDENTITIES = st.builds(Identity, st.just("guid"), st.binary(min_size=16, max_size=16).filter(any)) | st.builds(
    Identity, st.just("mac"), st.binary(min_size=6, max_size=6).filter(any)
)
_SERVER_LISTS = st.lists(
    st.builds(
        ManagedServer,
        _NAMES,
        _BMCS,
        st.none() | _ACCOUNTS,
        st.none() | _IDENTITIES,
        _ADDRESSES,
        priority=st.integers(0, 100),
        delay=st.floats(0, 60),
    ),
    max_size=16,
    unique_by=(lambda server: server.name, lambda server: server.bmc),
)
_SERVICES = st.builds(
    Service,
    poll_interval=st.floats(0.2, 60),
    patience=st.integers(1, 60),
    own_server=st.none() | _NAMES,
    syslog=st.text(_CHARACTERS),
    arbitration_wait=st.floats(0, 5),
    dump_wait=st.floats(0, 540),
    dump_limit=st.floats(1, 540),
    kdump_port=st.integers(0, 65535),
    sel_interval=st.just(0.0) | st.floats(1, 3600),
    hook=st.none() | st.text(_CHARACTERS).map("/".__add__),
)


@_MORE
@given(_SERVER_LISTS, _ACCOUNTS)
def test_servers_come_back(paths: Paths, servers: list[ManagedServer], default: Account) -> None:
    stored = Servers(tuple(servers), default)
    store.change_servers(paths, lambda _: stored)
    assert load_servers(paths.conf_pserver) == stored


@_MORE
@given(st.integers(5001, 65535), st.sampled_from(["10.0.0.1/8", "fd00::1/64", "192.168.0.1/255.255.255.128"]), _SERVICES)
def test_the_basic_configuration_comes_back(paths: Paths, port: int, interface: str, service: Service) -> None:
    reset_path = ResetPath(ip_interface(interface), port)
    put(paths.conf_haconn, store.haconn_text(None, service))
    store.change_haconn(paths, lambda _: reset_path)
    assert load_haconn(paths.conf_haconn) == (reset_path, service)


@_MORE
@given(st.binary(min_size=16, max_size=16), st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=3))
def test_keys_come_back(paths: Paths, cluster: bytes, secrets: list[bytes]) -> None:
    ring = KeyRing(cluster, tuple(Key(number, secret) for number, secret in enumerate(secrets)))
    paths.conf_key.unlink(missing_ok=True)
    store.create_keys(paths, ring)
    assert load_keys(paths.conf_key) == ring


def test_a_key_file_is_never_overwritten(paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.conf_key.symlink_to("nowhere")
    with pytest.raises(store.KeyExists):
        store.create_keys(paths, KeyRing(b"c" * 16, (Key(1, b"k" * 32),)))
    assert sorted(each.name for each in paths.config.iterdir()) == [".lock", "conf_key"]


def test_modes_do_not_depend_on_the_umask(paths: Paths) -> None:
    for mask in (0o000, 0o777):
        before = os.umask(mask)
        try:
            if mask == 0:
                paths.config.parent.mkdir(parents=True)
            store.change_servers(paths, lambda _: SERVERS)
        finally:
            os.umask(before)
        assert paths.conf_pserver.stat().st_mode & 0o777 == 0o600
        assert paths.config.stat().st_mode & 0o777 == 0o700


def test_comments_at_the_head_are_kept(paths: Paths) -> None:
    text = "# Ours: rack 7\n\n# second\n" + store.servers_text(SERVERS)
    put(paths.conf_pserver, text)
    store.change_servers(paths, lambda servers: servers)
    assert paths.conf_pserver.read_text() == text


def test_comments_below_the_head_are_not_lost_silently(paths: Paths) -> None:
    text = "# head\n" + store.servers_text(SERVERS) + "# note\n"
    put(paths.conf_pserver, text)
    for change in (store.change_servers, store.try_servers):
        with pytest.raises(store.CommentsWouldBeLost, match=r"the comment on line 9 would be lost.*--drop-comments"):
            change(paths, lambda servers: servers)
    assert paths.conf_pserver.read_text() == text
    store.change_servers(paths, lambda servers: servers, drop_comments=True)
    assert paths.conf_pserver.read_text() == text.removesuffix("# note\n")


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


FAILURES: list[tuple[str, Callable[..., None]]] = [("replace", full), ("fsync", full), ("fchmod", full)]


@pytest.mark.parametrize(("call", "failure"), FAILURES)
@pytest.mark.parametrize("exists", [True, False])
def test_a_failed_write_leaves_the_old_file(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, call: str, failure: Callable[..., None], exists: bool
) -> None:
    if exists:
        store.change_servers(paths, lambda _: SERVERS)
    before = paths.conf_pserver.read_bytes() if exists else None
    monkeypatch.setattr(os, call, failure)
    with pytest.raises(store.NotWritten, match="No space left on device; nothing was changed"):
        store.change_servers(paths, lambda _: replace(SERVERS, servers=()))
    assert (paths.conf_pserver.read_bytes() if exists else None) == before
    assert sorted(each.name for each in paths.config.iterdir()) == [".lock", *(["conf_pserver"] if exists else [])]


def test_an_interrupted_write_leaves_no_temporary_file(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.change_servers(paths, lambda _: SERVERS)
    assert [each.name for each in paths.config.iterdir()] == [".lock"]


def test_a_directory_that_cannot_be_synced_is_said(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    sync, calls = os.fsync, []

    def second_fails(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", second_fails)
    with pytest.raises(store.NotWritten, match="is changed, but may be the old one again after a power failure"):
        store.change_servers(paths, lambda _: SERVERS)
    assert load_servers(paths.conf_pserver) == SERVERS


def test_what_a_killed_writer_left_is_overwritten(paths: Paths) -> None:
    put(paths.config / ".conf_pserver.new", "half a fi")
    store.change_servers(paths, lambda _: SERVERS)
    assert sorted(each.name for each in paths.config.iterdir()) == [".lock", "conf_pserver"]


def test_a_stuck_writer_is_not_waited_for_for_ever(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LOCK_PATIENCE", 0.0)
    paths.config.mkdir(parents=True)
    with (paths.config / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(store.NotWritten, match="another haconnsetup has been changing it"):
            store.change_servers(paths, lambda _: SERVERS)


def test_a_place_that_is_no_directory(paths: Paths) -> None:
    put(paths.config, "a file")
    with pytest.raises(store.NotWritten, match="cannot be written to"):
        store.change_servers(paths, lambda _: SERVERS)


_ADDER = """
import sys
from haconn_cli import app
for number in range(8):
    code = app.main(["pserver", "add", f"{sys.argv[1]}{number}", f"addr=10.0.{sys.argv[2]}.{number + 1}"])
    assert code == 0, code
"""


def test_writers_at_the_same_time_lose_nothing(paths: Paths) -> None:
    store.change_servers(paths, lambda _: Servers(default_account=Account("admin", "pw")))
    environment = {**os.environ, ROOT_VARIABLE: str(paths.root)}
    writers = [
        subprocess.Popen([sys.executable, "-c", _ADDER, *words], env=environment, stderr=subprocess.PIPE, text=True)
        for words in (("A", "1"), ("B", "2"))
    ]
    for writer in writers:
        _, complaints = writer.communicate(timeout=60)
        assert writer.returncode == 0, complaints
    names = [server.name for server in load_servers(paths.conf_pserver).servers]
    assert sorted(names) == sorted(f"{letter}{number}" for letter in "AB" for number in range(8))
    assert [name for name in names if name[0] == "A"] == [f"A{number}" for number in range(8)]
