"""The samples that the manual prints (chapter 3), as lines."""

from __future__ import annotations

from haconn_cli import __version__

SETTING = """\
-- HA monitor connector service setting --

<resetpath>
 addr:192.168.0.1    mask:255.255.255.0    port number:30000

<physical server>
 # name  bmc addr  account
 1 PSERVER1  192.168.0.51 hitachi
 2 PSERVER2  192.168.0.52 hitachi
 3 PSERVER3  192.168.0.53 hitachi
 4 PSERVER4  192.168.0.54 hitachi""".splitlines()

STATUS = """\
-- HA monitor connector service status --
 # name  link status
 1 PSERVER1  OK monitoring
 2 PSERVER2  OK (own server)
 3 PSERVER3  OK poff detected
 4 PSERVER4  -- ----""".splitlines()

VERSION = ["-- HA monitor connector service version --", f" {__version__}"]
NOT_RUNNING = ["HA connector service is not processing."]
