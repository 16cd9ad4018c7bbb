"""Metrics of restored audio: pure functions of arrays."""

from ...signals.measures.chroma_agreement import chroma_agreement
from ...signals.measures.log_mel_distance import log_mel_distance
from .frechet_audio_distance import frechet_audio_distance
from .in_cells import metrics_in_cells
from .kernel_audio_distance import kernel_audio_distance, paired_kernel_audio_distance
from .level_error import level_error
from .lsd import log_spectral_distance
from .note_agreement import note_onset_agreement, note_pitch_agreement
from .onset_agreement import onset_agreement
from .partials_lost import partials_lost
from .peaq import objective_difference_grade
from .seam_discontinuity import seam_discontinuity
from .seam_spectral_flux import seam_spectral_flux
from .share_in_tune import share_in_tune
from .snr import snr_in_gap
from .stoi import estoi, stoi
from .unchanged_outside import unchanged_outside
from .visqol import visqol


__all__ = [
    "chroma_agreement",
    "estoi",
    "frechet_audio_distance",
    "kernel_audio_distance",
    "level_error",
    "log_mel_distance",
    "log_spectral_distance",
    "metrics_in_cells",
    "note_onset_agreement",
    "note_pitch_agreement",
    "objective_difference_grade",
    "onset_agreement",
    "paired_kernel_audio_distance",
    "partials_lost",
    "seam_discontinuity",
    "seam_spectral_flux",
    "share_in_tune",
    "snr_in_gap",
    "stoi",
    "unchanged_outside",
    "visqol",
]
