"""HTTP: requests in, answers out, on two ports of the loopback address."""

import contextlib
import re
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import api
from .answers import Answer
from .faults import Fault, replaced, spoilt
from .state import Hub, Request

BLOCK = 1 << 16


@contextlib.contextmanager
def running(**settings):
    """A Hub that answers until the end of the block; `settings` are those of `Hub`."""
    hub = Hub(**settings)
    with contextlib.ExitStack() as stack:
        hub.address = stack.enter_context(_serving(hub, "hub"))
        hub.cdn = stack.enter_context(_serving(hub, "cdn"))
        stack.callback(hub.closing.set)
        try:
            yield hub
        finally:
            if hub.errors:
                raise hub.errors[0]


@contextlib.contextmanager
def _serving(hub, name):
    server = Server(("127.0.0.1", 0), Handler)
    server.hub, server.name = hub, name
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Server(ThreadingHTTPServer):
    """Each connection has its thread."""

    daemon_threads = True
    request_queue_size = 128
    hub: Hub
    name: str

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if error and not isinstance(error, ConnectionError):  # the client may leave at any time
            self.hub.errors.append(error)


class Handler(BaseHTTPRequestHandler):
    """One connection, kept open between requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each body waits for the client's delayed acknowledgement
    server: Server

    def handle_request(self):
        hub, name = self.server.hub, self.server.name
        # A body is read even where the answer does not depend on it: what is left of it would be
        # taken for the next request.
        body, port = self.read_body(), self.client_address[1]
        request = Request(name, self.command, self.path, self.headers, body, port)
        with hub.lock:
            hub.requests.append(request)
            answer = replaced(hub.faults, request)
            if answer is None:
                answer = api.answer(hub, request)
            answer, fault = spoilt(hub.faults, request, answer)
        self.send(part(answer, self.headers.get("Range")), fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def send(self, answer: Answer, fault: Fault | None) -> None:
        self.send_response(answer.status)
        for key, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault is None:
            self.wfile.write(answer.body)
        else:
            self.send_badly(answer.body, fault)

    def send_badly(self, body: bytes, fault: Fault) -> None:
        ends = [end for end in (fault.cut, fault.reset, fault.stall) if end is not None]
        end = min([len(body), *ends])
        for start in range(0, end, BLOCK):
            self.wfile.write(body[start : min(start + BLOCK, end)])
            time.sleep(fault.slow)
        if fault.stall is not None:
            self.server.hub.closing.wait()
        if ends:
            self.close_connection = True
        if fault.reset is not None:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            # Closed under the file objects around it, since the server would first say an
            # orderly goodbye.
            socket.close(self.connection.detach())

    def log_message(self, *_):
        pass


def part(answer: Answer, wanted: str | None) -> Answer:
    """The part of a file that a Range header asks for."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted or "")
    if not (answer.content and match):
        return answer
    size = len(answer.body)
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= size:
        return Answer(416, headers={"Content-Range": f"bytes */{size}"})
    headers = {**answer.headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    return Answer(206, answer.body[start:stop], headers, content=True)
