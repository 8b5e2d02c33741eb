"""The built-in instruction strategies, registered like those of other plugins."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import InstructionStrategySpec, hookimpl
from budwood_generation.strategies.document_questions import DocumentQuestions, DocumentQuestionsSettings
from budwood_generation.strategies.persona import PersonaSettings, PersonaStrategy
from budwood_generation.strategies.seed_list import SeedList, SeedListSettings

__all__ = [
    "DocumentQuestions",
    "DocumentQuestionsSettings",
    "PersonaSettings",
    "PersonaStrategy",
    "SeedList",
    "SeedListSettings",
    "budwood_instruction_strategies",
]


@hookimpl
def budwood_instruction_strategies() -> Iterable[InstructionStrategySpec[Any]]:
    """Return the specs of the strategies."""
    return [
        InstructionStrategySpec(
            name="document-questions",
            settings=lambda: DocumentQuestionsSettings,
            build=DocumentQuestions,
            requires_api=(2, 0),
            summary="Ask about the passages of documents.",
        ),
        InstructionStrategySpec(
            name="persona",
            settings=lambda: PersonaSettings,
            build=PersonaStrategy,
            requires_api=(2, 0),
            summary="Ask from the perspective of different personas.",
        ),
        InstructionStrategySpec(
            name="seed-list",
            settings=lambda: SeedListSettings,
            build=SeedList,
            requires_api=(2, 0),
            summary="Start with questions from a list.",
        ),
    ]
