"""Measures of restored audio that repairs are chosen by; [`aidd.evaluation.metrics`] has them and others."""
