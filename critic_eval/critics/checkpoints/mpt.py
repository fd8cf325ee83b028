"""LLaVA of MPT: its config in the names that all others use, and onto transformers' MPT."""

from __future__ import annotations

from typing import Any

from transformers import MptConfig

from critic_eval.errors import CheckpointError

_POSITIONS = 16_384
"""ALiBi is the same for any number of positions, of which transformers' MPT computes this many at once."""

# What transformers' MPT computes, whatever its config says: another value of these would be another model.
_COMPUTED = {"no_bias": (True,), "logit_scale": (None,), "learned_pos_emb": (True, False)}
_ATTENTION = {
    "alibi": (True,),
    "alibi_bias_max": (8,),
    "attn_type": ("multihead_attention",),
    "prefix_lm": (False,),
    "qk_ln": (False,),
    "attn_uses_sequence_id": (False,),
}
_PLAIN = {"no_bias": True, "alibi_bias_max": 8, "attn_type": "multihead_attention", "learned_pos_emb": True}
"""MPT's own values of settings that its config leaves out, where they are not off."""


def in_usual_names(config: dict[str, Any]) -> dict[str, Any]:
    """Give MPT's config with its sizes also under the names that Llama's have.

    Raises:
        CheckpointError: the width of the feed-forward part can't be told.
    """
    width, times = config.get("d_model"), config.get("expansion_ratio", 4)
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in (width, times)):
        raise CheckpointError("The config.json of a LLaVA of MPT gives d_model or expansion_ratio that is not a size.")
    sizes = {"hidden_size": "d_model", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads"}
    usual = {name: config.get(original) for name, original in sizes.items()}
    return {**config, **usual, "intermediate_size": width * times}


def mpt_config(config: dict[str, Any], vocab_size: int) -> Any:
    """Map MPT's config onto transformers' `MptConfig`.

    Raises:
        CheckpointError: it asks for an attention, or another part, that transformers' MPT does not compute.
    """
    attention = config.get("attn_config")
    attention = attention if isinstance(attention, dict) else {}
    for settings, computed in ((config, _COMPUTED), (attention, _ATTENTION)):
        for name, values in computed.items():
            stated = settings.get(name, _PLAIN.get(name, values[-1] if name != "alibi" else False))
            if stated not in values:
                raise CheckpointError(
                    f"This LLaVA of MPT has {name} {str(stated)[:40]!r}, which transformers' MPT doesn't compute; its "
                    "answers could not be had exactly."
                )
    return MptConfig(
        d_model=config["d_model"],
        n_heads=config["n_heads"],
        n_layers=config["n_layers"],
        expansion_ratio=config.get("expansion_ratio", 4),
        max_seq_len=_POSITIONS,
        vocab_size=vocab_size,
        layer_norm_epsilon=config.get("layer_norm_epsilon", 1e-5),
        attn_config={name: attention[name] for name in ("clip_qkv", "softmax_scale") if name in attention},
        # transformers' LLaVA looks for embeddings to tie under Llama's name; the output layer gets a copy instead.
        tie_word_embeddings=False,
    )
