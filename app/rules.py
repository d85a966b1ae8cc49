"""`include`: rules over a merged incident, compiled once with the types of their names.

The language is rule-engine's (zerosteiner.github.io/rule-engine). Its parser takes 0.25 s to build, so nothing imports
this module before there is a rule.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import rule_engine
from rule_engine import DataType, errors

from app.nearest import nearest
from app.rule_check import NOT_FOR_RULES, senseless

_LIST, _TEXT, _FLAG = DataType.ARRAY(DataType.STRING), DataType.STRING, DataType.BOOLEAN
NAMES = {
    "source": _TEXT,
    "vendor": _TEXT,
    "kind": _TEXT,
    "incident_type": _TEXT,
    "reference_id": _TEXT,
    "name": _TEXT,
    "priority": _TEXT,
    "urgency": _TEXT,
    "status": _TEXT,
    "services": _LIST,
    "service_ids": _LIST,
    "teams": _LIST,
    "tags": _LIST,
    "metadata": DataType.MAPPING(DataType.STRING, DataType.UNDEFINED),
    "merged": _FLAG,
    "deleted": _FLAG,
}
_LONGEST = 2000  # a rule of thousands of terms would exhaust the parser's stack
_BARE = re.compile(r"""("(\\.|[^"\\])*"|'(\\.|[^'\\])*'|\#[^\n]*)""")
_CONTEXT = rule_engine.Context(
    type_resolver=rule_engine.type_resolver_from_dict(NAMES), mapping_attribute_lookup=False
)
_FUNCTIONS = tuple(name for name in sorted(_CONTEXT.builtins) if name not in NOT_FOR_RULES)


class RuleError(ValueError):
    """A rule that does not compile; the text has the rule, a caret where it goes wrong, and a remedy."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule; equal to another of the same text."""

    text: str
    compiled: Any = field(compare=False, repr=False)

    def judge(self, names: Mapping[str, object]) -> tuple[bool, str]:
        """Return whether an incident with these names is included, and why the rule failed, if it did.

        A rule that fails counts as true: an incident too many is seen and can be taken out, one too few is not.
        """
        try:
            return bool(self.compiled.matches(names)), ""
        except Exception as error:  # noqa: BLE001 - the library's own errors, and what it does not foresee
            about = f": {error.item!r}" if isinstance(error, errors.LookupError) else ""
            return True, (getattr(error, "message", "") or str(error) or type(error).__name__) + about


def compile_rule(text: str) -> Rule:
    """Return the compiled rule; raise RuleError for one that does not compile, or can never mean anything."""
    if len(text) > _LONGEST:
        raise RuleError(f"is longer than {_LONGEST} characters: write shorter rules, one a source")
    try:
        compiled = rule_engine.Rule(text, context=_CONTEXT)
    except Exception as error:  # noqa: BLE001 - the library's own errors, and what it does not foresee
        raise RuleError(_mistake(error, text)) from None
    for wrong, name in senseless(compiled.statement, _FUNCTIONS):
        hint = nearest(name, _FUNCTIONS) if name else ""
        raise RuleError(f"{wrong}{hint}, in: {_line(text)}")
    return Rule(text, compiled)


def _mistake(error: Exception, text: str) -> str:
    """Say what is wrong with a rule, where that is known with a caret in the rule."""
    if isinstance(error, errors.SymbolResolutionError):
        at = _place_of(rf"(?<![.$\w]){re.escape(error.symbol_name)}\b", text)
        return _at(_unknown(error.symbol_name), at, text)
    if isinstance(error, errors.AttributeResolutionError):
        at = _place_of(rf"(?<=\.){re.escape(error.attribute_name)}\b", text)
        return _at(_no_attribute(error), at, text)
    if isinstance(error, errors.RuleSyntaxError):
        end = len(text.rstrip())
        return (
            f"cannot be read at the ^ in: {_line(text, end if error.token is None else error.token.lexpos)}"
        )
    if isinstance(error, RecursionError):
        return f"is nested too deeply: {_line(text[:80])}…"
    return f"{getattr(error, 'message', '') or str(error) or type(error).__name__}, in: {_line(text)}"


def _unknown(name: str) -> str:
    return f"{name!r} is not a name" + (nearest(name, NAMES) or f"; the names are {', '.join(NAMES)}")


def _no_attribute(error: errors.AttributeResolutionError) -> str:
    name = error.attribute_name
    if getattr(error.object, "name", "") == "MAPPING":
        return f'metadata is asked by key: metadata&["{name}"]'
    hint = f"; did you mean {error.suggestion}?" if error.suggestion else ""
    return f"{name!r} is not an attribute{hint}"


def _place_of(pattern: str, text: str) -> int | None:
    """Find where a name stands in a rule, outside its strings and comments; None where that is not certain."""
    bare = _BARE.sub(lambda other: " " * len(other[0]), text)
    found = [each.start() for each in re.finditer(pattern, bare)]
    own_variable = re.search(r"\bfor\b", bare)
    return found[0] if found and not (own_variable and len(found) > 1) else None


def _at(said: str, at: int | None, text: str) -> str:
    return f"{said}, in: {_line(text)}" if at is None else f"{said}, at the ^ in: {_line(text, at)}"


def _line(text: str, caret: int | None = None) -> str:
    """Return a rule on one line, with a caret before the character that it goes wrong at."""
    marked = text if caret is None else f"{text[:caret]}^{text[caret:]}"
    return "".join(letter if letter.isprintable() or letter == "\t" else " " for letter in marked)
