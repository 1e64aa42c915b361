"""A simulated BMC: every cipher suite and IPMI 1.5, its own power trace, and the deviations that a client must survive."""

from ipmi_lan.simulator.bmc import SimulatedBmc
from ipmi_lan.simulator.board import LanSettings
from ipmi_lan.simulator.eventlog import EventLog
from ipmi_lan.simulator.faults import (
    Auth15Faults,
    CodeForm,
    Faults,
    Framing,
    HostFaults,
    LoginFaults,
    ProbeFaults,
    Records,
    SelFaults,
    SessionFaults,
)
from ipmi_lan.simulator.host import Dump
from ipmi_lan.simulator.power import Chassis, PowerChange
from ipmi_lan.simulator.profiles import PROFILES, Profile
from ipmi_lan.simulator.server import serve_bmc, serve_bmcs

__all__ = [
    "PROFILES",
    "Auth15Faults",
    "Chassis",
    "CodeForm",
    "Dump",
    "EventLog",
    "Faults",
    "Framing",
    "HostFaults",
    "LanSettings",
    "LoginFaults",
    "PowerChange",
    "ProbeFaults",
    "Profile",
    "Records",
    "SelFaults",
    "SessionFaults",
    "SimulatedBmc",
    "serve_bmc",
    "serve_bmcs",
]
