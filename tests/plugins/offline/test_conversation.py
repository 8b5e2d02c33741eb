from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.conversation import Task, read_conversation

TEXT = "Keys rotate least recently used. A refused key is taken out. An exhausted key rests until its reset."


@pytest.mark.parametrize(
    "request_text",
    [
        "Ask the next question about the passage.",
        "Write one short question, as this persona, about the text.",
        "Please pose a question.",
        "Now generate 3 questions about the passage",
        "You are Ada. Formulate the next question she would ask.",
    ],
)
def test_a_request_for_a_question_is_detected(request_text):
    """
    The user or the system message may ask for a question, in several wordings.
    """
    assert read_conversation([("user", f"<passage>{TEXT}</passage>\n\n{request_text}")]).kind == "ask"
    assert read_conversation([("system", request_text), ("user", f"<passage>{TEXT}</passage>")]).kind == "ask"


@pytest.mark.parametrize(
    "request_text",
    [
        "What is a key?",
        "Write a one-word answer to the question: who is Ada?",
        "The user will ask you questions about the passage. Answer them.",
        "I'd like to ask a question: what is a key?",
        "Which questions does the text answer?",
        "If users ask a question, be brief.",
    ],
)
def test_a_question_about_questions_is_answered(request_text):
    """
    A message that mentions questions does not ask for one.
    """
    assert read_conversation([("user", f"<passage>{TEXT}</passage>\n\n{request_text}")]).kind == "answer"


@pytest.mark.parametrize(
    "turns",
    [
        [("system", f"Answer from the passage.\n<passage>\n{TEXT}\n</passage>"), ("user", "What rests?")],
        [("user", f'<document name="a.md">{TEXT}</document> What rests?')],
    ],
)
def test_the_text_between_tags_is_the_context(turns):
    """
    Tags separate the context from the question, in any message.
    """
    task = read_conversation(turns)

    assert (task.kind, task.question, task.context) == ("answer", "What rests?", TEXT)


def test_an_unclosed_tag_is_text():
    """
    A tag without a closing tag marks nothing.
    """
    task = read_conversation([("user", f"<passage>{TEXT} What rests?")])

    assert "A refused key is taken out." in task.context


def test_several_documents_are_joined():
    """
    Texts in tags with the same name are joined to one context.
    """
    task = read_conversation(
        [("user", f'<document>Old.</document>\n<document name="b">{TEXT}</document>\nWhat rests?')]
    )

    assert (task.question, task.context) == ("What rests?", f"Old.\n\n{TEXT}")


def test_the_last_passage_replaces_earlier_ones():
    """
    A question with a passage is about that passage.
    """
    task = read_conversation(
        [
            ("user", "<passage>Old text.</passage> What is old?"),
            ("assistant", "Old text."),
            ("user", f"<passage>{TEXT}</passage> What rests?"),
        ]
    )

    assert task.context == TEXT


def test_text_without_tags_is_a_context_if_it_is_related():
    """
    Statements beside the question, in earlier messages or from tools are a context; instructions are not.
    """
    beside = read_conversation([("user", "Ada is 36. She lives in London. How old is Ada?")])
    before = read_conversation([("user", "My name is Ada."), ("assistant", "Hello."), ("user", "What is my name?")])
    tool = read_conversation([("user", "What is the weather in Oslo?"), ("tool", "The weather in Oslo is sunny.")])
    none = read_conversation([("system", "You are a guide. Be brief."), ("user", "Why is the sky blue?")])

    assert beside.context == "Ada is 36.\nShe lives in London."
    assert before.context == "My name is Ada."
    assert tool.context == "The weather in Oslo is sunny."
    assert none.context == ""
    assert none.material == "Why is the sky blue?"


def test_a_text_after_a_colon_is_the_context():
    """
    "Summarise: …" has an instruction and a text.
    """
    task = read_conversation([("user", "Summarise: Ada was born in 1815. She wrote programs.")])

    assert task.context == "Ada was born in 1815.\nShe wrote programs."


def test_sentences_of_earlier_answers_are_listed():
    """
    The next answer can exclude the sentences of earlier answers.
    """
    task = read_conversation(
        [
            ("system", f"<passage>{TEXT}</passage>"),
            ("user", "What happens to a refused key?"),
            ("assistant", "A refused key is taken out."),
            ("user", "And then?"),
        ]
    )

    assert task == Task(
        kind="answer",
        question="And then?",
        context=TEXT,
        material=TEXT,
        shown=("A refused key is taken out.",),
    )


def test_questions_of_lists_and_earlier_turns_are_listed():
    """
    The next question can exclude questions in a list and questions of earlier turns.
    """
    listed = read_conversation(
        [("user", f'Ask a question.\n\nAlready asked:\n- What rotates?\n2. "Who rests?"\n\n<passage>{TEXT}</passage>')]
    )
    flipped = read_conversation(
        [
            ("system", "You ask questions about a passage."),
            ("user", f"<passage>{TEXT}</passage>"),
            ("assistant", "What rotates?"),
            ("user", "Keys rotate least recently used."),
        ]
    )

    assert listed.questions == ("What rotates?", "Who rests?")
    assert (flipped.kind, flipped.questions) == ("ask", ("What rotates?",))
    assert flipped.shown == ("Keys rotate least recently used.",)


def test_a_transcript_in_the_request_is_parsed():
    """
    Its questions and the sentences of its answers count as used.
    """
    task = read_conversation(
        [
            (
                "user",
                (
                    f"<passage>{TEXT}</passage>\nConversation so far:\nUser: What rotates?\n"
                    "Assistant: Keys rotate least recently used.\n\nAsk the next question."
                ),
            )
        ]
    )

    assert (task.kind, task.questions, task.shown) == (
        "ask",
        ("What rotates?",),
        ("Keys rotate least recently used.",),
    )


def test_an_empty_conversation_is_a_task_without_context():
    """
    A conversation without messages is not an error.
    """
    assert read_conversation([]) == Task("answer", "", "", "")


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text()), max_size=4))
def test_any_conversation_is_accepted(turns):
    """
    No text causes an error.
    """
    assert read_conversation(turns).kind in {"ask", "answer"}


def test_a_passage_may_contain_tags():
    """
    The context ends at the last closing tag.
    """
    text = "Mark the text with a tag (<passage>, <document>) and end it with </passage> again."

    task = read_conversation([("user", f"<passage>\n{text}\n</passage>\n\nWhat marks the text?")])

    assert task.context == text
