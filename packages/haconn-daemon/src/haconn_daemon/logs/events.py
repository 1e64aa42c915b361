"""Every event that the connector logs: its name, its log, its level, its fields. docs/events.md prints this table."""

from __future__ import annotations

import logging
from typing import NamedTuple

INFO, WARNING, ERROR = "INFO", "WARNING", "ERROR"


class Event(NamedTuple):
    """One kind of event."""

    name: str
    levels: str
    """One, or several with a slash: which one depends on what happened."""
    fields: str
    """Names with a space between. A name in parentheses is not always there; `...` stands for names that are counted."""
    meaning: str
    """For the administrator, one sentence without a full stop."""
    log: str = "eventlog"


EVENTS = (
    Event("starting", INFO, "version servers", "the start has begun", "initlog"),
    Event("reset_path_open", INFO, "address port", "the reset path is open", "initlog"),
    Event("ready", INFO, "version servers", "the start has ended", "initlog"),
    Event("started", INFO, "version", "the connector works"),
    Event("stopping", INFO, "signal running_resets", "it was told to stop"),
    Event("failed", ERROR, "why", "a mistake in the connector has ended it: please report it with what is on standard error"),
    Event("stopped", INFO, "", "it has stopped, and nothing is left undone"),
    Event("reset_path_waits", ERROR, "why", "the reset path's address is on no interface; it is tried again every second"),
    Event("reset_path_back", INFO, "", "the reset path is open after all"),
    Event("settings_taken", INFO, "servers keys", "changed settings are in force"),
    Event("settings_refused", ERROR, "why", "changed settings are wrong, or need a restart; the old ones stay in force"),
    Event("record_unavailable", ERROR, "why", "the record of resets cannot be read or written; resets go on without"),
    Event("record_available", INFO, "", "a slow disk has given the record after all; earlier requests get their answers"),
    Event("no_progress", ERROR, "who", "a watcher or a reset stands still: systemd's watchdog is not fed any more"),
    Event("log_lines_lost", WARNING, "count", "the log disk was too slow for so many lines"),
    Event("log_not_written", ERROR, "why", "a log cannot be written; everything else goes on"),
    Event("log_written_again", INFO, "", "all logs can be written again"),
    Event("power_off", WARNING, "server reason", "the server was seen off, twice"),
    Event("power_on", WARNING, "server reason", "the server was seen on again, twice"),
    Event("link_lost", WARNING, "server reason", "its BMC cannot be talked to; a reset would fail"),
    Event("link_reason", WARNING, "server reason", "it still cannot, for another reason by now; each reason is said once"),
    Event("link_back", INFO, "server reason", "its BMC can be talked to again"),
    Event("poll", INFO, "server power_is_on reason", "a reading of a BMC, or why there was none", "eventlogalt"),
    Event("dump_started", WARNING, "server sign", "there are signs of a crash dump being written"),
    Event("dump_ended", WARNING, "server sign", "there are none any more"),
    Event("kdump_not_heard", ERROR, "why", "the port of fence_kdump cannot be had; tried again every 10 s"),
    Event("kdump_of_nobody", INFO, "address", "fence_kdump from an address that is no server's", "eventlogalt"),
    Event("pins_damaged", ERROR, "why", "which BMC was first seen where is not known any more"),
    Event("pin_not_kept", ERROR, "server identity why", "a pin could not be written; after a restart it is made anew"),
    Event("same_bmc_twice", ERROR, "server other identity", "two servers' addresses lead to the same BMC"),
    Event("no_identity", ERROR, "server advice", "a BMC has nothing that tells it from another one"),
    Event("identity_not_unique", ERROR, "server written better", "the identity in conf_pserver is that of several BMCs"),
    Event("identity_pinned", WARNING, "server bmc identity (address_before)", "the BMC was seen for the first time there"),
    Event("hello", INFO, "name local address", "a participant begins to talk to us"),
    Event("configurations_differ", WARNING, "(name) (address) (connector) (what)",
          "the list of servers of a participant (`name`) or of another connector is not ours, or only one of the two arbitrates"),
    Event("configurations_agree", INFO, "connector what", "another connector does not differ any more"),
    Event("protocols_differ", WARNING, "connector version", "another connector speaks another version of the protocol"),
    Event("protocols_agree", INFO, "connector version", "it speaks ours again"),
    Event("segment_unclear", WARNING, "why", "the reset path's address, mask or segment is not as it should be on this server"),
    Event("segment_right", INFO, "why", "it is as it should be again"),
    Event("connector_seen", INFO, "connector own_server version", "another connector has started, or is back"),
    Event("intent_heard", WARNING, "connector target requester priority operation", "another connector is about to reset one"),
    Event("event_heard", INFO, "connector kind server", "another connector saw a server lose power or a link, crash, or recover"),
    Event("own_server_unclear", ERROR, "claims why", "several servers are said to be the own one; none of them is reset"),
    Event("own_server_clear", INFO, "own_server", "they agree again"),
    Event("own_server_not_read", ERROR, "why", "what HA Monitor said earlier of the own server cannot be read"),
    Event("own_server_not_kept", ERROR, "why", "what HA Monitor says of the own server cannot be written; tried again and again"),
    Event("own_server_kept", INFO, "", "it is written after all"),
    Event("local_bmc_not_seen", INFO, "why", "the BMC in this server cannot be asked from inside; mostly it has no IPMI device"),
    Event("other_protocol_version", WARNING, "name version address", "a participant speaks another version of the protocol"),
    Event("path_checks", INFO, "...", "path checks answered in the last minute, by who asked", "eventlogalt"),
    Event("datagrams_dropped", WARNING, "...", "datagrams without effect in the last minute, by reason"),
    Event("reset_asked", WARNING, "target action requester budget reason force", "somebody entitled asks for a reset"),
    Event("reset_accepted", INFO, "operation joined", "it is on record, and begins now or has joined one that runs"),
    Event("reset_refused", WARNING, "target code", "it is not carried out; nothing was done"),
    Event("reset_finished", "WARNING/ERROR", "operation target code back_on seconds readings power_commands detail",
          "the final answer, and what it rests on; ERROR where it is no success"),
    Event("reset_not_recorded", ERROR, "operation why", "the record could not be written; the reset goes on"),
    Event("reset_interrupted", ERROR, "operation target", "the connector ended in the middle of it, in an earlier life"),
    Event("result_acknowledged", INFO, "request", "the requester has the final answer"),
    Event("hook_said", INFO, "hook output", "what the notification hook has printed"),
    Event("hook_failed", ERROR, "hook why (output)", "the notification hook failed; it is not run again for that event"),
    Event("hook_unusable", ERROR, "hook why", "the notification hook is not one to rely on, and is not run"),
    Event("hook_usable", INFO, "hook", "it is run again"),
    Event("hook_events_lost", WARNING, "count", "the hook was too slow for so many events"),
)  # fmt: skip

_FOR_THE_HOOK = {
    *("power_off", "power_on", "link_lost", "link_back", "dump_started", "dump_ended"),
    *("reset_asked", "reset_refused", "reset_finished"),
}


def is_for_the_hook(name: str, level: int) -> bool:
    """Whether the administrator's hook is told: of what happens to servers, and of every alarm but its own."""
    return name in _FOR_THE_HOOK or (level >= logging.ERROR and not name.startswith("hook_"))
