"""Run by the peers' interpreter: a BMC on pyghmi's server, the engine of virtualbmc too.

Arguments: host, port, user, password, and the BMC key or an empty word. Prints a line when it listens, and serves until it is
killed.
"""

from __future__ import annotations

import importlib
import sys
import uuid


def main(host: str, port: str, user: str, password: str, kg: str) -> None:
    base = importlib.import_module("pyghmi.ipmi.bmc").Bmc

    class Bmc(base):  # type: ignore[misc, valid-type] # known when the peers' interpreter runs this
        """A chassis that is on."""

        def get_power_state(self) -> str:
            return "on"

    bmc = Bmc({user: password}, port=int(port), address=host, bmcuuid=uuid.UUID(bytes=bytes(range(16))))
    if kg:
        bmc.set_kg(kg)
    print("listening", flush=True)
    bmc.listen()


if __name__ == "__main__":
    main(*sys.argv[1:])
