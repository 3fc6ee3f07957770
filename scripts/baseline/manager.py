"""Workers on a list that a manager holds: every access is a message there and back."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.managers import ListProxy, SyncManager
from typing import Any, cast

from baseline import loops
from baseline.teams import FORK, SharedProcesses


class ManagerProcesses(SharedProcesses):
    """As processes on shared memory, but the numbers lie in a process of their own."""

    def shared(self) -> loops.Numbers:
        # An abstract socket: a path would be left behind by a kill.
        manager = SyncManager(f"\0crossover-{secrets.token_hex(8)}", ctx=FORK)
        server: Any = manager.get_server()
        # It listens already, so that nobody needs to wait for it.
        self.fork(server.serve_forever)
        server.listener.close()
        manager.connect()
        self._list: ListProxy[Any] = manager.list(self.task.array.tolist())
        return cast(loops.Numbers, self._list)

    def loaded(self) -> None:
        with self._server_there():
            self._list[:] = self.task.array.tolist()

    def fetch(self) -> None:
        super().fetch()
        with self._server_there():
            self.task.array[:] = self._list[:]

    @contextmanager
    def _server_there(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError) as error:
            raise self.lost() from error
