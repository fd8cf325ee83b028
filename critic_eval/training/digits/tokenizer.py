"""The digits critic's own small tokenizer: byte-level BPE with Qwen2's pre-tokenization, in Qwen2's file layout."""

import json
import re
from collections.abc import Iterable
from typing import Any

SPECIAL_TOKENS = ("<|im_end|>", "<|endoftext|>", "<|im_start|>")


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Any:
    """Learn a `Qwen2Tokenizer` of at most `vocab_size` tokens, 256 bytes and three special ones among them.

    Only words are merged. Every punctuation mark stays a token of its own, so that the end of a statement looks the
    same wherever it stands.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    # An untrained Qwen2 tokenizer lends its normalizer and pre-tokenizer, so that ours splits text as Qwen2's does.
    frame = Qwen2Tokenizer(vocab={"<|endoftext|>": 0}, merges=[]).backend_tokenizer
    learner = Tokenizer(models.BPE())
    learner.normalizer, learner.pre_tokenizer = frame.normalizer, frame.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    learner.train_from_iterator((re.findall(r" ?\w+", text) for text in texts), trainer)
    learned = json.loads(learner.to_str())["model"]
    vocab = dict(learned["vocab"])
    for token in SPECIAL_TOKENS:
        vocab[token] = len(vocab)
    return Qwen2Tokenizer(
        vocab=vocab,
        merges=[tuple(merge) for merge in learned["merges"]],
        unk_token=None,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=["<|im_start|>"],
        model_max_length=4096,
    )
