"""Classical methods: what restored audio before there were models of it, and the yardsticks of those."""

from .linear import linear


__all__ = ["linear"]
