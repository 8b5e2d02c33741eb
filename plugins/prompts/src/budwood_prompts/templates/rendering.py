"""
Render a template by walking its tree.

Nothing is compiled to Python and no attribute of a value is read, so that a template can do only what is written here.
Each step is counted before it is done: Jinja2's own rendering, with its sandbox too, bounds neither work nor memory.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from jinja2 import nodes

from budwood_prompts.errors import RenderError
from budwood_prompts.templates.filters import FILTERS, count_search, to_text
from budwood_prompts.templates.meter import Meter
from budwood_prompts.templates.syntax import Template, literal_arguments
from budwood_prompts.values import Scalar, Value

_ITEM: Final = 100
"""Characters that an item of a list counts as when a list is compared."""


def render_template(template: Template, values: Mapping[str, Value], meter: Meter) -> str:
    """
    Render a template. Values are inserted as they are, and never read as templates.

    Args:
        template: The template.
        values: A value for each declared variable.
        meter: The bounds, which templates of the same prompt share.

    Raises:
        RenderError: A bound is exceeded, or a value has a type that an operation cannot use.
    """
    return "".join(_Rendering(values, meter).write_all(template.tree.body))


class _Rendering:
    def __init__(self, values: Mapping[str, Value], meter: Meter) -> None:
        self._values = dict(values)
        self._meter = meter
        self._loops: list[dict[str, Value]] = []

    def write_all(self, body: Sequence[nodes.Node]) -> Iterator[str]:
        for node in body:
            self._meter.step()
            if isinstance(node, nodes.Output):
                yield from map(self._write, node.nodes)
            elif isinstance(node, nodes.If):
                yield from self.write_all(self._choose(node))
            elif isinstance(node, nodes.For):
                yield from self._write_loop(node)

    def _write(self, node: nodes.Node) -> str:
        return self._meter.write(node.data if isinstance(node, nodes.TemplateData) else to_text(self._evaluate(node)))

    def _choose(self, node: nodes.If) -> Sequence[nodes.Node]:
        for branch in (node, *node.elif_):
            if self._evaluate(branch.test):
                return cast("list[nodes.Node]", branch.body)
        return cast("list[nodes.Node]", node.else_)

    def _write_loop(self, node: nodes.For) -> Iterator[str]:
        name = cast("nodes.Name", node.target).name
        before = self._values.get(name)
        items = self._select_items(node, name)
        for index, item in enumerate(items):
            self._meter.step()
            self._values[name] = item
            self._loops.append(_describe_loop(index, len(items)))
            yield from self.write_all(node.body)
            self._loops.pop()
        self._values[name] = before
        if not items:
            yield from self.write_all(node.else_)

    def _select_items(self, node: nodes.For, name: str) -> Sequence[Scalar]:
        items = cast("tuple[Scalar, ...] | None", self._evaluate(node.iter)) or ()
        if node.test is None:
            return items
        before, selected = self._values.get(name), []
        for item in items:
            self._values[name] = item
            if self._evaluate(node.test):
                selected.append(item)
        self._values[name] = before
        return selected

    def _evaluate(self, node: nodes.Node) -> Value:
        self._meter.step()
        match node:
            case nodes.Const():
                return cast("Value", node.value)
            case nodes.Name():
                return self._values[node.name]
            case nodes.Getattr():
                return self._loops[-1][node.attr]
            case nodes.Neg():
                return -cast("float", self._evaluate(node.node))
            case nodes.Filter():
                return self._apply(node)
            case nodes.Compare():
                return self._compare(node)
            case nodes.CondExpr():
                chosen = node.expr1 if self._evaluate(node.test) else node.expr2
                return None if chosen is None else self._evaluate(chosen)
            case _:
                return self._combine(node)

    def _combine(self, node: nodes.Node) -> Value:
        match node:
            case nodes.And():
                return self._evaluate(node.left) and self._evaluate(node.right)
            case nodes.Or():
                return self._evaluate(node.left) or self._evaluate(node.right)
            case nodes.Not():
                return not self._evaluate(node.node)
            case _:
                raise AssertionError(f"{type(node).__name__} is allowed but not rendered")

    def _apply(self, node: nodes.Filter) -> Value:
        found = FILTERS[node.name]
        value = self._evaluate(cast("nodes.Node", node.node))
        return found.apply(self._meter, value, **found.bind(*literal_arguments(node)))

    def _compare(self, node: nodes.Compare) -> bool:
        left = self._evaluate(node.expr)
        for operand in node.ops:
            right = self._evaluate(operand.expr)
            self._meter.step(_count_comparison(left, right))
            if not _compare(operand.op, left, right):
                return False
            left = right
        return True


_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: right is not None and left in right,
    "notin": lambda left, right: right is None or left not in right,
}


def _compare(operation: str, left: Value, right: Value) -> bool:
    try:
        return _COMPARISONS[operation](left, right)
    except TypeError:
        types = " and ".join(type(value).__name__ for value in (left, right))
        raise RenderError(
            f"A template compares values of types that have no order: {types}.",
            hint="Compare texts with texts, and numbers with numbers.",
        ) from None


def _count_comparison(left: Value, right: Value) -> int:
    """Return the characters that a comparison reads, at most."""
    if isinstance(left, str) and isinstance(right, str):
        return count_search(right, left)
    return sum(_ITEM + (len(each) if isinstance(each, str) else 0) for each in _items(left) + _items(right))


def _items(value: Value) -> tuple[Scalar | None, ...]:
    return value if isinstance(value, tuple) else (value,)


def _describe_loop(index: int, length: int) -> dict[str, Value]:
    numbers: dict[str, Value] = {"index": index + 1, "index0": index, "length": length}
    return numbers | {"first": index == 0, "last": index == length - 1}
