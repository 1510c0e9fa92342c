"""The addresses of the Hub and what each of them does."""

import base64
import json
import re
import urllib.parse

from . import lfs
from .answers import Answer, Moved, Refused, told
from .state import OWNER, TOKEN, Entry, Hub, Repo, Request, git_sha1

DATE = "2026-01-01T00:00:00.000Z"


def answer(hub: Hub, request: Request) -> Answer:
    """What the Hub, or the server of its large files, answers."""
    path, _, query = request.target.partition("?")
    if request.server == "cdn":
        return lfs.content(hub, path)
    try:
        for method, pattern, function in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and request.method in method.split():
                check_token(request, path)
                found = match.groupdict("").items()
                words = {key: urllib.parse.unquote(word) for key, word in found}
                if "name" in words:
                    words["repo"] = visible(hub, request, words.pop("name"))
                return function(hub, request, dict(urllib.parse.parse_qsl(query)), **words)
        raise Refused(404, "Sorry, we can't find the page you are looking for.")
    except (Moved, Refused) as instead:
        return instead.answer


def check_token(request: Request, path: str) -> None:
    """Refuse a wrong token, and changes without one; signed addresses need none."""
    if path.startswith("/lfs/") and not path.endswith("/verify"):
        return
    if request.token not in (None, TOKEN):
        raise Refused(401, "Invalid credentials in Authorization header")
    if request.token is None and (request.method == "POST" or "whoami" in path):
        raise Refused(401, "Invalid username or password.")


def visible(hub: Hub, request: Request, name: str) -> Repo:
    """A repository, if whoever asks may know of it."""
    new = hub.moved.get(name, name)
    repo = hub.repos.get(name) or hub.repos.get(new)
    if repo is None or (repo.private and request.token is None):
        raise Refused(404, "Repository not found", "RepoNotFound")
    if repo.name != name:
        raise Moved(request.target.replace(f"/{name}", f"/{new}", 1))
    return repo


def commit_at(repo: Repo, revision: str) -> str:
    """The hash of a commit."""
    sha = repo.resolve(revision or "main")
    if sha is None:
        raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return sha


def whoami(hub: Hub, request: Request, query) -> Answer:
    """Whose token it is."""
    token = {"displayName": "tests", "role": "write", "createdAt": DATE}
    auth = {"type": "access_token", "accessToken": token}
    return told({"type": "user", "id": "0", "name": OWNER, "orgs": [], "auth": auth})


def create(hub: Hub, request: Request, query) -> Answer:
    """A new repository."""
    asked = json.loads(request.body)
    name = f"{asked.get('organization') or OWNER}/{asked['name']}"
    url = f"{hub.address}/{name}"
    if name in hub.repos:
        raise Refused(409, "You already created this model repo", url=url)
    private = bool(asked.get("private")) or asked.get("visibility") == "private"
    hub.create(name, private)
    return told({"url": url, "name": name})


def validate_yaml(hub: Hub, request: Request, query) -> Answer:
    """Model cards are fine."""
    return told({"errors": [], "warnings": []})


def models(hub: Hub, request: Request, query) -> Answer:
    """The repositories that may be seen."""
    author, search = query.get("author"), query.get("search", "")
    found = [
        describe(repo, repo.head(), blobs=False)
        for repo in hub.repos.values()
        if (request.token or not repo.private) and search in repo.name
        if author in (None, repo.name.partition("/")[0])
    ]
    return told(found)


def model(hub: Hub, request: Request, query, repo: Repo, revision: str) -> Answer:
    """A repository at a revision."""
    return told(describe(repo, commit_at(repo, revision), "blobs" in query))


def describe(repo: Repo, sha: str, blobs: bool) -> dict:
    """What the Hub tells about a repository; with sizes and hashes of its files, if wanted."""
    siblings = []
    for path, entry in repo.commits[sha].items():
        more = {"size": entry.size, "blobId": entry.blob()} if blobs else {}
        if blobs and entry.lfs:
            pointer = len(entry.pointer())
            more["lfs"] = {"size": entry.size, "sha256": entry.id, "pointerSize": pointer}
        siblings.append({"rfilename": path, **more})
    return {
        "id": repo.name,
        "author": repo.name.partition("/")[0],
        "sha": sha,
        "private": repo.private,
        "gated": "manual" if repo.gated else False,
        "disabled": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "createdAt": DATE,
        "lastModified": DATE,
        "siblings": siblings,
    }


def tree(hub: Hub, request: Request, query, repo: Repo, revision: str, folder: str) -> Answer:
    """The files of a folder, page by page; of all folders below it, if wanted."""
    files = repo.commits[commit_at(repo, revision)]
    prefix = f"{folder}/" if folder else ""
    listed = {}
    for path, entry in sorted(files.items()):
        inside, deeper, _ = path.removeprefix(prefix).partition("/")
        if not path.startswith(prefix):
            continue
        if deeper and query.get("recursive") != "true":
            oid = git_sha1(f"{prefix}{inside}".encode())
            listed[inside] = {"type": "directory", "path": prefix + inside, "size": 0, "oid": oid}
        else:
            listed[path] = describe_file(path, entry, query.get("expand") == "true")
    if folder and not listed:
        raise Refused(404, f"{folder} does not exist on {revision}", "EntryNotFound")
    rows, start = list(listed.values()), int(query.get("cursor", 0))
    stop = start + hub.page_size
    page = told(rows[start:stop])
    if stop < len(rows):
        more = urllib.parse.urlencode({**query, "cursor": stop})
        here = hub.address + request.target.partition("?")[0]
        page.headers["Link"] = f'<{here}?{more}>; rel="next"'
    return page


def describe_file(path: str, entry: Entry, expand: bool) -> dict:
    """A file in a tree; with what the scanners found, if wanted."""
    row = {"type": "file", "path": path, "size": entry.size, "oid": entry.blob()}
    if entry.lfs:
        pointer = len(entry.pointer())
        row["lfs"] = {"oid": entry.id, "size": entry.size, "pointerSize": pointer}
    if expand:
        safe = {"status": "safe", "avScan": None, "pickleImportScan": None}
        row["securityFileStatus"] = safe
    return row


def refs(hub: Hub, request: Request, query, repo: Repo) -> Answer:
    """Branches and tags."""

    def listed(kind, names):
        return [
            {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha}
            for name, sha in names.items()
        ]

    branches, tags = listed("heads", repo.branches), listed("tags", repo.tags)
    return told({"branches": branches, "tags": tags, "converts": [], "pullRequests": []})


def tag(hub: Hub, request: Request, query, repo: Repo, revision: str) -> Answer:
    """A new tag."""
    name = json.loads(request.body)["tag"]
    if name in repo.tags:
        raise Refused(409, f"Tag {name} already exists")
    repo.tags[name] = commit_at(repo, revision)
    return told({})


def preupload(hub: Hub, request: Request, query, repo: Repo, revision: str) -> Answer:
    """Which files go to LFS, and what is there already."""
    present = repo.commits[commit_at(repo, revision)]
    answers = []
    for file in json.loads(request.body)["files"]:
        path = file["path"]
        answers.append(
            {
                "path": path,
                "uploadMode": "lfs" if hub.is_large(path, file["size"]) else "regular",
                "shouldIgnore": False,
                **({"oid": present[path].id} if path in present else {}),
            }
        )
    return told({"files": answers})


def commit(hub: Hub, request: Request, query, repo: Repo, branch: str) -> Answer:
    """A commit on top of a branch."""
    if branch not in repo.branches:
        raise Refused(404, f"Invalid rev id: {branch}", "RevisionNotFound")
    lines = [json.loads(line) for line in request.body.splitlines()]
    header, head = lines[0]["value"], repo.branches[branch]
    if not head.startswith(header.get("parentCommit", "")):
        raise Refused(412, "A commit has happened since. Please refresh and try again.")
    files = dict(repo.commits[head])
    for line in lines[1:]:
        change(hub, files, line["key"], **line["value"])
    sha = repo.commit(files, branch, header["summary"])
    url = f"{hub.address}/{repo.name}/commit/{sha}"
    return told({"success": True, "commitOid": sha, "commitUrl": url})


def change(hub: Hub, files: dict[str, Entry], key: str, path: str, **value) -> None:
    """One line of a commit."""
    if path.startswith("/") or ".." in path.split("/"):
        raise Refused(400, f"Invalid path: {path}")
    if key == "file":
        files[path] = hub.keep(path, base64.b64decode(value["content"]), lfs=False)
    elif key == "lfsFile":
        if value["oid"] not in hub.objects:
            raise Refused(400, f"LFS pointer of {path} names an object that was never uploaded")
        files[path] = Entry(value["oid"], len(hub.objects[value["oid"]]), lfs=True)
    else:
        gone = [
            name
            for name in files
            if name == path or (key == "deletedFolder" and name.startswith(path.rstrip("/") + "/"))
        ]
        if not gone:
            raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
        for name in gone:
            del files[name]


def resolve(hub: Hub, request: Request, query, repo: Repo, revision: str, path: str) -> Answer:
    """A file."""
    if repo.gated:
        status = 401 if request.token is None else 403
        raise Refused(status, f"Access to model {repo.name} is restricted", "GatedRepo")
    sha = commit_at(repo, revision)
    headers = {"X-Repo-Commit": sha}
    entry = repo.commits[sha].get(path)
    if entry is None:
        missing = Refused(404, "Entry not found", "EntryNotFound").answer
        missing.headers |= headers
        return missing
    headers |= {"ETag": f'"{entry.id}"', "Accept-Ranges": "bytes"}
    headers["Content-Type"] = "application/octet-stream"
    if entry.lfs:
        headers |= {"X-Linked-Etag": f'"{entry.id}"', "X-Linked-Size": str(entry.size)}
        if hub.redirect:
            place = f"{hub.cdn}/{entry.id}?{urllib.parse.urlencode({'filename': path})}"
            return Answer(302, b"Found", {**headers, "Location": place})
    return Answer(200, hub.read(entry), headers, content=True)


REPO, REV = r"(?P<name>[^/]+/[^/]+)", r"(?P<revision>[^/]+)"
MODEL, OBJECT = f"/api/models/{REPO}", r"/lfs/(?P<oid>[0-9a-f]{64})"
ROUTES = (
    ("GET", "/api/whoami-v2", whoami),
    ("POST", "/api/repos/create", create),
    ("POST", "/api/validate-yaml", validate_yaml),
    ("GET", "/api/models", models),
    ("GET", f"/api/models/(?P<name>[^/]+(?:/[^/]+)?)(?:/revision/{REV})?", model),
    ("GET", f"{MODEL}/tree/{REV}(?:/(?P<folder>.+))?", tree),
    ("GET", f"{MODEL}/refs", refs),
    ("POST", f"{MODEL}/tag/{REV}", tag),
    ("POST", f"{MODEL}/preupload/{REV}", preupload),
    ("POST", f"{MODEL}/commit/(?P<branch>[^/]+)", commit),
    ("POST", rf"/{REPO}\.git/info/lfs/objects/batch", lfs.batch),
    ("PUT", OBJECT, lfs.put),
    ("PUT", rf"{OBJECT}/part/(?P<number>\d+)", lfs.put_part),
    ("POST", f"{OBJECT}/complete", lfs.complete),
    ("POST", f"{OBJECT}/verify", lfs.verify),
    ("GET HEAD", rf"/{REPO}/resolve/{REV}/(?P<path>.+)", resolve),
)
