"""The numbers of IPMI 2.0 rev 1.1. Numbers that vendors extend stay open: an unknown one is a plain int."""

from __future__ import annotations

from enum import IntEnum


class NetFn(IntEnum):
    """Network function of a request; its response has it plus one (table 5-1)."""

    CHASSIS = 0x00
    BRIDGE = 0x02
    SENSOR_EVENT = 0x04
    APP = 0x06
    FIRMWARE = 0x08
    STORAGE = 0x0A
    TRANSPORT = 0x0C
    GROUP_EXTENSION = 0x2C
    OEM_GROUP = 0x2E


class Privilege(IntEnum):
    """Privilege levels (6.8). An operator may switch power."""

    CALLBACK = 1
    USER = 2
    OPERATOR = 3
    ADMINISTRATOR = 4
    OEM = 5

    @property
    def word(self) -> str:
        """As a person says it: `an operator`."""
        return {1: "callback", 2: "a user", 3: "an operator", 4: "an administrator", 5: "OEM"}[self]


class PayloadType(IntEnum):
    """Payload types (table 13-16)."""

    IPMI = 0x00
    SOL = 0x01
    OEM_EXPLICIT = 0x02
    OPEN_SESSION_REQUEST = 0x10
    OPEN_SESSION_RESPONSE = 0x11
    RAKP_1 = 0x12
    RAKP_2 = 0x13
    RAKP_3 = 0x14
    RAKP_4 = 0x15


class AuthType(IntEnum):
    """Authentication type of the session header (table 13-8). RMCP+ has its own; the others are of IPMI 1.5."""

    NONE = 0x00
    MD2 = 0x01
    MD5 = 0x02
    STRAIGHT = 0x04
    OEM = 0x05
    RMCP_PLUS = 0x06


class RakpStatus(IntEnum):
    """RMCP+ and RAKP message status codes (table 13-15)."""

    NO_ERRORS = 0x00
    INSUFFICIENT_RESOURCES = 0x01
    INVALID_SESSION_ID = 0x02
    INVALID_PAYLOAD_TYPE = 0x03
    INVALID_AUTHENTICATION_ALGORITHM = 0x04
    INVALID_INTEGRITY_ALGORITHM = 0x05
    NO_MATCHING_AUTHENTICATION_PAYLOAD = 0x06
    NO_MATCHING_INTEGRITY_PAYLOAD = 0x07
    INACTIVE_SESSION_ID = 0x08
    INVALID_ROLE = 0x09
    UNAUTHORIZED_ROLE = 0x0A
    INSUFFICIENT_RESOURCES_AT_ROLE = 0x0B
    INVALID_NAME_LENGTH = 0x0C
    UNAUTHORIZED_NAME = 0x0D
    UNAUTHORIZED_GUID = 0x0E
    INVALID_INTEGRITY_CHECK_VALUE = 0x0F
    INVALID_CONFIDENTIALITY_ALGORITHM = 0x10
    NO_CIPHER_SUITE_MATCH = 0x11
    ILLEGAL_PARAMETER = 0x12


class CompletionCode(IntEnum):
    """Generic completion codes (table 5-2)."""

    OK = 0x00
    NODE_BUSY = 0xC0
    INVALID_COMMAND = 0xC1
    INVALID_FOR_LUN = 0xC2
    TIMEOUT = 0xC3
    OUT_OF_SPACE = 0xC4
    RESERVATION_CANCELED = 0xC5
    DATA_TRUNCATED = 0xC6
    WRONG_LENGTH = 0xC7
    LENGTH_EXCEEDED = 0xC8
    PARAMETER_OUT_OF_RANGE = 0xC9
    CANNOT_RETURN_THAT_MANY = 0xCA
    NOT_PRESENT = 0xCB
    INVALID_DATA_FIELD = 0xCC
    ILLEGAL_FOR_SENSOR = 0xCD
    NO_RESPONSE_AVAILABLE = 0xCE
    DUPLICATED_REQUEST = 0xCF
    SDR_UPDATING = 0xD0
    FIRMWARE_UPDATING = 0xD1
    STARTING_UP = 0xD2
    DESTINATION_UNAVAILABLE = 0xD3
    INSUFFICIENT_PRIVILEGE = 0xD4
    NOT_IN_PRESENT_STATE = 0xD5
    DISABLED = 0xD6
    UNSPECIFIED = 0xFF


def meaning_of(number: int, kind: type[IntEnum]) -> str:
    """`number` in words where `kind` names it, else in hexadecimal: `0xd7`."""
    try:
        return kind(number).name.lower().replace("_", " ")
    except ValueError:
        return hex(number)
