"""Any message that may travel, for hypothesis. Times in whole milliseconds, as they travel."""

from __future__ import annotations

from hypothesis import strategies as st

from haconn_cli.resetpath import vocabulary as v
from haconn_cli.resetpath.wire import messages as m


def _text(most: int) -> st.SearchStrategy[str]:
    return st.text(max_size=most).filter(lambda text: text.isprintable() and len(text.encode()) <= most)


names = st.text("ABCXYZabcxyz0189", min_size=1, max_size=31)
seconds = st.integers(0, 0xFFFF_FFFE).map(lambda count: count / 1000)
sixteen = st.binary(min_size=16, max_size=16)
eight = st.binary(min_size=8, max_size=8)
readings = st.builds(v.Reading, seconds, st.booleans())
evidence = st.builds(
    v.Evidence,
    st.lists(readings, max_size=m.MOST_READINGS).map(tuple),
    st.one_of(st.just(b""), sixteen),
    st.integers(0, 255),
    st.lists(_text(72), max_size=m.MOST_COMMANDS).map(tuple),
    _text(255),
)
statuses = st.builds(
    v.ServerStatus, names, st.sampled_from(v.Link), st.sampled_from(v.Status), st.booleans(), st.one_of(st.none(), seconds)
)

messages: st.SearchStrategy[m.Message] = st.one_of(
    st.builds(m.Hello, names, st.sampled_from(v.Standing), _text(32), eight, sixteen),
    st.builds(m.Welcome, sixteen, st.one_of(st.just(""), names), _text(32), eight),
    st.builds(m.Challenge, sixteen),
    st.builds(m.Refused, st.integers(0, 255), seconds),
    st.just(m.MyVersion()),
    st.just(m.PathCheck()),
    st.builds(m.PathStatus, sixteen, eight, st.lists(statuses, max_size=m.MOST_SERVERS).map(tuple)),
    st.builds(m.ResetRequest, names, st.sampled_from(v.Action), seconds, st.booleans(), _text(120)),
    st.builds(m.Accepted, sixteen, st.booleans()),
    st.builds(m.Progress, sixteen, st.sampled_from(v.Phase), st.integers(0, 0xFFFF)),
    st.builds(m.Result, sixteen, st.integers(0, 255), st.booleans(), evidence),
    st.just(m.ResultAck()),
    st.just(m.ResultQuery()),
    st.builds(m.Event, st.sampled_from(v.EventKind), names),
    st.just(m.EventAck()),
    st.builds(m.Intent, names, st.one_of(st.just(""), names), st.integers(0, 255), sixteen),
    st.builds(m.Presence, eight, st.one_of(st.just(""), names), _text(32)),
    st.just(m.Prove()),
    st.just(m.Proof()),
)
