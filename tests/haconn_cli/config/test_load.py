from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haconn_cli.config.load import (
    ConfigError,
    ConfigMissing,
    NewerFormat,
    load_haconn,
    load_keys,
    load_servers,
    load_settings,
)
from haconn_cli.config.model import Account, BmcAddress, ManagedServer, Servers, Service
from haconn_cli.config.paths import Paths

KEY = f'format = 1\ncluster = "{"ab" * 16}"\n[[key]]\nid = 1\nsecret = "{"cd" * 32}"\n'
HACONN = 'format = 1\n[resetpath]\naddr = "192.168.0.1/24"\nport = 30000\n'
SERVER = '[[pserver]]\nname = "PSERVER1"\naddr = "192.168.0.51"\naccount = "admin"\npassword = "pw"\n'
PSERVER = "format = 1\n" + SERVER
DEFAULT = '[default]\naccount = "d"\npassword = "e"\n'
LOADS = {"conf_haconn": load_haconn, "conf_pserver": load_servers, "conf_key": load_keys}


def put(paths: Paths, name: str, content: str | bytes, mode: int = 0o600) -> Path:
    paths.config.mkdir(parents=True, exist_ok=True)
    file = paths.config / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(mode)
    return file


def problem_of(paths: Paths, name: str, content: str | bytes) -> str:
    """The error for this content, without the file's name."""
    file = put(paths, name, content)
    with pytest.raises(ConfigError) as raised:
        LOADS[name](file)
    text = str(raised.value)
    assert text.startswith(f"{file}: ")
    assert "\n" not in text
    return text.removeprefix(f"{file}: ")


def test_everything(paths: Paths) -> None:
    put(paths, "conf_haconn", HACONN + '[service]\npoll_interval = 2\npatience = 4\nown_server = "PSERVER1"\nsyslog = "/x"\n')
    put(paths, "conf_pserver", PSERVER + '[[pserver]]\nname = "B"\naddr = "[fd00::1]:6230"\n' + DEFAULT)
    put(paths, "conf_key", KEY)
    loaded = load_settings(paths)
    assert (loaded.reset_path.address, loaded.reset_path.mask, loaded.reset_path.port) == ("192.168.0.1", "255.255.255.0", 30000)
    assert loaded.service == Service(2.0, 4, "PSERVER1", "/x")
    assert loaded.servers == Servers(
        (
            ManagedServer("PSERVER1", BmcAddress("192.168.0.51"), Account("admin", "pw")),
            ManagedServer("B", BmcAddress("fd00::1", 6230)),
        ),
        Account("d", "e"),
    )
    assert loaded.keys.keys[0].secret == b"\xcd" * 32


def test_what_most_leave_out(paths: Paths) -> None:
    more = 'identity = "mac 0A:1b:2c:3d:4e:5f"\naddresses = ["10.0.0.1", "fd00::1"]\npriority = 7\ndelay = 1.5\n'
    put(paths, "conf_pserver", PSERVER + more)
    server = load_servers(paths.conf_pserver).servers[0]
    assert (str(server.identity), server.priority, server.delay) == ("mac 0a:1b:2c:3d:4e:5f", 7, 1.5)
    assert server.addresses == ("10.0.0.1", "fd00::1")


def test_a_file_without_a_reset_path(paths: Paths) -> None:
    assert load_haconn(put(paths, "conf_haconn", "format = 1\n")) == (None, Service())


HACONN_WRONG = [
    ("", "format: missing; must be 1"),
    ('format = "1"\n', "format: must be 1, not a text"),
    ("format = true\n", "format: must be 1, not true or false"),
    ("format = 0\n", "format: 0: must be 1"),
    ("format = 1\nresetpath = 3\n", "resetpath: must be a table, [resetpath], not a whole number"),
    ("format = 1\n[resetpth]\n", "resetpth: unknown key (did you mean resetpath?); known are format, resetpath, service"),
    ("format = 1\n[resetpath]\n", 'resetpath.addr: missing; must be "IP/MASK", like "192.168.0.1/24"'),
    (HACONN.replace("/24", ""), "resetpath.addr: addr '192.168.0.1': the mask is missing; must be IP/MASK, like"),
    (HACONN.replace("30000", "80"), "resetpath.port: port 80: must be 5001 to 65535"),
    (HACONN.replace("30000", '"30000"'), "resetpath.port: must be a number from 5001 to 65535, not a text"),
    (HACONN.replace("30000", "1979-05-27"), "not a date or time"),
    (HACONN.replace("addr", "adr"), "resetpath.adr: unknown key (did you mean addr?)"),
    (HACONN + "[service]\npatience = 0\n", "service: patience 0: must be 1 to 60"),
    (HACONN + "[service]\npatience = 1.5\n", "service.patience: must be a whole number of readings, 1 to 60, not a number with"),
    (HACONN + "[service]\npoll_interval = nan\n", "service: poll_interval nan: must be 0.2 to 60"),
    (HACONN + f"[service]\npoll_interval = 1{'0' * 400}\n", "service.poll_interval: is too large"),
    (HACONN + "[service]\npoll_interval = false\n", "service.poll_interval: must be 0.2 to 60 seconds, not true or false"),
    (HACONN + "[service]\narbitration_wait = 6\n", "service: arbitration_wait 6.0: must be 0 to 5 seconds"),
    (HACONN + "[service]\ndump_wait = 541\n", "service: dump_wait 541.0: must be 0 to 540 seconds"),
    (HACONN + "[service]\ndump_limit = 0\n", "service: dump_limit 0.0: must be 1 to 540 seconds"),
    (HACONN + "[service]\nkdump_port = 70000\n", "service: kdump_port 70000: must be 1 to 65535, or 0 for none"),
    (HACONN + "[service]\nsel_interval = 0.5\n", "service: sel_interval 0.5: must be 1 to 3600 seconds, or 0 for never"),
    (HACONN + '[service]\nhook = "run-me"\n', "service: hook 'run-me': must be the absolute path of an executable"),
    (HACONN + "[service]\nhok = 1\n", "service.hok: unknown key (did you mean hook?)"),
    ("format = 1\n[resetpath\n", "is not TOML: "),
    ("format = 1\nx =\n", "(at line 2, column 4)"),
    (f"format = 1{'0' * 5000}\n", "is not TOML: "),
    ("format = 1\nx = " + "[" * 5000, "is not TOML: nested too deep"),
    ("\ufeffformat = 1\n", "byte order mark"),
    (b"format = 1\n# \xff\n", "line 2 is not UTF-8 text"),
    ('format = 1\n"\\n\\u001b" = 1\n', r"'\n\x1b': unknown key"),
    ("#" * (1 << 20) + "#", "is larger than 1048576 bytes"),
]


@pytest.mark.parametrize(("content", "expected"), HACONN_WRONG, ids=range(len(HACONN_WRONG)))
def test_what_is_wrong_with_conf_haconn(paths: Paths, content: str | bytes, expected: str) -> None:
    assert expected in problem_of(paths, "conf_haconn", content)


PSERVER_WRONG = [
    ("format = 1\npserver = 1\n", "pserver: must be tables, each under [[pserver]], not a whole number"),
    ("format = 1\npserver = [1]\n", "pserver: must be tables, each under [[pserver]]"),
    ("format = 1\n[pserver]\n", "pserver: must be tables, each under [[pserver]]: write [[pserver]], not [pserver]"),
    (PSERVER + SERVER.replace("PSERVER1", "a b").replace(".51", ".52"), "pserver[2].name: name 'a b': must be 1 to 31"),
    (PSERVER + SERVER.replace("PSERVER1", "B").replace('"192.168.0.51"', "1"), 'pserver[2].addr: must be "IP" or "IP:PORT"'),
    (PSERVER.replace(".51", ".51:0"), "pserver[1].addr: addr '192.168.0.51:0': port '0' must be 1 to 65535"),
    (PSERVER.replace(".51", f".51:{'9' * 5000}"), "must be 1 to 65535"),
    (PSERVER.replace(".51", ".51\\n"), r"pserver[1].addr: addr '192.168.0.51\n': must be IP"),
    (PSERVER + SERVER, "pserver[2]: name PSERVER1 is already that of pserver[1]"),
    (PSERVER + 'identity = "guid 00"\n', "pserver[1].identity: identity 'guid 00': must be 'guid' and 32 hexadecimal digits, or"),
    (PSERVER + f'identity = "guid {"0" * 32}"\n', "pserver[1].identity: "),
    (PSERVER + 'identity = 7\n', 'pserver[1].identity: must be "guid DIGITS" or "mac ADDRESS", not a whole number'),
    (PSERVER + 'addresses = "10.0.0.1"\n', "pserver[1].addresses: must be a list of IP addresses, each in quotes, not a text"),
    (PSERVER + 'addresses = [1]\n', "pserver[1].addresses: must be a list of IP addresses, each in quotes"),
    (PSERVER + 'addresses = ["10.0.0.1/8"]\n', "pserver[1]: address '10.0.0.1/8': must be an IP address, like 192.168.0.1"),
    (PSERVER + f'addresses = {["10.0.0.1"] * 9}\n', "pserver[1]: 9 addresses: at most 8"),
    (PSERVER + "priority = 101\n", "pserver[1]: priority 101: must be 0 to 100; the higher one wins"),
    (PSERVER + "delay = 60.5\n", "pserver[1]: delay 60.5: must be 0 to 60 seconds"),
    (PSERVER + SERVER.replace("PSERVER1", "B"), "pserver[2]: BMC address 192.168.0.51 is already that of pserver[1]"),
    (PSERVER.replace('password = "pw"\n', ""), "pserver[1].password: missing; must be its password, in quotes"),
    (PSERVER.replace('account = "admin"\n', ""), "pserver[1].account: missing; must be a user of the BMC"),
    (PSERVER.replace('account = "admin"\npassword = "pw"\n', ""), "server PSERVER1: has no account"),
    (PSERVER.replace('"pw"', f'"{"x" * 21}"'), "pserver[1]: password: 21 bytes are more than IPMI carries; at most 20"),
    ('format = 1\n[default]\naccount = "a"\npasswort = "b"\n', "default.passwort: unknown key (did you mean password?)"),
]


@pytest.mark.parametrize(("content", "expected"), PSERVER_WRONG, ids=range(len(PSERVER_WRONG)))
def test_what_is_wrong_with_conf_pserver(paths: Paths, content: str, expected: str) -> None:
    assert expected in problem_of(paths, "conf_pserver", content)


KEY_WRONG = [
    (KEY.replace("cd" * 32, "x"), "key[1].secret: must be hexadecimal digits in quotes"),
    (KEY.replace("cd" * 32, "cd" * 31), "key[1]: key 1: must be 32 bytes, not 31"),
    (KEY.replace("ab" * 16, "ab"), "cluster id: must be 16 bytes, not 1"),
    (KEY.replace("id = 1", "id = 256"), "key[1]: key id 256: must be 0 to 255"),
    (KEY + KEY[KEY.index("[[") :], "two keys have the same id"),
    (KEY[: KEY.index("[[")], "key: missing; must be tables, each under [[key]]"),
]


@pytest.mark.parametrize(("content", "expected"), KEY_WRONG, ids=range(len(KEY_WRONG)))
def test_what_is_wrong_with_conf_key(paths: Paths, content: str, expected: str) -> None:
    problem = problem_of(paths, "conf_key", content)
    assert expected in problem
    assert "cdcd" not in problem


def test_a_newer_format(paths: Paths) -> None:
    file = put(paths, "conf_haconn", "format = 2\nwhatever = 1\n")
    with pytest.raises(NewerFormat, match="format: 2 is newer than 1") as raised:
        load_haconn(file)
    assert (raised.value.file_format, raised.value.our_format, raised.value.key) == (2, 1, "format")


def test_missing_files_name_the_command(paths: Paths) -> None:
    for name, command in (("conf_haconn", "resetpath addr="), ("conf_pserver", "pserver add"), ("conf_key", "key new")):
        with pytest.raises(ConfigMissing, match=f"is missing; made by: haconnsetup {command}"):
            LOADS[name](paths.config / name)


def test_settings_that_do_not_fit_together(paths: Paths) -> None:
    put(paths, "conf_key", KEY)
    put(paths, "conf_pserver", "format = 1\n")
    put(paths, "conf_haconn", "format = 1\n")
    with pytest.raises(ConfigError, match="resetpath: is not set; set by: haconnsetup resetpath"):
        load_settings(paths)
    put(paths, "conf_haconn", HACONN + '[service]\nown_server = "PSERVER2"\n')
    with pytest.raises(ConfigError, match="no server is set; added by: haconnsetup pserver add"):
        load_settings(paths)
    put(paths, "conf_pserver", PSERVER)
    with pytest.raises(ConfigError, match=r"service.own_server: PSERVER2 is not in .*did you mean PSERVER1"):
        load_settings(paths)


_MORE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@_MORE
@given(st.sampled_from(sorted(LOADS)), st.binary())
def test_arbitrary_bytes_raise_nothing_else(paths: Paths, name: str, content: bytes) -> None:
    _load_or_config_error(paths, name, content)


_KEYS = ["format", "resetpath", "service", "addr", "port", "default", "pserver", "name", "account", "password", "cluster", "key"]
_KEYS += ["id", "secret", "poll_interval", "patience", "own_server", "syslog", "x", "identity", "addresses", "priority", "delay"]
_KEYS += ["arbitration_wait", "dump_wait", "dump_limit", "kdump_port", "sel_interval", "hook"]
_TEXTS = st.text() | st.sampled_from(["10.0.0.1", "10.0.0.1/8", "A"])
_LEAVES = st.one_of(st.integers(), st.floats(), st.booleans(), _TEXTS, st.datetimes())
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(_KEYS), inner), max_leaves=8)


@_MORE
@given(st.sampled_from(sorted(LOADS)), st.dictionaries(st.sampled_from(_KEYS), _VALUES), st.booleans())
def test_arbitrary_toml_raises_nothing_else(paths: Paths, name: str, values: dict[str, object], has_format: bool) -> None:
    _load_or_config_error(paths, name, tomli_w.dumps({"format": 1, **values} if has_format else values).encode())


def _load_or_config_error(paths: Paths, name: str, content: bytes) -> None:
    file = put(paths, name, content)
    try:
        LOADS[name](file)
    except ConfigError as error:
        text = str(error)
    else:
        return
    assert text.isprintable()
