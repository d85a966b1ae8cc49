"""`include`: rules over a merged incident, compiled once with the types of their names.

The language is rule-engine's (zerosteiner.github.io/rule-engine).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import rule_engine
from rule_engine import DataType, errors

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
_STRING = re.compile(r"""("(\\.|[^"\\])*"|'(\\.|[^'\\])*')""")
_CONTEXT = rule_engine.Context(type_resolver=rule_engine.type_resolver_from_dict(NAMES))


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
        except errors.EngineError as error:
            return True, error.message
        except Exception as error:  # noqa: BLE001 - whatever the library does not foresee: `in` a null, say
            return True, str(error)


def compile_rule(text: str) -> Rule:
    """Return the compiled rule; raise RuleError for one that does not compile."""
    line = text.replace("\n", " ")
    if len(text) > _LONGEST:
        raise RuleError(f"is longer than {_LONGEST} characters: write shorter rules, one a source")
    try:
        return Rule(text, rule_engine.Rule(line, context=_CONTEXT))
    except errors.SymbolResolutionError as error:
        at = _place_of(error.symbol_name, line)
        raise RuleError(f"{_unknown(error.symbol_name)}, at the ^ in: {_with_caret(line, at)}") from None
    except errors.RuleSyntaxError as error:
        at = len(line.rstrip()) if error.token is None else error.token.lexpos
        raise RuleError(f"cannot be read at the ^ in: {_with_caret(line, at)}") from None
    except errors.EngineError as error:
        raise RuleError(f"{error.message}, in: {line}") from None
    except RecursionError:
        raise RuleError(f"is nested too deeply: {line[:80]}…") from None


def nearest(word: str, words: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return `; did you mean …?` with the most similar of the words, or nothing."""
    close = get_close_matches(word, words, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _unknown(name: str) -> str:
    return f"{name!r} is not a name" + (nearest(name, NAMES) or f"; the names are {', '.join(NAMES)}")


def _place_of(name: str, line: str) -> int:
    """Find where a name stands in a rule, outside its strings."""
    bare = _STRING.sub(lambda quoted: " " * len(quoted[0]), line)
    found = re.search(rf"\b{re.escape(name)}\b", bare)
    return found.start() if found else 0


def _with_caret(line: str, at: int) -> str:
    return f"{line[:at]}^{line[at:]}"
