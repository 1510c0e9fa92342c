"""What goes back over the wire."""

import dataclasses
import json


@dataclasses.dataclass
class Answer:
    """An answer. `content`: the body is that of a file, of which a part may be asked."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    content: bool = False


def told(value, status: int = 200, **headers: str) -> Answer:
    """A value as JSON."""
    return Answer(status, json.dumps(value).encode(), headers)


class Refused(Exception):
    """A request that gets an error. `code`: what the client takes for the reason."""

    def __init__(self, status: int, message: str, code: str = "", **more):
        super().__init__(message)
        self.answer = told({"error": message, **more}, status)
        self.answer.headers |= {"X-Error-Code": code, "X-Error-Message": message}


class Moved(Exception):
    """A request for a repository that has another name now. `target`: where to ask instead."""

    def __init__(self, target: str):
        super().__init__(target)
        self.answer = Answer(307, b"Temporary Redirect", {"Location": target})
