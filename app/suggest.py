"""Which service of DX's catalog a vendor's service is: pure guesses, told apart from what is certain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from app.catalog import Entity
from app.policy import slug

_CUTOFF = 0.6
_CANDIDATES = 3


@dataclass(frozen=True, slots=True)
class Match:
    """Identifiers of DX for one service; none if there is nothing like it."""

    identifiers: tuple[str, ...] = ()
    certain: bool = False
    """True: it is all of these. False: it may be one of these, the likeliest first."""


def suggest(service_id: str | None, name: str | None, entities: Sequence[Entity]) -> Match:
    """Find the entities for a vendor's service, by alias, then by name, then by similar names."""
    aliased = [each.identifier for each in entities if service_id and service_id in each.aliases]
    if aliased:
        return Match(tuple(dict.fromkeys(aliased)), certain=True)
    wanted = _key(name or "")
    if not wanted:
        return Match()
    named = _named(name or "", wanted, entities)
    if len(named) == 1:
        return Match(named, certain=True)
    return Match((*named, *(each for each in _similar(wanted, entities) if each not in named))[:_CANDIDATES])


def _named(name: str, wanted: str, entities: Sequence[Entity]) -> tuple[str, ...]:
    """Return who has this identifier, else all that have this name: names are not unique."""
    identifiers = {each.identifier for each in entities}
    for exact in (name, wanted):
        if exact in identifiers:
            return (exact,)
    return tuple(sorted({each.identifier for each in entities if _key(each.name or "") == wanted}))


def _similar(wanted: str, entities: Sequence[Entity]) -> list[str]:
    matcher = SequenceMatcher(autojunk=False, b=wanted)
    ratios: dict[str, float] = {}
    for each in entities:
        ratio = max(_ratios(matcher, each), default=0.0)
        if ratio >= _CUTOFF:
            ratios[each.identifier] = max(ratio, ratios.get(each.identifier, 0.0))
    return sorted(ratios, key=lambda identifier: (-ratios[identifier], identifier))


def _ratios(matcher: SequenceMatcher[str], entity: Entity) -> Iterator[float]:
    for key in filter(None, {_key(entity.identifier), _key(entity.name or "")}):
        matcher.set_seq1(key)
        # The first two are upper bounds of the third and much cheaper: difflib's own shortcut.
        if matcher.real_quick_ratio() >= _CUTOFF and matcher.quick_ratio() >= _CUTOFF:
            yield matcher.ratio()


@lru_cache(maxsize=65_536)
def _key(text: str) -> str:
    """Return what names are compared by: the slug, or the text itself where no letter is left of it."""
    return slug(text) or text.strip().casefold()
