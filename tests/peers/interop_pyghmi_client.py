"""Run by the peers' interpreter: one login of pyghmi's client, and the power state.

Arguments: host, port, user, password, and the BMC key or an empty word. Prints the hash of the session and the power state, or
the error. pyghmi offers suite 17 and, when that is refused, suite 3; nothing else can be asked of it.
"""

from __future__ import annotations

import importlib
import sys


def main(host: str, port: str, user: str, password: str, kg: str) -> None:
    module = importlib.import_module("pyghmi.ipmi.command")
    words = {"bmc": host, "port": int(port), "userid": user, "password": password, "keepalive": False}
    command = module.Command(**words, **({"kg": kg} if kg else {}))
    session = command.ipmi_session
    print(f"IPMI {session.ipmiversion}, {session.currhashlib().name}: {command.get_power()}")
    session.logout()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
