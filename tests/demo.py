"""`make demo`: sandbox and bridge on loopback, the sample lifecycles as signed webhooks, what DX then holds."""

import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from app.secret import Secret
from app.web.dashboard.signin import one_time_link
from tests.harness import ADMIN_TOKEN, ROOT, Bridge, Sandbox, running_sandbox, wait_until

HISTORY = ROOT / "tests" / "samples" / "history.json"
LIFECYCLES = ROOT / "tests" / "samples" / "lifecycles"
VENDOR_TOKEN = "sandbox-vendor-token-0123"
_COLUMNS = (("reference_id", 36), ("name", 30), ("priority", 8), ("started_at", 20), ("resolved_at", 20))


def main() -> None:
    """Run the main job once; with KEEP=1 stay up until Ctrl-C."""
    with tempfile.TemporaryDirectory() as folder, running_sandbox() as sandbox:
        bridge = Bridge(Path(folder), sandbox.url, **_access(sandbox)).start().wait_ready()
        print(
            "The bridge and a stand-in for DX are running. Replaying webhooks, signed as the vendors do:\n",
            flush=True,
        )
        for file in sorted(LIFECYCLES.glob("*.jsonl")):
            source = file.stem.partition("-")[0]
            told = bridge.run("replay", "--source", source, str(file), "--to", bridge.url)
            print(f"  {file.stem:<28} {told.stdout.strip()}")
        wait_until(bridge.is_settled, what="delivery")
        print("\nReading what no webhook told from the vendors' REST APIs (stand-ins, too):\n", flush=True)
        for source in _read_history(sandbox):
            told = bridge.run("backfill", source, "--since", "2026-03-01T00:00:00Z")
            print(f"  {source:<28} {told.stdout.strip()}")
        wait_until(bridge.is_settled, what="delivery")
        _print_table(sandbox)
        try:
            if os.environ.get("KEEP"):
                _stay(bridge, sandbox)
        finally:
            code = bridge.stop()
    sys.exit(code)


def _access(sandbox: Sandbox) -> dict[str, str]:
    """Return the settings that lead to the stand-ins for the vendors' APIs."""
    return {
        "PAGERDUTY_API_URL": f"{sandbox.url}/pagerduty",
        "PAGERDUTY_API_TOKEN": VENDOR_TOKEN,
        "OPSGENIE_API_URL": f"{sandbox.url}/opsgenie",
        "OPSGENIE_API_KEY": VENDOR_TOKEN,
        "JSM_API_URL": f"{sandbox.url}/atlassian",
        "JSM_API_TOKEN": VENDOR_TOKEN,
        "JSM_EMAIL": "bridge@example.com",
        "JSM_CLOUD_ID": "11111111-2222-3333-4444-555555555555",
        "JSM_SITE_URL": "https://acme.atlassian.net",
        "RECONCILE_EVERY": "0",
    }


def _read_history(sandbox: Sandbox) -> tuple[str, ...]:
    """Give the stand-ins their records; return the sources to read."""
    for vendor, world in json.loads(HISTORY.read_text()).items():
        url = f"{sandbox.url}/sandbox/vendors/{vendor}"
        requests.put(url, json=world, timeout=10).raise_for_status()
    return "pagerduty", "opsgenie", "jira"


def _print_table(sandbox: Sandbox) -> None:
    calls = sandbox.calls()["total"]
    incidents = sandbox.incidents().values()
    print(f"\nDX now holds {len(incidents)} incidents, after {calls} calls:\n")
    print("  " + "  ".join(f"{name:<{width}}" for name, width in _COLUMNS) + "  services")
    for incident in sorted(incidents, key=lambda each: each["started_at"]):
        cells = (_cell(incident[name], width) for name, width in _COLUMNS)
        services = ", ".join(service["identifier"] for service in incident["services"] or ())
        merged_into = (incident["metadata"] or {}).get("merged_into")
        print(
            "  "
            + "  ".join(cells)
            + f"  {services}"
            + (f"  merged into {merged_into}" if merged_into else "")
        )


def _cell(value: Any, width: int) -> str:
    text = "" if value is None else str(value)
    return f"{text if len(text) <= width else text[: width - 1] + '…':<{width}}"


def _stay(bridge: Bridge, sandbox: Sandbox) -> None:
    link = one_time_link(bridge.url, Secret(ADMIN_TOKEN))
    print(f"\nThe dashboard: {link}\n  (the link works once; after that the admin token does: {ADMIN_TOKEN})")
    print(f"The bridge:    {bridge.url}   webhooks at {bridge.url}/webhooks/<source>")
    print(f"What DX holds: {sandbox.url}\n\nCtrl-C ends both.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    main()
