"""For `DiffusionPipeline.from_pretrained` with `trust_remote_code=True`. Needs aidd installed."""

import aidd


class AIDDPipeline(aidd.AIDDPipeline):
    """[`aidd.AIDDPipeline`]."""
