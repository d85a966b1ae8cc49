"""`dx-bridge sandbox`: a local stand-in for DX's API."""

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
    """Run a local stand-in for DX's Data Cloud API.

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
    """
    serve(create_sandbox(token, seed), host, port)
