"""Large files: they come in beside the commits and are named by their SHA-256."""

import dataclasses
import json

from .answers import Answer, Refused, told
from .state import Hub, Repo, Request, git_sha1, sha256


def batch(hub: Hub, request: Request, query, repo: Repo) -> Answer:
    """Where each object is to be sent; nowhere, if it is there."""
    objects = json.loads(request.body)["objects"]
    many = any(_has_parts(hub, thing["size"]) for thing in objects)
    listed = [
        thing if thing["oid"] in hub.objects else {**thing, "actions": _actions(hub, **thing)}
        for thing in objects
    ]
    return told({"transfer": "multipart" if many else "basic", "objects": listed})


def _has_parts(hub, size):
    return hub.part_size is not None and size > hub.part_size


def _actions(hub, oid, size):
    place = f"{hub.address}/lfs/{oid}"
    upload = {"href": place}
    if _has_parts(hub, size):
        count = -(-size // hub.part_size)
        parts = {f"{number:05}": f"{place}/part/{number}" for number in range(1, count + 1)}
        upload = {
            "href": f"{place}/complete",
            "header": {"chunk_size": str(hub.part_size), **parts},
        }
    return {"upload": upload, "verify": {"href": f"{place}/verify"}}


def put(hub: Hub, request: Request, query, oid: str) -> Answer:
    """The whole of an object."""
    if sha256(request.body) != oid:
        raise Refused(400, "The content does not have the hash that it was announced with")
    hub.objects[oid] = request.body
    return Answer()


def put_part(hub: Hub, request: Request, query, oid: str, number: str) -> Answer:
    """A part of an object."""
    hub.parts[oid, int(number)] = request.body
    return Answer(headers={"ETag": f'"{git_sha1(request.body)}"'})


def complete(hub: Hub, request: Request, query, oid: str) -> Answer:
    """The parts of an object joined."""
    parts = []
    for told_part in json.loads(request.body)["parts"]:
        part = hub.parts.pop((oid, told_part["partNumber"]), b"")
        if told_part["etag"].strip('"') != git_sha1(part):
            raise Refused(400, f"Part {told_part['partNumber']} is not the one that came")
        parts.append(part)
    return put(hub, dataclasses.replace(request, body=b"".join(parts)), query, oid)


def verify(hub: Hub, request: Request, query, oid: str) -> Answer:
    """Whether an object is there."""
    if len(hub.objects.get(oid, b"")) != json.loads(request.body)["size"]:
        raise Refused(404, "There is no such object")
    return Answer()


def content(hub: Hub, path: str) -> Answer:
    """An object, for whoever has the address."""
    oid = path.lstrip("/")
    if oid not in hub.objects:
        return Refused(404, "There is no such object").answer
    headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    return Answer(200, hub.objects[oid], {**headers, "ETag": f'"{oid}"'}, content=True)
