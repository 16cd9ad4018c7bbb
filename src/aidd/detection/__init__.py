"""Damage found in signals: pure functions that find which samples are missing, or no longer what was recorded."""

from .clicks import find_clicks
from .clipping import find_clipping, project_to_bounds
from .dropouts import find_dropouts


__all__ = ["find_clicks", "find_clipping", "find_dropouts", "project_to_bounds"]
