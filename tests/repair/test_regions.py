"""What is read around gaps, and that no method reads more."""

import inspect
import math

import numpy as np
import pytest

from aidd import METHODS
from aidd.classical.source_search import EDGE_SECONDS
from aidd.classical.sparse import OVERLAP, TRAINING_FRAMES, WINDOW_SECONDS
from aidd.repair.methods import REACH_SECONDS, ROWS
from aidd.repair.regions import RESAMPLING_SAMPLES, Reach, plan_regions, reach_of, whole_hops
from aidd.signals.resampling import RESAMPLING_REACH


def test_no_classical_method_is_made_to_read_further():
    """`context_seconds` is what a method reads next to a gap; `sparse` has training frames instead."""
    contexts = {
        name: inspect.signature(METHODS[name]).parameters["context_seconds"].default
        for name in ("autoregressive", "envelope_noise", "janssen")
    }
    # Frames that touch the gap, then those to learn from, each a hop further.
    contexts["sparse"] = (OVERLAP + TRAINING_FRAMES) * WINDOW_SECONDS / OVERLAP
    # Frames that touch the gap and one more, and another gap among their samples, which is filled first.
    u_phain = inspect.signature(METHODS["u_phain"]).parameters["window_seconds"].default
    contexts["u_phain"] = 1.25 * u_phain + contexts["autoregressive"]
    assert max(contexts.values()) < 0.9 * REACH_SECONDS, contexts
    # What takes from the recording reads all of it.
    for row in ROWS.values():
        assert row.reach_seconds == (REACH_SECONDS if row.in_parts is None else math.inf)
    assert EDGE_SECONDS < 0.9 * REACH_SECONDS and ROWS["similarity"].in_parts is not None


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 44_100, 44_101, 48_000, 96_000])
def test_the_grid_is_whole_tokens_and_whole_samples_and_the_least_that_is(rate):
    grid = whole_hops(rate, 24_000, 320)
    tokens = [samples * 24_000 / (320 * rate) for samples in (grid, *range(1, min(grid, 2000)))]
    assert tokens[0] == round(tokens[0])
    assert all(samples * 24_000 % (320 * rate) for samples in range(1, min(grid, 2000)))
    assert math.gcd(rate, 24_000) > 1 or grid == rate
    assert whole_hops(44_100, 24_000, 320) == 588


def test_a_pipeline_reads_a_window(tiny_pipeline):
    for rate in (24_000, 44_100):
        reach = reach_of("aidd", sampling_rate=rate, pipeline=tiny_pipeline)
        window = tiny_pipeline.transformer.config.max_position_embeddings / 75 * rate
        assert window < reach.samples < 1.1 * window and reach.grid == whole_hops(rate, 24_000, 320)


@pytest.mark.parametrize(("hop_length", "num_frames"), [(63, 220), (42, 330), (21, 700)])
@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 96_000])
def test_a_pipeline_of_spectrograms_reads_no_further_and_nearly_as_far(
    tiny_spectrogram_pipeline, hop_length, num_frames, rate
):
    """One gap anywhere: its window's frames read no further, with what resampling adds on both sides."""
    pipe = tiny_spectrogram_pipeline(126, hop_length, num_frames)
    reach, overlap = reach_of("spectrogram_repaint", sampling_rate=rate, pipeline=pipe), 126 // hop_length
    assert reach.grid == whole_hops(rate, 24_000, hop_length) and 2 * RESAMPLING_REACH < RESAMPLING_SAMPLES
    assert reach.samples > REACH_SECONDS * rate
    draw = np.random.default_rng(0)
    num_samples, longest = 2 * rate + 31, int(0.9 * pipe.max_gap_seconds * rate)
    starts = [0, 1, num_samples - 1, *draw.integers(0, num_samples, 60)]
    read = []
    for start in starts:
        stop = min(start + draw.integers(1, longest), num_samples)
        mask = np.zeros(num_samples, bool)
        mask[start:stop] = True
        (window,) = pipe.plan(mask, rate).windows
        resampled = RESAMPLING_REACH * max(24_000 / rate, 1)
        first = (window.start + 1 - overlap) * hop_length - resampled
        last = (window.start + num_frames) * hop_length + resampled
        read.append(start - max(first * rate / 24_000, 0))
        read.append(min(last * rate / 24_000, num_samples) - stop)
    assert max(read) <= reach.samples < 1.05 * max(read)


@pytest.mark.parametrize("reach", [Reach(10, 1), Reach(10, 7), Reach(100, 64), Reach(5, 400)])
def test_regions_hold_every_gap_once_with_all_that_is_read(reach):
    draw = np.random.default_rng(0)
    for _ in range(20):
        edges = np.sort(draw.choice(3000, 40, replace=False)).reshape(-1, 2)
        regions = plan_regions(edges, 3001, reach)
        held = []
        for region, following in zip(regions, [*regions[1:], None], strict=True):
            inside = [gap for gap in edges.tolist() if region.start < gap[1] and gap[0] < region.stop]
            held += inside
            assert region.start % reach.grid == 0
            assert region.start <= max(region.fill_start - reach.samples, 0)
            assert region.stop == min(region.fill_stop + reach.samples, 3001)
            assert (region.fill_start, region.fill_stop) == (inside[0][0], inside[-1][1])
            # What it reads of the next region's is intact.
            assert following is None or following.start >= region.fill_stop
        assert held == edges.tolist()


def test_far_gaps_are_apart_and_near_ones_together():
    reach = reach_of("linear", sampling_rate=1000)
    gaps = np.array([[1000, 1100], [1200, 1300], [4000, 4001]])
    regions = plan_regions(gaps, 10_000, reach)
    assert [(r.start, r.fill_start, r.fill_stop, r.stop) for r in regions] == [
        (500, 1000, 1300, 1800),
        (3500, 4000, 4001, 4501),
    ]
    assert plan_regions(np.zeros((0, 2), int), 10, reach) == []


def test_a_users_method_reads_all(monkeypatch, tmp_path):
    (tmp_path / "users_reader.py").write_text("def fill(audio, mask, *, sampling_rate, generator=None): ...")
    monkeypatch.syspath_prepend(tmp_path)
    gaps = np.array([[1000, 1100], [9_000_000, 9_000_001]])
    (region,) = plan_regions(gaps, 10_000_000, reach_of("users_reader:fill", sampling_rate=8_000))
    assert (region.start, region.stop) == (0, 10_000_000)
