"""
Count and time the network's calls for one gap, with the sampler of the original AIDD and with ours.

    python benchmarks/sampler_calls.py --official_repo AIDD --output benchmarks/results/sampler_calls.json

AIDD is a checkout of github.com/iftachShoham/AIDD; without it, only our samplers run. The network is the official
small model of 98.7 M parameters with random weights, the same for all samplers, in float32. It fills 300 tokens, of
which 56 in the middle are missing (750 ms). Every call is made and none is extrapolated: the 1,025 calls of the
original take about ten minutes on one core, and as many calls of ours take as long. The codes that a random network
gives do not matter here, but it is unsure of them, so the entropy bound then allows one token for each call.
`one_gap.py` measures the entropy bound with trained weights. With `--device cuda`, all of them run on a GPU, and
seconds include what the processor waits for.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from measuring import Results, argument_parser, stopwatch
from token_sampling import sample_tokens
from torch import Tensor

import aidd
from aidd.models.dit_token.convert_aidd_checkpoint import convert_config, convert_state_dict


# Standard deviation of the random weights: as initialised, the output would be zero whatever the blocks compute.
PERTURBATION = 0.05


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--official_repo", type=Path, help="Folder of a checkout of the original code.")
    parser.add_argument("--device", default="cpu", help="Where the network computes. Default: cpu.")
    parser.add_argument("--steps", type=int, default=1024, help="Steps of tau leaping, the original's and ours.")
    parser.add_argument(
        "--theta_steps", type=int, default=14, help="Steps of the trapezoidal sampler, two calls each."
    )
    parser.add_argument("--num_tokens", type=int, default=300, help="Tokens of the window.")
    parser.add_argument("--num_missing", type=int, default=56, help="Tokens to fill, in the middle.")
    parser.add_argument("--hidden_size", type=int, default=768, help="Width of the network.")
    parser.add_argument("--num_layers", type=int, default=12, help="Depth of the network.")
    parser.add_argument("--num_heads", type=int, default=12, help="Attention heads of the network.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of weights, tokens and draws.")
    return parser.parse_args()


def perturb(model: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(PERTURBATION * torch.randn(parameter.shape))


def our_config(args: argparse.Namespace) -> aidd.DiTTokenConfig:
    return aidd.DiTTokenConfig(
        hidden_size=args.hidden_size,
        num_hidden_layers=args.num_layers,
        num_attention_heads=args.num_heads,
        intermediate_size=4 * args.hidden_size,
        max_position_embeddings=args.num_tokens,
        parameterization="score",
        time_conditioning=True,
    )


def original_pair(
    args: argparse.Namespace, tokens: Tensor, missing: Tensor
) -> tuple[torch.nn.Module, Callable[[], Tensor], aidd.DiTTokenModel]:
    """The original network, its sampler as its inference script calls it, and our model of the same weights."""
    sys.path.insert(0, str(args.official_repo))
    from core.models import SEDD
    from core.samplers.sampling import get_pc_sampler
    from core.utils.graph_lib import get_graph
    from core.utils.noise_lib import get_noise
    from omegaconf import OmegaConf

    config = OmegaConf.load(args.official_repo / "configs" / "config.yaml")
    config.pop("defaults")
    config.model.update(OmegaConf.load(args.official_repo / "configs" / "model" / "small.yaml"))
    config.model.update(hidden_size=args.hidden_size, n_blocks=args.num_layers, n_heads=args.num_heads)
    original = SEDD(config).eval()
    perturb(original)
    original.to(args.device)
    config = OmegaConf.to_container(config)
    ours = aidd.DiTTokenModel(convert_config(config)).eval().to(args.device)
    ours.load_state_dict(convert_state_dict(original.state_dict(), ours.config))

    def keep_known(sample: Tensor) -> Tensor:
        return torch.where(missing, sample, tokens)

    config = OmegaConf.create(config)
    sampler = get_pc_sampler(
        get_graph(config, args.device),
        get_noise(config),
        tuple(tokens.shape),
        "analytic",
        args.steps,
        proj_fun=keep_known,
    )
    return original, lambda: keep_known(sampler(original)), ours


def measure(results: Results, name: str, model: torch.nn.Module, sampler: Callable[[], Tensor]) -> None:
    """Adds a row; the first one is what the others are compared with."""
    calls = []
    handle = model.register_forward_hook(lambda *_: calls.append(1))
    with stopwatch() as elapsed:
        # On a GPU, what comes back has been waited for.
        sampler().cpu()
    handle.remove()
    row = {"sampler": name, "calls": len(calls), "seconds": elapsed.seconds, "CPU_seconds": elapsed.cpu_seconds}
    first = results.rows[0] if results.rows else {"calls": len(calls), "seconds": elapsed.seconds}
    results.add(
        **row,
        ms_a_call=1000 * elapsed.seconds / len(calls),
        times_fewer_calls=first["calls"] / len(calls),
        times_less_time=first["seconds"] / elapsed.seconds,
    )
    # Results are saved at once, so an interrupted run of half an hour loses nothing.
    results.write()


def main() -> None:
    args = parse_args()
    # The original asks for CUDA's autocast, which switches itself off.
    warnings.simplefilter("ignore")
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    results = Results(args)
    mask_id = our_config(args).mask_token_id
    tokens, missing = torch.randint(mask_id, (1, args.num_tokens)), torch.zeros(1, args.num_tokens, dtype=torch.bool)
    first = (args.num_tokens - args.num_missing) // 2
    missing[:, first : first + args.num_missing] = True
    tokens, missing = tokens.to(args.device), missing.to(args.device)

    if args.official_repo is None:
        model = aidd.DiTTokenModel(our_config(args)).eval()
        perturb(model)
        model.to(args.device)
    else:
        original, sampler, model = original_pair(args, tokens, missing)
        sigma = torch.ones(1, device=args.device)
        with torch.no_grad():
            scores = original(tokens.masked_fill(missing, mask_id), sigma)[missing][:, :mask_id]
            log_probs = model(tokens, missing, sigma).log_probs[missing][:, :mask_id]
        difference = (log_probs - torch.expm1(sigma).log() - scores).abs().max().item()
        results.findings.append(f"The two networks' log-scores differ by {difference:.0e} at most.")
        measure(results, f"original, analytic, {args.steps} steps", original, sampler)
    results.findings.append(f"The network has {model.num_parameters() / 1e6:.1f} M parameters.")
    with torch.no_grad():
        model(tokens, missing, torch.ones(1, device=args.device))

    for name, scheduler, steps in (
        ("first hitting", aidd.MaskedDiscreteScheduler(), None),
        ("entropy bound", aidd.MaskedEntropyBoundScheduler(), None),
        (f"theta-trapezoidal, {args.theta_steps} steps", aidd.ThetaTrapezoidalScheduler(), args.theta_steps),
        (f"analytic tau leaping, {args.steps} steps", aidd.TauLeapingScheduler(), args.steps),
    ):
        measure(
            results,
            name,
            model,
            lambda scheduler=scheduler, steps=steps: sample_tokens(
                model, scheduler, tokens, missing, num_inference_steps=steps, seed=args.seed
            )[0],
        )


if __name__ == "__main__":
    main()
