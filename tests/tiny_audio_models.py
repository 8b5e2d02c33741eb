"""Models of some kilobytes that speak and transcribe, with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import (
    VitsConfig,
    VitsModel,
    VitsTokenizer,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
RATE = 16_000
CONTROLS = (
    "<|endoftext|> <|startoftranscript|> <|en|> <|de|> <|translate|> <|transcribe|> <|startoflm|> <|startofprev|> "
    "<|nospeech|> <|notimestamps|>"
).split()


def save_tiny_vits(folder: Path, *, speakers=1) -> Path:
    """
    Save a model that makes noise in place of each letter, and return its folder.
    """
    torch.manual_seed(0)
    config = VitsConfig(
        vocab_size=len(LETTERS) + 3,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        ffn_dim=16,
        flow_size=16,
        spectrogram_bins=9,
        num_speakers=speakers,
        speaker_embedding_size=8 if speakers > 1 else 0,
        upsample_initial_channel=16,
        upsample_rates=(8, 8),
        upsample_kernel_sizes=(16, 16),
        resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1,),),
        duration_predictor_num_flows=1,
        duration_predictor_filter_channels=8,
        prior_encoder_num_flows=1,
        prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1,
        sampling_rate=RATE,
    )
    VitsModel(config).save_pretrained(folder)
    vocabulary = {letter: index for index, letter in enumerate([*LETTERS, " ", "<pad>", "<unk>"])}
    (folder / "letters.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    VitsTokenizer(str(folder / "letters.json"), phonemize=False, add_blank=True).save_pretrained(folder)
    return folder


def save_tiny_whisper(folder: Path, *, multilingual=True) -> Path:
    """
    Save a model that writes letters, with times if they are requested, and return its folder.
    """
    torch.manual_seed(0)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*alphabet, *CONTROLS, *(f"<|{number * 0.02:.2f}|>" for number in range(1501))]
    ids = {name: index for index, name in enumerate(names)}
    end = ids["<|endoftext|>"]
    config = WhisperConfig(
        vocab_size=len(names),
        num_mel_bins=8,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_target_positions=64,
        init_std=1.0,
        decoder_start_token_id=ids["<|startoftranscript|>"],
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    weights = WhisperForConditionalGeneration(config)
    with torch.no_grad():
        weights.model.decoder.embed_tokens.weight[end] *= 0.1  # letters are more likely than the end, and than times
        weights.model.decoder.embed_tokens.weight[end + len(CONTROLS) :] *= 0.1
    generation = weights.generation_config
    generation._from_model_config = False  # otherwise the library derives it from the model again
    generation.is_multilingual = multilingual
    generation.max_length = 24
    generation.no_timestamps_token_id = ids["<|notimestamps|>"]
    generation.prev_sot_token_id = ids["<|startofprev|>"]
    generation.alignment_heads = [[0, 0]]
    generation.suppress_tokens = [index for name, index in ids.items() if index < end and name not in LETTERS]
    generation.begin_suppress_tokens = [end]
    if multilingual:
        generation.lang_to_id = {name: ids[name] for name in ("<|en|>", "<|de|>")}
        generation.task_to_id = {name: ids[f"<|{name}|>"] for name in ("transcribe", "translate")}
    weights.save_pretrained(folder)
    tokenizer = WhisperTokenizer(vocab={name: ids[name] for name in alphabet}, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": CONTROLS})
    tokenizer.add_tokens(names[end + len(CONTROLS) :])
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=8).save_pretrained(folder)
    return folder


def save_tiny_wav2vec2(folder: Path) -> Path:
    """
    Save a CTC model that writes letters, and return its folder.
    """
    torch.manual_seed(0)
    vocabulary = {letter: index for index, letter in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS])}
    weights = Wav2Vec2ForCTC(
        Wav2Vec2Config(
            vocab_size=len(vocabulary),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            conv_dim=(8, 8),
            conv_kernel=(10, 8),
            conv_stride=(40, 8),
            num_feat_extract_layers=2,
            num_conv_pos_embeddings=8,
            num_conv_pos_embedding_groups=2,
            initializer_range=1.0,
        )
    )
    with torch.no_grad():
        weights.lm_head.bias[:4] = -1000.0
    weights.save_pretrained(folder)
    (folder / "letters.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    Wav2Vec2CTCTokenizer(str(folder / "letters.json")).save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder
