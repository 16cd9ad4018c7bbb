"""Audio to codes and back by transformers' WavTokenizer and other codecs, with the checks that they leave out."""

import torch
from torch import Tensor
from transformers import WavTokenizerModel

from ..codecs import Codec
from ..decorators import apply_forward_hook


@apply_forward_hook
def encode(codec: Codec, input_values: Tensor) -> Tensor:
    """
    Encodes audio of one length. A shorter item padded to the length of others would change its own last codes, so
    there are no padding masks.

    Args:
        codec: the codec. Its weights and its computations should be in float32: in bfloat16 codes flip.
        input_values: float, `(batch, 1, num_samples)`, in about [-1, 1], at the codec's rate.

    Returns:
        int64 `(batch, 1, ceil(num_samples / hop_length))`, in [0, codebook_size).

    Raises:
        ValueError: another shape, an empty codebook, or codes of another shape, as of several codebooks, of another
            type, or outside the codebook.
    """
    if isinstance(codec, WavTokenizerModel):
        check_started(codec)
    if input_values.ndim != 3 or input_values.shape[1] != 1 or input_values.numel() == 0:
        raise ValueError(f"input_values must have shape (batch, 1, num_samples), got {tuple(input_values.shape)}")
    audio_codes = codec.encode(input_values=input_values).audio_codes
    expected = (len(input_values), 1, -(-input_values.shape[-1] // codec.config.hop_length))
    if audio_codes.shape != expected:
        raise ValueError(
            f"expected codes of one codebook, {expected}, of {type(codec).__name__}, got {tuple(audio_codes.shape)}"
        )
    _check_codes(audio_codes, codec)
    return audio_codes


@apply_forward_hook
def decode(codec: Codec, audio_codes: Tensor) -> Tensor:
    """
    Decodes codes. Decoding is global in time (group norms and attention see the whole input): decode windows with
    context.

    Args:
        codec: the codec.
        audio_codes: int64 `(batch, 1, num_tokens)`, in [0, codebook_size).

    Returns:
        float32 `(batch, 1, num_tokens * hop_length)`.

    Raises:
        ValueError: another shape, codes outside the codebook, an empty codebook, or audio of another shape.
    """
    if isinstance(codec, WavTokenizerModel):
        check_started(codec)
    if audio_codes.ndim != 3 or audio_codes.shape[1] != 1 or audio_codes.numel() == 0:
        raise ValueError(f"audio_codes must have shape (batch, 1, num_tokens), got {tuple(audio_codes.shape)}")
    _check_codes(audio_codes, codec)
    # By its name: to some codecs, such as transformers' DAC, codes are not the first argument.
    audio_values = codec.decode(audio_codes=audio_codes).audio_values
    expected = (len(audio_codes), 1, audio_codes.shape[-1] * codec.config.hop_length)
    if audio_values.shape != expected:
        raise ValueError(f"expected audio {expected} of {type(codec).__name__}, got {tuple(audio_values.shape)}")
    return audio_values


def _check_codes(audio_codes: Tensor, codec: Codec) -> None:
    """Raises `ValueError` unless these are int64, in [0, codebook_size)."""
    if audio_codes.dtype != torch.long:
        raise ValueError(f"audio_codes must be int64, got {audio_codes.dtype}")
    low, high = audio_codes.aminmax()
    if low < 0 or high >= codec.config.codebook_size:
        raise ValueError(f"audio_codes must lie in [0, {codec.config.codebook_size}), got values from {low} to {high}")


def check_started(codec: WavTokenizerModel) -> None:
    """Raises `ValueError` if the codebook is empty: all its vectors are zero."""
    if not codec.encoder_model.quantizer.codebook.embed.any():
        raise ValueError(
            "the codebook is empty: load trained weights, or train a codec (examples/train_wavtokenizer.py)"
        )
