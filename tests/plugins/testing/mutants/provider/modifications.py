"""What mutants change: providers, requests, responses and errors."""

from budwood.types import (
    ChatResponse,
    Message,
    TextPart,
)
from budwood_openai_compatible import OpenAICompatible


def with_parts(thing, keep):
    """
    Leave parts out: of a request's messages, or of a response's.
    """
    if isinstance(thing, ChatResponse):
        return thing.model_copy(update={"message": kept(thing.message, keep)})
    return thing.model_copy(update={"messages": tuple(kept(message, keep) for message in thing.messages)})


def kept(message, keep):
    """
    Leave parts of a message out.
    """
    return message.model_copy(update={"parts": tuple(filter(keep, message.parts))})


def saying(text):
    """
    Make the message of a text.
    """
    return Message(role="assistant", parts=(TextPart(text=text),) if text else ())


def failing(change):
    """
    Make a provider that makes other errors of replies.
    """

    class Mutant(OpenAICompatible):
        def error(self, reply):
            return change(super().error(reply), reply)

    return Mutant


def noted(error, **fields):
    """
    Change fields of an error.
    """
    for name, value in fields.items():
        setattr(error, name, value)
    return error
