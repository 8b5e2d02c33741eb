"""A client whose calls are recorded in a store, for the programs beside this one."""

from __future__ import annotations

import json
import sys

import budwood
from budwood_testing import ScriptedReply, ScriptedTransport, chat_reply
from budwood_usage import writer

writer.CLOSE_SECONDS = writer.EXIT_SECONDS = 600.0  # the machine may be slow


class Answering(ScriptedTransport):
    """
    Answers each request. The reply has as many tokens of output as the prompt says.
    """

    def next_reply(self, call, timing):
        number = int(json.loads(call.body)["messages"][-1]["content"])
        body = json.dumps(chat_reply("Hello", usage={"prompt_tokens": 7, "completion_tokens": number}))
        return ScriptedReply(200, {"content-type": "application/json"}, (body.encode(),))


def open_client(address):
    """
    Open a client that records in a file or a database.
    """
    store = {"url" if "://" in address else "path": address}
    return budwood.Client(
        "openai/gpt-4.1",
        api_key="sk-test",
        transport=Answering(),
        settings={"observer": {"usage": store}},
        observers=["usage"],
        cache=False,
    )


def print_line(*words):
    """
    Print a line that the test can read at once.
    """
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()
