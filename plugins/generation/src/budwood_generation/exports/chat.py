"""
Records of the formats for fine-tuning chat models.

Each function turns a conversation into one record, or None if the format cannot hold it.
"""

from __future__ import annotations

from typing import Any, Final

from budwood_generation.exports.conversations import ChatMessage, Conversation, merge_passage
from budwood_generation.reasoning import REASONING

Record = dict[str, Any]

SHAREGPT_ROLES: Final = {"system": "system", "user": "human", "assistant": "gpt"}
CHATML_TOKENS: Final = ("<|im_start|>", "<|im_end|>")


def openai_record(conversation: Conversation) -> Record:
    """
    Return a training example of OpenAI's supervised fine-tuning: ``messages`` alone.

    Source: https://platform.openai.com/docs/guides/supervised-fine-tuning
    """
    return {"messages": [_openai_message(message) for message in merge_passage(conversation).messages]}


def messages_record(conversation: Conversation) -> Record:
    """
    Return a row of a conversational dataset, as Transformers' chat templates, TRL, Axolotl and Unsloth read it.

    Reasoning is in ``reasoning_content``, which the chat templates of reasoning models such as Qwen3 read.

    Source: https://huggingface.co/docs/trl/dataset_formats
    """
    messages = [
        _openai_message(message) | ({} if message.reasoning is None else {REASONING: message.reasoning})
        for message in merge_passage(conversation).messages
    ]
    return {"id": conversation.id, "messages": messages}


def sharegpt_record(conversation: Conversation) -> Record:
    """
    Return ``conversations`` with the keys ``from`` and ``value``; a system message is the first entry.

    Sources: the section on the ShareGPT format in data/README.md of LLaMA-Factory, where the tag of the system message
    is "system"; https://docs.axolotl.ai/docs/dataset-formats/conversation.html
    """
    return {"id": conversation.id, "conversations": _sharegpt_messages(merge_passage(conversation).messages)}


def llama_factory_record(conversation: Conversation) -> Record:
    """
    Return a row in the ShareGPT format of LLaMA-Factory, with the system message in a column of its own.

    Source: the section on the ShareGPT format in data/README.md of LLaMA-Factory
    """
    merged = merge_passage(conversation)
    messages = merged.messages if merged.system is None else merged.messages[1:]
    return {"conversations": _sharegpt_messages(messages), "system": merged.system or ""}


def alpaca_record(conversation: Conversation) -> Record:
    """
    Return the last turn as ``instruction`` and ``output``, and earlier ones as ``history``.

    The passage of a conversation with one turn is its ``input``, which every trainer for this format reads. With more
    turns it is in ``system``, which applies to all of them; ``system`` and ``history`` are read by LLaMA-Factory.

    Sources: the README of Stanford Alpaca (instruction, input, output); the section on the Alpaca format in
    data/README.md of LLaMA-Factory (system, history)
    """
    *earlier, (question, answer) = conversation.turns
    system = merge_passage(conversation).system if earlier else conversation.system
    return {
        "instruction": question.content,
        "input": "" if earlier else conversation.passage or "",
        "output": answer.content,
        "system": system or "",
        "history": [[asked.content, answered.content] for asked, answered in earlier],
    }


def chatml_record(conversation: Conversation) -> Record | None:
    """
    Return the conversation as ``text`` in the Chat Markup Language, or None if a message contains one of its tokens.

    Source: chatml.md of openai-python 0.28
    """
    messages = merge_passage(conversation).messages
    if any(token in message.content for message in messages for token in CHATML_TOKENS):
        return None
    start, end = CHATML_TOKENS
    return {"text": "".join(f"{start}{message.role}\n{message.content}{end}\n" for message in messages)}


def _sharegpt_messages(messages: tuple[ChatMessage, ...]) -> list[Record]:
    return [{"from": SHAREGPT_ROLES[message.role], "value": message.content} for message in messages]


def _openai_message(message: ChatMessage) -> Record:
    return {"role": message.role, "content": message.content}
