from __future__ import annotations

from ipmi_lan.simulator.addressing import readdress
from ipmi_lan.wire.message import Request, build_request, parse_request_untrusted


def test_other_addresses_and_the_checksums_that_go_with_them() -> None:
    message = build_request(Request(6, 1, 5, b"data", lun=2))
    assert parse_request_untrusted(readdress(message, 0x82, 0x20)) == Request(6, 1, 5, b"data", 2, 0x82, 0x20)
    assert readdress(message, 0x20, 0x81) == message
