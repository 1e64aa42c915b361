"""Writing the configuration files: one writer at a time, and each file is either the old one or the new one."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import tomli_w

from haconn_cli.config.comments import below_head, head
from haconn_cli.config.load import ConfigMissing, load_haconn, load_keys, load_servers, read_text
from haconn_cli.config.model import FORMAT, Account, KeyRing, ManagedServer, ResetPath, Servers, Service
from haconn_cli.config.paths import Paths

_LOCK_PATIENCE = 10.0
"""Seconds; a change takes milliseconds, so whoever holds the lock longer is stuck."""

_NEW_HEAD = "# Written by haconnsetup. Comments above the first setting stay; a change that would lose others is refused.\n"


class NotWritten(Exception):  # noqa: N818 - errors here are named for the fact
    """A file could not be written; the old one stands unless the text says otherwise."""


class CommentsWouldBeLost(Exception):  # noqa: N818
    """The file has comments that writing it anew would drop; nothing was written."""

    def __init__(self, file: Path, lines: tuple[int, ...]) -> None:
        which = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"
        super().__init__(f"{file}: the comment on {which} would be lost, nothing was changed; to lose it, add: --drop-comments")
        self.lines = lines


class KeyExists(Exception):  # noqa: N818
    """There is a key file already."""


@contextmanager
def sole_writer(paths: Paths) -> Iterator[None]:
    """Makes the directory (0700) and keeps other writers of the configuration out. Raises `NotWritten`."""
    try:
        paths.config.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(paths.config / ".lock", flags, 0o600)
    except OSError as error:
        raise NotWritten(f"{paths.config}: cannot be written to: {error.strerror}") from None
    try:
        _lock(descriptor, paths.config)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, config: Path) -> None:
    give_up = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                raise NotWritten(f"{config}: another haconnsetup has been changing it for {_LOCK_PATIENCE:.0f} s") from None
            time.sleep(0.02)
        else:
            return


def change_haconn(paths: Paths, change: Callable[[ResetPath | None], ResetPath], *, drop_comments: bool = False) -> None:
    """Set the reset path to what `change` makes of the present one, None where it is not set; the service's settings stay.

    Raises `ConfigError`, `CommentsWouldBeLost`, `NotWritten`, and what `change` raises; then nothing was changed.
    """
    with sole_writer(paths):
        reset_path, service = present_haconn(paths)
        text = haconn_text(change(reset_path), service)
        _replace(paths.conf_haconn, text, private=False, drop_comments=drop_comments)


def change_servers(paths: Paths, change: Callable[[Servers], Servers], *, drop_comments: bool = False) -> Servers:
    """Set the managed servers to what `change` makes of the present ones, and return them. Raises as `change_haconn`."""
    with sole_writer(paths):
        servers = change(present_servers(paths))
        _replace(paths.conf_pserver, servers_text(servers), private=True, drop_comments=drop_comments)
    return servers


def try_servers(paths: Paths, change: Callable[[Servers], Servers], *, drop_comments: bool = False) -> None:
    """As `change_servers`, but writes nothing: raises what it would raise for what stands in the file now."""
    change(present_servers(paths))
    with suppress(ConfigMissing):
        _kept_head(paths.conf_pserver, private=True, drop_comments=drop_comments)


def create_keys(paths: Paths, keys: KeyRing) -> None:
    """Write the first key file. Raises `KeyExists`, `NotWritten`."""
    with sole_writer(paths):
        if os.path.lexists(paths.conf_key):
            raise KeyExists(str(paths.conf_key))
        _write(paths.conf_key, keys_text(keys))


def change_keys(paths: Paths, change: Callable[[KeyRing], KeyRing], *, drop_comments: bool = False) -> KeyRing:
    """Set the keys to what `change` makes of the present ones, and return them. Raises as `change_haconn`."""
    with sole_writer(paths):
        keys = change(load_keys(paths.conf_key))
        _replace(paths.conf_key, keys_text(keys), private=True, drop_comments=drop_comments)
    return keys


def present_haconn(paths: Paths) -> tuple[ResetPath | None, Service]:
    """As `load_haconn`; a missing file is one without settings."""
    try:
        return load_haconn(paths.conf_haconn)
    except ConfigMissing:
        return None, Service()


def present_servers(paths: Paths) -> Servers:
    """As `load_servers`; a missing file is one without servers."""
    try:
        return load_servers(paths.conf_pserver)
    except ConfigMissing:
        return Servers()


def haconn_text(reset_path: ResetPath | None, service: Service) -> str:
    """The content of `conf_haconn`; settings of the service that are as usual are left out."""
    parts = [_dump(format=FORMAT)]
    if reset_path is not None:
        parts.append("[resetpath]\n" + _dump(addr=str(reset_path.interface), port=reset_path.port))
    usual = Service()
    names = [field.name for field in fields(Service)]
    if unusual := {name: getattr(service, name) for name in names if getattr(service, name) != getattr(usual, name)}:
        parts.append("[service]\n" + _dump(**unusual))
    return "\n".join(parts)


def servers_text(servers: Servers) -> str:
    """The content of `conf_pserver`."""
    parts = [_dump(format=FORMAT)]
    if servers.default_account is not None:
        parts.append("[default]\n" + _dump(**_account_values(servers.default_account)))
    parts += [
        "[[pserver]]\n" + _dump(name=server.name, addr=str(server.bmc), **_account_values(server.account), **_unusual(server))
        for server in servers.servers
    ]
    return "\n".join(parts)


def keys_text(keys: KeyRing) -> str:
    """The content of `conf_key`."""
    tables = ["[[key]]\n" + _dump(id=key.id, secret=key.secret.hex()) for key in keys.keys]
    return "\n".join([_dump(format=FORMAT, cluster=keys.cluster.hex()), *tables])


def _account_values(account: Account | None) -> dict[str, str]:
    return {} if account is None else {"account": account.name, "password": account.password}


def _unusual(server: ManagedServer) -> dict[str, Any]:
    """What most servers leave out."""
    values: dict[str, Any] = {} if server.identity is None else {"identity": str(server.identity)}
    values |= {"addresses": list(server.addresses)} if server.addresses else {}
    values |= {"priority": server.priority} if server.priority else {}
    return values | ({"delay": server.delay} if server.delay else {})


def _dump(**values: Any) -> str:
    return tomli_w.dumps(values)


def _replace(file: Path, text: str, *, private: bool, drop_comments: bool) -> None:
    try:
        kept = _kept_head(file, private=private, drop_comments=drop_comments)
    except ConfigMissing:
        kept = _NEW_HEAD
    _write(file, kept + text)


def _kept_head(file: Path, *, private: bool, drop_comments: bool) -> str:
    """The head to write again. Raises `CommentsWouldBeLost`, `ConfigMissing`."""
    text = read_text(file, hint="", private=private)
    lines = below_head(text)
    if lines and not drop_comments:
        raise CommentsWouldBeLost(file, lines)
    return head(text)


def _write(file: Path, text: str) -> None:
    """Put the text at the file's place, mode 0600, all or nothing. Under the lock only, so the temporary name is ours."""
    temporary = file.with_name(f".{file.name}.new")
    try:
        try:
            _write_new(temporary, text.encode())
            os.replace(temporary, file)  # noqa: PTH105 - beside the other calls of os
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NotWritten(f"{file}: cannot be written: {_reason(error)}; nothing was changed") from None
    try:
        _sync_directory(file.parent)
    except OSError as error:
        raise NotWritten(f"{file}: is changed, but may be the old one again after a power failure: {_reason(error)}") from None


def _write_new(file: Path, data: bytes) -> None:
    file.unlink(missing_ok=True)  # left by a writer that was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags, 0o600), "wb") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot, and then need not
            raise
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
