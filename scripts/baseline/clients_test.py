"""The clients: a reply is there when all of it is, and a server that says nothing is noticed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from baseline import clients, web

LINGERS_S = 1.0


@contextmanager
def served(answer: Callable[[socket.socket, bytes], None]) -> Iterator[tuple[str, int]]:
    """The address of a server that does so with each connection and what came by it."""
    with socket.create_server((web.LOOPBACK, 0), backlog=web.BACKLOG) as listener:

        def serve() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                with line:
                    answer(line, line.recv(4096))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def reply(asked: bytes, status: str = "200 OK") -> bytes:
    body = web.answer(int(asked.split()[1].rpartition(b"/")[2]))
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def test_a_reply_is_there_before_its_connection_is_closed() -> None:
    def lingers(line: socket.socket, asked: bytes) -> None:
        for part in (reply(asked)[:20], reply(asked)[20:]):
            line.sendall(part)
        # As a server does that waits whether there is more to read: until its client has gone.
        line.settimeout(LINGERS_S)
        assert line.recv(1) == b""

    with served(lingers) as address:
        start = time.monotonic()
        found = clients.ask(address, range(3, 6), 1, 0, 0)
        assert time.monotonic() - start < LINGERS_S
    assert found.right == 3
    assert len(found.fast_ns) == 3
    assert max(found.fast_ns) < LINGERS_S * 1e9


@pytest.mark.parametrize("what", ["another body", "another status", "half of it", "nothing"])
def test_what_is_no_right_reply(what: str) -> None:
    def wrong(line: socket.socket, asked: bytes) -> None:
        sent = {
            "another body": reply(asked)[:-1] + b"x",
            "another status": reply(asked, "404 Not Found"),
            "half of it": reply(asked)[:-2],
            "nothing": b"",
        }
        line.sendall(sent[what])

    with served(wrong) as address:
        assert clients.ask(address, range(2), 2, 0, 0).right == 0


def test_silence_is_noticed_while_others_are_still_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PATIENCE_S", 0.2)
    with served(lambda line, asked: time.sleep(LINGERS_S)) as address:
        start = time.monotonic()
        with pytest.raises(clients.Silent):
            clients.ask(address, range(1000), 100, 10_000_000, 0)
        assert time.monotonic() - start < 5


def test_requests_come_by_the_clock() -> None:
    with served(lambda line, asked: line.sendall(reply(asked))) as address:
        found = clients.ask(address, range(20), 4, 2_000_000, 0)
    assert found.right == 20
    assert found.took_ns >= 19 * 2_000_000
