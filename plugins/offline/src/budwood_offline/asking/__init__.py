"""
Ask questions about a passage: `ask_question`.

One file a step: `clauses` finds subject and verb, `patterns` and `phrases` write questions from them, `drafts` collects
them for a passage, `choosing` takes one by seed.
"""

from budwood_offline.asking.choosing import Question, ask_question

__all__ = ["Question", "ask_question"]
