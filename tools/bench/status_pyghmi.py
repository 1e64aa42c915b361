"""The same script with pyghmi. Arguments: host, port, user, password."""

import sys

from pyghmi.ipmi.command import Command  # type: ignore[import-not-found]  # it is in .venv-peers only

host, port, user, password = sys.argv[1:]
bmc = Command(host, user, password, port=int(port))
print("on" if bmc.raw_command(netfn=0, command=1)["data"][0] & 1 else "off")
bmc.ipmi_session.logout()
