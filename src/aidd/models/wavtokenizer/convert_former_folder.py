"""
Converts a folder whose codec aidd saved before transformers had a WavTokenizer of its own.

  python -m aidd.models.wavtokenizer.convert_former_folder OLD_FOLDER NEW_FOLDER

OLD_FOLDER is that of a codec, or of a pipeline with its codec in `codec/`; the rest of a pipeline is copied. Names of
fields and tensors change, no value does. Folders of tokens, and trainings on them, know their codec by a digest, which
depends on the names: both are printed, to be replaced in `parts/settings.json` and `training_arguments.json`.
"""

import argparse
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import WavTokenizerConfig

from ..loading import rounded_digest
from ..model_types import FORMER_CODEC
from ..registration import write_pipeline_code
from .loading_wavtokenizer import save_feature_extractor


# Fields that only have another name. The others concerned training.
FIELDS = {
    "sampling_rate": "sampling_rate",
    "upsampling_ratios": "upsampling_ratios",
    "num_filters": "num_filters",
    "num_lstm_layers": "num_lstm_layers",
    "codebook_size": "codebook_size",
    "codebook_dim": "codebook_dim",
    "hidden_size": "decoder_hidden_size",
    "intermediate_size": "decoder_intermediate_size",
    "num_hidden_layers": "decoder_num_layers",
    "num_bandwidths": "adanorm_num_embeddings",
}
# Patterns of names and their replacements; the first that matches is used.
NAMES = (
    (r"^encoder\.", "encoder_model.encoder."),
    (r"^codebook\.", "encoder_model.quantizer.codebook."),
    (r"^decoder\.prior_net\.", "backbone.pos_net."),
    (r"^decoder\.attention\.norm\.", "backbone.pos_net.2.norm."),
    (r"^decoder\.attention\.([qkv])_proj\.", r"backbone.pos_net.2.\1."),
    (r"^decoder\.attention\.o_proj\.", "backbone.pos_net.2.proj_out."),
    (r"^decoder\.post_net\.0\.", "backbone.pos_net.3."),
    (r"^decoder\.post_net\.1\.", "backbone.pos_net.4."),
    (r"^decoder\.group_norm\.", "backbone.pos_net.5."),
    (r"^decoder\.final_norm\.", "backbone.final_layer_norm."),
    (r"^decoder\.layers\.(\d+)\.fc([12])\.", r"backbone.convnext.\1.pwconv\2."),
    (r"^decoder\.layers\.(\d+)\.norm\.(scale|shift)$", r"backbone.convnext.\1.norm.\2.weight"),
    (r"^decoder\.layers\.", "backbone.convnext."),
    (r"^decoder\.norm\.(scale|shift)$", r"backbone.norm.\1.weight"),
    (r"^decoder\.embed\.", "backbone.embed."),
    (r"^head\.linear\.", "head.linear."),
)
# These were matrices, and are convolutions of kernel size 1.
ONE_TAP = r"attention\.[qkvo]_proj\.weight$"


def convert_config(former: dict[str, Any]) -> WavTokenizerConfig:
    """
    Converts a configuration in aidd's former format to transformers'.

    Raises:
        ValueError: the configuration of another model, or one that lacks a field.
    """
    if former.get("model_type") != FORMER_CODEC:
        raise ValueError(f"expected a configuration of model_type {FORMER_CODEC}, got {former.get('model_type')}")
    if missing := FIELDS.keys() - former.keys():
        raise ValueError(f"the configuration lacks {', '.join(sorted(missing))}")
    fields = {name: former[old] for old, name in FIELDS.items()}
    return WavTokenizerConfig(
        **fields, hidden_size=former["codebook_dim"], architectures=["WavTokenizerModel"], dtype=former.get("dtype")
    )


def convert_tensors(former: dict[str, Tensor]) -> dict[str, Tensor]:
    """
    Converts tensors in aidd's former format to transformers'.

    Raises:
        ValueError: a tensor that the former model did not have.
    """
    converted = {}
    for name, tensor in former.items():
        pattern, replacement = next(((p, r) for p, r in NAMES if re.search(p, name)), (None, ""))
        if pattern is None:
            raise ValueError(f"expected the tensors of a codec, got {name}")
        tensor = tensor[..., None] if re.search(ONE_TAP, name) else tensor
        converted[re.sub(pattern, replacement, name)] = tensor.contiguous()
    return converted


def convert_codec(source: Path, folder: Path) -> str:
    """
    Converts the folder of a codec, and returns how its digest changes. Raises `ValueError` and `OSError` for folders
    that hold none.
    """
    config = convert_config(json.loads((source / "config.json").read_text(encoding="utf-8")))
    former = load_file(source / "model.safetensors")
    tensors = convert_tensors(former)
    config.save_pretrained(folder)
    save_feature_extractor(config, folder)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    encoder = {
        name.removeprefix("encoder_model."): tensor
        for name, tensor in tensors.items()
        if name.startswith("encoder_model.")
    }
    return (
        f"its codec_digest was {rounded_digest(former)} and is {rounded_digest(encoder)}: replace the first by the "
        "second in the parts/settings.json and training_arguments.json of tokens and trainings with this codec"
    )


def convert_folder(source: Path, folder: Path) -> str:
    """
    Converts the folder of a codec or of a pipeline, and returns a line that says what was written.

    Raises:
        ValueError: a folder that holds neither, or a new folder that is there already.
        OSError: a file of it is missing.
    """
    if folder.exists():
        raise ValueError(f"{folder} exists: choose a new folder")
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    # Left by a run that was stopped.
    shutil.rmtree(unfinished, ignore_errors=True)
    index = source / "model_index.json"
    if not index.is_file():
        digests = convert_codec(source, unfinished)
        unfinished.rename(folder)
        return f"{folder}: WavTokenizerModel; {digests}"
    content = json.loads(index.read_text(encoding="utf-8"))
    if content.get("codec") == ["transformers", "WavTokenizerModel"]:
        raise ValueError(f"{source} is in transformers' format already")
    if content.get("codec") != ["aidd", "WavTokenizerModel"]:
        raise ValueError(f"{index}: expected a pipeline whose codec is aidd's WavTokenizerModel, got {content}")
    shutil.copytree(source, unfinished, ignore=lambda at, _: ["codec"] if Path(at) == source else [])
    digests = convert_codec(source / "codec", unfinished / "codec")
    write_pipeline_code(unfinished, content["_class_name"], content["_class_name"])
    content["codec"] = ["transformers", "WavTokenizerModel"]
    (unfinished / "model_index.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    unfinished.rename(folder)
    return f"{folder}: {content['_class_name']} with transformers' WavTokenizerModel; {digests}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("source", type=Path, metavar="OLD_FOLDER", help="a codec or a pipeline in the former format")
    parser.add_argument("folder", type=Path, metavar="NEW_FOLDER", help="where the converted one is written")
    paths = parser.parse_args(arguments)
    try:
        print(convert_folder(paths.source, paths.folder))
    except (ValueError, OSError) as error:
        parser.error(" ".join(str(error).split()))


if __name__ == "__main__":
    main()
