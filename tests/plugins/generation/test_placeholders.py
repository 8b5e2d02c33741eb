from __future__ import annotations

import pytest

from budwood.errors import ConfigurationError
from budwood.providing import PromptTemplate
from budwood_generation.placeholders import KeyedTemplate, check_placeholders, find_line

TOML = """\
# request = "{comment}"
rows = 1
[conversation]
modifiers = [{ plugin = "document-context", request = "Help {who}." }]
[conversation.strategy]
plugin = "persona"
"request" = '''
Ask {what}
for {who}.'''
"""


@pytest.mark.parametrize(
    ("key", "part", "line"),
    [
        ("conversation.strategy.request", "{what}", 8),
        ("conversation.modifiers[0].request", "{who}", 4),
        ("rows", "", 2),
        ("conversation.strategy.request", "{absent}", None),
        ("conversation.absent", "", None),
        ("quest", "", None),
    ],
)
def test_the_line_of_a_part_of_a_value_is_found(tmp_path, key, part, line):
    """
    The part is searched from the line of its key on.
    """
    path = tmp_path / "spec.toml"
    path.write_text(TOML)

    assert find_line(path, key, part) == line


def test_a_file_that_cannot_be_read_has_no_lines(tmp_path):
    """
    The error about the placeholder is raised nevertheless, with its key.
    """
    template = KeyedTemplate("row.system", PromptTemplate("{a}"))

    assert find_line(None, "rows") is None
    with pytest.raises(ConfigurationError, match=r"^absent\.toml: row\.system: unknown placeholder \{a\}"):
        check_placeholders([template], {"b": 1}, tmp_path / "absent.toml")
    check_placeholders([template], {"a": 1}, None)
