"""
Generate the reference for authors of plugins from the docstrings of the code.

.. code-block:: console

    $ python docs/reference/generate.py           # writes plugins.md
    $ python docs/reference/generate.py --check   # exits with status 1 if the page is out of date
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
    """A section of the page: names from one module."""

    title: str
    text: str
    module: str
    names: tuple[str, ...]


SECTIONS: Final = (
    Section(
        "Stream events",
        "What a stream decoder returns, in the order of the vendor's reply.",
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
            "MediaDelta",
            "MediaPreview",
            "MediaClosed",
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
        "The contents of requests and replies.",
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
        "The argument of `encode`, the result of `decode`, and the types around them.",
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
        "What an observer receives, in the order of a call; see [Observing](../guides/observing.md).",
        "budwood.types",
        (
            "RequestStarted",
            "CacheHit",
            "CacheFailed",
            "AttemptQueued",
            "AttemptStarted",
            "FirstToken",
            "AttemptFinished",
            "Attempt",
            "ParameterLearned",
            "RetryScheduled",
            "BreakerChanged",
            "EndpointFailed",
            "ToolStarted",
            "ToolFinished",
            "RequestFinished",
        ),
    ),
    Section(
        "Base classes and errors",
        "Shared code for providers. Using it is optional.",
        "budwood.providing",
        ("BaseProvider", "BaseStreamDecoder", "Framer", "VendorError", "ErrorCodes"),
    ),
    Section(
        "Limits",
        "The arguments and the result of `Limiter.reserve`.",
        "budwood.types",
        ("Claim", "Denial"),
    ),
    Section(
        "What a cache may also do",
        "Each is tested by `CacheSuite`, and used if the cache has all of its methods.",
        "budwood.contracts",
        ("BatchCache", "ManagedCache", "CountingCache", "LeasingCache"),
    ),
    Section(
        "Contents of caches", "What these methods take and return.", "budwood.types", ("CachedItem", "CacheCounts")
    ),
    Section("Context", "The second argument of `build`, after the settings.", "budwood.contracts", ("PluginContext",)),
    Section(
        "Tests",
        "Parts of the test kit; see [Write a plugin](../plugin-author-guide.md#test-it).",
        "budwood_testing",
        ("plugin_context", "observations", "WireExamples", "WireReply"),
    ),
)


def render_page() -> str:
    """Return the text of the page."""
    head = (
        "# Reference for authors of plugins\n\n"
        "`docs/reference/generate.py` generates this page from the docstrings. See also the guide,\n"
        "[Write a plugin](../plugin-author-guide.md).\n"
    )
    return "\n".join([head, *(line for section in SECTIONS for line in _render_section(section))]).rstrip() + "\n"


def _render_section(section: Section) -> Iterator[str]:
    yield f"## {section.title}\n"
    yield f"{section.text}\n"
    module = importlib.import_module(section.module)
    for name in section.names:
        yield from render_entry(section.module, name, getattr(module, name))


def render_entry(module: str, name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - any public name
    """Yield the lines about a public name: its docstring, its fields, its methods."""
    yield f"### `{module}.{name}`\n"
    if not inspect.isclass(value):
        yield f"`{name}{format_signature(value)}`\n"
        yield format_docstring(value)
        return
    yield format_docstring(value)
    rows = list(_fields(value))
    if rows:
        yield "| field | type | default |\n|---|---|---|"
        yield "\n".join(f"| `{field}` | `{kind}` | {default} |" for field, kind, default in rows) + "\n"
    for method_name, method in _methods(value):
        yield f"- `{method_name}`: {_first_sentence(method)}"
    if any(True for _ in _methods(value)):
        yield ""


def format_docstring(value: object) -> str:
    """Convert a docstring to Markdown: code in single quotes, sections as lists."""
    text = inspect.cleandoc(value.__doc__ or "").replace("``", "`")
    lines: list[str] = []
    for line in text.splitlines():
        if line in ("Args:", "Attributes:", "Returns:", "Raises:"):
            lines += [line, ""]
        elif match := re.match(r"    (\w+): (.*)", line):
            lines.append(f"- `{match[1]}`: {match[2]}")
        else:
            lines.append(f"  {line.strip()}" if line.startswith("     ") else line)
    return "\n".join(lines) + "\n"


def _first_sentence(value: object) -> str:
    text = inspect.cleandoc(inspect.getdoc(value) or "").replace("``", "`")
    return " ".join(text.partition("\n\n")[0].split())


def _fields(kind: type[Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and default of each field of a class: Pydantic model, dataclass, named tuple or other."""
    annotations: dict[str, object] = {}
    for base in reversed(kind.__mro__):
        annotations |= inspect.get_annotations(base)
    if hasattr(kind, "model_fields"):
        for name, field in kind.model_fields.items():
            yield name, _type(annotations[name]), _value(field.default, has_factory=field.default_factory is not None)
    elif dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            yield field.name, _type(field.type), _value(field.default, has_factory=_has_value(field.default_factory))
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
            yield f"{name}{format_signature(member.__func__)}", member.__func__
        elif inspect.isfunction(member):
            yield f"{name}{format_signature(member)}", member


def format_signature(function: Any) -> str:  # noqa: ANN401 - any function
    """Format the signature of a function in the same way on all versions of Python."""
    signature = inspect.signature(function)
    parameters: list[str] = []
    for name, one in signature.parameters.items():
        if name in ("self", "cls"):
            continue
        if one.kind is one.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        default = "" if one.default is one.empty else f" = {one.default!r}"
        star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        parameters.append(f"{star}{name}: {_note(one.annotation)}{default}")
    return f"({', '.join(parameters)}) -> {_note(signature.return_annotation)}"


def _has_value(value: object) -> bool:
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
    """Write the page, or check that it is up to date."""
    text = render_page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, "utf-8")
        return 0
    if PAGE.read_text("utf-8") == text:
        return 0
    print(f"{PAGE.name} is not up to date: run python docs/reference/generate.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
