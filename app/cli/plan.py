"""`dx-bridge plan`: what DX would get differently, before it does."""

import sys
from pathlib import Path
from typing import Any

import click
import orjson
from sqlalchemy import Connection

from app.cli.changes import print_change
from app.cli.common import config_or_exit, current_or_exit, progress, settings_or_exit
from app.cli.open import plain
from app.config import digest
from app.plan import Plan, Planner, refusals
from app.policy import DEFAULT, Policy
from app.settings import Settings
from app.sources import all_sources
from app.store import deliveries, incidents, policies
from app.store.engine import reading

_FEW = 10


@click.command("plan")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Default: the bridge.toml in use.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(path: Path | None, as_json: bool) -> None:
    """Show what DX would get differently under bridge.toml and this version; nothing is written or sent.

    Every stored event is mapped again. Exit code: 0 if nothing would change, 3 if something would, 1 if
    `dx-bridge apply` would refuse.

    \b
      dx-bridge plan --config new.toml
      dx-bridge plan --json | jq .totals
    """
    settings = settings_or_exit()
    config = config_or_exit(path) if path else None
    policy, sources = (config.policy, all_sources(config)) if config else (settings.policy, settings.sources)
    engine = current_or_exit(settings)
    with progress(engine) as tick:
        plan = Planner(engine, sources, policy, settings.dx_base_url).plan(tick)
    with reading(engine).begin() as connection:
        refused = list(refusals(connection, policy))
        in_force = _in_force(connection, settings.policy) == digest(policy)
        elsewhere = deliveries.elsewhere(connection, settings.dx_base_url) if settings.dx_base_url else 0
    if as_json:
        click.echo(orjson.dumps(_as_json(plan, refused, in_force=in_force)).decode())
    else:
        _print(plan, refused)
        if not refused:
            in_use = digest(policy) == digest(settings.policy)
            click.echo(f"Nothing was written. {_to_do(plan, in_force=in_force, in_use=in_use)}")
        _tell_destination(settings, elsewhere)
    sys.exit(1 if refused else 3 if plan.changes else 0)


def _in_force(connection: Connection, own: Policy) -> str:
    """Return the digest of the policy that decides; where none was applied yet, of the one that will."""
    first = own if incidents.is_empty(connection) else DEFAULT
    return policies.in_force(connection) or digest(first)


def _as_json(plan: Plan, refused: list[str], *, in_force: bool) -> dict[str, Any]:
    changes = [
        {
            "source": each.source,
            "reference_id": each.reference_id,
            "change": each.kind,
            "before": each.before,
            "after": each.after,
            "reason": each.reason,
        }
        for each in plan.changes.values()
    ]
    kept = [
        {"source": source, "vendor_id": vendor_id, "reason": reason}
        for (source, vendor_id), reason in plan.kept.items()
    ]
    return {
        "changes": changes,
        "totals": plan.totals(),
        "not_refoldable": kept,
        "excluded_and_kept": len(plan.sticky),
        "refused": refused,
        "policy_in_force": in_force,
    }


def _print(plan: Plan, refused: list[str]) -> None:
    for change in plan.changes.values():
        print_change(change)
    totals = plan.totals()
    click.echo(
        f"{totals['add']} would be added to DX, {totals['update']} changed, {totals['remove']} taken out; "
        f"{totals['unchanged']} stay as they are."
    )
    if plan.sticky:
        click.echo(
            f"Kept in DX although this policy excludes them: {len(plan.sticky)}; "
            'retract = ["excluded"] in [incidents] would take them out.'
        )
    if plan.kept:
        few = ", ".join(plain(vendor_id) for _, vendor_id in list(plan.kept)[:_FEW])
        more = " …" if len(plan.kept) > _FEW else ""
        click.echo(
            f"{len(plan.kept)} cannot be re-folded and keep their state ({few}{more}); --json says why."
        )
    for problem in refused:
        click.echo(f"refused: {problem}")


def _to_do(plan: Plan, *, in_force: bool, in_use: bool) -> str:
    """Return the next step: `apply` takes the file in use, which need not be the one that was planned with."""
    if in_force and not plan.changes:
        return "This policy is in force."
    first = "`" if in_use else "Put the file in the place of bridge.toml; then `"
    return f"{first}dx-bridge apply` makes it so."


def _tell_destination(settings: Settings, elsewhere: int) -> None:
    if elsewhere:
        click.echo(
            f"{elsewhere} incidents were delivered to another DX_BASE_URL than {settings.dx_base_url}; "
            "`dx-bridge redeliver --all` sends them."
        )
