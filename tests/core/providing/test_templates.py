from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from budwood.errors import ConfigurationError
from budwood.providing import PromptTemplate


class Options(BaseModel):
    request: PromptTemplate = PromptTemplate("Ask about {topic}.")


def test_fields_fill_placeholders():
    """
    A text is inserted as it is, null as an empty text, and other values as JSON.
    """
    template = PromptTemplate("{a} {first name}{b}, {c} {d} {a}")

    assert template.names == ("a", "first name", "b", "c", "d")
    assert template.fill({"a": "tea", "first name": None, "b": 1.5, "c": True, "d": ["é"]}) == 'tea 1.5, true ["é"] tea'


def test_doubled_braces_are_literal():
    """
    They can surround a placeholder.
    """
    template = PromptTemplate('{{"topic": "{topic}"}} {{{topic}}}')

    assert template.names == ("topic",)
    assert template.fill({"topic": "tea"}) == '{"topic": "tea"} {tea}'


@given(st.text(), st.text())
def test_values_are_not_templates(value, text):
    """
    Braces in a value remain, whatever the text around them.
    """
    escaped = text.replace("{", "{{").replace("}", "}}")

    assert PromptTemplate(f"{escaped}{{x}}{{y}}{escaped}").fill({"x": value, "y": "{x}"}) == f"{text}{value}{{x}}{text}"


@pytest.mark.parametrize("text", ["{", "}", "a } b", "{}", "{{}", "{a{b}}", "{a\nb}", '{"a": {"b": 1}}'])
def test_a_single_brace_is_an_error(text):
    """
    The error says how to write a literal brace.
    """
    with pytest.raises(ValueError, match=r"the brace at '[{}].*write \{\{"):
        PromptTemplate(text)


def test_an_unknown_placeholder_is_an_error():
    """
    The error lists the fields, or says where fields come from.
    """
    template = PromptTemplate("{topic} {level}")

    with pytest.raises(ConfigurationError, match=r"unknown placeholder \{level\}.*Known are \{topic\}, \{age\}\."):
        template.fill({"topic": "tea", "age": 3})
    with pytest.raises(ConfigurationError, match=r"\{topic\}.*seeds with fields"):
        template.fill({})


def test_a_template_can_be_the_type_of_a_setting():
    """
    It is saved as a text. A text with a single brace is not valid.
    """
    options = Options(request="Ask {how}.")

    assert isinstance(options.request, PromptTemplate)
    assert options.request.names == ("how",)
    assert json.loads(options.model_dump_json()) == options.model_dump(mode="json") == {"request": "Ask {how}."}
    assert type(options.model_dump(mode="json")["request"]) is str
    with pytest.raises(ValidationError, match=r"the brace at '[{]how"):
        Options(request="Ask {how")


def test_templates_can_be_copied_and_pickled():
    """
    Copies have the same placeholders.
    """
    template = PromptTemplate("{a}")

    for again in (copy.copy(template), copy.deepcopy(template), pickle.loads(pickle.dumps(template))):
        assert (again, again.names, again.fill({"a": "b"})) == (template, ("a",), "b")
