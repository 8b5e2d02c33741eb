"""
Write the reference of what plugins are made of, from the docstrings of the code.

.. code-block:: console

    $ python docs/reference/generate.py           # writes plugins.md
    $ python docs/reference/generate.py --check   # exits with 1 where it is not up to date
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

PAGE: Final = Path(__file__).with_name("plugins.md")


class Section(NamedTuple):
    """A chapter of the page: names of one module."""

    title: str
    text: str
    module: str
    names: tuple[str, ...]


SECTIONS: Final = (
    Section(
        "Stream events",
        "What the decoder of a stream returns, in the order in which the vendor tells it.",
        "budwood.types",
        (
            "ResponseStarted",
            "TextDelta",
            "TextClosed",
            "ReasoningDelta",
            "ReasoningClosed",
            "RefusalDelta",
            "ToolCallDelta",
            "ToolCallClosed",
            "VendorContent",
            "UsageReported",
            "ResponseMetadata",
            "Finished",
            "Restarted",
            "ToolExecuted",
        ),
    ),
    Section(
        "Messages and their parts",
        "What a request holds and a reply brings.",
        "budwood.types",
        (
            "Message",
            "TextPart",
            "ReasoningPart",
            "RefusalPart",
            "ImagePart",
            "ToolCallPart",
            "ToolResultPart",
            "VendorPart",
        ),
    ),
    Section(
        "Requests and replies",
        "What `encode` gets, and what `decode` returns.",
        "budwood.types",
        (
            "ChatRequest",
            "ToolDefinition",
            "NamedTool",
            "VendorTool",
            "OutputSchema",
            "ChatResponse",
            "Usage",
            "RateLimits",
            "Adaptation",
            "HTTPCall",
            "ReplyHead",
            "HTTPReply",
            "Timing",
            "ModelRules",
        ),
    ),
    Section(
        "Events of calls",
        "What an observer is told, in the order of a call; see [Observing](../guides/observing.md).",
        "budwood.types",
        (
            "RequestStarted",
            "CacheHit",
            "CacheFailed",
            "AttemptStarted",
            "FirstToken",
            "AttemptFinished",
            "Attempt",
            "ParameterLearned",
            "RetryScheduled",
            "ToolStarted",
            "ToolFinished",
            "RequestFinished",
        ),
    ),
    Section(
        "Base classes and errors",
        "What most providers share. Nothing in Budwood asks whether a provider uses it.",
        "budwood.providing",
        ("BaseProvider", "BaseStreamDecoder", "Framer", "VendorError", "ErrorCodes"),
    ),
    Section("Context", "What a plugin gets besides its settings.", "budwood.contracts", ("PluginContext",)),
    Section(
        "Tests",
        "What proves a plugin; see [Write a plugin](../plugin-author-guide.md#prove-it).",
        "budwood_testing",
        ("plugin_context", "observations", "WireExamples", "WireReply"),
    ),
)


def page() -> str:
    """Write the whole page."""
    head = (
        "# Reference for authors of plugins\n\n"
        "Generated from the docstrings by `docs/reference/generate.py`. The guide is\n"
        "[Write a plugin](../plugin-author-guide.md).\n"
    )
    return "\n".join([head, *(line for section in SECTIONS for line in _section(section))]).rstrip() + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.title}\n"
    yield f"{section.text}\n"
    module = importlib.import_module(section.module)
    for name in section.names:
        yield from _entry(section.module, name, getattr(module, name))


def _entry(module: str, name: str, thing: Any) -> Iterator[str]:  # noqa: ANN401 - any public name
    yield f"### `{module}.{name}`\n"
    if not inspect.isclass(thing):
        yield f"`{name}{_signature(thing)}`\n"
        yield _text(thing)
        return
    yield _text(thing)
    rows = list(_fields(thing))
    if rows:
        yield "| field | type | default |\n|---|---|---|"
        yield "\n".join(f"| `{field}` | `{kind}` | {default} |" for field, kind, default in rows) + "\n"
    for method_name, method in _methods(thing):
        yield f"- `{method_name}`: {_first_sentence(method)}"
    if any(True for _ in _methods(thing)):
        yield ""


def _text(thing: object) -> str:
    """Write a docstring in Markdown: code in single quotes, sections as lists."""
    text = inspect.cleandoc(thing.__doc__ or "").replace("``", "`")
    lines: list[str] = []
    for line in text.splitlines():
        if line in ("Args:", "Attributes:", "Returns:", "Raises:"):
            lines += [line, ""]
        elif match := re.match(r"    (\w+): (.*)", line):
            lines.append(f"- `{match[1]}`: {match[2]}")
        else:
            lines.append(f"  {line.strip()}" if line.startswith("     ") else line)
    return "\n".join(lines) + "\n"


def _first_sentence(thing: object) -> str:
    text = inspect.cleandoc(inspect.getdoc(thing) or "").replace("``", "`")
    return " ".join(text.partition("\n\n")[0].split())


def _fields(kind: type[Any]) -> Iterator[tuple[str, str, str]]:
    """List the fields of a class: of Pydantic, of a dataclass, of a named tuple, or what it annotates itself."""
    annotations: dict[str, object] = {}
    for base in reversed(kind.__mro__):
        annotations |= inspect.get_annotations(base)
    if hasattr(kind, "model_fields"):
        for name, field in kind.model_fields.items():
            yield name, _type(annotations[name]), _value(field.default, has_factory=field.default_factory is not None)
    elif dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            yield field.name, _type(field.type), _value(field.default, has_factory=_is_given(field.default_factory))
    elif issubclass(kind, tuple):
        for name in kind._fields:
            yield name, _type(annotations[name]), _value(kind._field_defaults.get(name, inspect.Parameter.empty))
    else:
        for name, note in inspect.get_annotations(kind).items():
            if not name.startswith("_"):
                yield name, _type(note), _value(vars(kind).get(name, inspect.Parameter.empty))


def _methods(kind: type[Any]) -> Iterator[tuple[str, object]]:
    for name, member in list(vars(kind).items()):
        public = not name.startswith("_") or getattr(member, "__isabstractmethod__", False)
        if not public or name == "model_config" or not inspect.getdoc(member):
            continue
        if isinstance(member, property):
            yield name, member
        elif isinstance(member, classmethod):
            yield f"{name}{_signature(member.__func__)}", member.__func__
        elif inspect.isfunction(member):
            yield f"{name}{_signature(member)}", member


def _signature(function: Any) -> str:  # noqa: ANN401 - any function
    """Write the arguments of a function in one form for all versions of Python."""
    signature = inspect.signature(function)
    written: list[str] = []
    for name, one in signature.parameters.items():
        if name in ("self", "cls"):
            continue
        if one.kind is one.KEYWORD_ONLY and "*" not in written:
            written.append("*")
        default = "" if one.default is one.empty else f" = {one.default!r}"
        star = "*" if one.kind is one.VAR_POSITIONAL else ""
        written.append(f"{star}{name}: {_note(one.annotation)}{default}")
    return f"({', '.join(written)}) -> {_note(signature.return_annotation)}"


def _is_given(value: object) -> bool:
    return value is not dataclasses.MISSING


def _type(note: object) -> str:
    return _note(note).replace("|", "\\|")


def _note(note: object) -> str:
    note = getattr(note, "__forward_arg__", note)
    return note if isinstance(note, str) else inspect.formatannotation(note)


def _value(default: Any, *, has_factory: bool = False) -> str:  # noqa: ANN401 - any value
    if has_factory:
        return "empty"
    if default is dataclasses.MISSING or default is inspect.Parameter.empty or "Undefined" in repr(default):
        return ""
    if isinstance(default, frozenset):
        default = sorted(map(str, default))
    if hasattr(default, "_fields"):
        return f"`{type(default).__name__}(…)`"
    text = re.sub(r"mappingproxy\((.*)\)", r"\1", repr(default)).replace("|", "\\|")
    return f"`{text}`"


def main() -> int:
    """Write the page, or see that it is up to date."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, "utf-8")
        return 0
    if PAGE.read_text("utf-8") == text:
        return 0
    print(f"{PAGE.name} is not up to date: run python docs/reference/generate.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
