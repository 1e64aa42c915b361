"""Run by the peers' interpreter: one login of python-ipmi's native client, and the power state.

Arguments: host, port, user, password, the BMC key or an empty word, and either a cipher suite's number or `1.5`. Prints the power
state, or the error. In IPMI 1.5 it takes the strongest authentication type that the BMC offers.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def interface_for(kind: str, kg: str) -> Any:
    make = importlib.import_module("pyipmi.interfaces").create_interface
    if kind == "1.5":
        return make("rmcp", keep_alive_interval=0)
    return make("rmcpplus", keep_alive_interval=0, cipher_suite=int(kind), kg=kg.encode() or None)


def main(host: str, port: str, user: str, password: str, kg: str, kind: str) -> None:
    pyipmi = importlib.import_module("pyipmi")
    ipmi = pyipmi.create_connection(interface_for(kind, kg))
    ipmi.session.set_session_type_rmcp(host, port=int(port))
    ipmi.session.set_auth_type_user(user, password)
    ipmi.target = pyipmi.Target(ipmb_address=0x20)
    ipmi.open()
    print(f"authentication type {ipmi.session.auth_type}: power on is {ipmi.get_chassis_status().power_on}")
    ipmi.close()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
