"""Reads the services of DX's software catalog, to match the vendors' services with them.

Source: docs.getdx.com/webapi, method `catalog.entities.list`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import requests
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from app.answers import Answer, classify
from app.secret import Secret
from app.session import bounded, bounded_session

_QUERY = {"type": "service", "limit": "100"}
_MOST_PAGES = 10_000
_ANSWER_LIMIT = 8 * 1024 * 1024
_ATTEMPTS = 4
_LONGEST_WAIT = 60.0  # seconds; DX counts calls over a sliding minute (docs.getdx.com/webapi/overview)
_jitter = wait_random_exponential(multiplier=1, max=10)

Page = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entity:
    """A service of the catalog."""

    identifier: str
    name: str | None
    aliases: tuple[str, ...]
    """Its identifiers at PagerDuty, Opsgenie and other incident tools."""


class CatalogError(Exception):
    """The catalog could not be read; the text says what to do."""


class _NotNowError(CatalogError):
    """The call may succeed when repeated, after `wait` seconds where DX names them."""

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


def entities(
    base_url: str, token: Secret, timeout: float, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Entity]:
    """Read the services of the catalog, a page at a time; `timeout` is seconds for one call.

    Raises CatalogError. What is not built like an entity is passed over.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(_NotNowError),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=_wait,
        sleep=sleep,
        reraise=True,
    )
    with bounded_session(token, base_url) as session:
        client = _Client(session, base_url, token, timeout)
        for page in _pages(lambda cursor: retrying(client.page, cursor)):
            yield from filter(None, map(entity, _listed(page)))


def entity(item: object) -> Entity | None:
    """Read one item of DX's list; None where it is not built like an entity."""
    if not isinstance(item, dict) or not _is_text(item.get("identifier")):
        return None
    name, aliases = item.get("name"), item.get("aliases")
    kinds = aliases.items() if isinstance(aliases, dict) else ()
    known = (alias for kind, listed in kinds if _is_vendors(kind) for alias in _identifiers(listed))
    return Entity(item["identifier"], name if _is_text(name) else None, tuple(dict.fromkeys(known)))


def _is_vendors(kind: str) -> bool:
    """Tell the alias types of incident tools (`pagerduty_service` …) from DX's own and from repositories."""
    return kind.endswith("_service") and kind != "dx_deployment_service"


def _identifiers(listed: object) -> Iterator[str]:
    for alias in listed if isinstance(listed, list) else ():
        if isinstance(alias, dict) and _is_text(alias.get("identifier")):
            yield alias["identifier"]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _pages(read: Callable[[str], Page]) -> Iterator[Page]:
    cursor, seen = "", set[str]()
    for _ in range(_MOST_PAGES):
        page = read(cursor)
        yield page
        seen.add(cursor)
        cursor = _next_cursor(page)
        if not cursor:
            return
        if cursor in seen:
            raise CatalogError("DX's catalog goes round in circles (a cursor came twice): tell DX's support")
    raise CatalogError(f"DX's catalog does not end after {_MOST_PAGES} pages: tell DX's support")


def _listed(page: Page) -> list[object]:
    listed = page.get("entities")
    if not isinstance(listed, list):
        raise CatalogError("DX answers without a list of entities: tell DX's support")
    return listed


def _next_cursor(page: Page) -> str:
    """Return where the next page begins; nothing after the last one. A part must not pass for the whole."""
    about = page.get("response_metadata") or {}
    cursor = (about.get("next_cursor") or "") if isinstance(about, dict) else about
    if not isinstance(cursor, str):
        raise CatalogError("DX's catalog names its next page in an unknown way: tell DX's support")
    return cursor


class _Client:
    """Calls `catalog.entities.list`."""

    def __init__(self, session: requests.Session, base_url: str, token: Secret, timeout: float) -> None:
        self._session, self._base_url, self._token, self._timeout = session, base_url, token, timeout

    def page(self, cursor: str) -> Page:
        """Return DX's answer, which is `ok`; _NotNowError where a repetition may help."""
        status, retry_after, received = self._get({**_QUERY, **({"cursor": cursor} if cursor else {})})
        body = received.replace(self._token.reveal().encode(), b"***")  # an error may quote it
        answer = classify(status, retry_after, body, datetime.now(UTC))
        if answer.meaning != "confirmed":
            raise _error(answer, self._base_url)
        page: Page = orjson.loads(body)
        return page

    def _get(self, query: Mapping[str, str]) -> tuple[int, str | None, bytes]:
        url = f"{self._base_url}/catalog.entities.list"
        try:
            with (
                bounded(self._timeout) as watch,
                self._session.get(
                    url, params=query, timeout=self._timeout, allow_redirects=False, stream=True
                ) as response,
            ):
                return response.status_code, response.headers.get("Retry-After"), _read(response)
        except requests.RequestException as error:
            late = isinstance(error, requests.Timeout) or watch.overdue
            reason = f"nothing within {self._timeout:g} s" if late else type(error).__name__
        raise _NotNowError(f"{self._base_url} does not answer ({reason}): check the network, try again")


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(65_536):
        body += chunk
        if len(body) > _ANSWER_LIMIT:
            raise CatalogError(f"DX's answer is longer than {_ANSWER_LIMIT >> 20} MiB: tell DX's support")
    return bytes(body)


def _error(answer: Answer, base_url: str) -> CatalogError:
    words = answer.code if answer.words in ("", answer.code) else f"{answer.code}: {answer.words}"
    refused = answer.meaning == "refused"
    if answer.meaning == "unauthorised" or (refused and (answer.status == 403 or "scope" in answer.code)):
        return CatalogError(
            f"DX refuses the token ({words}): make a Web API token with the scope catalog:read "
            "(Admin, Organization tokens) and set DX_WEB_API_TOKEN to it"
        )
    if refused:
        return CatalogError(f"DX refuses to list its catalog ({words}): tell DX's support")
    if answer.status not in (408, 429) and (answer.status or 0) < 500:
        return CatalogError(
            f"{base_url} answers {answer.status}, but not with DX's JSON: does it lead to DX's Web API?"
        )
    if (answer.retry_after or 0) > _LONGEST_WAIT:
        return CatalogError(
            f"DX asks for a pause of more than a minute ({words}): try again in a quarter of an hour"
        )
    return _NotNowError(f"DX cannot answer now ({words}): try again in a few minutes", answer.retry_after)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, _NotNowError) else None
    return _jitter(state) if asked is None else asked
