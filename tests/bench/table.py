"""The table that people read: Markdown, columns aligned."""

from collections.abc import Iterable, Mapping, Sequence

from tests.bench import figures
from tests.bench.results import Earlier
from tests.bench.rows import Row

HEAD = ("what", "value (least to greatest)", "against", "ratio", "aimed", "reached?", "before")


def table(rows: Iterable[Row], earlier: Mapping[str, Earlier]) -> str:
    """Return the table; `earlier` has what an earlier run of this machine gave, by row."""
    lines = [HEAD, *(_cells(row, earlier.get(row.what)) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    rule = "|".join("-" * (width + 2) for width in widths)
    head, *body = (_line(line, widths) for line in lines)
    return "\n".join((head, f"|{rule}|", *body))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"| {' | '.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))} |"


def _cells(row: Row, before: Earlier | None) -> tuple[str, ...]:
    value = f"{figures.spread(row.values)} {row.unit}".strip()
    ratio = figures.spread(row.ratios) if row.ratios else ""
    aims = "; ".join(map(str, row.aims))
    return row.what, value, row.against, ratio, aims, row.reached, _change(row, before)


def _change(row: Row, before: Earlier | None) -> str:
    if before is None:
        return ""
    told = figures.change(row.median("value"), before.value)
    if row.ratios and before.ratio is not None:
        told += f", ratio {figures.change(row.median('ratio'), before.ratio)}"
    return told
