"""Parse a template with Jinja2, and refuse whatever is not in the list of allowed syntax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateSyntaxError

from budwood_prompts.errors import InvalidPromptError
from budwood_prompts.templates.filters import FILTERS
from budwood_prompts.templates.meter import MAX_TEMPLATE
from budwood_prompts.values import MAX_NUMBER, VariableType, is_text

MAX_DEPTH: Final = 40
"""The maximum depth of the syntax tree, which rendering visits recursively."""

LOOP_FIELDS: Final = frozenset({"index", "index0", "first", "last", "length"})
"""What a template can read of ``loop``. Rendering computes it; no attribute of a Python object is read."""

_WITH_CHILDREN: Final = (
    *(nodes.TemplateData, nodes.Const, nodes.Output, nodes.If),
    *(nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Compare, nodes.Operand),
)
"""Nodes that are allowed if the nodes in them are."""

_DESCRIPTIONS: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Call: "a call",
    nodes.Getattr: "an attribute",
    nodes.Getitem: "an item by its number or key",
    nodes.Assign: "set",
    nodes.AssignBlock: "set",
    nodes.Macro: "a macro",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.CallBlock: "a call",
    nodes.FilterBlock: "the statement filter",
    nodes.With: "with",
    nodes.Scope: "autoescape",
    nodes.Test: "a test with is",
    nodes.Tuple: "a list of values",
    nodes.List: "a list of values",
    nodes.Dict: "a table of values",
}
_ENVIRONMENT: Final = Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - it only parses


@dataclass(frozen=True, slots=True)
class Template:
    """
    A template that may be rendered.

    Attributes:
        source: Its text.
        tree: Its syntax tree, which has only allowed nodes.
    """

    source: str
    tree: nodes.Template


def parse_template(source: str, variables: Mapping[str, VariableType], *, where: str = "The template") -> Template:
    """
    Parse a template.

    Args:
        source: The text.
        variables: The types of the declared variables by name.
        where: What the text belongs to, for errors.

    Raises:
        InvalidPromptError: It is too long, not valid, or uses syntax that is not allowed.
    """
    if len(source) > MAX_TEMPLATE:
        raise InvalidPromptError(f"{where} has {len(source):,} characters; the maximum is {MAX_TEMPLATE:,}.")
    if not is_text(source):
        raise InvalidPromptError(f"{where} is not valid Unicode text.", hint="It has half of a pair of surrogates.")
    tree = _parse(source, where)
    _Check(variables, where).check_all(tree)
    return Template(source, tree)


def _parse(source: str, where: str) -> nodes.Template:
    try:
        return _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        raise InvalidPromptError(
            f"{where}, line {error.lineno}: {(error.message or '')[:200]}",
            hint="Write {% raw %}…{% endraw %} around literal braces.",
        ) from None
    except RecursionError:
        raise InvalidPromptError(f"{where} is nested too deeply.", hint="Use fewer parentheses and blocks.") from None
    except (ValueError, OverflowError):
        raise InvalidPromptError(f"{where} has a number with too many digits.") from None


class _Check:
    """Visits a tree without recursion, since chains of operators and filters are as deep as they are long."""

    def __init__(self, variables: Mapping[str, VariableType], where: str) -> None:
        self._variables = variables
        self._where = where
        self._names = frozenset(variables)

    def check_all(self, tree: nodes.Template) -> None:
        left: list[tuple[nodes.Node, frozenset[str], int]] = [(node, frozenset(), 1) for node in tree.body]
        while left:
            node, targets, depth = left.pop()
            if depth > MAX_DEPTH:
                raise self._refuse(
                    node, "is nested too deeply", "Use fewer blocks, filters and operators in each other."
                )
            left += [(child, names, depth + 1) for child, names in self._check(node, targets)]

    def _check(self, node: nodes.Node, targets: frozenset[str]) -> list[tuple[nodes.Node, frozenset[str]]]:
        """Check a node, and return those in it with the names of the loops around them."""
        match node:
            case nodes.Const():
                self._check_constant(node)
            case nodes.Neg(node=nodes.Const(value=int() | float())):
                return [(node.node, targets)]
            case nodes.Name():
                self._check_name(node, targets)
                return []
            case nodes.Getattr(node=nodes.Name(name="loop"), attr=attr) if attr in LOOP_FIELDS and "loop" in targets:
                return []
            case nodes.For():
                return self._check_loop(node, targets)
            case nodes.Filter():
                self._check_filter(node)
                return [(node.node, targets)] if node.node else []
            case nodes.Output():
                self._check_output(node)
            case _:
                pass
        if isinstance(node, _WITH_CHILDREN):
            return [(child, targets) for child in node.iter_child_nodes()]
        raise self._refuse(node, f"uses {_describe(node)}, which templates of prompts do not have")

    def _check_constant(self, node: nodes.Const) -> None:
        value = node.value
        if isinstance(value, str) and not is_text(value):
            raise self._refuse(node, "has a text that is not valid Unicode")
        if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
            raise self._refuse(node, "has a number of more than 64 bits")

    def _check_name(self, node: nodes.Name, targets: frozenset[str]) -> None:
        if node.name == "loop" or node.name not in self._names | targets:
            declared = ", ".join(sorted(self._names)) or "none"
            raise self._refuse(
                node,
                f"uses the variable {node.name!r}, which is not declared",
                f"Declare it under `variables`. Declared: {declared}.",
            )

    def _check_output(self, output: nodes.Output) -> None:
        for node in output.nodes:
            if isinstance(node, nodes.Name) and self._variables.get(node.name) == "list":
                raise self._refuse(
                    node,
                    f"writes the list {node.name!r} as a text",
                    f"Write {{{{ {node.name}|join(', ') }}}}, or a loop over it.",
                )

    def _check_loop(self, node: nodes.For, targets: frozenset[str]) -> list[tuple[nodes.Node, frozenset[str]]]:
        if node.recursive or not isinstance(node.target, nodes.Name):
            raise self._refuse(node, "has a loop of another form than {% for item in items %}")
        if not isinstance(node.iter, nodes.Name) or self._variables.get(node.iter.name) != "list":
            raise self._refuse(
                node, "has a loop over something else than a list", "Loop over a declared variable of the type list."
            )
        name = node.target.name
        if name in self._names or name == "loop":
            raise self._refuse(node, f"has a loop with the name {name!r}, which is taken", "Choose another name.")
        inner = targets | {name, "loop"}
        test = [(node.test, (targets - {"loop"}) | {name})] if node.test else []
        return [*test, *((child, inner) for child in node.body), *((child, targets) for child in node.else_)]

    def _check_filter(self, node: nodes.Filter) -> None:
        found = FILTERS.get(node.name)
        if found is None:
            raise self._refuse(node, f"uses the filter {node.name!r}", f"Known filters: {', '.join(FILTERS)}.")
        given = [*node.args, *(pair.value for pair in node.kwargs)]
        if (
            node.node is None
            or node.dyn_args
            or node.dyn_kwargs
            or not all(isinstance(each, nodes.Const) for each in given)
        ):
            raise self._refuse(node, f"passes something else than literals to the filter {node.name}")
        for each in given:
            self._check_constant(each)
        try:
            found.bind(*literal_arguments(node))
        except ValueError as error:
            raise self._refuse(node, f"uses the filter {node.name} with wrong arguments: {error}") from None

    def _refuse(self, node: nodes.Node, problem: str, hint: str | None = None) -> InvalidPromptError:
        known = "Templates have variables, literals, comparisons, if, for, and filters."
        return InvalidPromptError(f"{self._where}, line {_find_line(node)}, {problem}.", hint=hint or known)


def literal_arguments(node: nodes.Filter) -> tuple[tuple[object, ...], dict[str, object]]:
    """Return the positional arguments of a filter, and those by name."""
    positional = tuple(each.value for each in node.args if isinstance(each, nodes.Const))
    return positional, {pair.key: pair.value.value for pair in node.kwargs if isinstance(pair.value, nodes.Const)}


def _find_line(node: nodes.Node) -> int:
    """Return the line of a node; Jinja2 tells that of autoescape only for what it makes in it."""
    found: int | None = node.lineno
    return next(map(_find_line, node.iter_child_nodes()), 1) if found is None else found


def _describe(node: nodes.Node) -> str:
    if isinstance(node, nodes.BinExpr | nodes.UnaryExpr):
        return f"the operator {node.operator}"
    return _DESCRIPTIONS.get(type(node), type(node).__name__)
