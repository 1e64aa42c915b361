"""What the connector says of itself to `haconnsetup`, as values and as lines of JSON on the control socket.

Fields that a reader does not know are ignored, and most may be missing, so that either side may be the newer one. Who writes
them escapes what is not printable; who reads them refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, TypeVar

from haconn_cli.config.wording import one_line
from haconn_cli.resetpath.vocabulary import ServerStatus

LARGEST_HISTORY = 900_000
"""Bytes of a history's entries; a reply line is at most `control.LARGEST_REPLY`. Some thousand resets with their evidence."""

T = TypeVar("T")


class ControlError(Exception):
    """Something answers on the control socket, but not as a connector does, or not to this user."""


@dataclass(frozen=True, slots=True)
class ServerReport:
    """One server as `show status` prints it. None: not known, or a connector that does not say it."""

    name: str
    link: str
    """A word of `vocabulary.Link`; a newer daemon may know more words."""
    status: str
    """Words of `vocabulary.Status`; a newer daemon may know more."""
    reset_capable: bool
    proof_age: float | None = None
    """Seconds since the last authenticated answer of its BMC; None: never."""
    reason: str = ""
    """Why the link is NG, for a person; else empty."""
    bmc: str | None = None
    """The BMC's address, as the settings print it."""
    identity: str | None = None
    """Which BMC it is, like `guid 0011...`."""
    suite: int | None = None
    """Cipher suite of the latest login."""
    privilege: str | None = None
    """What the latest login may do."""
    since: float | None = None
    """Seconds in this link state."""
    round_trip: float | None = None
    """Seconds that the latest reading took."""
    free_sessions: int | None = None
    """Of the BMC, beside ours, when it was last asked."""
    dump: str | None = None
    """What is known of a crash dump, for a person."""

    @classmethod
    def of(cls, server: ServerStatus, reason: str = "") -> ServerReport:
        """What the monitoring knows, in the words for a person."""
        return cls(server.name, server.link.word, server.status.words, server.reset_capable, server.proof_age, reason)


@dataclass(frozen=True, slots=True)
class KeyReport:
    """One key of the reset path that the connector accepts."""

    id: int
    is_sent: bool
    """Whether it is the one that the connector sends with by itself."""
    heard: dict[str, float] = field(default_factory=dict)
    """Who used it, and how many seconds ago the last time."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The daemon's answer to `status`."""

    version: str
    own_server: str | None
    """The server the daemon stands on; None: not known yet."""
    servers: tuple[ServerReport, ...]
    """In the order of the configuration."""
    counters: dict[str, int] = field(default_factory=dict)
    """Datagrams on the reset path that had no effect, by reason."""
    notes: tuple[str, ...] = ()
    """What a person should look at."""
    started: str | None = None
    """UTC, ISO 8601."""
    settings_read: str | None = None
    """UTC, ISO 8601: since when the settings count that it runs on."""
    settings_refused: str = ""
    """Why the settings in the files were not taken at the latest reload; empty: they were."""
    keys: tuple[KeyReport, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One reset: who asked what of whom, what came of it, and what proves it."""

    operation: str
    """Its id, in hexadecimal."""
    target: str
    action: str
    requesters: tuple[str, ...] = ()
    time: str = ""
    """When it was accepted: UTC, ISO 8601."""
    code: str | None = None
    """A word of `vocabulary.ResultCode`; None: it is under way."""
    back_on: bool = False
    detail: str = ""
    seconds: float | None = None
    """From its acceptance to its end."""
    steps: tuple[tuple[str, float], ...] = ()
    """What it did, in order, and how many seconds each took."""
    readings: tuple[tuple[float, bool], ...] = ()
    """Seconds after its acceptance, and whether power was on."""
    power_commands: tuple[str, ...] = ()
    guid: str | None = None
    suite: int | None = None
    reason: str = ""
    """Why it was asked for, in the requester's words."""
    recorded: bool = True
    """Whether all of it is on the disk; if not, it is forgotten when the connector ends."""


@dataclass(frozen=True, slots=True)
class History:
    """The resets that are on record, the newest last."""

    entries: tuple[HistoryEntry, ...] = ()
    left_out: int = 0
    """Older ones that did not fit into the answer."""


def build_report(report: StatusReport) -> bytes:
    """The reply line to `status`."""
    return _line(asdict(report))


def build_history(entries: Sequence[HistoryEntry]) -> bytes:
    """The reply line to `history`: as many of the newest entries as fit."""
    kept: list[dict[str, Any]] = []
    size = 0
    for entry in reversed(entries):
        values = asdict(entry)
        size += len(_line(values))
        if size > LARGEST_HISTORY:
            break
        kept.append(values)
    return _line({"entries": kept[::-1], "left_out": len(entries) - len(kept)})


def build_failure(why: str) -> bytes:
    """The reply line where there is no answer; whoever asked has a `ControlError` of it."""
    return _line({"failure": why})


def build_outcome(refused: str) -> bytes:
    """The reply line to `reload`: why it was refused, or nothing."""
    return _line({"refused": refused})


def parse_report_untrusted(line: bytes) -> StatusReport:
    """The reply to `status`. Raises `ControlError`."""
    return _filled(StatusReport, parse_object_untrusted(line), _REPORT)


def parse_history_untrusted(line: bytes) -> History:
    """The reply to `history`. Raises `ControlError`."""
    return _filled(History, parse_object_untrusted(line), _HISTORY)


def parse_outcome_untrusted(line: bytes) -> str:
    """The reply to `reload`. Raises `ControlError`."""
    return _text(parse_object_untrusted(line).get("refused"), "refused")


def parse_object_untrusted(line: bytes) -> dict[str, Any]:
    """A line that is a JSON object, and does not tell that there is no answer. Raises `ControlError`."""
    try:
        values = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise ControlError("not a line of JSON") from None
    message: dict[str, Any] = _of_kind(values, dict, "message")
    if "failure" in message:
        raise ControlError(_text(message["failure"], "failure"))
    return message


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(_printable(values)).encode() + b"\n"


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, dict):
        return {one_line(str(key)): _printable(each) for key, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list | tuple) else value


# What each field must be: a function of the value and its name, which returns it or raises `ControlError`.

Check = Callable[[Any, str], Any]


def _filled(kind: type[T], values: dict[str, Any], checks: Mapping[str, Check]) -> T:
    given = {}
    for each in fields(kind):  # type: ignore[arg-type]
        if each.name in values:
            given[each.name] = checks[each.name](values[each.name], each.name)
        elif each.default is MISSING and each.default_factory is MISSING:
            raise ControlError(f"'{each.name}' is missing")
    return kind(**given)


def _of_kind(value: Any, kind: type, what: str) -> Any:
    if type(value) is not kind:
        raise ControlError(f"'{shown(what)}' is not of type {kind.__name__}")
    return value


def _text(value: Any, what: str) -> str:
    text: str = _of_kind(value, str, what)
    if not text.isprintable():
        raise ControlError(f"'{shown(text)}' is not printable text")
    return text


def _flag(value: Any, what: str) -> bool:
    flag: bool = _of_kind(value, bool, what)
    return flag


def _number(value: Any, what: str) -> int:
    number: int = _of_kind(value, int, what)
    if abs(number) >= 1 << 63:
        raise ControlError(f"'{shown(what)}' is too large")
    return number


def _seconds(value: Any, what: str) -> float:
    if type(value) not in (int, float) or not 0 <= value < 1e12:
        raise ControlError(f"'{shown(what)}' is not a number of seconds")
    return float(value)


def _maybe(check: Check) -> Check:
    return lambda value, what: None if value is None else check(value, what)


def _each(check: Check) -> Check:
    return lambda value, what: tuple(check(one, what) for one in _of_kind(value, list, what))


def _by_text(check: Check) -> Check:
    return lambda value, what: {_text(key, what): check(one, key) for key, one in _of_kind(value, dict, what).items()}


def _pair(first: Check, second: Check) -> Check:
    def check(value: Any, what: str) -> tuple[Any, Any]:
        if len(_of_kind(value, list, what)) != 2:
            raise ControlError(f"'{shown(what)}' is not a pair")
        return first(value[0], what), second(value[1], what)

    return check


def _table(kind: type[T], checks: Mapping[str, Check]) -> Check:
    return lambda value, what: _filled(kind, _of_kind(value, dict, what), checks)


def shown(text: str) -> str:
    """A text from the other side, in an error."""
    return ascii(text[:40])[1:-1]


_SERVER: dict[str, Check] = {
    **dict.fromkeys(("name", "link", "status", "reason"), _text),
    **dict.fromkeys(("bmc", "identity", "privilege", "dump"), _maybe(_text)),
    **dict.fromkeys(("proof_age", "since", "round_trip"), _maybe(_seconds)),
    **dict.fromkeys(("suite", "free_sessions"), _maybe(_number)),
    "reset_capable": _flag,
}
_KEY: dict[str, Check] = {"id": _number, "is_sent": _flag, "heard": _by_text(_seconds)}
_REPORT: dict[str, Check] = {
    **dict.fromkeys(("version", "settings_refused"), _text),
    **dict.fromkeys(("own_server", "started", "settings_read"), _maybe(_text)),
    "servers": _each(_table(ServerReport, _SERVER)),
    "counters": _by_text(_number),
    "notes": _each(_text),
    "keys": _each(_table(KeyReport, _KEY)),
}
_ENTRY: dict[str, Check] = {
    **dict.fromkeys(("operation", "target", "action", "time", "detail", "reason"), _text),
    **dict.fromkeys(("requesters", "power_commands"), _each(_text)),
    **dict.fromkeys(("code", "guid"), _maybe(_text)),
    **dict.fromkeys(("back_on", "recorded"), _flag),
    "seconds": _maybe(_seconds),
    "suite": _maybe(_number),
    "steps": _each(_pair(_text, _seconds)),
    "readings": _each(_pair(_seconds, _flag)),
}
_HISTORY: dict[str, Check] = {"entries": _each(_table(HistoryEntry, _ENTRY)), "left_out": _number}
