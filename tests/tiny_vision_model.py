"""A chat model of some kilobytes that takes images, with random weights."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from tests.tiny_model import BYTES, SPECIAL, tiny_tokenizer

IMAGE = "<image>"
SIDE, PATCH = 16, 8
IMAGE_TOKENS = (SIDE // PATCH) ** 2
"""The number of tokens for each image."""

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def save_tiny_llava(folder: Path) -> Path:
    """
    Save a model whose text depends on the pixels of its images, and return its folder.
    """
    torch.manual_seed(0)
    weights = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=_vision_config(),
            text_config=_text_config(),
            image_token_index=BYTES + len(SPECIAL),
            vision_feature_layer=-1,
        )
    )
    with torch.no_grad():
        weights.lm_head.weight[BYTES:] = 0.0  # it writes bytes, and does not end before the limit
    weights.generation_config = GenerationConfig(eos_token_id=BYTES, pad_token_id=BYTES + 1)
    weights.save_pretrained(folder)
    LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}),
        tiny_tokenizer((IMAGE,)),
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,  # the class token of CLIP, which "default" leaves out
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return folder


def _vision_config():
    return CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=16,
    )


def _text_config():
    return LlamaConfig(
        vocab_size=BYTES + len(SPECIAL) + 2,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        initializer_range=1.0,  # otherwise all texts are alike
        bos_token_id=None,
        eos_token_id=BYTES,
        pad_token_id=BYTES + 1,
    )
