"""What foreign programs asked and answered, command by command."""

from __future__ import annotations

from typing import Any

from ipmi_lan.command import Command
from ipmi_lan.wire.message import Request, Response, parse_request_untrusted, parse_response_untrusted
from tests.vectors.load import exchanges, traces


def exchange(wanted: str) -> tuple[Request, Response]:
    """A recorded request and its reply; `wanted` is the id without `lab-command-`."""
    found = next(each for each in exchanges() if each.id == f"lab-command-{wanted}")
    return parse_request_untrusted(found.request), parse_response_untrusted(found.reply)


def reply_in(trace_id: str, netfn: int, command: int) -> bytes:
    """The data of the first reply to this command in a recorded session."""
    trace = next(each for each in traces() if each.id == trace_id)
    replies = [parse_response_untrusted(sealed.message) for sealed in trace.sealed if not sealed.is_from_console]
    return next(reply.data for reply in replies if (reply.netfn, reply.command) == (netfn, command))


def is_asked_by(command: Command[Any], request: Request) -> bool:
    """Whether `command` puts the very octets of `request` on the wire."""
    return (int(command.netfn), command.code, command.data) == (request.netfn, request.command, request.data)
