"""The script that a caller without an event loop writes: one power status. Arguments: host, port, user, password."""

import sys

from ipmi_lan.blocking import open_client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.crypto.suites import SUITE_3

host, port, user, password = sys.argv[1:]
with open_client(host, user, password, port=int(port), suites=(SUITE_3,)) as bmc:
    print("on" if bmc.run(get_chassis_status()).power_is_on else "off")
