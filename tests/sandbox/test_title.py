"""The title of the sandbox's page."""

import pytest

from app.sandbox import create_sandbox

TOKEN = "sandbox-token-0123456789"


@pytest.mark.parametrize(("held", "title"), [(0, "0 incidents"), (1, "1 incident"), (2, "2 incidents")])
def test_the_title_counts_in_english(held, title):
    """One incident is one incident, any other number are incidents."""
    client = create_sandbox(TOKEN).test_client()
    for number in range(held):
        body = {"reference_id": f"R{number}", "started_at": "2026-03-01T10:00:00Z"}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert client.post("/api/incidents.upsert", json=body, headers=headers).json["ok"]
    assert f"<title>DX sandbox: {title}</title>" in client.get("/").text
