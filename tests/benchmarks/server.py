"""A tiny server for the load generator to talk to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, float] | None  # status and seconds to wait; None closes the connection without an answer


@dataclass
class Server:
    """Answers the n-th request as `answer(n)` says, and remembers the bodies."""

    answer: Callable[[int], Answer]
    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def serving(answer: Callable[[int], Answer]) -> Iterator[Server]:
    server = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with server.lock:
                server.bodies.append(body)
                chosen = server.answer(len(server.bodies))
            if chosen is None:
                self.close_connection = True
                return
            status, seconds = chosen
            time.sleep(seconds)
            content = b'{"fine": true}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Not into the output of the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        server.port = httpd.server_address[1]
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            httpd.shutdown()
