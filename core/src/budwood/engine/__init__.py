"""One request's life, written once for blocking and async I/O."""

from budwood.engine.chat.option_types import (
    AskOptions,
    CallBudget,
    ClientOptions,
    CompletionOptions,
    OptionsWithoutSchema,
    ServiceOptions,
)
from budwood.engine.chat.prompts import Content, File, Prompt
from budwood.engine.client_engine import ClientEngine
from budwood.engine.drivers.effects import Abandoned
from budwood.engine.engine import Engine

__all__ = [
    "Abandoned",
    "AskOptions",
    "CallBudget",
    "ClientEngine",
    "ClientOptions",
    "CompletionOptions",
    "Content",
    "Engine",
    "File",
    "OptionsWithoutSchema",
    "Prompt",
    "ServiceOptions",
]
