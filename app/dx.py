"""The client of DX's Data Cloud API: one call, one classified answer, a bound on time and size.

Source: docs.getdx.com/datacloudapi (POST /api/incidents.upsert, bearer token, HTTP 200 or 422).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import orjson
import requests
from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_random_exponential

from app.answers import Answer, classify
from app.document import DELETE, UPSERT
from app.secret import Secret
from app.session import bounded, bounded_session

_ANSWER_LIMIT = 64 * 1024
_SELF_CHECK = "dx-bridge-selfcheck"


class LeaseLostError(Exception):
    """The lease had run out before the first byte of the body was written."""


class _GuardedBody:
    """A request body that asks for permission when its first byte is about to be written."""

    def __init__(self, data: bytes, permit: Callable[[], bool]) -> None:
        self._data, self._permit = data, permit
        self.begun = False

    def __len__(self) -> int:
        return len(self._data)

    def read(self, _: int = -1) -> bytes:
        """Return the whole body once, then nothing."""
        if self.begun:
            return b""
        if not self._permit():
            raise LeaseLostError
        self.begun = True
        return self._data


class DX:
    """Calls one DX instance; not for use by several threads at once."""

    def __init__(self, base_url: str, token: Secret, timeout: float) -> None:
        self._timeout = timeout
        self._session = bounded_session(token, base_url)
        self._prepared = {path: self._prepare(f"{base_url}/api/{path}") for path in (UPSERT, DELETE)}
        self._question = f"{base_url}/api/customData.getAllByReference"
        self._retrying = Retrying(
            retry=retry_if_result(lambda answer: answer.code == "connection" and not answer.begun),
            stop=stop_after_attempt(3),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )

    def upsert(self, body: Mapping[str, object], permit: Callable[[], bool]) -> Answer:
        """Send `incidents.upsert`; `permit` is asked as the last act before the body is written.

        Raises LeaseLostError where it says no. A connection that fails before the body is begun is
        tried again at once, a few times: DX cannot have seen anything.
        """
        return self._send(UPSERT, body, permit)

    def delete(self, body: Mapping[str, object], permit: Callable[[], bool]) -> Answer:
        """Send `incidents.delete`, as `upsert` does; DX confirms it for an incident that it does not hold, too."""
        return self._send(DELETE, body, permit)

    def check_token(self) -> Answer:
        """Ask for custom data of a reference that does not exist: read-only, and refused to a bad token."""
        return self._exchange(self._ask, lambda: True)

    def _prepare(self, url: str) -> requests.PreparedRequest:
        return self._session.prepare_request(
            requests.Request("POST", url, headers={"Content-Type": "application/json"})
        )

    def _send(self, method: str, body: Mapping[str, object], permit: Callable[[], bool]) -> Answer:
        return self._retrying(self._post, method, orjson.dumps(body), permit)

    def _post(self, method: str, data: bytes, permit: Callable[[], bool]) -> Answer:
        body, request = _GuardedBody(data, permit), self._prepared[method].copy()
        request.body, request.headers["Content-Length"] = body, str(len(data))  # type: ignore[assignment]
        return self._exchange(
            lambda: self._session.send(request, timeout=self._timeout, allow_redirects=False, stream=True),
            lambda: body.begun,
        )

    def _ask(self) -> requests.Response:
        return self._session.get(
            self._question,
            params={"reference": _SELF_CHECK},
            timeout=self._timeout,
            allow_redirects=False,
            stream=True,
        )

    def _exchange(self, send: Callable[[], requests.Response], begun: Callable[[], bool]) -> Answer:
        try:
            with bounded(self._timeout) as watch, send() as response:
                body = _read(response)
        except requests.RequestException as error:
            if isinstance(error, requests.Timeout) or watch.overdue:
                return _failure("timeout", f"no answer within {self._timeout:g} s", begun=begun())
            return _failure("connection", type(error).__name__, begun=begun())
        return classify(response.status_code, response.headers.get("Retry-After"), body, datetime.now(UTC))


def _failure(code: str, words: str, *, begun: bool) -> Answer:
    """Return the answer of a call without one; once the body was begun, DX may still be at work on it."""
    return Answer("not_now", code, words, unfinished=begun, begun=begun)


def _read(response: requests.Response) -> bytes:
    """Read the answer's body up to a limit; what is longer is cut, and then no answer of DX's."""
    body = b""
    for chunk in response.iter_content(8192):
        body += chunk
        if len(body) > _ANSWER_LIMIT:
            break
    return body[:_ANSWER_LIMIT]
