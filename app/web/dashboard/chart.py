"""The last day as bars, drawn on the server."""

from collections.abc import Mapping
from dataclasses import dataclass

HOURS = 24
_WIDTH, _HEIGHT = 720, 140


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it stands and how high it is, in the drawing's own units."""

    name: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars for each hour and series, and the numbers that they show."""

    bars: tuple[Bar, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    """(hour, a number for each series)."""
    names: tuple[str, ...]
    totals: tuple[int, ...]
    top: int
    width: int = _WIDTH
    height: int = _HEIGHT


def chart(series: Mapping[str, Mapping[int, int]], now_hour: int) -> Chart:
    """Draw numbers by hour since the epoch, for each series, over the day that ends with this hour."""
    hours = range(now_hour - HOURS + 1, now_hour + 1)
    names = tuple(series)
    top = max((series[name].get(hour, 0) for name in names for hour in hours), default=0)
    step = _WIDTH / HOURS
    width = step * 0.8 / max(len(names), 1)
    bars = []
    for column, hour in enumerate(hours):
        for place, name in enumerate(names):
            number = series[name].get(hour, 0)
            height = max(round(number / top * _HEIGHT, 1), 2.0) if number else 0.0
            x = round(column * step + place * width + step * 0.1, 1)
            title = f"{_hour(hour)}: {number} {name}"
            bars.append(Bar(name, x, _HEIGHT - height, round(width, 1), height, title))
    rows = tuple((_hour(hour), tuple(series[name].get(hour, 0) for name in names)) for hour in hours)
    totals = tuple(sum(series[name].get(hour, 0) for hour in hours) for name in names)
    return Chart(tuple(each for each in bars if each.height), rows, names, totals, top)


def _hour(hour: int) -> str:
    return f"{hour % 24:02}:00"
