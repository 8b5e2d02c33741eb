from __future__ import annotations

import copy
import inspect
import pickle
import re
import subprocess
import sys

import pytest

from budwood import errors
from budwood.errors import BudwoodError, ProviderError
from budwood.providing.bodies import MAX_MESSAGE
from budwood.types import Attempt, ChatResponse, Message, RateLimits
from budwood_testing import sse

SECRET = "sk-test-secret"

DETAILS = {
    "text": "{}",
    "errors": ["name: missing"],
    "response": ChatResponse(message=Message.assistant("so far")),
    "phase": "read",
    "stage": "output",
    "categories": {"violence": {"filtered": True}},
    "provider": "openai",
    "model": "gpt",
    "status": 418,
    "code": "teapot",
    "param": "temperature",
    "request_id": "req_1",
    "retry_after": 7.5,
    "retryable": False,
    "plugin": "groq",
    "distribution": "budwood-groq",
    "version": "0.1.0",
    "method": "encode",
    "budget": "nightly",
    "left": 0.25,
    "required": 0.5,
    "unit": "dollars",
    "hint": "Do better.",
}


def list_classes(kind):
    """
    List a class and its subclasses in the module of the errors, each with its depth.
    """

    def below(cls, depth):
        yield cls, depth
        for child in cls.__subclasses__():
            if child.__module__.startswith(f"{errors.__name__}."):
                yield from below(child, depth + 1)

    return list(below(kind, 0))


KINDS = [cls for cls, _ in list_classes(BudwoodError)]


def make_error(kind):
    """
    Create an error of a class with all arguments of its constructor.
    """
    names = inspect.signature(kind).parameters
    error = kind("What happened.", **{name: value for name, value in DETAILS.items() if name in names})
    if isinstance(error, ProviderError):
        error.add_target("openai", "gpt")
        error.attempts = (Attempt(provider="openai", model="gpt", key="default", status=418, duration=0.5),)
        error.rate_limits = RateLimits(remaining_requests=0, reset_requests=2.5)
    error.add_note("A note.")
    return error


def test_the_docstring_shows_the_tree():
    """
    Every class is under its parent.
    """
    drawn = re.findall(r"^( *)[*.>-] (\w+)$", errors.__doc__, re.MULTILINE)

    assert sorted((name, len(spaces) // 2) for spaces, name in drawn) == sorted(
        (kind.__name__, depth) for kind, depth in list_classes(BudwoodError)
    )


def test_every_exception_of_the_module_is_in_the_tree():
    """
    `BudwoodError` is the base of all.
    """
    classes = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, BaseException)]

    assert set(classes) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_error_can_be_pickled_and_copied(kind, again):
    """
    Class, text, fields and notes are restored.
    """
    error = make_error(kind)

    other = again(error)

    assert type(other) is kind
    assert str(other) == str(error)
    assert other.args == error.args
    assert vars(other) == vars(error)
    assert other.__notes__ == ["A note."]


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_message_and_hint(kind):
    """
    The text of a provider's error begins with the provider.
    """
    error = make_error(kind)

    assert error.message == "What happened."
    assert error.hint == "Do better."
    start = "openai: " if issubclass(kind, ProviderError) else ""
    assert str(error).startswith(f"{start}What happened. Do better.")


@pytest.mark.parametrize("kind", KINDS)
def test_docstring_of_an_error_begins_with_a_sentence(kind):
    """
    Each class has one cause.
    """
    assert kind.__doc__
    assert kind.__doc__.strip().partition("\n")[0].endswith((".", ").", "?"))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("temperature is not supported", "temperature is not supported. Do better."),
        ("Slow down!", "Slow down! Do better."),
        ('[{"type": "missing"}]', '[{"type": "missing"}]. Do better.'),
    ],
)
def test_message_and_hint_are_separate_sentences(message, text):
    """
    Messages of vendors often have no full stop.
    """
    assert str(BudwoodError(message, hint="Do better.")) == text


def test_error_without_a_hint_is_its_message():
    """
    Nothing is added.
    """
    assert str(BudwoodError("What happened.")) == "What happened."


def test_known_provider_is_not_replaced():
    """
    The code that raises the error knows the provider better.
    """
    error = errors.ServerError("No.", provider="mine")

    assert error.add_target("other", "gpt") is error
    assert (error.provider, error.model) == ("mine", "gpt")


@pytest.mark.parametrize(
    ("kind", "retryable"),
    [
        (errors.RateLimitError, True),
        (errors.CapacityError, True),
        (errors.ServerError, True),
        (errors.ConnectionFailedError, True),
        (errors.StreamInterruptedError, True),
        (errors.QuotaExhaustedError, False),
        (errors.AuthenticationError, False),
        (errors.PermissionDeniedError, False),
        (errors.NotFoundError, False),
        (errors.InvalidRequestError, False),
        (errors.ContextLengthError, False),
        (errors.ContentFilterError, False),
        (errors.BadResponseError, False),
    ],
)
def test_retryable_classes(kind, retryable):
    """
    Transient errors are retryable; errors of credentials, quotas, requests and filters are not.
    """
    assert kind("No.").retryable is retryable


@pytest.mark.parametrize(("phase", "retryable"), [("connect", True), ("read", True), ("deadline", False)])
def test_deadline_is_not_retried(phase, retryable):
    """
    Other timeouts are retryable.
    """
    assert errors.RequestTimeoutError("Too late.", phase=phase).retryable is retryable


def test_instance_may_override_retryable():
    """
    A server may say that a retry is pointless.
    """
    assert errors.ServerError("No.", retryable=False).retryable is False
    assert errors.BadResponseError("No.", retryable=True).retryable is True


def test_errors_are_cheap_to_import():
    """
    The module imports neither typing nor Pydantic.
    """
    code = "import sys, budwood.errors; print(sorted({'typing', 'pydantic', 'budwood.types'} & set(sys.modules)))"

    run = subprocess.run([sys.executable, "-S", "-c", prepared(code)], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"


def prepared(code):
    """
    Add the path of this process to code, without `.pth` files, which may import modules.
    """
    return f"import sys; sys.path[:] = {sys.path!r}; {code}"


# Secrets.

SERVER_MESSAGE = f"The key {SECRET} is not good."
ERROR_BODY = {"error": {"message": SERVER_MESSAGE, "code": SECRET, "param": SECRET, "type": "invalid_request_error"}}


def get_full_text(error):
    """
    Return the text of an error with all its fields and causes.
    """
    collected = ""
    while error is not None:
        collected += f"{error} {error!r} {vars(error)!r}"
        error = error.__cause__ or error.__context__
    return collected


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429, 500, 503, 529])
@pytest.mark.parametrize("body", [ERROR_BODY, SERVER_MESSAGE, f"<html>{SECRET}</html>", {"detail": SERVER_MESSAGE}])
def test_key_in_an_error_body_is_removed(status, body, client, scripted):
    """
    No field and no cause of the error contains it.
    """
    scripted.reply(status, body)

    with pytest.raises(ProviderError) as caught:
        client.ask("hi", retries=0)

    assert SECRET not in get_full_text(caught.value)
    assert SECRET.encode() not in pickle.dumps(caught.value)


@pytest.mark.parametrize("before", [*range(30, 90, 8), *range(MAX_MESSAGE - 20, MAX_MESSAGE)])
def test_truncated_key_is_removed(before, client, scripted):
    """
    No part of it remains at the end of a shortened message.
    """
    scripted.reply(400, {"error": {"message": "x" * before + SECRET}}).reply(400, "y" * before + SECRET)

    for _ in range(2):
        with pytest.raises(ProviderError) as caught:
            client.ask("hi", retries=0)

        assert SECRET[:4] not in get_full_text(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        {"body": ERROR_BODY},
        {"body": f"<html>{SECRET}"},
        {"body": {"choices": SECRET}},
    ],
)
def test_key_in_a_reply_with_status_200_is_removed(reply, client, scripted):
    """
    The reply may be an error or have an unexpected format.
    """
    scripted.reply(200, **reply)

    with pytest.raises(ProviderError) as caught:
        client.ask("hi", retries=0)

    assert SECRET not in get_full_text(caught.value)
    assert SECRET.encode() not in pickle.dumps(caught.value)


@pytest.mark.parametrize(
    "chunks",
    [
        sse(ERROR_BODY),
        sse({"choices": [{"index": 0, "delta": {"content": "so far"}}]}, ERROR_BODY),
        sse({"choices": SECRET}),
        [f"data: {SECRET}\n\n".encode()],
        [SERVER_MESSAGE.encode()],
    ],
)
def test_key_in_a_stream_error_is_removed(chunks, client, scripted):
    """
    The error may come before or after the first content.
    """
    scripted.reply(200, chunks=chunks, headers={"content-type": "text/event-stream"})

    with client.stream("hi", retries=0) as stream, pytest.raises(ProviderError) as caught:
        list(stream)

    assert SECRET not in get_full_text(caught.value)
    assert SECRET.encode() not in pickle.dumps(caught.value)
