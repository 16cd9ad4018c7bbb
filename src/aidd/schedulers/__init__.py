"""Samplers: of absorbing diffusion over tokens, with its forward process, of spectrograms, and of waveforms."""

from .process import GeometricSchedule, LogLinearSchedule, independent_mask, span_mask
from .scheduling_edm import EDMScheduler
from .scheduling_edm_ancestral import EDMAncestralScheduler
from .scheduling_edm_heun import EDMHeunScheduler
from .scheduling_euler_tau_leaping import EulerTauLeapingScheduler
from .scheduling_masked_discrete import MaskedDiscreteScheduler
from .scheduling_masked_entropy_bound import MaskedEntropyBoundScheduler
from .scheduling_tau_leaping import TauLeapingScheduler
from .scheduling_theta_trapezoidal import ThetaTrapezoidalScheduler
from .scheduling_utils import DiscreteSchedulerOutput


# Samplers that pipelines take; the others are subclasses of these.
DiscreteScheduler = MaskedDiscreteScheduler | TauLeapingScheduler | ThetaTrapezoidalScheduler

__all__ = [
    "DiscreteScheduler",
    "DiscreteSchedulerOutput",
    "EDMAncestralScheduler",
    "EDMHeunScheduler",
    "EDMScheduler",
    "EulerTauLeapingScheduler",
    "GeometricSchedule",
    "LogLinearSchedule",
    "MaskedDiscreteScheduler",
    "MaskedEntropyBoundScheduler",
    "TauLeapingScheduler",
    "ThetaTrapezoidalScheduler",
    "independent_mask",
    "span_mask",
]
