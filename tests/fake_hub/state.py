"""What the Hub holds: repositories, their commits, and contents by their hash."""

import dataclasses
import hashlib
import json
import pathlib
import threading
import urllib.parse
from collections.abc import Mapping

from .faults import Fault

OWNER, TOKEN = "tester", "hf_fake"
LARGE = (".bin", ".h5", ".keras", ".npz", ".onnx", ".safetensors")
ATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE)


def git_sha1(content: bytes) -> str:
    """The name that Git gives to a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def sha256(content: bytes) -> str:
    """The name that LFS gives to a content."""
    return hashlib.sha256(content).hexdigest()


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file of a commit. `id`: Git's SHA-1 of its content, or SHA-256 of one in LFS."""

    id: str
    size: int
    lfs: bool

    def pointer(self) -> bytes:
        """What Git holds in place of a content in LFS."""
        spec = "https://git-lfs.github.com/spec/v1"
        return f"version {spec}\noid sha256:{self.id}\nsize {self.size}\n".encode()

    def blob(self) -> str:
        """The name of what Git holds."""
        return git_sha1(self.pointer()) if self.lfs else self.id


@dataclasses.dataclass
class Repo:
    """Commits by their hash, each with its files by path, and the names that point at them."""

    name: str
    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, Entry]] = dataclasses.field(default_factory=dict)
    branches: dict[str, str] = dataclasses.field(default_factory=dict)
    tags: dict[str, str] = dataclasses.field(default_factory=dict)

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, a tag or a hash names, if there is one."""
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        return sha if sha in self.commits else None

    def head(self, revision: str = "main") -> str:
        """The commit at a revision, which there is."""
        sha = self.resolve(revision)
        assert sha, f"{self.name} has no {revision}"
        return sha

    def commit(self, files: dict[str, Entry], branch: str, summary: str) -> str:
        """Make these files the head of a branch."""
        told = [len(self.commits), self.name, self.branches.get(branch), summary, str(files)]
        sha = hashlib.sha1(json.dumps(told).encode(), usedforsecurity=False).hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        return sha


@dataclasses.dataclass(frozen=True)
class Request:
    """A request as it came.

    `server`: "hub" or "cdn". `target`: path and query, encoded. `port`: of its connection.
    """

    server: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    port: int = 0

    @property
    def token(self) -> str | None:
        """The token that came along."""
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None


class Hub:
    """The state, which tests may read and change, and the log of requests.

    Args:
        lfs_from: Bytes from which on any file goes to LFS.
        part_size: Bytes above which an upload to LFS comes in parts of that size; None is never.
        page_size: Entries on a page of a tree.
        redirect: Whether files in LFS are handed out by a second server.
    """

    def __init__(self, lfs_from=10_000_000, part_size=None, page_size=1000, redirect=False):
        self.lfs_from, self.part_size = lfs_from, part_size
        self.page_size, self.redirect = page_size, redirect
        self.address = self.cdn = ""
        self.repos: dict[str, Repo] = {}
        self.moved: dict[str, str] = {}
        self.blobs: dict[str, bytes] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.naps: list[float] = []  # what the client of this process would have waited
        self.errors: list[BaseException] = []  # of the double itself
        self.lock = threading.RLock()
        self.closing = threading.Event()

    def create(self, name: str, private: bool = False) -> Repo:
        """A new repository, with its first commit."""
        repo = self.repos[name] = Repo(name, private)
        files = {".gitattributes": self.keep(".gitattributes", ATTRIBUTES.encode())}
        repo.commit(files, "main", "initial commit")
        return repo

    def add(self, name: str, files, tag: str | None = None) -> str:
        """Commit a folder's files, or contents by path, as someone else would. The commit's hash.

        Paths are taken as they are: this is the way to a tree that names "../evil.json".
        """
        if isinstance(files, pathlib.Path):
            folder = files
            found = (path for path in folder.rglob("*") if path.is_file())
            files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
        with self.lock:
            repo = self.repos.get(name) or self.create(name)
            new = {path: self.keep(path, content) for path, content in files.items()}
            present = repo.commits[repo.branches["main"]]
            sha = repo.commit({**present, **new}, "main", f"Add {len(new)} files")
            if tag:
                repo.tags[tag] = sha
        return sha

    def rename(self, name: str, new: str) -> None:
        """Give a repository another name; whoever asks by the old one is sent there."""
        with self.lock:
            repo = self.repos[new] = self.repos.pop(name)
            repo.name = self.moved[name] = new

    def keep(self, path: str, content: bytes, lfs: bool | None = None) -> Entry:
        """Hold a content."""
        if lfs is None:
            lfs = self.is_large(path, len(content))
        name = sha256(content) if lfs else git_sha1(content)
        (self.objects if lfs else self.blobs)[name] = content
        return Entry(name, len(content), lfs)

    def is_large(self, path: str, size: int) -> bool:
        """Whether a file goes to LFS."""
        return size > 0 and (path.endswith(LARGE) or size >= self.lfs_from)

    def read(self, entry: Entry) -> bytes:
        """The content of a file."""
        return (self.objects if entry.lfs else self.blobs)[entry.id]

    def head(self, name: str, revision: str = "main") -> str:
        """The commit at a revision."""
        return self.repos[name].head(revision)

    def fault(self, where: str, **kind) -> Fault:
        """Let requests whose path or query holds `where` fail; see `Fault` for the kinds."""
        self.faults.append(Fault(where, **kind))
        return self.faults[-1]

    def asked(self, where: str = "", method: str | None = None, server: str | None = None):
        """The requests so far whose path or query holds `where`."""
        return [
            request
            for request in self.requests
            if where in urllib.parse.unquote(request.target)
            and method in (None, request.method)
            and server in (None, request.server)
        ]
