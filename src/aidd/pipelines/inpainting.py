"""What every inpainting pipeline shares."""

import os
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from typing_extensions import Self


# With it, `DiffusionPipeline.from_pretrained(FOLDER, custom_pipeline=FOLDER, trust_remote_code=True)` needs no import.
PIPELINE_FILE = "pipeline.py"
PIPELINE_CODE = '''"""For `DiffusionPipeline.from_pretrained` with `trust_remote_code=True`. Needs aidd installed."""

import aidd


class {name}(aidd.{name}):
    """[`aidd.{name}`]."""
'''


class InpaintingPipeline(DiffusionPipeline):
    """Base of the pipelines: loading in float32, and folders that load by themselves."""

    # diffusers' dict, whose items are attributes.
    config: Any

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **kwargs: Any) -> Self:
        """As [`~diffusers.DiffusionPipeline.from_pretrained`], in float32 unless told otherwise by `dtype`."""
        if not {"dtype", "torch_dtype"} & kwargs.keys():
            kwargs["dtype"] = torch.float32
        return super().from_pretrained(pretrained_model_name_or_path, **kwargs)

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """
        As [`~diffusers.DiffusionPipeline.save_pretrained`], with a `pipeline.py` by which `DiffusionPipeline` loads
        the folder without `import aidd`.
        """
        write_pipeline_code(save_directory, type(self).__name__)
        super().save_pretrained(save_directory, *args, **kwargs)


def write_pipeline_code(folder: str | os.PathLike, class_name: str) -> None:
    """Writes `pipeline.py` for a pipeline of the package; the folder is made if need be."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / PIPELINE_FILE).write_text(PIPELINE_CODE.format(name=class_name), encoding="utf-8")
