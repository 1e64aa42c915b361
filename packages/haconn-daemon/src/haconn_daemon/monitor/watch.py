"""Who stands watch: a watcher for each managed server, and the way to its BMC; changed while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import trio

from haconn_cli.config.model import Account, ManagedServer, Servers, Service
from haconn_daemon.bmcs.bmc import Bmc
from haconn_daemon.bmcs.roster import Roster
from haconn_daemon.monitor.health import Judge
from haconn_daemon.monitor.watcher import LookFurther, Tell, Watcher


@dataclass(slots=True, eq=False)
class Post:
    """One server that is watched."""

    server: ManagedServer
    account: Account
    pace: tuple[float, int]
    """Poll interval and patience."""
    bmc: Bmc
    watcher: Watcher
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    """Cancelled when the post is given up."""


class Watch:
    """The posts by server name, in the order of the configuration."""

    def __init__(
        self, servers: Servers, service: Service, tell: Tell, look_further: LookFurther, roster: Roster | None = None
    ) -> None:
        """`tell` and `look_further` are for the watchers. `roster` knows which BMC is whose."""
        self._tell, self._look_further = tell, look_further
        self._roster = roster or Roster(servers.servers, {})
        self._nursery: trio.Nursery | None = None
        self._posts: dict[str, Post] = {}
        self.bmcs: dict[str, Bmc] = {}
        """The same dictionary for ever, so that who holds it sees the change."""
        self.change(servers, service)

    def __iter__(self) -> Iterator[Watcher]:
        return (post.watcher for post in self._posts.values())

    def __len__(self) -> int:
        return len(self._posts)

    def post(self, name: str) -> Post:
        """Of that server. Raises `KeyError`."""
        return self._posts[name]

    def judge(self, name: str) -> Judge:
        """Of that server. Raises `KeyError`."""
        return self._posts[name].watcher.judge

    def identity(self, name: str) -> str | None:
        """Which BMC is expected for that server, in words; None: it has not been seen yet."""
        found = self._roster.identity(self._posts[name].server)
        return None if found is None else str(found)

    def look_now(self, name: str) -> None:
        """Somebody saw something of that server; nothing happens where there is no such server."""
        if (post := self._posts.get(name)) is not None:
            post.watcher.look_now()

    def is_settled(self, name: str) -> bool:
        """Whether its BMC has answered without a gap lately, and is known for long enough."""
        return self.judge(name).believes_off(trio.current_time())

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for post in self._posts.values():
                self._start(post)
            task_status.started()
            await trio.sleep_forever()

    def change(self, servers: Servers, service: Service) -> None:
        """Watch these servers from now on. A post of which nothing is new goes on undisturbed.

        What is known of a BMC stays known, whatever else of its server is new: its name, its account, the pace.
        """
        self._roster.change(servers.servers)
        before = {post.server.bmc: post for post in self._posts.values()}
        self._posts = {server.name: self._fill(server, servers, service, before.get(server.bmc)) for server in servers.servers}
        kept = set(map(id, self._posts.values()))
        for post in before.values():
            if id(post) not in kept:
                post.scope.cancel()
        self.bmcs.clear()
        self.bmcs.update((name, post.bmc) for name, post in self._posts.items())

    def _fill(self, server: ManagedServer, servers: Servers, service: Service, before: Post | None) -> Post:
        account, pace = servers.account_of(server), (service.poll_interval, service.patience)
        if before is not None and (before.server, before.account, before.pace) == (server, account, pace):
            return before
        bmc = Bmc(server, account, self._roster)
        if before is None:
            judge = Judge(server.name, *pace)
        else:
            judge = before.watcher.judge
            judge.change(server.name, *pace)
            bmc.sharing = before.bmc.sharing    # a reset that runs still has the BMC to itself
            bmc.sharing.spares_the_account = False
        post = Post(server, account, pace, bmc, Watcher(bmc, judge, self._tell, self._look_further))
        self._start(post)
        return post

    def _start(self, post: Post) -> None:
        if self._nursery is not None:
            post.watcher.last_progress = trio.current_time()
            self._nursery.start_soon(_run, post)


async def _run(post: Post) -> None:
    with post.scope:
        await post.watcher.run()
