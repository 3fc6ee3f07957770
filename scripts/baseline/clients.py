"""All the clients of a web server: one process, which asks by the clock."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass, field

from baseline import web

LEAD_NS = 1_000_000
PATIENCE_S = 10.0
# Connections that select() can watch, with room for what else is open.
MOST = 512


class Silent(Exception):
    """The server has not answered for PATIENCE_S."""


@dataclass
class Found:
    """What so many requests came to. A fast one's time counts from when it was due, in ns."""

    took_ns: int = 0
    right: int = 0
    fast_ns: list[int] = field(default_factory=list)


@dataclass
class _Request:
    number: int
    due_ns: int
    sent_ns: int
    slow: bool
    reply: bytes = b""

    def whole(self) -> bool:
        """Whether all of the reply is there; the server may close the connection later."""
        head, end, body = self.reply.partition(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: *(\d+)", head, re.IGNORECASE)
        return length is not None and bool(end) and len(body) >= int(length[1])

    def text(self) -> bytes:
        path = f"{web.SLOW if self.slow else web.FAST}{self.number}"
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()

    def right(self, now_ns: int) -> bool:
        """Whether it was answered rightly; a slow one not before its time."""
        head, _, body = self.reply.partition(b"\r\n\r\n")
        slept = not self.slow or now_ns - self.sent_ns >= web.SLOW_S * 1e9
        return slept and b" 200 " in head.partition(b"\r\n")[0] and body == web.answer(self.number)


def ask(
    address: tuple[str, int], numbers: range, connections: int, interval_ns: int, period: int
) -> Found:
    """Sends a request of each number, a connection each, at most so many connections at a time.

    They are due every `interval_ns`, whatever the server does: a client that waited for a reply
    before it asked again would ask the least when the server is slowest. The first of each `period`
    is slow; 0: none. Raises OSError when the server cannot be reached, Silent when it does not
    answer.
    """
    found = Found()
    heard = time.perf_counter_ns()
    first = time.perf_counter_ns() + LEAD_NS
    to_ask = deque((number, first + i * interval_ns) for i, number in enumerate(numbers))
    # Epoll's times are milliseconds.
    with selectors.SelectSelector() as selector:
        while to_ask or selector.get_map():
            now = time.perf_counter_ns()
            while to_ask and len(selector.get_map()) < connections and to_ask[0][1] <= now:
                number, due = to_ask.popleft()
                slow = period > 0 and (number - numbers.start) % period == 0
                if not selector.get_map():
                    heard = now
                _send(selector, address, _Request(number, due, now, slow))
                now = time.perf_counter_ns()
            wait = PATIENCE_S
            if to_ask and len(selector.get_map()) < connections:
                wait = max(0.0, (to_ask[0][1] - now) / 1e9)
            ready = selector.select(wait)
            for key, _ in ready:
                _receive(selector, key, found)
                heard = time.perf_counter_ns()
            if selector.get_map() and time.perf_counter_ns() - heard > PATIENCE_S * 1e9:
                raise Silent
    found.took_ns = time.perf_counter_ns() - first
    return found


def _send(selector: selectors.BaseSelector, address: tuple[str, int], request: _Request) -> None:
    line = socket.create_connection(address, PATIENCE_S)
    line.sendall(request.text())
    selector.register(line, selectors.EVENT_READ, request)


def _receive(selector: selectors.BaseSelector, key: selectors.SelectorKey, found: Found) -> None:
    assert isinstance(key.fileobj, socket.socket)
    request: _Request = key.data
    some = key.fileobj.recv(1 << 16)
    now = time.perf_counter_ns()
    request.reply += some
    if some and not request.whole():
        return
    selector.unregister(key.fileobj)
    key.fileobj.close()
    found.right += request.right(now)
    if not request.slow:
        found.fast_ns.append(now - request.due_ns)
