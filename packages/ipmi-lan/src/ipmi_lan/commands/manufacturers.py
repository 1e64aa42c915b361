"""Names for the manufacturer numbers of Get Device ID (20.1, bytes 7 to 9): IANA's private enterprise numbers."""

from __future__ import annotations

_NAMES = {
    2: "IBM",
    11: "Hewlett-Packard",
    42: "Sun Microsystems",
    111: "Oracle",
    116: "Hitachi",
    119: "NEC",
    186: "Toshiba",
    343: "Intel",
    399: "Hitachi Computer Products",
    674: "Dell",
    2011: "Huawei",
    2623: "ASUSTeK",
    4753: "MontaVista Software",
    4769: "IBM",
    5771: "Cisco",
    6653: "Tyan",
    7244: "Quanta",
    10297: "Advantech",
    10368: "Fujitsu",
    10876: "Supermicro",
    11129: "Google",
    15000: "Kontron",
    15370: "Gigabyte",
    19046: "Lenovo",
    20301: "IBM eServer X",
    20974: "American Megatrends (AMI)",
    25506: "H3C",
    37945: "Inspur",
    40092: "Wiwynn",
    40981: "Facebook",
    47196: "Hewlett Packard Enterprise",
    49622: "ASRock Rack",
    49769: "YADRO",
}
"""Makers of servers and of their BMCs. The number tells who made the firmware; it never chooses a quirk."""


def manufacturer_name(number: int) -> str:
    """The name, or the number in words where it is none of the known: `enterprise 12345`; 0 is nobody's."""
    if number == 0:
        return "unspecified"
    return _NAMES.get(number, f"enterprise {number}")
