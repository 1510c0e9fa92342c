"""What may go wrong between the Hub and its client."""

import dataclasses
import urllib.parse

from .answers import Answer

PAGE = b"<!DOCTYPE html><html><title>Log in to the network</title></html>"


@dataclasses.dataclass
class Fault:
    """One way in which requests fail, where all that is given applies.

    Args:
        where: What the path and query of a request hold, percent-decoded.
        method: Of requests; None is any.
        times: How many answers are spoilt before all is well again; None is all of them.
        status: Answer with this status, and do nothing.
        page: Answer with a page of HTML and status 200, as the gate of a hotel's network does.
        etag: The hash that the headers of a file name.
        flip: Invert the first byte of a file; its length stays.
        short: Leave so many last bytes of a file out, of its length too; X-Linked-Size stays.
        cut: Close the connection after so many bytes of a body.
        reset: The same with a reset instead of an orderly close.
        stall: Send so many bytes of a body and then nothing until the Hub closes.
        slow: Seconds to wait after every 64 KiB of a body.
    """

    where: str
    method: str | None = None
    times: int | None = None
    status: int | None = None
    page: bool = False
    etag: str | None = None
    flip: bool = False
    short: int = 0
    cut: int | None = None
    reset: int | None = None
    stall: int | None = None
    slow: float = 0.0

    def meets(self, request) -> bool:
        """Whether a request is one of those that fail."""
        named = self.where in urllib.parse.unquote(request.target)
        return named and self.method in (None, request.method) and self.times != 0

    def replaces(self) -> bool:
        """Whether the request gets another answer and is not carried out."""
        return self.status is not None or self.page

    def spoils(self, request, answer: Answer) -> bool:
        """Whether there is anything to spoil: HEAD has no body, and a redirect no file."""
        sent = request.method != "HEAD" and answer.status == 200 and bool(answer.body)
        if self.in_transport():
            return sent
        return answer.content and bool(self.etag or self.short or (self.flip and sent))

    def in_transport(self) -> bool:
        """Whether it is the sending that goes wrong."""
        return bool(self.slow) or not (self.cut is self.reset is self.stall is None)

    def use(self) -> None:
        """Count an answer as spoilt."""
        if self.times is not None:
            self.times -= 1


def replaced(faults: list[Fault], request) -> Answer | None:
    """The answer of the first fault that keeps a request from being carried out, if any."""
    for fault in faults:
        if fault.replaces() and fault.meets(request):
            fault.use()
            if fault.page:
                return Answer(200, PAGE, {"Content-Type": "text/html"})
            return Answer(fault.status, b'{"error": "As the test asked for"}')
    return None


def spoilt(faults: list[Fault], request, answer: Answer) -> tuple[Answer, Fault | None]:
    """An answer with what its faults did to its content, and the fault of its transport."""
    transport = None
    for fault in faults:
        if fault.replaces() or not fault.meets(request) or not fault.spoils(request, answer):
            continue
        fault.use()
        answer = dataclasses.replace(answer, headers=dict(answer.headers))
        if fault.etag:
            for key in {"ETag", "X-Linked-Etag"} & set(answer.headers):
                answer.headers[key] = f'"{fault.etag}"'
        if fault.flip:
            answer.body = bytes([answer.body[0] ^ 255]) + answer.body[1:]
        if fault.short:
            answer.body = answer.body[: -fault.short]
        if fault.in_transport():
            transport = fault
    return answer, transport
