"""Reading the configuration files. Whatever stands in one, the outcome is settings or one `ConfigError`."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from haconn_cli.config.guarded import Unreadable, read_guarded
from haconn_cli.config.identity import BadIdentity, Identity
from haconn_cli.config.model import (
    FORMAT,
    Account,
    BadValue,
    BmcAddress,
    GivenTwice,
    Key,
    KeyRing,
    ManagedServer,
    ResetPath,
    Servers,
    Service,
    Settings,
    checked_name,
    parse_interface,
)
from haconn_cli.config.paths import Paths
from haconn_cli.config.wording import one_line, suggestion


class ConfigError(Exception):
    """A configuration file is wrong. The text, one line, names the file, the key, what is wrong and what would be right."""

    def __init__(self, file: Path, key: str, problem: str) -> None:
        super().__init__(one_line(f"{file}: {key}: {problem}" if key else f"{file}: {problem}"))
        self.file = file
        self.key = key
        """Like `resetpath.port` or `pserver[2].addr`, tables counted from 1; empty where the whole file is meant."""
        self.problem = problem


class ConfigMissing(ConfigError):  # noqa: N818 - errors here are named for the fact
    """The file is not there; the text says which command makes it."""


class NewerFormat(ConfigError):  # noqa: N818
    """The file was written by a newer version of this software (HCME1020)."""

    def __init__(self, file: Path, file_format: int) -> None:
        super().__init__(file, "format", f"{file_format} is newer than {FORMAT}, the newest this version reads; upgrade it")
        self.file_format = file_format
        self.our_format = FORMAT


_RESETPATH_HINT = "haconnsetup resetpath addr=IP/MASK port=PORT"
_PSERVER_HINT = "haconnsetup pserver add NAME addr=BMC [account=ACCOUNT]"
_KEY_HINT = "haconnsetup key new (on one server; copy the file to the others)"

_TYPE_NAMES = {
    dict: "a table",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number with a decimal point",
    bool: "true or false",
}


class _Table:
    """A TOML table with its place in the file. Reading a key checks its type; unknown keys are refused at once."""

    def __init__(self, file: Path, place: str, values: dict[str, Any], known: tuple[str, ...]) -> None:
        self._file, self._place, self._values = file, place, values
        for key in values:
            if key not in known:
                raise self.wrong(key, f"unknown key{suggestion(key, known)}; known are {', '.join(known)}")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def wrong(self, key: str, problem: str) -> ConfigError:
        """The error for one key of this table."""
        shown = key if key.isidentifier() else ascii(key)
        return ConfigError(self._file, f"{self._place}.{shown}" if self._place else shown, problem)

    def _get(self, key: str, types: tuple[type, ...], like: str) -> Any:
        if key not in self._values:
            raise self.wrong(key, f"missing; must be {like}")
        value = self._values[key]
        if type(value) not in types:
            raise self.wrong(key, f"must be {like}, not {_TYPE_NAMES.get(type(value), 'a date or time')}")
        return value

    def text(self, key: str, like: str) -> str:
        return str(self._get(key, (str,), like))

    def integer(self, key: str, like: str) -> int:
        return int(self._get(key, (int,), like))

    def number(self, key: str, like: str) -> float:
        value = self._get(key, (int, float), like)
        try:
            return float(value)
        except OverflowError:
            raise self.wrong(key, f"is too large; must be {like}") from None

    def texts(self, key: str, like: str) -> tuple[str, ...]:
        values = self._get(key, (list,), like)
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(key, f"must be {like}")
        return tuple(values)

    def secret(self, key: str) -> bytes:
        """Bytes written as hexadecimal digits. The value is never quoted in an error."""
        try:
            return bytes.fromhex(self.text(key, "hexadecimal digits in quotes"))
        except ValueError:
            raise self.wrong(key, "must be hexadecimal digits in quotes") from None

    def table(self, key: str, known: tuple[str, ...]) -> _Table:
        return _Table(self._file, key, self._get(key, (dict,), f"a table, [{key}]"), known)

    def tables(self, key: str, known: tuple[str, ...]) -> Iterator[_Table]:
        like = f"tables, each under [[{key}]]"
        if isinstance(self._values.get(key), dict):
            raise self.wrong(key, f"must be {like}: write [[{key}]], not [{key}]")
        for number, values in enumerate(self._get(key, (list,), like), 1):
            if not isinstance(values, dict):
                raise self.wrong(key, f"must be {like}")
            yield _Table(self._file, f"{key}[{number}]", values, known)

    @contextmanager
    def rule(self, key: str = "") -> Iterator[None]:
        """Turn a `BadValue` of the model into a `ConfigError` at this key, or at the table itself."""
        try:
            yield
        except BadValue as error:
            raise (self.wrong(key, str(error)) if key else ConfigError(self._file, self._place, str(error))) from None


def read_text(file: Path, *, hint: str, private: bool) -> str:
    """The file's text, once its owner and mode are as they must be. Raises `ConfigError`."""
    try:
        data = read_guarded(file, private=private)
        return data.decode()
    except FileNotFoundError:
        raise ConfigMissing(file, "", f"is missing; made by: {hint}") from None
    except Unreadable as error:
        raise ConfigError(file, "", str(error)) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(file, "", f"line {line} is not UTF-8 text; save the file as UTF-8") from None


def _read(file: Path, known: tuple[str, ...], *, hint: str, private: bool) -> _Table:
    text = read_text(file, hint=hint, private=private)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        if text.startswith("\ufeff"):
            raise ConfigError(file, "", "starts with a byte order mark; save the file as UTF-8 without one") from None
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise ConfigError(file, "", f"is not TOML: {reason}") from None
    file_format = _Table(file, "", values, tuple(values)).integer("format", f"{FORMAT}")
    if file_format > FORMAT:
        raise NewerFormat(file, file_format)
    root = _Table(file, "", values, ("format", *known))
    if file_format != FORMAT:
        raise root.wrong("format", f"{file_format}: must be {FORMAT}")
    return root


def load_haconn(file: Path) -> tuple[ResetPath | None, Service]:
    """The reset path, None where it is not set, and the service's settings (`conf_haconn`). Raises `ConfigError`."""
    root = _read(file, ("resetpath", "service"), hint=_RESETPATH_HINT, private=False)
    return _reset_path(root) if "resetpath" in root else None, _service(root) if "service" in root else Service()


def _reset_path(root: _Table) -> ResetPath:
    table = root.table("resetpath", ("addr", "port"))
    with table.rule("addr"):
        interface = parse_interface(table.text("addr", '"IP/MASK", like "192.168.0.1/24"'))
    with table.rule("port"):
        return ResetPath(interface, table.integer("port", "a number from 5001 to 65535"))


def _service(root: _Table) -> Service:
    table = root.table("service", tuple(_SERVICE_KEYS))
    with table.rule():
        return Service(**{key: read(table, key, like) for key, (read, like) in _SERVICE_KEYS.items() if key in table})


_SERVICE_KEYS: dict[str, tuple[Callable[[_Table, str, str], Any], str]] = {
    "poll_interval": (_Table.number, "0.2 to 60 seconds"),
    "patience": (_Table.integer, "a whole number of readings, 1 to 60"),
    "own_server": (_Table.text, "the name of a server, in quotes"),
    "syslog": (_Table.text, "the path of a socket, in quotes"),
    "arbitration_wait": (_Table.number, "0 to 5 seconds"),
    "dump_wait": (_Table.number, "0 to 540 seconds"),
    "dump_limit": (_Table.number, "1 to 540 seconds"),
    "kdump_port": (_Table.integer, "a port, or 0 for none"),
    "sel_interval": (_Table.number, "1 to 3600 seconds, or 0 for never"),
    "hook": (_Table.text, "the absolute path of an executable, in quotes"),
}
"""How each setting of the service is read, and what it must be like. What is left out is as usual."""


_SERVER_KEYS = ("name", "addr", "account", "password", "identity", "addresses", "priority", "delay")


def load_servers(file: Path) -> Servers:
    """The managed servers in the order of the file (`conf_pserver`). Raises `ConfigError`."""
    root = _read(file, ("default", "pserver"), hint=_PSERVER_HINT, private=True)
    default = None
    if "default" in root:
        default = _account(root.table("default", ("account", "password")))
    tables = root.tables("pserver", _SERVER_KEYS) if "pserver" in root else ()
    servers = tuple(_server(table) for table in tables)
    with root.rule():
        try:
            return Servers(servers, default)
        except GivenTwice as twice:
            first, second = (f"pserver[{place + 1}]" for place in twice.places)
            raise ConfigError(file, second, f"{twice.what} {twice.value} is already that of {first}") from None


def _account(table: _Table) -> Account:
    with table.rule():
        return Account(table.text("account", "a user of the BMC, in quotes"), table.text("password", "its password, in quotes"))


def _server(table: _Table) -> ManagedServer:
    with table.rule("addr"):
        bmc = BmcAddress.parse(table.text("addr", '"IP" or "IP:PORT" of the BMC'))
    account = _account(table) if "account" in table or "password" in table else None
    with table.rule("identity"):
        identity = _identity(table) if "identity" in table else None
    with table.rule("name"):
        name = checked_name(table.text("name", "1 to 31 letters and digits, in quotes"))
    with table.rule():
        return ManagedServer(name, bmc, account, identity, **_extras(table))


def _identity(table: _Table) -> Identity:
    try:
        return Identity.parse(table.text("identity", '"guid DIGITS" or "mac ADDRESS"'))
    except BadIdentity as error:
        raise BadValue(str(error)) from None


def _extras(table: _Table) -> dict[str, Any]:
    """What most servers leave out."""
    read: dict[str, Any] = {}
    if "addresses" in table:
        read["addresses"] = table.texts("addresses", "a list of IP addresses, each in quotes")
    if "priority" in table:
        read["priority"] = table.integer("priority", "a whole number from 0 to 100")
    if "delay" in table:
        read["delay"] = table.number("delay", "0 to 60 seconds")
    return read


def load_keys(file: Path) -> KeyRing:
    """The cluster's id and its live keys (`conf_key`). Raises `ConfigError`."""
    root = _read(file, ("cluster", "key"), hint=_KEY_HINT, private=True)
    keys = []
    for table in root.tables("key", ("id", "secret")):
        with table.rule():
            keys.append(Key(table.integer("id", "a number from 0 to 255"), table.secret("secret")))
    with root.rule():
        return KeyRing(root.secret("cluster"), tuple(keys))


def load_settings(paths: Paths) -> Settings:
    """Everything the daemon runs on, from the three files, and that they fit together. Raises `ConfigError`."""
    reset_path, service = load_haconn(paths.conf_haconn)
    if reset_path is None:
        raise ConfigError(paths.conf_haconn, "resetpath", f"is not set; set by: {_RESETPATH_HINT}")
    servers = load_servers(paths.conf_pserver)
    if not servers.servers:
        raise ConfigError(paths.conf_pserver, "pserver", f"no server is set; added by: {_PSERVER_HINT}")
    if service.own_server is not None and servers.find(service.own_server) is None:
        near = suggestion(service.own_server, (server.name for server in servers.servers))
        raise ConfigError(paths.conf_haconn, "service.own_server", f"{service.own_server} is not in {paths.conf_pserver}{near}")
    return Settings(reset_path, servers, load_keys(paths.conf_key), service)
