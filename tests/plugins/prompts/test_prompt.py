"""Prompts: variables, messages, files and folders."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import budwood_prompts
from budwood_prompts import (
    InvalidPromptError,
    PromptFolder,
    PromptNotFoundError,
    PromptReference,
    RenderError,
    VariableError,
    diff_prompts,
    format_prompt,
    parse_prompt,
    parse_reference,
    read_prompt,
)

GREETING = """
description = "Greets somebody."

[variables.name]
[variables.topics]
type = "list"
default = []

[[messages]]
role = "system"
content = "Be brief."

[[messages]]
role = "user"
content = '''
Greet {{ name }}.
{% for topic in topics %}
{{ loop.index }}. {{ topic }}
{% endfor %}
'''
"""


@pytest.fixture
def folder(tmp_path):
    """
    A folder with a prompt.
    """
    path = tmp_path / "prompts"
    path.mkdir()
    (path / "greeting.toml").write_text(GREETING, "utf-8")
    return PromptFolder(path)


def make(content="{{ x }}", **variables):
    """
    Return a prompt with a message.
    """
    fields = {"name": "p", "variables": variables, "messages": [{"role": "user", "content": content}]}
    return read_prompt(fields, where="p")


def test_prompt_of_a_folder_is_rendered(folder):
    """
    The messages have the values of the variables, and a label reads the same file.
    """
    messages = folder.render("greeting@production", name="Ada", topics=["tea", 2])

    assert [(message.role, message.text) for message in messages] == [
        ("system", "Be brief."),
        ("user", "Greet Ada.\n1. tea\n2. 2\n"),
    ]
    assert folder.names() == ["greeting"]


@pytest.mark.parametrize("name", ["../greeting", "/etc/passwd", "a/b", "Greeting", "", ".", "greeting@", "greeting@-x"])
def test_invalid_names_are_refused(name, folder):
    """
    A name cannot leave the folder.
    """
    with pytest.raises(InvalidPromptError, match="Invalid prompt"):
        folder.load(name)


@pytest.mark.parametrize(("name", "hint"), [("other", "greeting"), ("greeting@3", "one version")])
def test_missing_prompt_is_an_error(name, hint, folder):
    """
    The hint lists the prompts of the folder, or says that it has no versions.
    """
    with pytest.raises(PromptNotFoundError, match=hint):
        folder.load(name)


def test_missing_folder_is_an_error(tmp_path):
    """
    It is named.
    """
    with pytest.raises(PromptNotFoundError, match="no folder"):
        PromptFolder(tmp_path / "none").render("greeting")


def test_saved_prompt_is_read_again(folder):
    """
    Saving and loading preserve a prompt.
    """
    prompt = make("a\n'''{{ x }}'''\n\x7f\\", x={"default": "\x7f\n\"'", "description": "d"})

    path = folder.save(prompt)

    assert (path.name, folder.load("p")) == ("p.toml", prompt)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS.filter(bool))
def test_files_preserve_any_text(description, content):
    """
    Any description and content is the same after formatting and parsing.
    """
    fields = {"name": "p", "description": description, "messages": [{"role": "user", "content": content}]}
    try:
        prompt = read_prompt(fields, where="p")
    except InvalidPromptError:
        return

    assert parse_prompt(format_prompt(prompt), "p", where="p") == prompt


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "needs the variable 'x'"),
        ({"x": 1}, "must be a text, not a number"),
        ({"x": "a", "y": 1}, "no variable 'y'"),
        ({"x": "a", "n": True}, "must be a number, not a boolean"),
        ({"x": "a", "n": float("nan")}, "finite"),
        ({"x": "a", "n": 10**5000}, "finite"),
        ({"x": "a", "items": "abc"}, "must be a list, not a str"),
        ({"x": "a", "items": [{}]}, "not a dict"),
        ({"x": "a", "items": ["b"] * 10_001}, "10,001 items"),
        ({"x": "\ud800"}, "not valid Unicode"),
    ],
)
def test_wrong_value_is_refused(values, message):
    """
    The error names the prompt and the variable.
    """
    prompt = make(x={}, n={"type": "number", "default": 0}, items={"type": "list", "required": False})

    with pytest.raises(VariableError, match=message):
        prompt.render(values)


def test_optional_variables_are_empty():
    """
    Without a value and a default, an optional variable is an empty text, an empty list, and false.
    """
    prompt = make(
        "[{{ x }}{% for a in xs %}{{ a }}{% endfor %}{% if x %}!{% endif %}]",
        x={"required": False},
        xs={"type": "list", "required": False},
    )

    assert prompt.render({})[0].text == "[]"


def test_empty_messages_are_left_out():
    """
    A message whose text is empty with these values is not sent, and a prompt without any is an error.
    """
    with pytest.raises(RenderError, match="empty"):
        make(x={"required": False}).render({})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "../p"}, "name"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": "{{ y }}"}]}, "'y', which is not declared"),
        ({"variables": {"__class__": {}}}, "cannot be the name"),
        ({"variables": {"loop": {}}}, "cannot be the name"),
        ({"variables": {"x": {"default": 1}}}, "must be a text"),
        ({"variables": {"x": {"default": "a", "required": True}}}, "no default"),
        ({"variables": {"x": {"default": {"a": 1}, "type": "list"}}}, "must be a list"),
        ({"extra": 1}, "extra"),
    ],
)
def test_invalid_prompt_is_refused(fields, message):
    """
    It is not created, and the error names the place.
    """
    valid = {"name": "p", "messages": [{"role": "user", "content": "x"}]}

    with pytest.raises(InvalidPromptError, match=message):
        read_prompt({**valid, **fields}, where="p.toml")


@pytest.mark.parametrize("text", ["x =", 'name = "p"', "messages = 1", "x = " + "[" * 5000])
def test_invalid_file_is_refused(text, folder):
    """
    The error names the file.
    """
    (folder.path / "bad.toml").write_text(text, "utf-8")

    with pytest.raises(InvalidPromptError, match=r"bad\.toml"):
        folder.load("bad")


def test_references_are_parsed():
    """
    After the @ is a label or a number.
    """
    assert parse_reference("a.b-c@production") == PromptReference("a.b-c", label="production")
    assert parse_reference("a@12") == PromptReference("a", version=12)
    assert str(parse_reference("a@12")) == "a@12"


def test_difference_is_that_of_the_files():
    """
    It names both, and is empty if they are equal.
    """
    old, new = make("a {{ x }}", x={}), make("b {{ x }}", x={})

    text = diff_prompts(old, new, old_title="p@1", new_title="p@2")

    assert text.startswith("--- p@1\n+++ p@2\n")
    assert '-content = "a {{ x }}"\n+content = "b {{ x }}"\n' in text
    assert not diff_prompts(old, old, old_title="p@1", new_title="p@1")


@pytest.mark.parametrize("name", budwood_prompts.__all__)
def test_public_names_exist(name):
    """
    Every name of ``__all__`` can be imported.
    """
    assert getattr(budwood_prompts, name) is not None
