"""
Generate the reference of ``budwood_server.client`` from its docstrings.

.. code-block:: console

    $ python docs/reference/gateway_client.py           # writes gateway-client-api.md
    $ python docs/reference/gateway_client.py --check   # exits with status 1 if the page is out of date
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from generate import format_docstring, format_signature, render_entry
from pydantic import BaseModel

from budwood_server import client
from budwood_server.access.keys import KeyBudget
from budwood_server.api_models.run import RunOptions
from budwood_server.client import errors
from budwood_server.client.clients import ConnectionOptions, _Resources
from budwood_server.client.events import Events
from budwood_server.client.items import Items
from budwood_server.client.operations import Resource, following, listing, operation, saving, steps
from budwood_server.client.resources.run import RunEvent, Session
from budwood_server.client.resources.telemetry import CallFilter

PAGE: Final = Path(__file__).with_name("gateway-client-api.md")
HEAD: Final = """# Client of a gateway

`docs/reference/gateway_client.py` generates this page from the docstrings of `budwood_server.client`; the
[guide](../guides/gateway-client.md) shows how to use it.

Methods of `AsyncGatewayClient` that return a reply are awaited, and its lists and streams are iterated by `async for`.
"""
RESULTS: Final = {
    operation: "Returns `{}`.",
    steps: "Returns `{}`.",
    saving: "Returns the number of bytes, an `int`.",
    listing: "Returns `Items` of `{}`: a list whose pages are fetched while it is iterated.",
    following: "Returns `Events` of `{}`: a stream.",
}
"""What a method returns, by its decorator."""


def render_page() -> str:
    """Return the text of the page."""
    sections = {
        "The clients": _render_classes(client.GatewayClient, client.AsyncGatewayClient, ConnectionOptions),
        "Calls of models": _render_methods("client", _Resources),
        'client.session("NAME")': ("A conversation that the server keeps.\n", *_render_methods("session", Session)),
        **{f"client.{name}": _render_resource(f"client.{name}", kind) for name, kind in _list_resources()},
        "Options and filters": _render_classes(RunOptions, KeyBudget, CallFilter),
        "Lists and streams": _render_classes(Items, Events, RunEvent),
        "Errors": _render_errors(),
        "Replies": _render_classes(*_list_replies()),
    }
    lines = [line for title, section in sections.items() for line in (f"## {title}\n", *section)]
    return "\n".join([HEAD, *lines]).rstrip() + "\n"


def _list_resources() -> Iterator[tuple[str, type[Resource[Any]]]]:
    """Yield the resources of a client, also those of a resource, such as ``runs.documents``."""
    found = _find_resources(_Resources(None))
    for name, resource in sorted(found.items()):
        yield name, type(resource)
        for inner, nested in _find_resources(resource).items():
            yield f"{name}.{inner}", type(nested)


def _find_resources(owner: Resource[Any]) -> Mapping[str, Resource[Any]]:
    return {name: value for name, value in vars(owner).items() if isinstance(value, Resource)}


def _render_resource(name: str, kind: type[Resource[Any]]) -> Iterator[str]:
    yield format_docstring(kind)
    yield from _render_methods(name, kind)


def _render_methods(owner: str, kind: type[Resource[Any]]) -> Iterator[str]:
    for name, method in _list_methods(kind):
        function = method.__wrapped__
        signature, _, _ = format_signature(function).rpartition(" -> ")
        yield f"### {owner}.{name}\n"
        yield f"`{name}{signature}`\n"
        yield format_docstring(function)
        if (result := _find_result(function)) is not type(None):
            yield RESULTS[type(method)].format(_name(result)) + "\n"


def _list_methods(kind: type[Resource[Any]]) -> Iterator[tuple[str, Any]]:
    for each in kind.__mro__:
        for name, member in vars(each).items():
            if type(member) in RESULTS:
                yield name, member


def _find_result(function: Any) -> Any:  # noqa: ANN401 - any type of a reply
    """Return what a method returns: the innermost type of its request."""
    result: Any = typing.get_type_hints(function)["return"]
    while getattr(typing.get_origin(result), "__name__", None) in ("Request", "StreamRequest", "PageOf", "Generator"):
        result = typing.get_args(result)[-1]
    metadata = getattr(result, "__pydantic_generic_metadata__", {})
    return metadata["args"][0] if metadata.get("args") else result


def _name(kind: Any) -> str:  # noqa: ANN401 - any type of a reply
    return kind.__name__ if inspect.isclass(kind) else inspect.formatannotation(kind).replace("collections.abc.", "")


def _list_replies() -> list[type[Any]]:
    """Return the classes of replies, and those of their fields, by their names."""
    kinds = [_Resources, Session, *(kind for _, kind in _list_resources())]
    found: set[type[Any]] = set()
    waiting = [_find_result(method.__wrapped__) for kind in kinds for _, method in _list_methods(kind)]
    while waiting:
        kind = waiting.pop()
        if inspect.isclass(kind) and issubclass(kind, BaseModel) and kind not in found:
            found.add(kind)
            waiting += [field.annotation for field in kind.model_fields.values()]
        waiting += typing.get_args(kind)
    return sorted(found, key=lambda kind: kind.__name__)


def _render_classes(*kinds: type[Any]) -> Iterator[str]:
    for kind in kinds:
        module = client.__name__ if kind.__name__ in client.__all__ else kind.__module__
        yield from render_entry(module, kind.__name__, kind)


def _render_errors() -> Iterator[str]:
    _, _, tree = inspect.cleandoc(errors.__doc__ or "").partition("::\n\n")
    tree, _, text = tree.partition("\n\n")
    yield f"```text\n{inspect.cleandoc(tree)}\n```\n"
    yield f"{text}\n"
    yield from _render_classes(*(getattr(client, name) for name in ("APIError", "NetworkError")))


def main() -> int:
    """Write the page, or check that it is up to date."""
    text = render_page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, "utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text("utf-8") == text:
        return 0
    print(f"{PAGE.name} is not up to date: run python docs/reference/gateway_client.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
