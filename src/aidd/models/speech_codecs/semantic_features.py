"""What XCodec2 and NeuCodec need to encode besides audio: the features of their semantic encoder."""

from typing import Any

from torch import Tensor


def with_features(extractor: Any, audio: Tensor) -> dict[str, Tensor]:
    """
    Adds the features that transformers' feature extractor makes of audio. It appends a sample of silence and fills up
    the hop, as the published codecs do: audio of whole hops becomes a hop longer.

    Args:
        extractor: `Xcodec2FeatureExtractor` or `NeuCodecFeatureExtractor`.
        audio: float `(batch, 1, num_samples)`, at the extractor's rate.

    Returns:
        The arguments of the codecs' own `encode`.
    """
    # Its fbank is computed on the processor, for one signal after another.
    inputs = extractor(list(audio[:, 0].cpu()), sampling_rate=extractor.sampling_rate, return_tensors="pt")
    return {name: value.to(audio.device) for name, value in inputs.items()}


def check_frames(extractor: Any) -> None:
    """
    Checks that features and audio give codes at the same times.

    Raises:
        ValueError: another hop than the stride of the features, which is fixed.
    """
    stride = extractor.frame_shift * extractor.stride
    if extractor.hop_length != stride:
        raise ValueError(
            f"expected downsampling_ratios whose product is {stride}, the samples from one frame of "
            f"{type(extractor).__name__} to the next, got {extractor.hop_length}"
        )
