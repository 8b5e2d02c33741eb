"""Templates of other people: whatever is saved renders within bounds, and reaches nothing but the variables."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from budwood_prompts.errors import InvalidPromptError, RenderError
from budwood_prompts.templates import MAX_TEMPLATE, Meter, parse_template
from budwood_prompts.templates.filters import FILTERS
from budwood_prompts.templates.rendering import render_template

TYPES = {"name": "text", "items": "list", "count": "number", "flag": "boolean"}
VALUES = {"name": "Ada", "items": ("a", "b", 3), "count": 2, "flag": True}


def render(source, meter=None, **values):
    """
    Parse and render a template with the variables of these tests.
    """
    return render_template(parse_template(source, TYPES), {**VALUES, **values}, meter or Meter())


BOMBS = [
    "{{ ('a'*1000000000)|length }}",
    "{{ 'a' * 1000000000 }}",
    "{{ 9**999999999 }}",
    "{{ '%01000000000d' % 1 }}",
    "{{ name ~ name }}",
    "{{ name + name }}",
    "{{ count - 1 }}",
    "{{ count // 0 }}",
    "{{ name|center(1000000000) }}",
    "{{ '%s'|format(name) }}",
    "{{ name|list }}",
    "{{ items|batch(1000000000, 'x') }}",
    "{{ items|slice(1000000000) }}",
    "{{ name|wordwrap(1) }}",
    "{{ name|pprint }}",
    "{{ lipsum(n=100000) }}",
    "{{ range(1000000000) }}",
    "{% for i in range(1000000000) %}x{% endfor %}",
    "{% for i in 'aaaa' %}x{% endfor %}",
    "{% for i in [1, 2] %}x{% endfor %}",
    "{% for i in items recursive %}{{ loop(items) }}{% endfor %}",
    "{{ 1e999 }}",
    "{{ -1e999 }}",
    "{{ 0x" + "f" * 5000 + " }}",
    "{{ " + "9" * 5000 + " }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "not " * 5000 + "1 }}",
    "{{ " + "name and " * 5000 + "1 }}",
    "{{ name" + "|trim" * 5000 + " }}",
    "{% if flag %}" * 5000 + "{% endif %}" * 5000,
    "x" * (MAX_TEMPLATE + 1),
]
ESCAPES = [
    "{{ name.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ name['__class__'] }}",
    "{{ name|attr('__class__') }}",
    "{{ items|map(attribute='__class__') }}",
    "{{ items|map('upper') }}",
    "{{ items|selectattr('x') }}",
    "{{ items|groupby('x') }}",
    "{{ '{0.__class__}'.format(name) }}",
    "{{ name.format(name) }}",
    "{{ items[0] }}",
    "{{ items[0:1] }}",
    "{{ self }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ config }}",
    "{{ loop }}",
    "{{ loop.index }}",
    "{% for item in items %}{{ loop }}{% endfor %}",
    "{% for item in items %}{{ loop.cycle('a') }}{% endfor %}",
    "{% for item in items %}{{ loop.previtem }}{% endfor %}",
    "{% for item in items if loop.first %}{{ item }}{% endfor %}",
    "{% for item in items %}{% else %}{{ loop.index }}{% endfor %}",
    "{% for item in items %}{% endfor %}{{ item }}",
    "{% for name in items %}{% endfor %}",
    "{% for loop in items %}{% endfor %}",
    "{% for a, b in items %}{% endfor %}",
    "{% set x = 1 %}",
    "{% set x %}y{% endset %}",
    "{% macro m() %}{% endmacro %}",
    "{% call m() %}{% endcall %}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% block a %}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% with %}{% endwith %}",
    "{% autoescape true %}{% endautoescape %}",
    "{{ name is string }}",
    "{{ name|default(items) }}",
    "{{ name|replace(*items) }}",
    "{{ name|replace('a', name) }}",
    "{{ name|truncate(length=-1) }}",
    "{{ name|truncate(true) }}",
    "{{ name|indent('x') }}",
    "{{ name|indent(1000000000) }}",
    "{{ name|indent(first=true, width=101) }}",
    "{{ name|truncate(2) }}",
    "{{ name|upper(1) }}",
    "{{ name|replace('a') }}",
    "{{ {'a': 1} }}",
    "{{ (1, 2) }}",
    "{{ items }}",
    "{{ unknown }}",
    '{{ "\\ud800" }}',
    "\ud800",
    "{{ name",
    "{% if flag %}",
    "{% do 1 %}",
]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("\n{% autoescape false %}{{ name }}{% endautoescape %}", "line 2, uses autoescape,"),
        ("\n{% block a %}{% endblock %}", "line 2, uses block,"),
        ("{% filter upper %}x{% endfilter %}", "line 1, uses the statement filter,"),
        (
            "\n\n{{ name|indent(101) }}",
            "line 3, uses the filter indent .*: the maximum width is 100.",
        ),
    ],
)
def test_the_error_names_line_and_statement(source, problem):
    """
    In the words of templates, not of the parser.
    """
    with pytest.raises(InvalidPromptError, match=problem):
        parse_template(source, TYPES)


@pytest.mark.parametrize("source", BOMBS, ids=range(len(BOMBS)))
def test_bomb_is_refused_at_save(source):
    """
    Syntax that could take unbounded memory, time or depth is not saved.
    """
    with pytest.raises(InvalidPromptError):
        parse_template(source, TYPES)


@pytest.mark.parametrize("source", ESCAPES)
def test_escape_is_refused_at_save(source):
    """
    Attributes, items, calls, unknown names and filters, and other statements are not saved.
    """
    with pytest.raises(InvalidPromptError):
        parse_template(source, TYPES)


LOOP = "{% for a in items %}{% for b in items %}{% for c in items %}{% for d in items %}"


@pytest.mark.parametrize(
    ("source", "values"),
    [
        (LOOP + "x" + "{% endfor %}" * 4, {"items": ("a",) * 1000}),
        (LOOP + "{% endfor %}" * 4, {"items": ("a",) * 10_000}),
        ("{% for a in items if a in items %}{% endfor %}", {"items": (*("b" * 1000,) * 9999, "z")}),
        ("{% for a in items %}{% if name in items %}{% endif %}{% endfor %}", {"items": ("b",) * 10_000}),
        ("{% for a in items %}{{ name }}{% endfor %}", {"items": (1,) * 10_000, "name": "x" * 1000}),
        ("{% for a in items %}{{ name|length }}{{ name|upper|length }}{% endfor %}", {"name": "x" * 500_000}),
        ("{{ name|replace('', '" + "x" * 1000 + "') }}", {"name": "a" * 10_000}),
        ("{{ name|replace('a', '" + "x" * 1000 + "')|replace('x', '" + "y" * 1000 + "') }}", {"name": "a" * 500}),
        ("{{ name|indent(100)|length }}", {"name": "\n" * 500_000}),
        ("{{ items|join('" + "x" * 1000 + "') }}", {"items": ("a",) * 10_000}),
        ("{{ name|upper }}", {"name": "\u0390" * 400_000}),
        ("{{ name|tojson|tojson|tojson }}", {"name": '"' * 100_000}),
    ],
    ids=range(12),
)
def test_growth_ends_at_a_bound(source, values):
    """
    Loops and filters that multiply large values fail before they take the time or the memory.
    """
    items = values.get("items", ("a",) * 10_000)

    with pytest.raises(RenderError):
        render(source, **{**values, "items": items})


def test_search_for_a_bad_needle_counts_its_worst_case():
    """
    A search that compares both lengths with each other takes steps accordingly.
    """
    meter = Meter()

    render("{{ name|replace('" + "a" * 99 + "b', '') }}", meter, name="a" * 100_000)

    assert meter.steps > 10_000


@pytest.mark.parametrize("value", ["{{ 7*7 }}", "{% for x in items %}", "{{ name.__class__ }}", "{# x #}", "{% raw %}"])
def test_values_are_never_read_as_templates(value):
    """
    A value appears as it is, also after filters and from a list.
    """
    assert render("{{ name }}|{{ name|trim }}|{{ items|join }}", name=value, items=(value,)) == "|".join([value] * 3)


NAMES = st.sampled_from(["name", "items|join", "count", "flag", "'x'", "3", "none"])
IN_LOOPS = st.sampled_from(["name", "item", "loop.index", "loop.last", "loop"])
ARGUMENTS = {
    "default": "('a', true)",
    "indent": "(2, true)",
    "join": "(', ')",
    "replace": "('a', 'bb')",
    "truncate": "(length=9)",
    "center": "(90)",
    "attr": "('x')",
}
CHAINS = st.lists(
    st.sampled_from([f"|{name}{ARGUMENTS.get(name, '')}" for name in (*FILTERS, *FILTERS, "center", "attr")]),
    max_size=3,
)
SIMPLE = st.builds(lambda name, chain: name + "".join(chain), NAMES, CHAINS)
OF_ITEMS = st.builds(
    "{{{{ {}{} }}}}".format, IN_LOOPS, st.sampled_from(["", "|upper", "|tojson", " and name", " == 1"])
)
OPERATORS = st.sampled_from(["and", "or", "==", "!=", "<", ">=", "in", "not in", "*", "~"])
EXPRESSIONS = st.one_of(
    SIMPLE,
    st.builds("{} {} {}".format, SIMPLE, OPERATORS, SIMPLE),
    st.builds("not {}".format, SIMPLE),
    st.builds("{} if {} else {}".format, SIMPLE, SIMPLE, SIMPLE),
)
BODIES = st.recursive(
    st.one_of(st.sampled_from(["text ", "\n", "é", "}}"]), st.builds("{{{{ {} }}}}".format, EXPRESSIONS), OF_ITEMS),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, EXPRESSIONS, inner, inner),
        st.builds("{{% for item in items %}}{}{}{{% endfor %}}".format, OF_ITEMS, inner),
        st.builds("{{% for item in items if {} %}}{}{{% else %}}{}{{% endfor %}}".format, EXPRESSIONS, inner, inner),
    ),
    max_leaves=8,
)
SCALARS = st.one_of(st.text(max_size=20), st.integers(-1000, 1000), st.booleans(), st.floats(-10, 10))


def render_with_jinja2(source, values, *, default):
    """
    Render a template with Jinja2. Return the default if it fails, as for the length of a number.
    """
    try:
        return Environment(trim_blocks=True, lstrip_blocks=True).from_string(source).render(values)
    except (TypeError, AttributeError):
        return default


@settings(max_examples=300, deadline=None)
@given(BODIES, st.text(max_size=50), st.lists(SCALARS, max_size=30))
def test_template_is_refused_or_renders_as_jinja2_within_bounds(source, name, items):
    """
    Whatever is saved renders within the bounds, and to what Jinja2 itself makes of it, or fails with an error of ours.
    """
    try:
        template = parse_template(source, TYPES)
    except InvalidPromptError:
        return
    values, meter = {**VALUES, "name": name, "items": tuple(items)}, Meter(2000, 3000)
    try:
        text = render_template(template, values, meter)
    except RenderError:
        return

    assert (len(text), text) == (meter.output, text)
    assert meter.output <= 2000
    assert meter.steps <= 3000
    if "tojson" not in source and "none" not in source:
        assert text == render_with_jinja2(source, values, default=text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="{}%#-+ \n'\"|()[].,:=*a1_~\\ifornds", max_size=80))
def test_any_text_is_refused_or_rendered(source):
    """
    A text of braces and operators causes no other error.
    """
    try:
        template = parse_template(source, {"a": "text", **TYPES})
        render_template(template, {"a": "b", **VALUES}, Meter(1000, 1000))
    except (InvalidPromptError, RenderError):
        return
