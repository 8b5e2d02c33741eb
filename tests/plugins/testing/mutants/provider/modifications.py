"""Functions that change providers, requests, responses and errors."""

from budwood.types import (
    ChatResponse,
    Message,
    TextPart,
)
from budwood_openai_compatible import OpenAICompatible


def select_parts(item, keep):
    """
    Filter the parts of a request's messages or of a response.
    """
    if isinstance(item, ChatResponse):
        return item.model_copy(update={"message": filter_parts(item.message, keep)})
    return item.model_copy(update={"messages": tuple(filter_parts(message, keep) for message in item.messages)})


def filter_parts(message, keep):
    """
    Filter the parts of a message.
    """
    return message.model_copy(update={"parts": tuple(filter(keep, message.parts))})


def create_answer(text):
    """
    Create an answer with a text.
    """
    return Message(role="assistant", parts=(TextPart(text=text),) if text else ())


def change_errors(change):
    """
    Create a provider that changes its errors.
    """

    class Mutant(OpenAICompatible):
        def error(self, reply):
            return change(super().error(reply), reply)

    return Mutant


def set_attributes(error, **fields):
    """
    Set attributes of an error.
    """
    for name, value in fields.items():
        setattr(error, name, value)
    return error
