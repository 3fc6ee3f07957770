"""The server variants of `wait`: a web server in one process, all its clients in another."""

from __future__ import annotations

import math
from multiprocessing.connection import Connection
from socketserver import BaseServer
from statistics import median
from typing import Any

from baseline import clients, web
from baseline.tasks import Task, Verdict
from baseline.teams import FORK, Processes

# The columns of what a fast request takes: the median, and the 99th percentile.
FAST = ("fast_median_ns", "fast_p99_ns")
SERVERS = {"http": web.http_server, "werkzeug": web.werkzeug_server}
# One request in PERIOD is slow. They come at two thirds of the rate that one thread can serve, slow
# ones included; while a slow one is served some thirty others are due.
PERIOD = 64
ROOM = 1.5
# In a sample at least: 126 fast requests, whose 99th percentile is the second longest.
LEAST = 2 * PERIOD
# To warm up, and to learn what a request takes.
FIRST = 16
ONE_THREADS_CONNECTIONS = 64


class Requests(Task):
    """Every request must have been answered rightly."""

    ASKED, WRONG = 0, 1

    @staticmethod
    def size(element: str, elements: int) -> int:
        return 16

    def _fill(self) -> None:
        self.array[:] = 0

    def verify(self, pairwise: bool) -> Verdict:
        asked, wrong = int(self.array[self.ASKED]), int(self.array[self.WRONG])
        if wrong == 0:
            return Verdict(0.0, True)
        return Verdict(wrong / asked, False, f"{wrong} of {asked} replies are wrong or missing")


class Server(Processes):
    """One thread serves; who else has connected waits."""

    threaded = False

    def __init__(self, loop: str, task: Task, workers: int) -> None:
        super().__init__(loop, task, workers)
        self._connections = workers if self.threaded else ONE_THREADS_CONNECTIONS
        self._fast: list[int] = []
        self._interval_ns = 0
        self._pipe: Connection | None = None

    def start(self) -> None:
        server: Any = SERVERS[self.loop](self.threaded)
        try:
            self.fork(server.serve_forever)
            # The server does not hold it: who reads sees its end.
            self._pipe, theirs = FORK.Pipe()
            self.fork(_ask, theirs, self._pipe, server)
            theirs.close()
        finally:
            server.server_close()

    def time(self, operations: int) -> int:
        """An operation is as many requests as there are elements, of which at most LEAST are made:
        they come by the clock, so the others would take as long."""
        asked = operations * self.task.elements
        if self._interval_ns == 0:
            each = self._exchange(FIRST, 1, 0, 0).took_ns / FIRST
            slow = web.SLOW_S * 1e9 / PERIOD
            self._interval_ns = round(ROOM * (each + slow))
            return self._interval_ns * asked
        count = max(operations * min(self.task.elements, LEAST), LEAST)
        found = self._exchange(count, self._connections, self._interval_ns, PERIOD)
        self._fast += found.fast_ns
        return round(found.took_ns * asked / count)

    def _exchange(self, count: int, *how: int) -> clients.Found:
        """So many requests, as clients.ask() takes them."""
        assert self._pipe is not None
        begin = int(self.task.array[Requests.ASKED]) + self.task.salt
        try:
            self._pipe.send((range(begin, begin + count), *how))
            found = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self.lost() from error
        if isinstance(found, str):
            raise self.lost(found)
        assert isinstance(found, clients.Found)
        self.task.array[Requests.ASKED] += count
        self.task.array[Requests.WRONG] += count - found.right
        return found

    def observe(self) -> dict[str, float]:
        fast, self._fast = sorted(self._fast), []
        if not fast:
            return {}
        return dict(zip(FAST, (median(fast), fast[math.ceil(0.99 * len(fast)) - 1]), strict=True))

    def close(self) -> None:
        super().close()
        if self._pipe is not None:
            self._pipe.close()


class ThreadedServer(Server):
    """A thread for each connection, which are the workers."""

    threaded = True


def _ask(pipe: Connection, other: Connection, server: BaseServer) -> None:
    address: Any = server.server_address
    # Who holds these would not see the end of the run, nor that of the server.
    other.close()
    server.server_close()
    while True:
        how = pipe.recv()
        try:
            pipe.send(clients.ask(address, *how))
        except clients.Silent:
            pipe.send(f"the server has not answered for {clients.PATIENCE_S:g} s")
        except OSError as error:
            pipe.send(f"the server was not reached: {error.strerror or error}")
