"""What the sandbox answers, and what a fault makes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.sandbox.faults import Fault, Hit

Handle = Callable[[], "Answer"]

_PAGE = "<!doctype html><title>Gateway</title><h1>This is not the page you are looking for</h1>"
_HTML = {"Content-Type": "text/html; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: a str body goes out as text, any other as JSON; status None breaks the connection."""

    status: int | None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def error(self) -> str | None:
        """The error code in the body, if it has one."""
        code = self.body.get("error") if isinstance(self.body, dict) else None
        return code if isinstance(code, str) else None


CUT = Answer(None)


def refused(code: str, message: str) -> Answer:
    """Return DX's answer to a bad call. Documented statuses are only 200 and 422."""
    return Answer(422, {"ok": False, "error": code, "message": message})


@dataclass(frozen=True, slots=True)
class Effects:
    """Carries faults out, with what they need of the world: a sleep and a background timer, in seconds."""

    sleep: Callable[[float], None]
    later: Callable[[float, Callable[[], object]], None]

    def answer(self, hit: Hit, handle: Handle) -> Answer:
        """Return the answer to a call that `handle` would apply and answer, if it were not for its faults."""
        if hit.delay:
            self.sleep(hit.delay)
        return handle() if hit.fault is None else self._faulty(hit.fault, handle)

    def _faulty(self, fault: Fault, handle: Handle) -> Answer:
        if fault.hang is not None:
            return self._hang(fault.hang, handle)
        if fault.late is not None:
            self.later(fault.late, handle)
            return CUT
        if fault.apply or fault.reset == "after":
            handle()
        return _instead(fault)

    def _hang(self, seconds: float, handle: Handle) -> Answer:
        answer = handle()
        self.sleep(seconds)
        return answer


def _instead(fault: Fault) -> Answer:
    if fault.reset is not None:
        return CUT
    if fault.error is not None:
        return refused(fault.error, "A fault that was switched on in the sandbox.")
    if fault.non_json:
        return Answer(200, _PAGE, _HTML)
    body = f"{fault.status}, by a fault" if fault.body is None else fault.body
    return Answer(fault.status, body, fault.headers or {})
