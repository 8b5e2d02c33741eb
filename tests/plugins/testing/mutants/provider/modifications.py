"""Functions that change providers, requests, responses and errors."""

from budwood.types import (
    ChatResponse,
    Message,
    TextPart,
)
from budwood_openai_compatible import OpenAICompatible


def with_parts(thing, keep):
    """
    Filter the parts of a request's messages or of a response.
    """
    if isinstance(thing, ChatResponse):
        return thing.model_copy(update={"message": kept(thing.message, keep)})
    return thing.model_copy(update={"messages": tuple(kept(message, keep) for message in thing.messages)})


def kept(message, keep):
    """
    Filter the parts of a message.
    """
    return message.model_copy(update={"parts": tuple(filter(keep, message.parts))})


def saying(text):
    """
    Create an answer with a text.
    """
    return Message(role="assistant", parts=(TextPart(text=text),) if text else ())


def failing(change):
    """
    Create a provider that changes its errors.
    """

    class Mutant(OpenAICompatible):
        def error(self, reply):
            return change(super().error(reply), reply)

    return Mutant


def noted(error, **fields):
    """
    Set attributes of an error.
    """
    for name, value in fields.items():
        setattr(error, name, value)
    return error
