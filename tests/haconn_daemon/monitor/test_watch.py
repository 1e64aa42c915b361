"""Who stands watch, while the settings change under the watchers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconn_cli.config.model import Account, BmcAddress, ManagedServer, Servers, Service
from haconn_daemon.monitor.health import Change, Judge
from haconn_daemon.monitor.watch import Watch
from ipmi_lan import Client
from tests.haconn_daemon.managed import ACCOUNT

FIRST, SECOND = (ManagedServer(f"PSERVER{number}", BmcAddress(f"192.0.2.5{number}")) for number in (1, 2))


def tell(judge: Judge, changes: list[Change]) -> None:
    return


async def look_no_further(judge: Judge, client: Client) -> None:
    return


def a_watch() -> Watch:
    return Watch(Servers((FIRST, SECOND), ACCOUNT), Service(), tell, look_no_further)


def test_what_did_not_change_stays_as_it_is() -> None:
    watch = a_watch()
    before = watch.post("PSERVER1")
    watch.change(Servers((SECOND, FIRST), ACCOUNT), Service())
    assert watch.post("PSERVER1") is before
    assert [watcher.judge.name for watcher in watch] == ["PSERVER2", "PSERVER1"]


@pytest.mark.parametrize(
    ("server", "account", "service"),
    [
        (replace(FIRST, name="RENAMED"), ACCOUNT, Service()),
        (FIRST, replace(ACCOUNT, password="another"), Service()),
        (FIRST, ACCOUNT, Service(poll_interval=5.0)),
    ],
)
def test_a_reset_that_runs_still_has_the_bmc_to_itself(server: ManagedServer, account: Account, service: Service) -> None:
    watch = a_watch()
    old = watch.post("PSERVER1")
    old.bmc.sharing.spares_the_account = True
    with old.bmc.sharing.taken():
        watch.change(Servers((server, SECOND), account), service)
        new = watch.post(server.name)
        assert new is not old
        assert new.bmc.sharing.is_taken, "the new watcher stands back as the old one did"
        assert not new.bmc.sharing.spares_the_account, "the account may be right now"
    assert not new.bmc.sharing.is_taken


def test_one_that_is_gone_is_cancelled_and_forgotten() -> None:
    watch = a_watch()
    bmcs, post = watch.bmcs, watch.post("PSERVER2")
    watch.change(Servers((FIRST,), ACCOUNT), Service())
    assert post.scope.cancel_called
    assert list(bmcs) == ["PSERVER1"]
    watch.look_now("PSERVER2")
