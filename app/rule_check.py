"""Finds what a rule can never mean, in its syntax tree: it would leave out incidents in silence."""

from collections.abc import Iterator
from typing import Any

from rule_engine import DataType, ast

NOT_FOR_RULES = ("now", "today", "random")
"""Functions without a place here: what should be in DX follows from the evidence alone."""
_WORDS = {
    "STRING": "a text",
    "FLOAT": "a number",
    "BOOLEAN": "true or false",
    "ARRAY": "a list",
    "NULL": "null",
}


def senseless(statement: Any, functions: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong and the name that it is about, if any."""
    for node in _nodes(statement):
        if isinstance(node, ast.SymbolExpression) and node.scope == "built-in":
            yield from _function(node.name, functions)
        elif isinstance(node, ast.ComparisonExpression) and type(node) is ast.ComparisonExpression:
            yield from _comparison(node.left.result_type, node.right.result_type)
        elif isinstance(node, ast.ContainsExpression):
            yield from _containment(node.member.result_type, node.container.result_type)


def _function(name: str, functions: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if name in NOT_FOR_RULES:
        yield f"${name} has no place in a rule: what should be in DX follows from the evidence alone", ""
    elif name not in functions:
        yield f"'${name}' is not a function", name


def _comparison(left: Any, right: Any) -> Iterator[tuple[str, str]]:
    if not DataType.is_compatible(left, right):
        yield f"compares {_word(left)} with {_word(right)}, which are never the same", ""


def _containment(member: Any, container: Any) -> Iterator[tuple[str, str]]:
    items = getattr(container, "value_type", DataType.UNDEFINED)
    if not DataType.is_compatible(member, items) and member is not DataType.UNDEFINED:
        yield f"looks for {_word(member)} in a list in which each item is {_word(items)}", ""


def _word(kind: Any) -> str:
    name: str = kind.name
    return _WORDS.get(name, name.lower())


def _nodes(node: Any) -> Iterator[Any]:
    """Yield a node and all below it."""
    yield node
    names = {name for each in type(node).__mro__ for name in getattr(each, "__slots__", ())}
    for name in sorted(names | vars(node).keys() if hasattr(node, "__dict__") else names):
        value = getattr(node, name, None)
        for child in value if isinstance(value, list | tuple) else (value,):
            if isinstance(child, ast.ASTNodeBase):
                yield from _nodes(child)
