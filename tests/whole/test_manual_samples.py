"""What the manual prints, with the real programs: its addresses, its samples, its messages in the system's log."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import trio

from haconn_cli import __version__
from haconn_cli.config.paths import Paths
from tests.haconn_cli.manual import NOT_RUNNING, SETTING, STATUS, VERSION
from tests.haconn_daemon.installed import NOBODY_LISTENS, configure, environment, taken_port
from tests.whole.bmcs import PASSWORD, USER
from tests.whole.connector import BIN, Connector, running
from tests.whole.heard_by_syslog import alone
from tests.whole.privileges import expect_namespaces
from tests.whole.segment import REPOSITORY, Program, open_segment, run_on

pytestmark = pytest.mark.whole
BMCS = {f"PSERVER{number}": f"192.168.0.5{number}" for number in range(1, 5)}
SERVICE = '\n[service]\nown_server = "PSERVER2"\nsyslog = "/nowhere"\npoll_interval = 0.3\npatience = 60\nsel_interval = 1\n'
"""With so much patience, a BMC that never answered stays one whose monitoring has not started."""


@pytest.mark.shows("M6", "C7", "C8", "C9", "C10", "C11", "L9", "L11", "L12+")
def test_the_samples_of_the_manual(tmp_path: Path) -> None:
    """The states of the sample at the same moment, at its addresses, then a dump; and no program but ours can be found."""

    async def main() -> None:
        real = [path for path in (Path("/opt/hitachi"), Path("/var/opt/hitachi")) if path.exists()]
        with open_segment() as segment:
            segment.plug("server", "reset0", "192.168.0.1/24")
            segment.plug("bmcs", "mgmt0", *(f"{address}/24" for address in BMCS.values()))
            places = [f"{name}={address}" for name, address in BMCS.items()]
            async with run_on(segment, "bmcs", "tests.whole.bmcs", *places) as bmcs:
                await bmcs.says("ready")
                await bmcs.tell("pull PSERVER3")
                await bmcs.tell("silence PSERVER4")
                connector = Connector(tmp_path / "root", "192.168.0.1", 30000)
                connector.launcher = segment.within("server")
                connector.environment["PATH"] = str(tmp_path / "nothing")
                await connector.setup("resetpath", "addr=192.168.0.1/255.255.255.0", "port=30000")
                await connector.setup("default", f"account={USER}", piped=f"{PASSWORD}\n")
                for name, address in BMCS.items():
                    await connector.setup("pserver", "add", name, f"addr={address}")
                await connector.setup("key", "new")
                with connector.paths.conf_haconn.open("a") as file:
                    file.write(SERVICE)
                await compare(connector, bmcs)
        check_files(connector.root)
        assert [path for path in (Path("/opt/hitachi"), Path("/var/opt/hitachi")) if path.exists()] == real

    trio.run(main)


async def compare(connector: Connector, bmcs: Program) -> None:
    assert (await connector.setup("show", "setting")).splitlines() == SETTING
    assert (await connector.setup("show", "status", code=5)).splitlines() == NOT_RUNNING
    collected = await dumped(connector)
    assert "conf_pserver" in collected
    assert "eventlog" not in collected, "there is none yet"
    async with running(connector):
        await connector.until(
            "the three that answer are judged",
            lambda status: [status[name]["link"] for name in BMCS] == ["OK", "OK", "OK", "--"]
            and status["PSERVER3"]["status"] == "poff detected",
        )
        assert (await connector.setup("show", "status")).splitlines() == STATUS
        assert (await connector.setup("show", "version")).splitlines() == VERSION
        assert (await connector.setup("show")).splitlines() == [*SETTING, *STATUS, "", *VERSION]
        await bmcs.tell("crash PSERVER1")
        await connector.until("the dump is seen", lambda status: status["PSERVER1"]["status"] != "monitoring")
        assert (await connector.setup("show", "status")).splitlines()[2] == " 1 PSERVER1  OK dump detected"
        assert {"conf_haconn", "conf_pserver", "eventlog", "eventlogalt", "eventlogcui", "initlog"} <= await dumped(connector)
        assert await connector.stop() == 0
    assert (await connector.setup("show", "status", code=5)).splitlines() == NOT_RUNNING


async def dumped(connector: Connector) -> set[str]:
    """`haconnsetup dump`: the names of what it collected, in which no password and no key is."""
    log = connector.paths.log
    before = set(log.glob("HaConnectorDump.*.tar.gz"))
    await connector.setup("dump")
    (made,) = set(log.glob("HaConnectorDump.*.tar.gz")) - before
    names = set()
    secrets = [PASSWORD.encode(), *(key.secret.hex().encode() for key in connector.settings.keys.keys)]
    with tarfile.open(made) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            text = content.read()
            assert not any(secret in text for secret in secrets), member.name
            names.add(Path(member.name).name.removesuffix(".json"))
    return names


def check_files(root: Path) -> None:
    """The four logs, and all of it below the root that was given, as the manual lays it out."""
    log = Paths(root).log
    assert {file.name for file in log.iterdir()} >= {"eventlog", "eventlogalt", "eventlogcui", "initlog"}
    assert re.search(r" poll server=PSERVER2 ", (log / "eventlogalt").read_text())
    assert re.search(rf" starting version={re.escape(__version__)} ", (log / "initlog").read_text())
    assert " started " in (log / "eventlog").read_text()
    assert "haconnsetup show status" in (log / "eventlogcui").read_text()
    above = {"/".join(path.relative_to(root).parts[:-1][:4]) for path in root.rglob("*") if path.is_file()}
    assert above - {""} <= {"opt/hitachi/haconn2/config", "var/opt/hitachi/haconn2"}


def spoilt(root: Path, message: str, port: int) -> list[str]:
    """A layout in which a start ends with `message`, and the command that starts it."""
    paths = Paths(root)
    configure(root, port, NOBODY_LISTENS)
    text = paths.conf_haconn.read_text()
    paths.conf_haconn.write_text("".join(line for line in text.splitlines(keepends=True) if not line.startswith("syslog")))
    if message == "HCME1012":
        paths.conf_key.unlink()
    elif message == "HCME1020":
        paths.conf_pserver.write_text(paths.conf_pserver.read_text().replace("format = 1", "format = 3"))
    elif message == "HCME1013":
        broken = "import sys; sys.modules['haconn_daemon.service'] = None; from haconn_daemon.__main__ import main; main()"
        return [sys.executable, "-c", broken]
    return [str(BIN / "haconn-daemon")]


TEXTS = {
    "HCME1011": "HA connector service cannot be started. Failed to initialize. Please System rebooted.",
    "HCME1012": "HA connector service cannot be started. Please check HA connector's configuration.",
    "HCME1013": "HA connector service cannot be started. Please reinstall HA connector.",
    "HCME1020": "HA connector service cannot Version Mismatch ini file[3], Service[1]",
}


@pytest.mark.shows("HCME1011", "HCME1012", "HCME1013", "HCME1020")
@pytest.mark.parametrize("message", TEXTS)
def test_a_start_that_fails_tells_syslog(tmp_path: Path, message: str) -> None:
    """The manual's text, once, where every program of the system logs."""
    if os.geteuid():
        pytest.fail("a /dev/log of its own needs root: run this test as root", pytrace=False)
    expect_namespaces("mount")
    with taken_port() as port:
        command = alone(*spoilt(tmp_path, message, port))
        done = subprocess.run(
            command, env=environment(tmp_path), cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["code"] in (1, 3)
    assert [line.partition("HCME")[1:] for line in said["heard"]] == [("HCME", f"{message[4:]}: {TEXTS[message]}")], said
