"""Public ids of files in the bodies of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from budwood_server.access.public_ids import FILE, decode_id
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood_server.access.ownership import Ownership

MARK: Final = b"file_id"
"""A body of JSON without this text, also with escapes, has no ids of files."""

_SINGLE: Final = "file_id"
_SEVERAL: Final = "file_ids"

_DATA: Final = frozenset(
    {"metadata", "parameters", "schema", "json_schema", "input_schema", "annotations", "citations", "arguments"}
)
"""Fields whose content no vendor takes for files: data of programs, and what earlier replies cited."""

_OUTPUTS: Final = frozenset(
    {
        "container_file_citation",
        "file_citation",
        "file_path",
        "code_execution_output",
        "bash_code_execution_output",
    }
)
"""Types of objects that name files in earlier replies."""

_CALL: Final = "tool_use"
"""How the types of Anthropic's calls of tools end. Their field ``input`` is data of programs."""


async def translate_file_ids(body: object, find_ownership: Callable[[], Ownership], owner: str, provider: str) -> bool:
    """
    Replace the public ids of files in a body by those of the vendor, wherever a field is ``file_id`` or ``file_ids``.

    The body is changed. An id that its owner does not have is refused, also one of the vendor: the account at the
    vendor contains the files of all.

    Args:
        body: The body, as JSON.
        find_ownership: Returns who owns files. It is called if the body has ids.
        owner: Whose request it is: `ApiKey.owner`.
        provider: The provider that gets the request.

    Returns:
        Whether there were any.

    Raises:
        ProblemError: A file does not exist, belongs to another owner, or is at another provider.
    """
    known: dict[str, str] = {}
    for place, key, value in list(find_file_ids(body)):
        if value not in known:
            known[value] = await find_vendor_id(value, find_ownership(), owner, provider)
        place[key] = known[value]
    return bool(known)


async def find_vendor_id(public_id: str, ownership: Ownership, owner: str, provider: str) -> str:
    """
    Return the vendor's id of a file.

    Raises:
        ProblemError: See `translate_file_ids`.
    """
    from budwood_server.access.ownership import not_found  # few requests name files

    if decode_id(FILE, public_id) is None:
        raise not_found(FILE, public_id)
    found = await ownership.find(FILE, public_id, owner)
    if found.data.get("kept"):
        raise reject(
            f"The file {public_id!r} belongs to a batch, and this server keeps it.",
            param=_SINGLE,
            code="wrong_file",
            hint="Read it by GET /v1/files/{id}/content.",
        )
    if found.provider != provider:
        raise reject(
            f"The file {public_id!r} is stored by {found.provider}, but the model is one of {provider}.",
            param=_SINGLE,
            code="wrong_provider",
            hint="Upload it again for that provider, or choose a model of the provider that has it.",
        )
    return found.vendor_id


def find_file_ids(body: object) -> Iterator[tuple[Any, Any, str]]:
    """Yield the places of the ids of files in a body: object or list, key or index, and the id."""
    waiting: list[object] = [body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += [each for each in node if isinstance(each, dict | list)]
        elif isinstance(node, dict):
            kind = node.get("type")
            if isinstance(kind, str) and kind in _OUTPUTS:
                continue
            is_call = isinstance(kind, str) and kind.endswith(_CALL)
            for key, value in node.items():
                if isinstance(value, str):
                    if key == _SINGLE:
                        yield node, key, value
                elif key == _SEVERAL and isinstance(value, list):
                    yield from ((value, index, each) for index, each in enumerate(value) if isinstance(each, str))
                elif isinstance(value, dict | list) and key not in _DATA and not (is_call and key == "input"):
                    waiting.append(value)
