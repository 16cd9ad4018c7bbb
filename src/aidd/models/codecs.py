"""What pipelines ask of a codec."""

import inspect
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from torch import Tensor
from typing_extensions import Self


# Numbers that a codec's configuration has: of codes, of samples of a token, and of samples a second, in Hz.
NUMBERS = ("codebook_size", "hop_length", "sampling_rate")


class EncoderOutput(Protocol):
    """What a codec's `encode` gives: codes, int64 `(batch, 1, ceil(num_samples / hop_length))`."""

    audio_codes: Tensor


class DecoderOutput(Protocol):
    """What a codec's `decode` gives: audio, float `(batch, 1, num_tokens * hop_length)`."""

    audio_values: Tensor


@runtime_checkable
class Codec(Protocol):
    """
    A model with one codebook that makes tokens of audio, and audio of tokens. transformers' WavTokenizer is one, and
    so is every [`~transformers.PreTrainedModel`] with these methods whose `config` has the `codebook_size`, the
    `hop_length` (samples of a token) and the `sampling_rate` (Hz).
    """

    config: Any

    def encode(self, input_values: Tensor) -> EncoderOutput:
        """Codes of audio, float `(batch, 1, num_samples)`, at the codec's rate."""
        ...

    def decode(self, audio_codes: Tensor) -> DecoderOutput:
        """Audio of codes, int64 `(batch, 1, num_tokens)`."""
        ...

    def float(self) -> Self:
        """Itself, with its weights in float32."""
        ...


def check_codec(codec: Any, codebook_size: int) -> None:
    """
    Checks that a model can be asked as a codec. How many codebooks it has is seen when it encodes.

    Args:
        codec: the model.
        codebook_size: that the model of its tokens has.

    Raises:
        ValueError: a model that is no [`Codec`], with what it lacks, or another number of codes.
    """
    config = getattr(codec, "config", None)
    lacking = [f"config.{name}" for name in NUMBERS if not _is_count(getattr(config, name, None))]
    for name, argument in (("encode", "input_values"), ("decode", "audio_codes")):
        lacking += _lacking_in(name, argument, getattr(codec, name, None))
    if lacking:
        raise ValueError(
            "expected a codec with one codebook (aidd.models.codecs.Codec), got "
            f"{type(codec).__name__}, which lacks {', '.join(lacking)}"
        )
    if codec.config.codebook_size != codebook_size:
        raise ValueError(
            f"codec and transformer must have one codebook size, got {codec.config.codebook_size} and {codebook_size}"
        )


def _is_count(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0


def _lacking_in(name: str, argument: str, method: Callable | None) -> list[str]:
    """What is wrong with a method that is to take one tensor."""
    if not callable(method):
        return [f"{name}({argument})"]
    parameters = inspect.signature(method).parameters
    others = [
        other
        for other, one in parameters.items()
        if one.default is one.empty and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL) and other != argument
    ]
    if argument not in parameters or others:
        return [f"{name}({argument}), as its own needs {', '.join(others or parameters)}"]
    return []
