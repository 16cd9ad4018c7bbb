"""
Time a training step of the token model beside the original's: the same architecture, batch and thread.

    AIDD_OFFICIAL_REPO=AIDD python tests/parity/benchmark_training_step.py

`AIDD_OFFICIAL_REPO` is a checkout of github.com/iftachShoham/AIDD. A step is span corruption, network, DWDSE and
derivative loss, backward pass, clipping, AdamW and moving average, in float32 on the CPU. Steps of the two alternate:
whatever else the machine does slows both down.
"""

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial

import torch
from diffusers.training_utils import EMAModel

from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel
from aidd.schedulers import LogLinearSchedule, span_mask
from aidd.training.data.corruption import corrupt
from aidd.training.losses.derivative_loss import derivative_loss
from aidd.training.losses.score_entropy import score_entropy_loss


MASK_ID = 4095
LAMBDA = 500.0


def original_step(args: argparse.Namespace) -> Callable[[torch.Tensor], None]:
    sys.path.insert(0, os.environ["AIDD_OFFICIAL_REPO"])
    from core.losses.losses import get_optimizer, get_step_fn, optimization_manager
    from core.models import SEDD
    from core.models.ema import ExponentialMovingAverage
    from core.utils.graph_lib import get_graph
    from core.utils.noise_lib import get_noise
    from omegaconf import OmegaConf

    repo = os.environ["AIDD_OFFICIAL_REPO"]
    config = OmegaConf.load(f"{repo}/configs/config.yaml")
    config.pop("defaults")
    config.model.update(OmegaConf.load(f"{repo}/configs/model/small.yaml"))
    config.model.update(hidden_size=args.hidden_size, n_blocks=args.num_layers, n_heads=args.num_heads)
    model = SEDD(config)
    optimizer = get_optimizer(config, model.parameters())
    state = {
        "model": model,
        "optimizer": optimizer,
        "scaler": torch.amp.GradScaler("cpu", enabled=False),
        "ema": ExponentialMovingAverage(model.parameters(), decay=config.training.ema),
        "step": 0,
    }
    step = get_step_fn(
        get_noise(config),
        get_graph(config, "cpu"),
        True,
        optimization_manager(config),
        accum=1,
        lamda=LAMBDA,
        mask_token_id=MASK_ID,
    )
    return lambda tokens: step(state, tokens)


def our_step(args: argparse.Namespace) -> Callable[[torch.Tensor], None]:
    config = DiTTokenConfig(
        hidden_size=args.hidden_size,
        num_hidden_layers=args.num_layers,
        num_attention_heads=args.num_heads,
        intermediate_size=4 * args.hidden_size,
        parameterization="score",
        time_conditioning=True,
    )
    model = DiTTokenModel(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-6, weight_decay=0.0)
    ema, schedule = EMAModel(model.parameters(), decay=0.9999), LogLinearSchedule()
    first_index = 0

    def step(tokens: torch.Tensor) -> None:
        nonlocal first_index
        indices = range(first_index, first_index + len(tokens))
        first_index += len(tokens)
        t, missing = corrupt(
            indices,
            tokens.shape[1],
            seed=0,
            schedule=schedule,
            mask_sampler=partial(span_mask, p0=0.8, alpha=0.5),
            gap_probability=0.0,
        )
        log_probs = model(tokens, missing, schedule.sigma(t), positions=missing).log_probs
        loss = score_entropy_loss(log_probs, tokens, missing, t, schedule)
        loss = loss + LAMBDA * derivative_loss(log_probs, tokens, missing, model.embed_tokens.weight)
        (loss.mean() / tokens.shape[1]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1 / tokens.shape[1])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ema.step(model.parameters())

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--num_tokens", type=int, default=300)
    parser.add_argument("--hidden_size", type=int, default=768)
    parser.add_argument("--num_layers", type=int, default=12)
    parser.add_argument("--num_heads", type=int, default=12)
    parser.add_argument("--num_steps", type=int, default=5, help="Timed, behind one to warm up.")
    args = parser.parse_args()
    # The original asks for CUDA's autocast, which switches itself off.
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    steps = {"original": original_step(args), "ours": our_step(args)}
    seconds = {name: [] for name in steps}
    for number in range(args.num_steps + 1):
        tokens = torch.randint(MASK_ID, (args.batch_size, args.num_tokens))
        for name, step in steps.items():
            start = time.thread_time()
            step(tokens)
            if number:
                seconds[name].append(time.thread_time() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, values in seconds.items():
        print(f"{name}: {medians[name]:.3f} s a step in CPU time (median of {len(values)}, best {min(values):.3f})")
    print(f"ratio of throughput, ours to the original's: {medians['original'] / medians['ours']:.2f}")


if __name__ == "__main__":
    main()
