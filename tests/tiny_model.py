"""A language model of a few kilobytes, with random weights or with weights that generate a given text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}"
    "{% for call in message.tool_calls or [] %}<call>{{ call.function | tojson }}</call>{% endfor %}<|end|>{% endfor %}"
    "{% if tools %}<|tools|>{{ tools | tojson }}<|end|>{% endif %}"
    "{% if mood is defined %}<|mood|>{{ mood }}{% endif %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
RESPONSE_TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|assistant|>",
    "fields": {
        "reasoning_content": {"open": "<think>", "close": "</think>", "content": "text"},
        "tool_calls": {
            "open": "<call>",
            "close": "</call>",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close": "<|end|>", "content": "text"},
    },
}
BYTES = 256
SPECIAL = ("<|end|>", "<|pad|>")
WINDOW = 512


def tiny_tokenizer(texts: Sequence[str] = (), **options):
    """
    Create a tokenizer with a token per byte, two special tokens, and one for each given text.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(letters)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIAL])
    backend.add_tokens([AddedToken(text, normalized=False) for text in texts])
    arguments = {"chat_template": CHAT_TEMPLATE, **options}
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", pad_token="<|pad|>", **arguments)


def random_weights(seed=0, *, window=WINDOW):
    """
    Create a Llama with two layers and random weights.
    """
    torch.manual_seed(seed)
    return _with_sampling(LlamaForCausalLM(_config(BYTES + len(SPECIAL), 32, window)))


def parrot_weights(texts: Sequence[str], *, ends=True):
    """
    Create a Llama that generates these texts, one token each, and then ends or starts again.

    Its layers pass their input on, so that each token determines the next; the first text follows the prompt.
    """
    assert len(set(texts)) == len(texts)
    assert all(len(text) > 1 for text in texts), "single characters are already tokens"
    size = BYTES + len(SPECIAL) + len(texts)
    size += size % 2  # the head size must be even
    weights = _with_sampling(LlamaForCausalLM(_config(size, size, WINDOW)))
    first, end = BYTES + len(SPECIAL), BYTES
    sequence = [tiny_tokenizer().encode(">", add_special_tokens=False)[0], *range(first, first + len(texts))]
    next_token = dict(pairwise([*sequence, end if ends else first]))
    with torch.no_grad():
        for layer in weights.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        weights.model.embed_tokens.weight.copy_(torch.eye(size))
        weights.lm_head.weight.zero_()
        for token, following in next_token.items():
            weights.lm_head.weight[following, token] = 10.0
    return weights


def save_tiny_model(folder: Path, *, texts: Sequence[str] = (), weights=None, ends=True, **tokenizer_options) -> Path:
    """
    Save a model with `save_pretrained`, and return its folder.
    """
    if weights is None:
        weights = parrot_weights(texts, ends=ends) if texts else random_weights()
    weights.save_pretrained(folder)
    tiny_tokenizer(texts, **tokenizer_options).save_pretrained(folder)
    return folder


def _config(vocabulary, hidden, window):
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=1,
        max_position_embeddings=window,
        bos_token_id=None,
        eos_token_id=BYTES,
        pad_token_id=BYTES + 1,
        tie_word_embeddings=False,
    )


def _with_sampling(weights):
    weights.generation_config = GenerationConfig(do_sample=True, eos_token_id=BYTES, pad_token_id=BYTES + 1)
    return weights
