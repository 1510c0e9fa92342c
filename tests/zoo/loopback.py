"""A small Hub on the loopback address, whose files can be damaged on their way."""

import contextlib
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """`files`: contents by "owner/name/path". `requests`: what was asked for, in order.

    `damage`: how many of the next downloads have their first byte flipped.
    """

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.damage = 0
        self.address = ""

    def add(self, repo: str, folder) -> None:
        """Serve the files of a folder as those of a repository."""
        for path in folder.iterdir():
            self.files[f"{repo}/{path.name}"] = path.read_bytes()


def _etag(name: str, content: bytes) -> str:
    """The hash that the Hub names: SHA-256 of weights, Git's SHA-1 of small files."""
    if name.endswith(".safetensors"):
        return hashlib.sha256(content).hexdigest()
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def running():
    """A Hub that answers until the end of the block."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.answer(with_body=False)

        def do_GET(self):
            self.answer(with_body=True)

        def answer(self, with_body: bool):
            hub.requests.append((self.command, self.path))
            repo, _, rest = self.path.lstrip("/").partition("/resolve/")
            revision, _, name = rest.partition("/")
            content = hub.files.get(f"{repo}/{name}")
            if content is None or revision not in ("main", "v1", COMMIT):
                found = any(key.startswith(f"{repo}/") for key in hub.files)
                code = "RepoNotFound"
                if found:
                    code = "EntryNotFound" if revision in ("main", "v1") else "RevisionNotFound"
                self.reply(404, {"X-Error-Code": code, "X-Error-Message": code}, b"", with_body)
                return
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{_etag(name, content)}"'}
            if with_body and hub.damage:
                hub.damage -= 1
                content = bytes([content[0] ^ 255]) + content[1:]
            self.reply(200, headers, content, with_body)

        def reply(self, status, headers, content, with_body):
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if with_body:
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
