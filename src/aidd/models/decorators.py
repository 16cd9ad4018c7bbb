"""Decorators of diffusers, annotated so that what they decorate keeps its type."""

from collections.abc import Callable
from typing import TypeVar

from diffusers import configuration_utils
from diffusers.utils import accelerate_utils


Function = TypeVar("Function", bound=Callable)

apply_forward_hook: Callable[[Function], Function] = accelerate_utils.apply_forward_hook
register_to_config: Callable[[Function], Function] = configuration_utils.register_to_config
