"""The web servers that Python users reach for, and what the clients ask of them.

`/fast/NUMBER` is answered at once, `/slow/NUMBER` after SLOW_S, as from a disk or a database.
"""

from __future__ import annotations

import contextlib
import importlib
import socket
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from socketserver import BaseServer
from typing import Any

from baseline import loops

SLOW_S = 0.16
FAST, SLOW = "/fast/", "/slow/"
# What an answer takes to compute is nothing beside what a request costs.
STEPS = 16
LOOPBACK = "127.0.0.1"
# Whose connection waits to be accepted must not be told to come again: that takes a second.
BACKLOG = 128
WERKZEUG_MISSING = "no Werkzeug found: install it into build/venv (its bin/pip install werkzeug)"


def answer(number: int) -> bytes:
    """The right answer to a request of this number."""
    return b"%d" % loops.advance(number, STEPS)


def _served(path: str) -> bytes:
    if path.startswith(SLOW):
        time.sleep(SLOW_S)
    return answer(int(path.rpartition("/")[2]))


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = _served(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def _application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = _served(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def _listener() -> socket.socket:
    """Who binds by itself asks for the machine's name as well, which may take seconds."""
    return socket.create_server((LOOPBACK, 0), backlog=BACKLOG)


def http_server(threaded: bool) -> BaseServer:
    """The standard library's, listening: http.server with one thread, or one a connection."""
    kind = ThreadingHTTPServer if threaded else HTTPServer
    made = kind((LOOPBACK, 0), _Handler, bind_and_activate=False)
    made.socket.close()
    made.socket = _listener()
    made.server_address = made.socket.getsockname()
    return made


def werkzeug_server(threaded: bool) -> BaseServer:
    """Werkzeug's, on which Flask runs while one develops: `threaded=False` or `True`."""
    # It may not be there.
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Says nothing."""

    with _listener() as listener:  # it takes a copy
        port = listener.getsockname()[1]
        file = listener.fileno()
        return make_server(LOOPBACK, port, _application, threaded, request_handler=Quiet, fd=file)


def has_werkzeug() -> bool:
    """Whether werkzeug_server() can be."""
    with contextlib.suppress(ImportError):
        return importlib.import_module("werkzeug.serving") is not None
    return False
