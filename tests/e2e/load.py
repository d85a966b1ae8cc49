"""Many histories posted at once, and what DX has to hold in the end."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from typing import Any

import orjson
import requests

from tests.harness import Bridge, Sandbox
from tests.histories import history

THREADS = 8


class Load:
    """Histories of all vendors as webhooks: shuffled, a quarter of them twice; and their truth."""

    def __init__(self, count: int, seed: int = 1) -> None:
        random = Random(seed)
        histories = [history(number, f"load{seed}-") for number in range(count)]
        webhooks = [(each.source, orjson.dumps(each.body)) for told in histories for each in told.events]
        self.webhooks = webhooks + random.choices(webhooks, k=len(webhooks) // 4)
        random.shuffle(self.webhooks)
        self.truth = {reference: body for told in histories for reference, body in told.truth.items()}

    def post(self, *bridges: Bridge, stop: threading.Event | None = None) -> int:
        """Post everything from several threads, each webhook until it is acknowledged; return how many were."""
        stop = stop or threading.Event()
        with ThreadPoolExecutor(THREADS) as pool:
            lanes = [(bridges[lane % len(bridges)], self.webhooks[lane::THREADS]) for lane in range(THREADS)]
            return sum(pool.map(lambda lane: _post_all(*lane, stop), lanes))

    @contextmanager
    def being_posted(self, bridge: Bridge) -> Iterator[threading.Event]:
        """Post in the background while the block runs; yield what is set when everything is acknowledged.

        Leaving the block waits for the rest, but not when the test has failed in it.
        """
        done, stop = threading.Event(), threading.Event()

        def post() -> None:
            if self.post(bridge, stop=stop) == len(self.webhooks):
                done.set()

        poster = threading.Thread(target=post)
        poster.start()
        try:
            yield done
            done.wait(120)
        finally:
            stop.set()
            poster.join()
        assert done.is_set(), "not everything was acknowledged"

    def differences(self, sandbox: Sandbox) -> list[str]:
        """Return where DX differs from the truth."""
        held = sandbox.incidents()
        references = sorted(held.keys() | self.truth.keys())
        return [each for each in references if _known(held.get(each)) != _known(self.truth.get(each))]


def _post_all(bridge: Bridge, webhooks: Iterable[tuple[str, bytes]], stop: threading.Event) -> int:
    acknowledged = 0
    with requests.Session() as session:
        for source, body in webhooks:
            while not stop.is_set():
                if _is_acknowledged(bridge, source, body, session):
                    acknowledged += 1
                    break
                stop.wait(0.02)
    return acknowledged


def _is_acknowledged(bridge: Bridge, source: str, body: bytes, session: requests.Session) -> bool:
    try:
        return bridge.post(source, body, session).ok
    except requests.RequestException:
        return False


def _known(body: dict[str, Any] | None) -> dict[str, Any]:
    """Return what is told of an incident: null, [] and a missing key are the same to DX."""
    return {
        key: value for key, value in (body or {}).items() if value not in (None, [], {}) and key != "calls"
    }
