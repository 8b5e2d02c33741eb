from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.reading import Task, understand

TEXT = "Keys rotate least recently used. A refused key is taken out. An exhausted key rests until its reset."


@pytest.mark.parametrize(
    "request_text",
    [
        "Ask the next question about the passage.",
        "Write one short question, as this persona, about the text.",
        "Please pose a question.",
        "Now generate 3 questions about the passage",
        "You are Ada. Formulate the next question she would ask.",
        "I want you to ask a question.",
    ],
)
def test_a_request_for_a_question_is_one(request_text):
    """
    However it is worded, a request to ask is understood as such, by the user or by the system's instructions.
    """
    assert understand([("user", f"<passage>{TEXT}</passage>\n\n{request_text}")]).kind == "ask"
    assert understand([("system", request_text), ("user", f"Passage:\n{TEXT}")]).kind == "ask"


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
    Speaking of questions is not requesting one.
    """
    assert understand([("user", f"<passage>{TEXT}</passage>\n\n{request_text}")]).kind == "answer"


@pytest.mark.parametrize(
    "turns",
    [
        [("system", f"Answer from the passage.\n<passage>\n{TEXT}\n</passage>"), ("user", "What rests?")],
        [("user", f'<document name="a.md">{TEXT}</document> What rests?')],
        [("user", f"<documents>\n<document>{TEXT}</document>\n</documents>\nWhat rests?")],
        [("user", f"Context: {TEXT}\n\nWhat rests?")],
        [("user", f"Question: What rests?\nPassage:\n{TEXT}")],
        [("user", f"**Text:**\n{TEXT}\n\nQuestion: What rests?")],
        [("user", f"What rests?\n```\n{TEXT}\n```")],
    ],
)
def test_the_context_is_found_where_it_is_marked(turns):
    """
    Tags, labels and fences part the context from the question, in whichever message they stand.
    """
    task = understand(turns)

    assert (task.kind, task.question, task.context) == ("answer", "What rests?", TEXT)


def test_broken_marks_hide_nothing():
    """
    A tag that nothing closes is text like any other, and one inside another belongs to it.
    """
    unclosed = understand([("user", f"<passage>{TEXT} What rests?")])
    nested = understand([("user", f"<passage>Old. <document>{TEXT}</document></passage> What rests?")])

    assert "A refused key is taken out." in unclosed.context
    assert nested.context == f"Old. {TEXT}"


def test_the_newest_passage_replaces_the_older_ones():
    """
    A user who brings a new passage asks about that one.
    """
    task = understand(
        [
            ("user", "<passage>Old text.</passage> What is old?"),
            ("assistant", "Old text."),
            ("user", f"<passage>{TEXT}</passage> What rests?"),
        ]
    )

    assert task.context == TEXT


def test_unmarked_text_counts_where_it_has_to_do_with_the_question():
    """
    What stands beside the question, was told before, or came from a tool is a context; instructions are none.
    """
    beside = understand([("user", "Ada is 36. She lives in London. How old is Ada?")])
    before = understand([("user", "My name is Ada."), ("assistant", "Hello."), ("user", "What is my name?")])
    tool = understand([("user", "What is the weather in Oslo?"), ("tool", "The weather in Oslo is sunny.")])
    none = understand([("system", "You are a guide. Be brief."), ("user", "Why is the sky blue?")])

    assert beside.context == "Ada is 36.\nShe lives in London."
    assert before.context == "My name is Ada."
    assert tool.context == "The weather in Oslo is sunny."
    assert none.context == ""
    assert none.material == "Why is the sky blue?"


def test_a_leading_request_is_parted_from_its_text():
    """
    "Summarise: ..." gives a request and a text.
    """
    task = understand([("user", "Summarise: Ada was born in 1815. She wrote programs.")])

    assert (task.question, task.context) == ("Summarise", "Ada was born in 1815.\nShe wrote programs.")


def test_what_was_said_and_asked_is_remembered():
    """
    An answer's sentences and earlier questions are known in the next turn.
    """
    task = understand(
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
        said=("A refused key is taken out.",),
        asked=("What happens to a refused key?",),
    )


def test_questions_asked_already_come_from_lists_and_turns():
    """
    A list under "Already asked:" and the turns before say what not to ask again; what answers gave is said.
    """
    listed = understand(
        [("user", f'Ask a question.\n\nAlready asked:\n- What rotates?\n2. "Who rests"\n\n<passage>{TEXT}</passage>')]
    )
    flipped = understand(
        [
            ("system", "You ask questions about a passage."),
            ("user", f"<passage>{TEXT}</passage>"),
            ("assistant", "What rotates?"),
            ("user", "Keys rotate least recently used."),
        ]
    )

    assert listed.asked == ("What rotates?", "Who rests")
    assert (flipped.kind, flipped.asked) == ("ask", ("What rotates?",))
    assert flipped.said == ("Keys rotate least recently used.",)


def test_a_transcript_within_the_request_is_understood():
    """
    Questions and answers of a transcript count as asked and said.
    """
    task = understand(
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

    assert (task.kind, task.asked, task.said) == ("ask", ("What rotates?",), ("Keys rotate least recently used.",))


def test_an_empty_conversation_is_a_task_without_context():
    """
    No message at all is no error.
    """
    assert understand([]) == Task("answer", "", "", "")


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text()), max_size=4))
def test_any_conversation_is_understood(turns):
    """
    No text breaks the reading.
    """
    assert understand(turns).kind in {"ask", "answer"}


def test_a_passage_may_speak_of_tags():
    """
    Between tags on lines of their own, tags within a line are text like any other.
    """
    text = "Mark the text with a tag (<passage>, <document>) and end it with </passage> again."

    task = understand([("user", f"<passage>\n{text}\n</passage>\n\nWhat marks the text?")])

    assert task.context == text
