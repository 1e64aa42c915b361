"""A session: the login, then commands under its keys, the login anew where the session is lost, and an orderly end.

Once there are keys, a datagram counts only if it is of this session, protected as the cipher suite says, and new; all else is
counted and dropped, whoever sent it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ipmi_lan.command import Command
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.commands.login import close_session, set_session_privilege_level
from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import (
    CommandRefused,
    IpmiError,
    Malformed,
    NotAuthentic,
    PrivilegeTooHigh,
    SessionLost,
    WrongKg,
    WrongPassword,
)
from ipmi_lan.quirks import JUNK_AFTER_REQUEST, JUNK_BEFORE_LOGIN
from ipmi_lan.session import retry
from ipmi_lan.session.activation import Activation
from ipmi_lan.session.entrance import Entrance, Gained
from ipmi_lan.session.events import Answered, Closed, Credentials, Event, Failed, Opened, OpeningFailed, Peer, Terms
from ipmi_lan.session.exchange import Exchange, Waiting
from ipmi_lan.session.numbering import following
from ipmi_lan.session.opening import Opening
from ipmi_lan.session.states import PHASES, Happening, Phase
from ipmi_lan.wire.codes import CompletionCode, PayloadType, Privilege

_MOST_DATAGRAM = 2048
"""Octets; an IPMI packet is far smaller."""
_PRIVILEGE_CODES = (0x80, 0x81, CompletionCode.INSUFFICIENT_PRIVILEGE)
_NO_TOKEN = 0
_NEVER = float("inf")
_OPEN = Phase.OPEN


class Session:
    """One session with one BMC, without I/O. Give it datagrams and the time; take from it datagrams and events."""

    __slots__ = (
        "_credentials", "_deadline", "_entrance", "_events", "_exchange", "_gained", "_inner", "_is_barred", "_is_new",
        "_keep_alive_after", "_last_sent", "_lost", "_outbox", "_peer", "_phase", "_privilege", "_randomness", "_refusals",
        "_refused_at", "_sequence", "_terms", "_tokens", "_unheard", "_unheard_since", "_why", "dropped", "last_heard",
    )  # fmt: skip

    def __init__(
        self,
        credentials: Credentials,
        randomness: Callable[[int], bytes],
        now: float,
        deadline: float,
        terms: Terms | None = None,
        suites: Sequence[CipherSuite] = (),
    ) -> None:
        """Begins the login at once; it ends by `deadline`. `randomness(n)` gives n unpredictable octets.

        `suites` is the order in which the suites of `terms` are tried, where it is not theirs.
        """
        self._terms = terms or Terms()
        self._terms.check_password(credentials)
        self._keep_alive_after = self._terms.keep_alive
        self.dropped: Counter[str] = Counter()
        """Datagrams that were ignored, by reason."""
        self.last_heard = now
        """When the last packet came that counted: in the login any that is IPMI's, in the session an authentic one."""
        self._credentials, self._randomness = credentials, randomness
        self._phase = Phase.LOGGING_IN
        self._is_new = True
        self._peer: Peer | None = None
        self._lost: SessionLost | None = None
        self._gained: Gained | None = None
        self._outbox: list[bytes] = []
        self._events: list[Event] = []
        self._tokens = self._sequence = self._refusals = 0
        self._unheard, self._unheard_since, self._refused_at = 0, now, float("-inf")
        self._why, self._is_barred = "it was lost", False
        self._inner = _NO_TOKEN
        self._last_sent = now
        self._privilege = int(credentials.privilege)
        skips_checksums = self._terms.relaxations.skips_checksums
        self._exchange = Exchange(self._terms.window, skips_checksums, self._seal, self._hear, self.dropped)
        self._entrance: Entrance | None = None
        self._enter(suites, now, deadline)

    @property
    def peer(self) -> Peer | None:
        """The BMC, once it has proven itself."""
        return self._peer

    @property
    def phase(self) -> Phase:
        """Where the session is between its first login and its end."""
        return self._phase

    def request(self, command: Command[Any], now: float, deadline: float) -> int:
        """Send a command when its turn comes; its `Answered` or `Failed` will carry the token returned."""
        token = self._tokens = self._tokens + 1
        waiting = Waiting(token, command, now, deadline)
        if self._phase is _OPEN and not self._has_lapsed(now):
            self._exchange.add(waiting, now, True)
            return token
        if self._phase is _OPEN:
            self._went_silent(f"it was idle, nothing heard for {now - self.last_heard:.0f} s", now)
        may_leave = command.is_repeatable or self._knows_peer
        if self._phase in (Phase.CLOSING, Phase.CLOSED) or (
            self._phase is Phase.LOST and not (self._may_return() and may_leave)
        ):
            self._events.append(Failed(token, self._lost or SessionLost("it was closed")))
            return token
        self._exchange.add(waiting, now, False)
        if self._phase is Phase.LOST:
            self._log_in_again(now)
        elif self._entrance is not None and not self._is_new:
            self._entrance.extend(deadline)
        return token

    def abandon(self, token: int, now: float) -> None:
        """Nobody waits for this command any more."""
        self._exchange.abandon(token, now)
        if self._phase is Phase.OPEN:
            self._exchange.fill(now)

    def close(self, now: float) -> None:
        """Give the session back; `Closed` follows within a second, whether the BMC answers or not."""
        was = self._phase
        if was is Phase.CLOSING:
            return
        self._fail_all(SessionLost("it was closed"), now)
        if self._entrance is not None:
            self._entrance.abandon()
            self._outbox += self._entrance.outbox
            self._entrance = None
        self._move(Happening.CLOSE_ASKED)
        if self._phase is Phase.CLOSED and was is not Phase.CLOSED:
            self._events.append(Closed())
        elif self._phase is Phase.CLOSING:
            assert self._peer is not None
            self._exchange.begin_anew()
            self._ask_itself(close_session(self._peer.session_id), now, now + retry.CLOSE_TIMEOUT)

    def end(self, now: float) -> None:
        """Nobody moves this session any more: commands that wait, or are still to come, fail at once.

        A login that is half done gives its slot back with a last datagram.
        """
        if self._entrance is not None:
            self._entrance.abandon()
            self._outbox += self._entrance.outbox
            self._entrance = None
        self._gained = None
        self._move(Happening.ENDED)
        self._fail_all(self._lost or SessionLost("it was closed"), now)

    def receive_datagram_untrusted(self, datagram: bytes, now: float) -> None:
        """Whatever arrived on the socket. Never raises for its content."""
        if len(datagram) > _MOST_DATAGRAM:
            self.dropped["oversized"] += 1
        elif self._gained is not None:
            self._receive_in_session_untrusted(self._gained, datagram, now)
        elif self._entrance is None:
            self.dropped["of no session"] += 1
        else:
            if self._entrance.receive_datagram_untrusted(datagram, now):
                self.last_heard = now
            self._look_at_entrance(now)

    def peer_refused(self, now: float) -> None:
        """The host says (ICMP) that nothing listens. In a session this is evidence only: a BMC that restarts says so too."""
        if self._entrance is not None:
            self._entrance.peer_refused(now)
            self._look_at_entrance(now)
            return
        if now < self._refused_at + 0.9 * retry.REFUSED_WAIT:
            return      # several at once count as one
        self._refused_at = now
        self._refusals += 1
        if self._refusals >= retry.MOST_REFUSALS and self._gained is not None:
            self._went_silent("the host refuses the port", now)

    def next_deadline(self) -> float | None:
        """When `handle_deadline` wants to be called, or None."""
        is_open = self._phase is _OPEN
        due = self._exchange.next_deadline(is_open)
        if self._entrance is not None:
            due = min(due, self._entrance.next_deadline())
        if due != _NEVER:
            return due
        return self._last_sent + self._keep_alive_after if is_open and self._keep_alive_after is not None else None

    def handle_deadline(self, now: float) -> None:
        """Time has passed: repeat, keep alive, or give up."""
        if self._entrance is not None:
            if now >= self._entrance.next_deadline():
                self._entrance.handle_deadline(now)
            self._look_at_entrance(now)
        for waiting in self._exchange.overdue(now):
            met_nothing = waiting.sends >= len(retry.COMMAND_WAITS) and self.last_heard <= waiting.sent_first
            if met_nothing or self._met_nothing(now):
                self._went_silent(f"{waiting.sends} times no answer to {waiting.command.name}", now)
                break
            self._exchange.transmit(waiting, now)
        if self._phase is Phase.OPEN:
            self._exchange.fill(now)
            self._keep_alive(now)

    def datagrams_to_send(self) -> list[bytes]:
        """What is to go out now, in order."""
        outbox = self._outbox
        if outbox:
            self._outbox = []
        if self._entrance is not None and self._entrance.outbox:
            outbox, self._entrance.outbox = outbox + self._entrance.outbox, []
        if self._terms.relaxations.sends_junk_first:
            return [one for datagram in outbox for one in _with_junk(datagram)]
        return outbox

    def next_event(self) -> Event | None:
        """The next thing to tell, or None."""
        return self._events.pop(0) if self._events else None

    # ── logging in, and again ─────────────────────────────────────────────────

    def _move(self, happening: Happening) -> None:
        self._phase = PHASES[self._phase, happening]

    def _enter(self, suites: Sequence[CipherSuite], now: float, deadline: float) -> None:
        self._deadline = deadline
        if self._terms.relaxations.sends_junk_first:
            self._outbox.append(JUNK_BEFORE_LOGIN)
        start = (self._credentials, self._terms, self._randomness, now, deadline, self.dropped)
        self._entrance = Activation(*start) if self._terms.auth15 is not None else Opening(*start, suites)

    def _look_at_entrance(self, now: float) -> None:
        entrance = self._entrance
        if entrance is None or (entrance.gained is None and entrance.error is None):
            return
        self._outbox += entrance.outbox
        self._entrance = None
        if entrance.gained is None:
            assert entrance.error is not None
            self._move(Happening.LOGIN_FAILED)
            self._stay_out(entrance.error, now)
        else:
            self._step_in(entrance.gained, now)

    def _step_in(self, gained: Gained, now: float) -> None:
        """There are keys; now the privilege."""
        self._gained, self._sequence, self._refusals, self._unheard = gained, gained.before_first, 0, 0
        self._exchange.begin_anew()
        self._privilege = gained.privilege
        before, self._peer = self._peer, Peer(gained.guid, gained.suite, gained.session_id, gained.privilege, gained.auth15)
        self._move(Happening.LOGGED_IN)
        if before is not None and before.guid != gained.guid:
            self._leave_stranger(before, now)
        elif self._privilege <= Privilege.USER or self._terms.relaxations.skips_set_privilege:
            self._raised(now)
        else:
            self._raise(now)

    def _leave_stranger(self, before: Peer, now: float) -> None:
        """Another BMC answers where ours was."""
        assert self._peer is not None
        error = SessionLost(f"another BMC answers there now: GUID {self._peer.guid.hex()}, before it was {before.guid.hex()}")
        self._leave(now)
        self._peer, self._lost = before, error
        self._fail_all(error, now)

    def _leave(self, now: float) -> None:
        """Out of a session that is of no use, with a last datagram so that the BMC may free its slot."""
        assert self._peer is not None
        self._ask_itself(close_session(self._peer.session_id), now, now)
        self._exchange.abandon(self._inner, now)
        self._inner, self._gained = _NO_TOKEN, None
        self._move(Happening.WENT_SILENT)

    def _raise(self, now: float) -> None:
        deadline = min(max(self._deadline, now), now + retry.INNER_TIMEOUT)
        self._ask_itself(set_session_privilege_level(Privilege(self._privilege)), now, deadline)

    def _raised(self, now: float) -> None:
        assert self._peer is not None
        self._peer = self._peer._replace(privilege=Privilege(self._privilege))
        self._move(Happening.RAISED)
        self._lost = None
        if self._is_new:
            self._is_new = False
            self._events.append(Opened(self._peer))
        self._exchange.fill(now)

    def _not_raised(self, error: IpmiError, now: float) -> None:
        lowest = self._credentials.lowest_privilege
        is_refusal = isinstance(error, CommandRefused) and error.code in _PRIVILEGE_CODES
        if is_refusal and lowest is not None and self._privilege > lowest:
            self._privilege -= 1
            if self._privilege <= Privilege.USER:
                self._raised(now)
            else:
                self._raise(now)
            return
        if isinstance(error, CommandRefused) and is_refusal:
            user = self._credentials.user.decode(errors="replace")
            error = PrivilegeTooHigh(user, Privilege(self._privilege).word, f"code {error.code:02X}h")
        if self._is_new and isinstance(error, CommandRefused | PrivilegeTooHigh):
            self._move(Happening.RAISE_REFUSED)
        else:
            self._leave(now)
        self._stay_out(error, now)

    def _stay_out(self, error: IpmiError, now: float) -> None:
        """The login came to nothing: the first one is the caller's news, a later one that of every command waiting."""
        if self._is_new:
            self._is_new = False
            self._events.append(OpeningFailed(error))
            self._lost = SessionLost(f"there was no login: {error}")
            if self._phase is Phase.LOST:
                self._peer = None       # there is nothing to come back to
        else:
            self._is_barred = isinstance(error, WrongPassword | WrongKg | PrivilegeTooHigh)
            self._lost = SessionLost(f"{self._why}; logging in again: {error}")
            self._lost.__cause__ = error
        self._fail_all(self._lost, now)

    def _may_return(self) -> bool:
        return self._terms.logs_in_again and self._peer is not None and not self._is_barred

    def _has_lapsed(self, now: float) -> bool:
        """Whether the BMC has ended the session by itself: nobody kept it alive, or command after command met nothing."""
        if self._met_nothing(now):
            return True
        return self._keep_alive_after is None and now - max(self.last_heard, self._last_sent) > retry.IDLE_LIMIT

    def _met_nothing(self, now: float) -> bool:
        """Whether as much as a lost session needs was sent since anything was heard, by however many commands."""
        return self._unheard >= len(retry.COMMAND_WAITS) and now - self._unheard_since >= sum(retry.COMMAND_WAITS)

    @property
    def _knows_peer(self) -> bool:
        """Whether the BMC has a GUID, by which it will be known again."""
        return self._peer is not None and any(self._peer.guid)

    def _went_silent(self, why: str, now: float) -> None:
        """The session is gone. What may be sent again waits for the next one, once."""
        was = self._phase
        self._why = why
        if was is Phase.RAISING and self._peer is not None:
            self._exchange.abandon(self._inner, now)
            self._ask_itself(close_session(self._peer.session_id), now, now)    # its slot back, if that arrives
        self._lost, self._gained, self._refusals = SessionLost(why), None, 0
        self._move(Happening.WENT_SILENT)
        if self._inner != _NO_TOKEN:
            self._exchange.abandon(self._inner, now)
            self._inner = _NO_TOKEN
        if was is Phase.CLOSING:
            self._events.append(Closed())
        elif was is Phase.RAISING and now < self._deadline:
            self._move(Happening.WANTED_AGAIN)      # a login whose last step met nothing begins anew, while there is time
            self._enter(self._terms.suites, now, self._deadline)
        elif was is Phase.RAISING:
            self._stay_out(self._lost, now)
        else:
            for waiting in self._exchange.suspend(now, self._may_return(), self._knows_peer):
                self._exchange.finish(waiting, self._lost, now)
            if not self._exchange.is_idle:
                self._log_in_again(now)

    def _log_in_again(self, now: float) -> None:
        self._move(Happening.WANTED_AGAIN)
        suite = self._peer.suite if self._peer is not None else None
        others = [other for other in self._terms.suites if other != suite]
        deadline = max(waiting.deadline for waiting in self._exchange.waiting())
        self._enter([suite, *others] if suite is not None else others, now, deadline)

    # ── in the session ────────────────────────────────────────────────────────

    def _seal(self, message: bytes, now: float) -> None:
        """Every datagram has a number of its own."""
        assert self._gained is not None, "commands are sent in a session only"
        self._sequence = following(self._sequence)
        self._last_sent = now
        if not self._unheard:
            self._unheard_since = now
        self._unheard += 1
        self._outbox.append(self._gained.sealing.seal(self._sequence, message, self._randomness))

    def _receive_in_session_untrusted(self, gained: Gained, datagram: bytes, now: float) -> None:
        try:
            packet = gained.sealing.unseal_untrusted(datagram)
        except NotAuthentic:
            self.dropped["not authentic"] += 1
            return
        except Malformed:
            self.dropped["malformed"] += 1
            return
        if not gained.is_fresh(packet.sequence):
            self.dropped["replayed or too old"] += 1
            return
        self.last_heard, self._refusals, self._unheard = now, 0, 0
        if packet.payload_type != PayloadType.IPMI:
            self.dropped["other payload type"] += 1
        else:
            self._exchange.receive_untrusted(packet.payload, now)
            if self._phase is Phase.OPEN:
                self._exchange.fill(now)

    def _hear(self, event: Answered | Failed, now: float) -> None:
        """The outcome of a command: the caller's, or our own."""
        if event.token != self._inner:
            self._events.append(event)
            return
        self._inner = _NO_TOKEN
        if self._phase is Phase.CLOSING:
            self._gained = None
            self._move(Happening.CLOSE_DONE)
            self._events.append(Closed())
        elif self._phase is Phase.RAISING and isinstance(event, Answered):
            self._raised(now)
        elif self._phase is Phase.RAISING and isinstance(event, Failed):
            self._not_raised(event.error, now)

    def _ask_itself(self, command: Command[Any], now: float, deadline: float) -> None:
        self._tokens += 1
        self._inner = self._tokens
        self._exchange.send_at_once(Waiting(self._tokens, command, now, deadline), now)

    def _keep_alive(self, now: float) -> None:
        quiet = self._keep_alive_after
        if quiet is not None and self._exchange.is_idle and now >= self._last_sent + quiet:
            self._ask_itself(get_device_id(), now, now + retry.INNER_TIMEOUT)

    def _fail_all(self, error: SessionLost, now: float) -> None:
        if self._inner != _NO_TOKEN:
            self._exchange.abandon(self._inner, now)
            self._inner = _NO_TOKEN
        for waiting in self._exchange.waiting():
            self._exchange.finish(waiting, error, now)


def _with_junk(datagram: bytes) -> tuple[bytes, ...]:
    """Quirk intelwv2: what goes out for `datagram`."""
    return (datagram,) if datagram == JUNK_BEFORE_LOGIN else (datagram, JUNK_AFTER_REQUEST)
