"""A client for the vendors' REST APIs: bounded in time and size, patient within their rate limits."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import requests
import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_when_event_set,
    wait_random_exponential,
)

from app.clock import Clock
from app.session import bounded, bounded_session
from app.sources import Api
from app.vendors.reading import VendorError
from mappers.fields import SECOND, read_instant
from mappers.observation import Nanoseconds

log = structlog.get_logger()

TIMEOUT_SECONDS = 30.0
PATIENCE_SECONDS = 600.0
_LONGEST_WAIT = 120.0
_ANSWER_LIMIT = 64 * 1024 * 1024
_jitter = wait_random_exponential(multiplier=1, max=60)

Params = Mapping[str, Any]
Wait = Callable[[Mapping[str, str], int], float | None]
"""Reads an answer's headers and status: seconds to wait before the next call, None for no opinion."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor gave, and when it was certainly true: the end of the second `read_at`, vendor's clock."""

    body: Any
    read_at: Nanoseconds


@dataclass(frozen=True, slots=True)
class Access:
    """Where a vendor's API is, and how it is asked; `name` and `set_by` are for messages."""

    name: str
    api: Api
    set_by: str
    """What sets the API's address."""
    how: str = "Bearer {}"
    accept: str = "application/json"


class NotNowError(VendorError):
    """The call may succeed when repeated, after `wait` seconds where the vendor names them."""

    def __init__(self, text: str, wait: float | None) -> None:
        super().__init__(text)
        self.wait = wait


class RefusedError(VendorError):
    """What was asked is refused; another question may not be."""


class ForbiddenError(RefusedError):
    """The token is valid, and may not do this."""


class NotFoundError(RefusedError):
    """The vendor knows nothing at this path."""


class Client:
    """Calls one vendor's API; not for use by several threads at once."""

    def __init__(
        self,
        access: Access,
        wait: Wait,
        clock: Clock | None = None,
        stop: threading.Event | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._access, self._wait, self._clock = access, wait, clock or Clock()
        self._stop = stop or threading.Event()
        self._session = bounded_session(access.api.secret, access.api.url, access.how)
        self._session.headers["Accept"] = access.accept
        self._retrying = Retrying(
            retry=retry_if_exception_type(NotNowError),
            stop=stop_after_delay(patience) | stop_when_event_set(self._stop),
            wait=_wait,
            sleep=sleep_using_event(self._stop),
            before_sleep=_tell,
            reraise=True,
        )

    def get(self, path: str, params: Params | None = None) -> Answer:
        """Read a path; VendorError once its patience ends, or at once where repeating cannot help."""
        return self._retrying(self._call, "GET", path, params, None)

    def now(self) -> Nanoseconds:
        """Return this machine's time."""
        return self._clock.wall()

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        """Send a JSON body, once: what the vendor did with an unanswered one is not known."""
        return self._call(method, path, None, body)

    def _call(self, method: str, path: str, params: Params | None, body: Mapping[str, Any] | None) -> Answer:
        begun = self._clock.steady()
        response, text = self._exchange(method, path, params, body)
        took = self._clock.steady() - begun
        asked = self._wait(response.headers, response.status_code)
        if response.status_code // 100 == 2:
            if asked:
                self._stop.wait(min(asked, _LONGEST_WAIT))
            return Answer(self._parsed(text), self._certain(response.headers.get("Date"), took))
        raise self._refused(response, text, asked)

    def _exchange(
        self, method: str, path: str, params: Params | None, body: Mapping[str, Any] | None
    ) -> tuple[requests.Response, bytes]:
        url = f"{self._access.api.url}{path}"
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = None if body is None else orjson.dumps(body)
        try:
            with (
                bounded(TIMEOUT_SECONDS) as watch,
                self._session.request(
                    method,
                    url,
                    params=params,
                    data=data,
                    headers=headers,
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                return response, self._read(response)
        except requests.RequestException as error:
            late = isinstance(error, requests.Timeout) or watch.overdue
            reason = f"nothing within {TIMEOUT_SECONDS:g} s" if late else type(error).__name__
        text = f"{self._access.api.url} does not answer ({reason}): check the network, try again"
        raise NotNowError(text, None)

    def _read(self, response: requests.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(65_536):
            body += chunk
            if len(body) > _ANSWER_LIMIT:
                raise VendorError(f"{self._access.name}'s answer is longer than {_ANSWER_LIMIT >> 20} MiB")
        return bytes(body)

    def _parsed(self, text: bytes) -> Any:
        try:
            return orjson.loads(text) if text else {}
        except orjson.JSONDecodeError:
            raise NotNowError(
                f"{self._access.api.url} answers, but not with JSON: does it lead to {self._access.name}'s API?",
                None,
            ) from None

    def _certain(self, date: str | None, took: float) -> Nanoseconds:
        """Return the last second that ended before the vendor was asked.

        `Date` is cut to its second and written when the answer was ready, so what happened since the
        question may not be in it yet; webhooks tell of that time.
        """
        answered = _instant(date) if date else None
        if answered is None:
            answered = self._clock.wall()
        second = (answered - int(took * SECOND)) // SECOND - 1
        return second * SECOND

    def _refused(self, response: requests.Response, text: bytes, asked: float | None) -> VendorError:
        access, status = self._access, response.status_code
        words = _words(text)
        for secret in access.api.secrets:
            words = words.replace(secret.reveal(), "***")
        if status in (408, 425, 429) or status >= 500:
            return NotNowError(f"{access.name} cannot answer now ({status}{words}): try again later", asked)
        if status in (401, 403):
            refusal = ForbiddenError if status == 403 else VendorError
            return refusal(
                f"{access.name} refuses the token ({status}{words}): set {access.api.variable} to one that may read "
                f"this; another service region has another address than {access.api.url}: set {access.set_by}"
            )
        if status == 404:
            return NotFoundError(
                f"{access.name} knows nothing at {access.api.url} for this question ({status}{words})"
            )
        return RefusedError(f"{access.name} refuses the question ({status}{words})")


def _words(text: bytes) -> str:
    """Return what an error's JSON says, cut short; nothing where it is no JSON."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ""
    said = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(said, dict):
        said = said.get("message") or said.get("errorMessages") or said.get("code")
    if isinstance(said, list):
        said = "; ".join(map(str, said))
    return f", {str(said)[:200]}" if said else ""


def _instant(date: str) -> Nanoseconds | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) * SECOND


def time_of(text: object) -> Nanoseconds:
    """Read a time of an answer, or a cursor; VendorError where it is none."""
    at = read_instant(str(text).upper())
    if at is None:
        raise VendorError(f"A time cannot be read: {str(text)[:50]!r}")
    return at


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    seconds = round(state.next_action.sleep, 1) if state.next_action else 0
    say = log.info if isinstance(error, NotNowError) and error.wait is not None else log.warning
    say("vendor is asked again", seconds=seconds, because=str(error))


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, NotNowError) else None
    return _jitter(state) if asked is None else min(asked, _LONGEST_WAIT)


def retry_after(headers: Mapping[str, str], _status: int = 429) -> float | None:
    """Read `Retry-After`, in seconds or as a date."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    at = _instant(value) if value else None
    return None if at is None else max(0.0, at / SECOND - datetime.now(UTC).timestamp())
