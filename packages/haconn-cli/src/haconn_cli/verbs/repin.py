"""`haconnsetup pserver mod NAME repin`: the BMC that answers now is the right one, as after its board was replaced."""

from __future__ import annotations

from dataclasses import replace

from haconn_cli import screen
from haconn_cli.changes import have_reread
from haconn_cli.check.findings import Inspection
from haconn_cli.check.telling import block
from haconn_cli.config import store
from haconn_cli.config.identity import Identity
from haconn_cli.config.model import ManagedServer, Servers
from haconn_cli.config.paths import Paths
from haconn_cli.config.pins import DamagedPins, forget_pin, keep_pin
from haconn_cli.config.wording import no_such_server
from haconn_cli.exits import Exit
from haconn_cli.verbs.check import inspect, kept_pins
from haconn_cli.words import WrongWords
from ipmi_lan import Unreachable


def repin(name: str, paths: Paths, *, drop_comments: bool) -> Exit:
    """Pin the BMC that is seen now where the old one was pinned. Raises `WrongWords`, and what `store.change_servers` raises."""
    servers = store.present_servers(paths)
    server = servers.find(name)
    if server is None:
        raise WrongWords(no_such_server(name, [each.name for each in servers.servers]))
    if server.identity is not None:
        store.try_servers(paths, lambda servers: servers, drop_comments=drop_comments)
    before = Inspection((), servers, kept_pins(paths)).pinned(server)
    identity, is_right = _seen_now(replace(server, identity=None), servers, paths)
    if not is_right:
        return Exit.FAILED
    try:
        _pin(server, identity, paths, drop_comments=drop_comments)
    except OSError as error:
        raise store.NotWritten(f"{paths.pins}: cannot be written: {error.strerror or error}; nothing was changed") from None
    if identity is not None:
        screen.say(f"{name}: was {before or 'not pinned'}, is {identity}")
    have_reread(paths)
    return Exit.OK


def _seen_now(server: ManagedServer, servers: Servers, paths: Paths) -> tuple[Identity | None, bool]:
    """The identity of the BMC that answers; None: the next one that does is taken. And whether that may be done at all."""
    others = replace(servers, servers=tuple(server if each.name == server.name else each for each in servers.servers))
    pins = kept_pins(paths)
    forgotten = pins if isinstance(pins, str) else {name: pin for name, pin in pins.items() if pin.bmc != str(server.bmc)}
    (look,) = inspect([server], others, paths).looks
    inspection = Inspection([look], others, forgotten)
    if isinstance(look.error, Unreachable):
        screen.complain(f"{server.name}: {look.error}; its pin is removed, and the next BMC that answers there is taken for it")
        return None, True
    identity = inspection.identity(look)
    is_right = not any(finding.is_problem for finding in inspection.of(server))
    if not is_right:
        for line in block(inspection, look):
            screen.say(line)
        screen.complain(f"haconnsetup: {server.name}: nothing was changed: see its PROBLEM")
    elif identity is None:
        screen.complain(f"{server.name}: nothing tells its BMC from another one; its old pin is removed")
    return identity, is_right


def _pin(server: ManagedServer, identity: Identity | None, paths: Paths, *, drop_comments: bool) -> None:
    """Where the old one was: in the settings, or with the connector's pins; where those are damaged, in the settings.

    Raises `OSError`, and what `store.change_servers` raises.
    """
    is_written = server.identity is not None
    try:
        if identity is None or is_written:
            forget_pin(paths, server.name, str(server.bmc))
        else:
            keep_pin(paths, server.name, str(server.bmc), identity)
    except DamagedPins as error:
        screen.complain(f"note: {error}, so the identity goes into {paths.conf_pserver}")
        is_written = identity is not None
    if is_written:
        _write(server, identity, paths, drop_comments=drop_comments)
    else:
        screen.complain("note: the connectors on the other servers have pins of their own: give this command there too")


def _write(server: ManagedServer, identity: Identity | None, paths: Paths, *, drop_comments: bool) -> None:
    def with_identity(servers: Servers) -> Servers:
        changed = [
            replace(each, identity=identity) if (each.name, each.bmc) == (server.name, server.bmc) else each
            for each in servers.servers
        ]
        return replace(servers, servers=tuple(changed))

    store.change_servers(paths, with_identity, drop_comments=drop_comments)
    screen.complain(f"note: {paths.conf_pserver} is changed; copy it to the other servers")
