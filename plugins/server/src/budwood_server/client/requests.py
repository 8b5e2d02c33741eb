"""Requests to ``/api`` as data: what to send, and how to read the reply."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, BinaryIO, Generic, NoReturn, TypeVar
from urllib.parse import quote, urlencode

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from budwood.errors import PromptError
from budwood.types import Body, ReplyHead
from budwood.wire import ServerSentEvent
from budwood.wire.multipart import FormField, encode_form
from budwood_server.client.errors import BadResponseError

T = TypeVar("T")

Query = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[T]):
    """
    A request, without the address of the server and without a credential.

    Attributes:
        method: The HTTP method.
        path: The path, with encoded names in it.
        read: Returns the reply that a body contains.
        query: Parameters; those that are None are left out, and lists are repeated.
        body: What is sent as JSON, a form, or bytes; None for nothing.
        headers: Further headers.
        idempotency_key: Lets the server recognise the request if it is sent again; None if it creates nothing.
        timeout: Seconds for the call; None for those of the client.
        is_key_optional: Whether it may be sent without the key if the server keeps no replies.
        is_safe: Whether it may be sent again although the server may have received it. With a key, one that is not
            safe is only sent again if there was no answer.
        cursor: The parameter that says where a page begins.
    """

    method: str
    path: str
    read: Callable[[bytes], T] = field(repr=False)
    query: Query = field(default_factory=dict)
    body: object = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    idempotency_key: str | None = field(default=None, repr=False)
    is_key_optional: bool = False
    timeout: float | None = None
    is_safe: bool = True
    cursor: str = "cursor"

    @property
    def target(self) -> str:
        """The path with the query."""
        query = encode_query(self.query)
        return f"{self.path}?{query}" if query else self.path

    def encode_body(self) -> tuple[dict[str, str], Body]:
        """
        Return the headers and the content of the body.

        Raises:
            PromptError: JSON cannot have one of the values, such as an unpaired surrogate.
        """
        if self.body is None:
            return {}, b""
        if isinstance(self.body, Form):
            form = encode_form(self.body.fields)
            return {"content-type": form.content_type}, form.body
        if isinstance(self.body, bytes):
            return {"content-type": "application/octet-stream"}, self.body
        try:
            return {"content-type": "application/json"}, to_json(self.body)
        except PydanticSerializationError as error:
            raise PromptError(
                f"The request has a value that cannot be sent as JSON: {str(error)[:200]}.",
                hint="Pass texts of valid Unicode, numbers, booleans, lists and dictionaries of these.",
            ) from None

    def with_query(self, **query: object) -> Request[T]:
        """Return the request with further parameters."""
        return replace(self, query={**self.query, **query})

    def without_key(self) -> Request[T]:
        """Return the request without its idempotency key."""
        return replace(self, idempotency_key=None)

    def at(self, cursor: str | None) -> Request[T]:
        """Return the request for the page at a cursor."""
        return self.with_query(**{self.cursor: cursor})


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest(Generic[T]):
    """
    A request whose reply is a stream of events.

    Attributes:
        request: The request. Without a timeout of its own, the stream may last as long as it has events.
        decode: Returns what an event means; None for one that means nothing.
        last_event: The name of its last event; None for a stream without an end.
        is_reopened: Whether it is opened again if it ends without its last event. Else that is an error.
    """

    request: Request[Any]
    decode: Callable[[ReplyHead, ServerSentEvent], T | None] = field(repr=False)
    last_event: str | None = None
    is_reopened: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """
    A request whose reply is written to a file as it arrives.

    Attributes:
        request: The request. Without a timeout of its own, it may take as long as data arrives.
        target: The path of a file, which is replaced once the reply is complete, or an open binary file.
        progress: Called with the number of bytes that were written so far.
    """

    request: Request[Any]
    target: str | os.PathLike[str] | BinaryIO = field(repr=False)
    progress: Callable[[int], object] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """The body of a request that is not JSON but a form."""

    fields: Sequence[FormField]


def get(path: str, reply: type[T], **query: object) -> Request[T]:
    """Return a request that reads."""
    return Request(method="GET", path=path, read=reader(reply), query=query)


def create(path: str, reply: type[T], body: object = None, *, idempotency_key: str | None = None) -> Request[T]:
    """Return a request that creates or acts. With its idempotency key it may be sent again, and acts once."""
    key = idempotency_key or uuid.uuid4().hex
    return Request(method="POST", path=path, read=reader(reply), body=body, idempotency_key=key)


def change(method: str, path: str, reply: type[T], body: object = None) -> Request[T]:
    """Return a request that changes something; sent twice, it has the same effect as once."""
    return Request(method=method, path=path, read=reader(reply), body=body)


def act(method: str, path: str, body: object = None) -> Request[None]:
    """Return a request whose reply has no body; sent twice, it has the same effect as once."""
    return Request(method=method, path=path, read=_read_nothing, body=body)


def read_bytes(body: bytes) -> bytes:
    """Return a body as it is."""
    return body


def reader(reply: type[T]) -> Callable[[bytes], T]:
    """Return the function that reads a reply of a type from a body of JSON."""
    kind: Any = reply

    def read(body: bytes) -> T:
        try:
            value: T = _adapter(kind).validate_json(body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        else:
            return value
        _reject(first)  # not inside the handler: Pydantic's error contains the reply, which may have secrets

    return read


def path_of(*steps: object) -> str:
    """Return the path below ``/api`` for names, which are encoded."""
    return "/".join(("/api", *(quote(str(step), safe="") for step in steps)))


def leave_out(**fields: object) -> dict[str, Any]:
    """Return the fields of a body that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def encode_query(query: Query) -> str:
    """Return parameters as the query of a URL. Those that are None are left out, and lists are repeated."""
    given = {name: _to_text(value) for name, value in query.items() if value is not None}
    return urlencode(given, doseq=True)


def _to_text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str | list | tuple) else str(value)


def _read_nothing(_: bytes) -> None:
    return None


@lru_cache(maxsize=128)
def _adapter(reply: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - any type of a reply
    return TypeAdapter(reply)


def _reject(first: Any) -> NoReturn:  # noqa: ANN401 - of Pydantic
    where = ".".join(map(str, first["loc"])) or "body"
    raise BadResponseError(f"The reply is not in the form of the API: {where}: {first['msg']}.")
