"""Budwood in LlamaIndex: any model as an LLM or an embedding model, with failover, keys, caches and budgets."""

from budwood_llama_index.embedding import BudwoodEmbedding
from budwood_llama_index.event_handler import BudwoodEventHandler
from budwood_llama_index.llm import Budwood

__all__ = ["Budwood", "BudwoodEmbedding", "BudwoodEventHandler"]
