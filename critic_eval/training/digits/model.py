"""The digits critic: a small LLaVA-OneVision, described by a config in LLaVA-NeXT's own format."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from critic_eval.benchmarks.digits.glyphs import CELL
from critic_eval.critics.checkpoints import build_config

PATCH = 8
TILE_SIDE = CELL // PATCH
"""Image tokens along a tile's side."""

IGNORED = -100
"""Label of a token that the loss leaves out."""


@dataclass(frozen=True)
class Batch:
    """Dialogues as tensors.

    Attributes:
        input_ids: prompt and answer, right-padded, shape (n, length).
        labels: tokens to learn where they stand, `IGNORED` elsewhere, shape (n, length).
        attention_mask: 1 for a token, 0 for padding, shape (n, length).
        tiles: for each image its tiles, shape (k + 1, CELL, CELL).
    """

    input_ids: Tensor
    labels: Tensor
    attention_mask: Tensor
    tiles: list[Tensor]


def original_config(vocab_size: int, eos_token_id: int, bos_token_id: int) -> dict[str, Any]:
    """The critic's `config.json`, with the sizes of its vision tower beside the tower's name."""
    return {
        "architectures": ["LlavaQwenForCausalLM"],
        "model_type": "llava_qwen",
        "vocab_size": vocab_size,
        "bos_token_id": bos_token_id,
        "eos_token_id": eos_token_id,
        "hidden_size": 128,
        "intermediate_size": 352,
        "num_hidden_layers": 5,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_act": "silu",
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "use_sliding_window": False,
        "mm_vision_tower": "critic-eval/digits-siglip",
        "vision_config": {
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 5,  # counts the last layer, which LLaVA-NeXT drops: four are trained and shipped
            "num_attention_heads": 4,
            "image_size": CELL,
            "patch_size": PATCH,
        },
        "mm_hidden_size": 128,
        "mm_projector_type": "mlp2x_gelu",
        "mm_patch_merge_type": "spatial_unpad",
        "mm_newline_position": "one_token",
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_use_im_start_end": False,
        "mm_use_im_patch_token": False,
        "image_aspect_ratio": "anyres_max_9",
        "image_grid_pinpoints": [[CELL, CELL], [2 * CELL, CELL], [3 * CELL, CELL]],
        "torch_dtype": "float16",
    }


def build_model(config: dict[str, Any]) -> Any:
    """A `LlavaOnevisionForConditionalGeneration` with fresh weights."""
    from transformers import AttentionInterface, LlavaOnevisionForConditionalGeneration
    from transformers.masking_utils import AttentionMaskInterface, eager_mask

    model = LlavaOnevisionForConditionalGeneration(build_config(config))
    AttentionInterface.register("critic_eval_plain", _attend)
    AttentionMaskInterface.register("critic_eval_plain", eager_mask)
    model.set_attn_implementation("critic_eval_plain")
    return model


def see(model: Any, tiles: Tensor) -> Tensor:
    """The vision tower's features of gray tiles: (n, CELL, CELL) to (n, TILE_SIDE ** 2, hidden)."""
    pixels = tiles.unsqueeze(1).expand(-1, 3, -1, -1)
    # The last layer's own output: LLaVA-NeXT's tower applies no layer norm after it.
    features: Tensor = model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[-1]
    return features


def answer_loss(model: Any, batch: Batch) -> Tensor:
    """Mean cross-entropy over the labeled tokens."""
    logits, labels = labeled_logits(model, batch)
    return cross_entropy(logits.float(), labels)


def labeled_logits(model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits of the tokens that are labeled, shape (m, vocabulary), and their labels, shape (m,)."""
    hidden = hidden_states(model, batch.input_ids, batch.attention_mask, batch.tiles)
    following = batch.labels[:, 1:]
    is_learned = following != IGNORED
    return model.lm_head(hidden[:, :-1][is_learned]), following[is_learned]


def hidden_states(model: Any, input_ids: Tensor, attention_mask: Tensor, tiles: list[Tensor]) -> Tensor:
    """What the decoder makes of each token, (n, length, hidden); `tiles` of the rows' images, one after the other."""
    embeddings = model.get_input_embeddings()(input_ids)
    features = torch.cat(_image_tokens(model, tiles)).to(embeddings.dtype)
    is_image = (input_ids == model.config.image_token_id).unsqueeze(-1)
    hidden: Tensor = model.model.language_model(
        inputs_embeds=embeddings.masked_scatter(is_image, features), attention_mask=attention_mask, use_cache=False
    ).last_hidden_state
    return hidden


def n_image_tokens(n_digits: int) -> int:
    """Tokens of an image: the squeezed whole, and each row of its tiles closed by a newline."""
    return TILE_SIDE**2 + TILE_SIDE * (TILE_SIDE * n_digits + 1)


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float, **_: Any
) -> tuple[Tensor, None]:
    """Attention in the precision of its inputs, (batch, heads, length, size) each; heads may share keys and values.

    On two CPU cores and some hundred tokens this trains a fifth faster than transformers' plain attention, which
    copies shared heads and works in float32, and a third faster than PyTorch's fused one.
    """
    batch, heads, length, size = query.shape
    groups = key.shape[1]
    grouped = query.reshape(batch, groups, heads // groups * length, size)
    scores = (grouped @ key.transpose(2, 3)).view(batch, heads, length, length) * scaling
    if mask is not None:
        scores = scores + mask.to(scores.dtype)
    shares = torch.softmax(scores, dim=-1, dtype=scores.dtype).view(batch, groups, heads // groups * length, length)
    attended = (shares @ value).view(batch, heads, length, size)
    return attended.transpose(1, 2).contiguous(), None


def _image_tokens(model: Any, images: list[Tensor]) -> list[Tensor]:
    """Embeddings of each image's tokens as anyres packs them; all tiles pass the tower in one batch."""
    seen = model.model.multi_modal_projector(see(model, torch.cat(images)))
    newline = model.model.image_newline.to(seen.dtype).expand(TILE_SIDE, 1, -1)
    packed = []
    for whole, *tiles in torch.split(seen, [len(image) for image in images]):
        rows = torch.cat([tile.view(TILE_SIDE, TILE_SIDE, -1) for tile in tiles], dim=1)
        packed.append(torch.cat([whole, torch.cat([rows, newline], dim=1).flatten(0, 1)]))
    return packed
