"""Arguments of `llava_critic` that several processes of one run share out."""

from typing import Any

import torch

from critic_eval.critics.engines.arguments import default_device


def make_accelerator(device: str | None) -> Any:
    """The link to the other processes of `accelerate launch`."""
    from accelerate import Accelerator

    return Accelerator(cpu=device == "cpu" or not torch.cuda.is_available())


def choose_device(device: str | None, accelerator: Any) -> str:
    """The device that was asked for, or a GPU where there is one; with several processes, each its own."""
    return str(accelerator.device) if accelerator.num_processes > 1 else default_device(device)
