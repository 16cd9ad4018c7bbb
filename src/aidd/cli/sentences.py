"""A report of a repair, or of what one would do, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from ..repair.report import RepairReport

# Gaps of a preview that are listed, at most.
MOST_LISTED = 40


def print_report(report: RepairReport) -> None:
    """Prints what was found and filled."""
    from ..repair.report import extent

    for kind, gaps in report.found.items():
        print(f"{report.input}: {kind}: {extent(gaps, report.sampling_rate, 'found')}")
    print(f"{report.input}: {report.fillers()}")
    if report.adaptation is not None:
        _print_adaptation(report.input, report.adaptation)
    _print_trials(report)
    if report.boxes:
        _print_boxes(report)
        return
    for source in report.sources:
        gap, taken = source.start / report.sampling_rate, source.source_start / report.sampling_rate
        print(f"{report.input}: the gap at {gap:.3f} s is like {taken:.3f} s, likeness {source.likeness:.2f}")
    filled = extent(report.gaps, report.sampling_rate, "filled")
    for output in report.outputs:
        print(f"{output}: {filled}, in {report.seconds - report.loading_seconds:.1f} s{_loading(report)}")


def _print_adaptation(path: str, adaptation: dict[str, Any]) -> None:
    learned = f"{adaptation['kept_steps']} of {adaptation['steps']} steps in {adaptation['seconds']:.1f} s"
    nats = f"from {adaptation['cross_entropy_before']:.3f} to {adaptation['cross_entropy']:.3f} nats a token"
    print(f"{path}: the model was adapted by {learned}: cross-entropy of held-out pieces {nats}")


def _print_trials(report: RepairReport) -> None:
    """Prints the scores of the candidates of each trial, the best first."""
    for trial in report.trials:
        places = [f"{start / report.sampling_rate:.3f} s" for start, _ in trial.gaps]
        said = f"{places[0]}{f' and {len(places) - 1} more' if len(places) > 1 else ''}: {trial.chosen}"
        scored = {name: one.score for name, one in trial.scores.items() if one.score is not None}
        if not scored:
            print(f"{report.input}: {said}, without a trial")
            continue
        scores = ", ".join(f"{name} {scored[name]:.1f}" for name in sorted(scored, key=scored.__getitem__))
        count = f"{trial.rounds} pseudo-gap{'' if trial.rounds == 1 else 's'}"
        print(f"{report.input}: {said}, by trial on {count} (dB, the lower, the better: {scores})")


def _loading(report: RepairReport) -> str:
    return f", after {report.loading_seconds:.1f} s of loading the model" if report.loading_seconds else ""


def print_preview(report: RepairReport) -> None:
    """Prints what would be repaired: the density of each kind of damage, and every gap with what would fill it."""
    if report.found:
        print(f"{report.input}: found")
        print(f"  {'kind':10} {'gaps':>7} {'a minute':>9} {'seconds':>9} {'share':>8} {'longest':>9}")
    for kind, density in report.densities.items():
        print(
            f"  {kind:10} {density.gaps:7} {density.per_minute:9.1f} {density.seconds:9.3f} {density.share:8.3%} "
            f"{density.longest_seconds:9.4f}"
        )
    if not any(map(len, report.gaps)):
        print(f"{report.input}: nothing would be filled")
        return
    print(f"{report.input}: would be filled, and nothing is written: {report.fillers()}")
    rows = [
        (start, end, channel, filler)
        for channel, (gaps, names) in enumerate(zip(report.gaps, report.filled_by, strict=True), start=1)
        for (start, end), filler in zip(gaps.tolist(), names, strict=True)
    ]
    for start, end, channel, filler in sorted(rows)[:MOST_LISTED]:
        seconds = f"{start / report.sampling_rate:.4f} to {end / report.sampling_rate:.4f} s"
        print(f"  {seconds}, channel {channel}: {filler}")
    if len(rows) > MOST_LISTED:
        print(f"  and {len(rows) - MOST_LISTED} more, which --json lists")


def _print_boxes(report: RepairReport) -> None:
    from ..masks.gaps import num_missing
    from ..repair.report import count

    seconds = num_missing(report.gaps[0]) / report.sampling_rate
    print(
        f"{report.outputs[0]}: {count(len(report.boxes), 'box')} filled, in frames of {seconds:.3f} s in all, in "
        f"{report.seconds:.1f} s"
    )
    if report.other_frequencies_db is not None:
        level = f"{-report.other_frequencies_db:.1f} dB below what is there"
        print(f"{report.outputs[0]}: the change at other frequencies of these frames is {level}")
