"""
Understand what a conversation wants: `understand`.

`material` finds the text that a conversation gives to work on, `request` tells a request for a question from a
question, `understanding` joins both into a `Task`.
"""

from budwood_offline.reading.understanding import NO_CONTEXT, Task, understand

__all__ = ["NO_CONTEXT", "Task", "understand"]
