"""What the pipelines ask of their options, and do with masks and results, alike."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import AudioPipelineOutput
from torch import Tensor

from ..masks.gaps import join_masks, mask_from_seconds
from ..signals.arrays import Seconds, as_numpy


def check_splicing(reach_seconds: float, short_gap_seconds: float, fine_structure: float) -> None:
    """Of pipelines' settings: seconds finite and at least 0, and an amount in [0, 1], or `ValueError`."""
    for name, seconds in (("reach_seconds", reach_seconds), ("short_gap_seconds", short_gap_seconds)):
        if not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
            raise ValueError(f"{name} must be a finite number of at least 0, got {seconds!r}")
    if not isinstance(fine_structure, (int, float)) or not 0 <= fine_structure <= 1:
        raise ValueError(f"fine_structure must lie in [0, 1], got {fine_structure!r}")


def check_options(
    num_variations: int,
    generator: torch.Generator | list[torch.Generator] | None,
    output_type: str | None,
    select: str | None,
    callback_tensor_inputs: Sequence[str],
    known_tensor_inputs: Sequence[str],
) -> None:
    """Of calls. Raises `ValueError` on options that are none, or do not fit together."""
    if isinstance(num_variations, bool) or not isinstance(num_variations, int) or num_variations < 1:
        raise ValueError(f"num_variations must be an integer of at least 1, got {num_variations!r}")
    generators = generator if isinstance(generator, list) else [generator]
    if not all(one is None or isinstance(one, torch.Generator) for one in generators):
        raise ValueError(
            f"generator must be a torch.Generator, or a list of one for each variation, got {generator!r}"
        )
    if isinstance(generator, list) and len(generator) != num_variations:
        raise ValueError(f"expected {num_variations} generators, one for each variation, got {len(generator)}")
    if output_type not in (None, "np", "pt"):
        raise ValueError(f"output_type must be 'np', 'pt' or None (that of the audio), got {output_type!r}")
    if select not in (None, "ranked", "agreement"):
        raise ValueError(f"select must be 'agreement', 'ranked' or None, got {select!r}")
    unknown = set(callback_tensor_inputs) - set(known_tensor_inputs)
    if unknown:
        raise ValueError(f"callback_on_step_end_tensor_inputs must be among {known_tensor_inputs}, got {unknown}")


def given_mask(
    audio: np.ndarray | Tensor,
    mask: np.ndarray | Tensor | None,
    starts: Seconds | None,
    ends: Seconds | None,
    *,
    sampling_rate: int,
) -> np.ndarray | Tensor:
    """
    What is missing by a mask, or by gaps in seconds, or by both: bool, broadcastable to the audio `(..., samples)`.

    Raises:
        ValueError: neither, starts without ends, or as [`~aidd.masks.gaps.mask_from_seconds`].
    """
    if (starts is None) != (ends is None):
        raise ValueError("mask_start_seconds and mask_end_seconds must be given together, got one of them")
    if starts is None or ends is None:
        if mask is None:
            raise ValueError("expected a mask, or mask_start_seconds and mask_end_seconds; got neither")
        return mask
    num_samples = as_numpy(audio, "audio").shape[-1:] or (0,)
    gaps = mask_from_seconds(starts, ends, num_samples=num_samples[0], sampling_rate=sampling_rate)
    return gaps if mask is None else join_masks(mask, gaps)


def as_asked(audios: Any, output_type: str | None, return_dict: bool) -> Any:
    """Audio as a pipeline's output, as array ("np"), tensor ("pt") or what it is (None)."""
    if output_type == "np" and isinstance(audios, Tensor):
        audios = audios.cpu().numpy()
    elif output_type == "pt":
        audios = torch.as_tensor(audios)
    return AudioPipelineOutput(audios) if return_dict else (audios,)
