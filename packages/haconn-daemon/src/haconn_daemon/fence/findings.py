"""What a reset saw and did, put together as the evidence of its result. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from haconn_cli.resetpath.vocabulary import Evidence, Reading

_NO_ANSWER = "no answer"


@dataclass(slots=True)
class Findings:
    """Times in seconds after the request."""

    readings: list[Reading] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    steps: list[tuple[str, float]] = field(default_factory=list)
    """What took how long, in seconds; some go on side by side."""
    guid: bytes = b""
    suite: int = 0
    _remarks: list[str] = field(default_factory=list)

    def took(self, step: str, seconds: float) -> None:
        """One of the steps is over."""
        self.steps.append((step, round(seconds, 6)))

    def remark(self, text: str) -> None:
        """Something that the evidence is to say beside what decided."""
        if text not in self._remarks:
            self._remarks.append(text)

    def read(self, is_on: bool, asked: float, answered: float) -> None:
        """A reading of the power state."""
        if not self.readings:
            self.took("first reading", answered - asked)
        self.readings.append(Reading(round(answered, 3), is_on))

    def command(self, words: str, after: float) -> None:
        """A power command leaves."""
        self.commands.append(f"{words} at {after:.3f} s: {_NO_ANSWER}")

    def command_answered(self, how: str) -> None:
        """The BMC's answer to the latest one."""
        self.commands[-1] = self.commands[-1].replace(_NO_ANSWER, how)

    def evidence(self, detail: str) -> Evidence:
        """All of it, with the one sentence that says what decided."""
        said = "; ".join((detail, *self._remarks))
        return Evidence(tuple(self.readings), self.guid, self.suite, tuple(self.commands), said)
