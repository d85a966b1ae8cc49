"""Pure parts: quantiles, ratios of rounds, numbers as people read them."""

from collections.abc import Sequence
from statistics import median


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which this share of the ascending values lies; raise ValueError without any."""
    if not ordered:
        raise ValueError("no values")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def ratios(values: Sequence[float], base: Sequence[float]) -> tuple[float, ...]:
    """Return each round's value against the same round's base."""
    return tuple(value / other for value, other in zip(values, base, strict=True))


def number(value: float) -> str:
    """Write a value with three significant digits, or whole where it has more."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """Write the median, and the least and greatest where there are several."""
    middle = number(median(values))
    return middle if len(values) == 1 else f"{middle} ({number(min(values))} to {number(max(values))})"


def change(now: float, before: float) -> str:
    """Write by how many per cent a value has changed."""
    return f"{round((now - before) / before * 100):+d} %" if before else "from 0"
