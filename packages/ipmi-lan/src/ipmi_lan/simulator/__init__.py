"""A simulated BMC: RMCP+ on suites 17 and 3, its own power trace, and the faults that a client must survive."""

from ipmi_lan.simulator.bmc import SimulatedBmc
from ipmi_lan.simulator.faults import Faults
from ipmi_lan.simulator.power import Chassis, PowerChange
from ipmi_lan.simulator.server import serve_bmc, serve_bmcs

__all__ = ["Chassis", "Faults", "PowerChange", "SimulatedBmc", "serve_bmc", "serve_bmcs"]
