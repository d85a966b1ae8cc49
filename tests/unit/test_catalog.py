import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from app import catalog
from app.catalog import CatalogError, Entity, entities, entity
from app.secret import Secret

TOKEN = Secret("web-api-token-0123456789")


@pytest.mark.parametrize(
    ("item", "read"),
    [
        ({"identifier": "payments"}, Entity("payments", None, ())),
        ({"identifier": "payments", "name": "Payments", "aliases": {}}, Entity("payments", "Payments", ())),
        ({"identifier": "payments", "name": 7, "aliases": None}, Entity("payments", None, ())),
        ({"identifier": "payments", "name": " ", "aliases": []}, Entity("payments", None, ())),
    ],
)
def test_what_an_entity_lacks_is_left_open(item: object, read: Entity) -> None:
    """Only the identifier is needed; a name or aliases of an odd type count as none."""
    assert entity(item) == read


@pytest.mark.parametrize("item", [None, "payments", [], {}, {"identifier": 7}, {"identifier": " "}])
def test_what_has_no_identifier_is_no_entity(item: object) -> None:
    """An item that cannot be named is passed over."""
    assert entity(item) is None


def test_aliases_of_every_incident_tool_count() -> None:
    """Aliases are those of types that end in `_service`, each once; deployments and repositories are not."""
    aliases = {
        "pagerduty_service": [{"identifier": "PACME01"}, {"identifier": "PACME02"}],
        "opsgenie_service": [{"identifier": "0a1b"}, {"identifier": "PACME01"}],
        "jsm_service": [{"identifier": "jsm-1"}],
        "dx_deployment_service": [{"identifier": "payments-deploy"}],
        "github_repo": [{"identifier": "17"}],
    }
    read = entity({"identifier": "payments", "aliases": aliases})
    assert read == Entity("payments", None, ("PACME01", "PACME02", "0a1b", "jsm-1"))


@pytest.mark.parametrize(
    "odd", [None, "PACME01", {"identifier": "PACME01"}, [None, "x", {}, {"identifier": 7}]]
)
def test_odd_aliases_are_passed_over(odd: object) -> None:
    """An alias of an odd type takes nothing from the others."""
    aliases = {"pagerduty_service": odd, "opsgenie_service": [{"identifier": "0a1b"}]}
    assert entity({"identifier": "payments", "aliases": aliases}) == Entity("payments", None, ("0a1b",))


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def said(**answer: Any) -> bytes:
    return http(orjson.dumps({"ok": True} | answer))


@contextmanager
def answering(answer: Callable[[int], Iterator[bytes]]) -> Iterator[tuple[str, list[str]]]:
    """Serve raw bytes, one connection after the other; give the address and the heads of the requests."""
    heads: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for n in itertools.count():
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        heads.append(connection.recv(65_536).decode())
                        for part in answer(n):
                            connection.sendall(part)
                if server.fileno() < 0:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heads
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def read(url: str, timeout: float = 10) -> list[str]:
    return [each.identifier for each in entities(url, TOKEN, timeout, sleep=lambda _: None)]


@pytest.mark.parametrize(
    "end",
    [
        {},
        {"response_metadata": None},
        {"response_metadata": {}},
        {"response_metadata": {"next_cursor": None}},
        {"response_metadata": {"next_cursor": ""}},
    ],
)
def test_every_kind_of_last_page_is_the_last(end: dict[str, Any]) -> None:
    """A page without a cursor, or with an empty one, is the last; odd entities in it are passed over."""
    listed = [{"identifier": "payments"}, None, {"identifier": 7}, "edge"]
    with answering(lambda _: iter([said(entities=listed, **end)])) as (url, heads):
        assert read(url) == ["payments"]
    assert len(heads) == 1


def test_calls_ask_for_services_with_the_cursor_as_it_came() -> None:
    """Each call asks for 100 services; the next page's cursor goes back unchanged."""
    pages = [said(entities=[], response_metadata={"next_cursor": "a+b/c=&d"}), said(entities=[])]
    with answering(lambda n: iter([pages[n]])) as (url, heads):
        assert read(url) == []
    first, second = (head.split(" ")[1] for head in heads)
    assert first == "/catalog.entities.list?type=service&limit=100"
    assert second == f"{first}&cursor=a%2Bb%2Fc%3D%26d"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, "without a list"),
        ({"entities": None}, "without a list"),
        ({"entities": {}}, "without a list"),
        ({"entities": [], "response_metadata": ["x"]}, "unknown way"),
        ({"entities": [], "response_metadata": {"next_cursor": 7}}, "unknown way"),
        ({"entities": [], "response_metadata": {"next_cursor": ["x"]}}, "unknown way"),
    ],
)
def test_a_part_does_not_pass_for_the_whole(answer: dict[str, Any], words: str) -> None:
    """A list or a cursor that cannot be read is an error: a catalog cut short would mislead."""
    with answering(lambda _: iter([said(**answer)])) as (url, _), pytest.raises(CatalogError, match=words):
        read(url)


def test_a_circle_of_cursors_is_an_error() -> None:
    """Cursors that lead back to an earlier page end the reading."""
    cursors = ["a", "b", "a"]
    with (
        answering(lambda n: iter([said(entities=[], response_metadata={"next_cursor": cursors[n]})])) as (
            url,
            _,
        ),
        pytest.raises(CatalogError, match="circles"),
    ):
        read(url)


def test_a_catalog_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cursors that are new each time end the reading as well, after very many pages."""
    monkeypatch.setattr(catalog, "_MOST_PAGES", 3)
    with (
        answering(lambda n: iter([said(entities=[], response_metadata={"next_cursor": f"c{n}"})])) as (
            url,
            heads,
        ),
        pytest.raises(CatalogError, match="does not end after 3 pages"),
    ):
        read(url)
    assert len(heads) == 3


def test_a_page_of_megabytes_is_read() -> None:
    """A hundred entities with long descriptions fit."""
    listed = [{"identifier": f"s{n}", "description": "x" * 70_000} for n in range(100)]
    with answering(lambda _: iter([said(entities=listed)])) as (url, _):
        assert len(read(url)) == 100


def endless(head: str) -> Callable[[int], Iterator[bytes]]:
    return lambda _: itertools.chain([head.encode("latin-1")], itertools.repeat(b"x" * 65_536))


@pytest.mark.parametrize("status", ["200 OK", "302 Found\r\nLocation: /elsewhere", "503 Busy"])
def test_an_endless_answer_is_cut(status: str) -> None:
    """An answer is read up to a limit whatever its status, and then told at once."""
    with (
        answering(endless(f"HTTP/1.1 {status}\r\n\r\n")) as (url, heads),
        pytest.raises(CatalogError, match="longer than 8 MiB"),
    ):
        read(url)
    assert len(heads) == 1


@pytest.mark.parametrize("location", ["/elsewhere", "http://[", "\xff\xfe"])
def test_a_redirection_is_not_followed(location: str) -> None:
    """A redirection, a malformed one too, is no answer of DX's: the token goes nowhere else."""
    with (
        answering(lambda _: iter([http(b"", "302 Found", f"Location: {location}")])) as (url, heads),
        pytest.raises(CatalogError, match="answers 302, but not with DX's JSON"),
    ):
        read(url)
    assert len(heads) == 1


def test_a_trickle_is_not_waited_for() -> None:
    """A byte now and then does not stretch the time that a call may take."""
    gone = threading.Event()

    def trickle(_: int) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"
        for _ in range(1_000):
            if gone.wait(0.05):
                return
            yield b" "

    with answering(trickle) as (url, _):
        with pytest.raises(CatalogError, match=r"nothing within 0\.3 s"):
            read(url, timeout=0.3)
        gone.set()


def test_the_token_goes_out_whatever_netrc_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An entry of `.netrc` for DX's host does not take the place of the token."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login acme password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with answering(lambda _: iter([said(entities=[])])) as (url, heads):
        read(url)
    assert f"Authorization: Bearer {TOKEN.reveal()}\r\n" in heads[0]
