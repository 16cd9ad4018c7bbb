"""Tau-leaping with the Euler step (Campbell et al. 2022, arXiv:2205.14987), as SEDD offers it."""

import torch
from torch import Tensor

from .scheduling_tau_leaping import TauLeapingScheduler


class EulerTauLeapingScheduler(TauLeapingScheduler):
    """
    As [`TauLeapingScheduler`], but the reverse rate is frozen over a step instead of integrated: a token becomes y
    with probability (t - t_next) sigma'(t) / (e^sigma(t) - 1) p_y. For log-linear noise both steps are the same.
    """

    def unmasking_fraction(self, t: Tensor, t_next: Tensor) -> Tensor:
        """Probability of unmasking in a step from t to t_next, `(batch,)`, where the prediction is normalised."""
        return (t - t_next) * self.schedule.rate(t) / torch.expm1(self.schedule.sigma(t))
