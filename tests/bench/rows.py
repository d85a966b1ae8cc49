"""A row of the table: a figure of several rounds, what it is compared with, and what is aimed at."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from tests.bench import figures

Of = Literal["value", "ratio"]


@dataclass(frozen=True, slots=True)
class Aim:
    """A bound on a row's median value or ratio; `better` is hoped for beyond it."""

    of: Of
    sign: Literal["≥", "≤"]
    bound: float
    better: float | None = None

    def is_reached(self, found: float, bound: float) -> bool:
        """Whether a median keeps to a bound."""
        return found >= bound if self.sign == "≥" else found <= bound

    def __str__(self) -> str:
        """Return it in words."""
        bound = f"{'ratio ' if self.of == 'ratio' else ''}{self.sign} {self.bound:,g}"
        return bound if self.better is None else f"{bound}, better {self.better:,g}"


def at_least(bound: float, better: float | None = None, of: Of = "value") -> Aim:
    """Return the aim of not less than this."""
    return Aim(of, "≥", bound, better)


def at_most(bound: float, of: Of = "value") -> Aim:
    """Return the aim of not more than this."""
    return Aim(of, "≤", bound)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; values and ratios by round, ratios to `against` of the same round; ValueError without values."""

    what: str
    unit: str
    values: tuple[float, ...]
    against: str = ""
    ratios: tuple[float, ...] = ()
    aims: tuple[Aim, ...] = ()

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"nothing was measured: {self.what}")

    def median(self, of: Of) -> float:
        """Return the median of the values or of the ratios; raise StatisticsError where there are none."""
        return median(self.values if of == "value" else self.ratios)

    @property
    def reached(self) -> str:
        """Return `yes`, `no`, `better`, or nothing where nothing is aimed at."""
        if not self.aims:
            return ""
        if not all(each.is_reached(self.median(each.of), each.bound) for each in self.aims):
            return "no"
        hoped = [(each, each.better) for each in self.aims if each.better is not None]
        is_better = hoped and all(each.is_reached(self.median(each.of), better) for each, better in hoped)
        return "better" if is_better else "yes"


def compared(what: str, unit: str, values: Sequence[float], base: "Row", *aims: Aim) -> Row:
    """Return a row with its ratios to another's rounds."""
    ratios = figures.ratios(values, base.values)
    return Row(what, unit, tuple(values), base.what.partition(": ")[2], ratios, aims)
