"""`haconnsetup show status`: the manual's table (C8), and the same in more words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from haconn_cli import screen
from haconn_cli.control import NOT_PROCESSING
from haconn_cli.reports import ServerReport, StatusReport
from haconn_cli.resetpath.vocabulary import Link, Status

_COUNTERS = {
    "size": "too short or too long for ours",
    "magic": "not of this protocol",
    "length": "cut or padded on the way",
    "receiver": "meant for another connector",
    "sender": "from nobody in our list of servers; do the lists differ?",
    "key": "sealed with a key that we do not have; is conf_key the same everywhere?",
    "tag": "sealed with another key of that number, or changed on the way; is conf_key the same everywhere?",
    "version": "of another version of the protocol",
    "type": "of a kind that is not for a connector",
    "body": "genuine, but not readable",
    "stale": "too old to count; the sender was told to ask again",
    "replay": "seen before",
    "rate": "more than one participant may send",
    "lives": "from too many runs of the same program at once",
    "crowded": "more at once than there was time for; who was believed lately went first",
    "kernel": "not let in: not of this protocol, from outside of the reset path's network, or too many at once",
    "acknowledged": "acknowledging what nobody waits for any more",
}
"""What the counters of the reset path count."""


def print_status(status: StatusReport | None, *, verbose: bool) -> None:
    """The manual's table; why a link is NG and what a person should look at goes to standard error, or into the longer text."""
    if status is None:
        screen.say(NOT_PROCESSING)
        return
    screen.say("-- HA monitor connector service status --")
    rows = [(server.name, server.link, server.status) for server in status.servers]
    for line in numbered(" # name  link status", rows):
        screen.say(line)
    if verbose:
        for line in details(status):
            screen.say(line)
        return
    for server in status.servers:
        if server.reason and server.link == Link.NG.word:
            screen.complain(f"{server.name}: {server.reason}")
    for note in all_notes(status):
        screen.complain(f"note: {note}")


def numbered(heading: str, rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """The manual's kind of table."""
    if not rows:
        yield " (not set)"
        return
    yield heading
    width = len(str(len(rows)))
    yield from screen.table([(f" {number:>{width}}", f"{name} ", *rest) for number, (name, *rest) in enumerate(rows, 1)])


def details(status: StatusReport) -> Iterator[str]:
    """All that is known beside the table, in plain words."""
    yield ""
    yield "<connector>"
    yield from _fields(_connector(status))
    for server in status.servers:
        yield ""
        yield f"<{server.name}>"
        yield from _fields(_server(server))
    if notes := all_notes(status):
        yield ""
        yield "<notes>"
        yield from (f" ! {note}" for note in notes)
    if counts := counted(status):
        yield ""
        yield "<datagrams without effect>"
        yield from (f" {count:>6} {name}: {_COUNTERS.get(name, 'counted by the connector')}" for name, count in counts)


def counted(status: StatusReport) -> list[tuple[str, int]]:
    """The counters of what has happened, the largest first."""
    return sorted(((name, count) for name, count in status.counters.items() if count), key=lambda each: (-each[1], each[0]))


def all_notes(status: StatusReport) -> list[str]:
    """What a person should look at."""
    refused = status.settings_refused
    if refused and not any(refused in note for note in status.notes):
        return [*status.notes, f"the settings in the files were refused, the older ones count: {refused}"]
    return list(status.notes)


def verdict(status: StatusReport) -> str:
    """Whether all is as it should be (manual C12), in one sentence; empty: it is."""
    wrong = [f"{server.name} link {server.link}" for server in status.servers if server.link != Link.OK.word]
    expected = (Status.OWN_SERVER.words, Status.MONITORING.words)
    wrong += [
        f"{server.name} {server.status}"
        for server in status.servers
        if server.status not in expected and server.link == Link.OK.word
    ]
    if status.own_server is None:
        wrong.append("the own server is not known")
    return ", ".join(wrong)


def span(seconds: float) -> str:
    """How long, as a person says it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for size, unit, part, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} {seconds % size // part:.0f} {name}"
    return f"{seconds:.0f} s"


def moment(text: str) -> str:
    """A time of ISO 8601 in UTC, for a person."""
    return text.replace("T", " ").replace("+00:00", " UTC")


def _fields(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    return (f" {name:<12} {value}" for name, value in rows)


def _connector(status: StatusReport) -> Iterator[tuple[str, str]]:
    yield "version", status.version
    yield "own server", status.own_server or "not known yet, or several are claimed"
    if status.started is not None:
        yield "running", f"since {moment(status.started)}"
    if status.settings_read is not None:
        yield "settings", f"of {moment(status.settings_read)}"
    for key in status.keys:
        use = "sent with" if key.is_sent else "accepted"
        heard = "; ".join(f"used by {who} {span(age)} ago" for who, age in sorted(key.heard.items(), key=lambda one: one[1]))
        yield f"key {key.id}", f"{use}; {heard}" if heard else use


def _server(server: ServerReport) -> Iterator[tuple[str, str]]:
    link = server.link if server.since is None else f"{server.link} for {span(server.since)}"
    yield "link", f"{link}: {server.reason}" if server.reason else link
    yield "status", server.status
    yield "reset", "would be obeyed now" if server.reset_capable else "would fail now"
    yield "last answer", answer(server)
    if server.bmc is not None:
        yield "BMC", server.bmc if server.identity is None else f"{server.bmc}, {server.identity}"
    if server.suite is not None:
        yield "login", f"cipher suite {server.suite}" + ("" if server.privilege is None else f", {server.privilege}")
    if server.free_sessions is not None:
        yield "sessions", f"{server.free_sessions} free at the BMC beside ours"
    if server.dump is not None:
        yield "crash dump", server.dump


def answer(server: ServerReport) -> str:
    """When its BMC last answered, and how fast."""
    if server.proof_age is None:
        return "never"
    took = "" if server.round_trip is None else f", in {server.round_trip * 1000:.0f} ms"
    return f"{span(server.proof_age)} ago{took}"
