"""Loading that refuses weights which do not fill the model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedModel


if TYPE_CHECKING:
    from typing_extensions import Self


class CompleteLoadingMixin(PreTrainedModel):
    """
    `from_pretrained` that raises where transformers would warn: a model some of whose layers are left at random
    initial values, or whose folder holds weights it has no use for, is not the model that was saved.
    """

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike | None,
        *model_args: Any,
        output_loading_info: bool = False,
        **kwargs: Any,
    ) -> Self | Any:
        """
        As [`~transformers.PreTrainedModel.from_pretrained`].

        Raises:
            ValueError: tensors that the configuration asks for and the weights lack, or the other way round.
        """
        # A pair, which transformers' annotation does not tell.
        loaded: Any = super().from_pretrained(
            pretrained_model_name_or_path, *model_args, output_loading_info=True, **kwargs
        )
        model, info = loaded
        check_complete(pretrained_model_name_or_path, info)
        return (model, info) if output_loading_info else model


def check_complete(source: str | os.PathLike | None, info: Mapping[str, Any]) -> None:
    """
    Checks what `from_pretrained` reports with `output_loading_info=True`.

    Raises:
        ValueError: tensors that the configuration asks for and the weights lack, or the other way round.
    """
    missing, unexpected = sorted(info["missing_keys"]), sorted(info["unexpected_keys"])
    if missing or unexpected:
        raise ValueError(
            f"{source}: configuration and weights do not belong together: the weights lack {len(missing)} tensors "
            f"({', '.join(missing[:3])}), and hold {len(unexpected)} others ({', '.join(unexpected[:3])})"
        )
