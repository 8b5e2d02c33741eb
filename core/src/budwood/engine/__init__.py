"""One request's life, written once for blocking and async I/O."""

from budwood.engine.effects import Abandoned
from budwood.engine.engine import Engine, reply_cache
from budwood.engine.options import AskOptions, ClientOptions, CompletionOptions
from budwood.engine.prompts import Content, File, Prompt

__all__ = [
    "Abandoned",
    "AskOptions",
    "ClientOptions",
    "CompletionOptions",
    "Content",
    "Engine",
    "File",
    "Prompt",
    "reply_cache",
]
