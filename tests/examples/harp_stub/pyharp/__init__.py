"""
A stand-in for pyharp, whose own package pins another Gradio: the names that the endpoint uses, and the three events by
which HARP talks to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import gradio as gr
from gradio.components import Component


@dataclass
class ModelCard:
    name: str
    description: str
    author: str
    tags: list[str]


@dataclass
class AudioLabel:
    t: float
    label: str
    duration: float


@dataclass
class LabelList:
    labels: list[AudioLabel] = field(default_factory=list)


def _harp_required(self: Component, required: bool) -> Component:
    self.is_harp_required = required
    return self


def _set_info(self: Component, info: str) -> Component:
    self.info = info
    return self


Component.harp_required = _harp_required
Component.set_info = _set_info


def build_endpoint(
    model_card: ModelCard, input_components: list, output_components: list, process_fn: Callable
) -> dict[str, Component]:
    controls = gr.JSON()
    described = {"card": asdict(model_card), "inputs": [component.label for component in input_components]}
    gr.Button("View Controls").click(lambda: described, None, controls, api_name="controls")
    gr.Button("Process").click(process_fn, input_components, output_components, api_name="process")
    return {"controls_data": controls}
