"""Whether the BMC answers a reset, and what to say where it does not. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from haconn_cli.resetpath.vocabulary import ResultCode


@dataclass(slots=True)
class Contact:
    """With one BMC, during one reset. Moments on the monotonic clock."""

    heard: float
    """When it answered a reading last; before that, when the reset began."""
    is_lost: bool = True
    """Whether the latest try failed, or there was none yet."""
    why: str = ""
    code: ResultCode = ResultCode.UNREACHABLE
    """What the reset ends with, if it stays so."""
    _failing_since: float = 0.0
    _is_new_session: bool = False

    def logged_in(self) -> None:
        """A session that was not there before."""
        self._is_new_session = True

    def failed(self, why: str, code: ResultCode, now: float) -> float:
        """No login, or no answer; for how many seconds it has been this same failure."""
        if code is not self.code:
            self.code, self._failing_since = code, now
        self.is_lost, self.why = True, why
        return now - self._failing_since

    def answered(self, now: float) -> float:
        """It answered a reading; for how many seconds before it may have been restarting. A session outlives no restart."""
        silent, self.heard = now - self.heard if self._is_new_session else 0.0, now
        self.is_lost, self.code, self._is_new_session = False, ResultCode.UNREACHABLE, False
        return silent
