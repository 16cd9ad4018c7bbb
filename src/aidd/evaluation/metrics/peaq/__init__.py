"""
PEAQ, basic version (ITU-R BS.1387-1): the grade that listeners would give, estimated by a model of the ear.

The standard leaves some things open. They are read as by GstPEAQ (M. Holters and U. Zoelzer, DAFx 2015), whose grades
these are: variables are not clipped before the network, filters start from zero, and so on. By its authors' account,
it does not stay within the standard's tolerance on all of the standard's test items; no more can this.
"""

from .model_output_variables import ModelOutputVariables, model_output_variables
from .peaq import difference_grade, distortion_index, objective_difference_grade


__all__ = [
    "ModelOutputVariables",
    "difference_grade",
    "distortion_index",
    "model_output_variables",
    "objective_difference_grade",
]
