"""The documents of the policy samples, as DX gets them from a running bridge."""

from pathlib import Path

import orjson
import pytest

from mappers import recognise
from tests.harness import Bridge, wait_until

POLICIES = Path(__file__).resolve().parents[1] / "samples" / "policies"
NAMES = ("services-map", "services-opsgenie", "unmapped-id", "unmapped-omit", "priorities", "metadata-none")
MORE = ("metadata-renamed", "name-pattern", "tags-and-teams")
NOTHING = {"services": [], "metadata": {}}


def lines(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines() if line.strip()]


@pytest.mark.parametrize("name", [*NAMES, *MORE])
def test_dx_holds_what_the_sample_says(tmp_path, sandbox, name):
    """Webhooks under the sample's bridge.toml end as its documents in DX, and nothing else does."""
    settings = {"WEB_CONCURRENCY": "1", "DX_TIMEOUT": "5", "DX_OUTLIVE": "1"}
    (tmp_path / "bridge.toml").write_bytes((POLICIES / name / "bridge.toml").read_bytes())
    bridge = Bridge(tmp_path, sandbox.url, **settings).start().wait_ready()
    try:
        for body in lines(POLICIES / name / "events.jsonl"):
            assert bridge.post(recognise(body), orjson.dumps(body)).status_code in (200, 202)
        wait_until(bridge.is_settled, what=f"delivery ({bridge.log()})")
        expected = lines(POLICIES / name / "expected.jsonl")
        wanted = {each["reference_id"]: each["request"] for each in expected if each["outcome"] == "upsert"}
        held = sandbox.incidents()
        shown = {ref: {key: held[ref][key] for key in NOTHING | body} for ref, body in wanted.items()}
        assert held.keys() == wanted.keys()
        assert shown == {ref: NOTHING | body for ref, body in wanted.items()}
    finally:
        bridge.kill()
