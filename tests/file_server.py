"""A server of this machine that sends one file: whole, cut, slowly, or not at all."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Server(http.server.ThreadingHTTPServer):
    """Serves ``body`` for every path, in the manner of ``how``; notes what was asked for."""

    daemon_threads = True

    def __init__(self, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.how, self.status = body, "whole", 200
        self.asked: list[str] = []
        self.go = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is meant."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        server, body = self.server, self.server.body
        wanted = self.headers.get("Range", "")
        server.asked.append(wanted)
        if server.how == "status":
            self.send_error(server.status)
            return
        if server.how == "elsewhere":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/file")
            self.end_headers()
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.how != "no ranges" else 0
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if server.how != "no length":
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if server.how == "cut":
            self.wfile.write(body[start : start + len(body) // 3])
        elif server.how == "slow":
            self.wfile.write(body[start : start + 1000])
            self.wfile.flush()
            server.go.wait(20)
            self.wfile.write(body[start + 1000 :])
        else:
            self.wfile.write(body[start:])


@contextmanager
def serve(body: bytes) -> Iterator[Server]:
    """A server that sends these bytes until the block ends."""
    with Server(body) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield running
        finally:
            running.go.set()
            running.shutdown()
            thread.join()
