"""`dx-bridge sandbox`: a local stand-in for DX's API and the vendors'."""

import click

from app.sandbox import create_sandbox, serve


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8099, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option(
    "--token",
    envvar="DX_API_TOKEN",
    show_envvar=True,
    default="sandbox-token-0123456789",
    show_default=True,
    help="The one token that it knows.",
)
@click.option("--seed", type=int, help="Makes the chances of faults repeatable.")
def command(host: str, port: int, token: str, seed: int | None) -> None:
    """Run a local stand-in for DX's Data Cloud API, and for the vendors' REST APIs.

    It is strict, keeps what it is told in memory, and shows it as a page at / and as JSON. Point the
    bridge at it:

    \b
      export DX_BASE_URL=http://127.0.0.1:8099
      export DX_API_TOKEN=sandbox-token-0123456789

    Look at what it holds and what it was called with, or make it forget everything. These need no
    token, so keep it on a loopback address:

    \b
      curl localhost:8099/sandbox/incidents
      curl localhost:8099/sandbox/incidents/PGR0VU2
      curl 'localhost:8099/sandbox/calls?after=0&reference_id=PGR0VU2'
      curl -X POST localhost:8099/sandbox/reset

    Faults are put as a list. The first that fits a call and does more than delay decides; delays add up.

    \b
    Three calls meet a full queue:
      curl -X PUT localhost:8099/sandbox/faults -d '[
        {"status": 429, "headers": {"Retry-After": "2"}, "times": 3}]'
    The token has expired, for everybody:
      curl -X PUT localhost:8099/sandbox/faults -d '[{"error": "invalid_auth"}]'
    A third of the calls take 1 to 5 s, and one in ten of all breaks after it was applied:
      curl -X PUT localhost:8099/sandbox/faults -d '[
        {"delay": [1, 5], "share": 0.33},
        {"reset": "after", "share": 0.1}]'
    Everything is well again:
      curl -X DELETE localhost:8099/sandbox/faults

    \b
    Effects, one a fault, seconds throughout:
      "status": 503         with "headers" and "body" (JSON, or a text) if wanted
      "error": "code"       DX's own refusal, HTTP 422
      "non_json": true      HTTP 200 with a page of HTML
      "reset": "before"     connection reset, nothing applied; "after": applied
      "hang": 20            applied at once, answered 20 s later
      "late": 20            connection reset at once, applied 20 s later
      "delay": 2            or [least, most]: before anything else; alone or
                            with any of the above
    "apply": true           applies the call in spite of "status" or "non_json"

    \b
    Which calls: "reference_id", "method" (incidents.upsert, incidents.delete,
    customData.getAllByReference), "share" (0 to 1), "times"; "name" is what
    the log of calls says.

    The vendors are below prefixes, with each one's queries, pages, limits and quirks. They show the
    records that they are given and know the token sandbox-vendor-token-0123:

    \b
      export PAGERDUTY_API_URL=http://127.0.0.1:8099/pagerduty
      export OPSGENIE_API_URL=http://127.0.0.1:8099/opsgenie
      http://127.0.0.1:8099/atlassian stands for https://api.atlassian.com

    \b
    A vendor's records, replaced (PUT), changed by id (PATCH), forgotten (DELETE):
      curl -X PUT localhost:8099/sandbox/vendors/pagerduty -d '{
        "incidents": [{"id": "PGR0VU2", "incident_number": 1,
          "title": "Checkout is slow", "status": "triggered",
          "created_at": "2026-03-01T10:15:30Z"}],
        "settings": {"rate": 960}}'
      curl -X DELETE localhost:8099/sandbox/vendors/pagerduty/incidents/PGR0VU2
    How many there are, and what was asked:
      curl 'localhost:8099/sandbox/vendors/pagerduty?after=0'

    \b
    pagerduty: "incidents", "log_entries", "subscriptions"
    opsgenie:  "incidents", "alerts", "services", "teams"
    atlassian: "alerts", "issues", "teams"

    \b
    "settings" of each:
      "token", "rate"       the key, and requests a minute
      "clock_offset"        seconds that its clock is ahead of this machine's
      "latency"             seconds before each answer
      "fail"                a list of faults: "path" (a prefix), "method",
                            "status" or "cut": true, "html": true, "headers",
                            "times", and "after" so many that go well
      "zone"                pagerduty, atlassian: where times without an
                            offset are
      "incident_api"        opsgenie: false if the plan has no incidents
      "email", "cloud_id", "issue_types"   atlassian
    """
    serve(create_sandbox(token, seed), host, port)
