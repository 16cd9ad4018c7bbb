"""Static pages to listen to methods: side by side, and blind."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from ...signals.files import write_audio
from ...signals.replacing import replacing
from .plots import mel_spectrogram, save_image, strip_image


ORIGINAL, DAMAGED = "original", "damaged"
# Names of these two in the export of the blind page.
REFERENCE, ANCHOR = "reference", "anchor"
# Largest sample of a file, as 16 bits cannot hold 1.
FULL_SCALE = 0.999


@dataclass(frozen=True)
class Example:
    """
    One item as every method restored it.

    Args:
        key: the item's key; no two examples share one.
        title: heading for readers.
        sampling_rate: Hz.
        gaps: start and stop of each gap, in seconds.
        audios: by name, float, finite, all `(samples,)` or all `(channels, samples)`: `original`, `damaged` (silence
            in the gaps), and each method.

    Raises:
        ValueError: no original, no damaged, shapes that differ or are none of these, or samples that are not finite.
    """

    key: str
    title: str
    sampling_rate: int
    gaps: Sequence[tuple[float, float]]
    audios: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        if not {ORIGINAL, DAMAGED} <= set(self.audios):
            raise ValueError(f"{self.key}: expected {ORIGINAL!r} and {DAMAGED!r}, got {', '.join(self.audios)}")
        shape = self.audios[ORIGINAL].shape
        for name, audio in self.audios.items():
            if audio.shape != shape or audio.ndim not in (1, 2) or (audio.ndim == 2 and len(audio) > 8):
                raise ValueError(
                    f"{self.key}: expected audio of one shape (samples,) or (channels, samples), up to 8 channels, "
                    f"got {audio.shape} of {name}, {shape} of {ORIGINAL}"
                )
            if not np.isfinite(audio).all():
                raise ValueError(f"{self.key}: expected finite samples, got others of {name}")

    @property
    def seconds(self) -> float:
        return self.audios[ORIGINAL].shape[-1] / self.sampling_rate

    @property
    def gain(self) -> float:
        """Factor, at most 1 and the same for all of an example, with which nothing exceeds the range of a file."""
        return min(1.0, FULL_SCALE / max(np.abs(audio).max() for audio in self.audios.values()))


def write_index_page(
    folder: Path, examples: Sequence[Example], *, title: str, facts: str, results: str, links: Mapping[str, str]
) -> None:
    """
    Writes `index.html`: a block for each example, with players that keep their position when one switches between them
    and a spectrogram of each, and then the results. Audio goes to `audio/` (WAV of 16 bits), pictures to
    `spectrograms/`.

    Args:
        folder: that exists.
        examples: in the order of the page; without any, the page has results alone.
        title, facts: of the page, as text.
        results: HTML.
        links: addresses by the text of the link.

    Raises:
        ImportError: no matplotlib, which colours the spectrograms.
    """
    blocks = "".join(_write_example(folder, number, example) for number, example in enumerate(examples, 1))
    anchors = {**({"Listen": "#listen"} if examples else {}), "Results": "#results", **links}
    page = _filled(
        "index",
        title=escape(title),
        facts=escape(facts),
        links="".join(f'<a href="{escape(address)}">{escape(text)}</a>' for text, address in anchors.items()),
        listen=_filled("listen", examples=blocks) if examples else "",
        results=results,
    )
    write_text(folder / "index.html", page)


def write_blind_page(folder: Path, examples: Sequence[Example], *, seed: int = 0) -> None:
    """
    Writes `blind.html`, a listening test after MUSHRA (ITU-R BS.1534). Each example is a trial, with an open reference
    and, under letters in random order, the reference, the damaged audio as the anchor, and every method. Ratings of 0
    to 100 are saved as JSON.

    The page draws the order from a seed that is new with every visit, or the one in its address (`?seed=7`), and saves
    it with the ratings. Audio lies in `blind/` under opaque names. The page encodes which file is which, so that
    nobody reads it by accident; whoever wants to, can.

    Args:
        folder: that exists.
        examples: audio equal to the original or the damaged one is not rated a second time under another name.
        seed: of the files' names.

    Raises:
        ValueError: no examples, two of one key, or a method named `reference` or `anchor`.
    """
    if not examples or len({example.key for example in examples}) < len(examples):
        raise ValueError(f"expected one or more examples of different keys, got {[one.key for one in examples]}")
    (folder / "blind").mkdir(exist_ok=True)
    trials: list[dict[str, object]] = []
    key: dict[str, str] = {}
    for example in examples:
        conditions = blind_conditions(example)
        # Under two names: an address of its own would give the hidden reference away.
        paths = {name: f"blind/{_opaque(seed, example.key, name)}.wav" for name in ("open", *conditions)}
        for name, path in paths.items():
            _write_wav(folder / path, conditions[REFERENCE if name == "open" else name], example)
        key |= {paths[name]: name for name in conditions}
        # Sorted: the order of the conditions would give them away.
        stimuli = sorted(paths[name] for name in conditions)
        trials.append({"trial": example.key, "reference": paths["open"], "stimuli": stimuli})
    encoded = base64.b64encode(json.dumps(key).encode()).decode()
    test = hashlib.sha256(encoded.encode()).hexdigest()[:16]
    write_text(
        folder / "blind.html", _filled("blind", data=script_json({"test": test, "trials": trials, "key": encoded}))
    )


def blind_conditions(example: Example) -> dict[str, np.ndarray]:
    """
    What is rated in a trial, by name: `reference`, `anchor`, and the methods that equal neither.

    Raises:
        ValueError: a method named `reference`, `anchor` or `open`.
    """
    hidden = {REFERENCE: example.audios[ORIGINAL], ANCHOR: example.audios[DAMAGED]}
    methods = {name: audio for name, audio in example.audios.items() if name not in (ORIGINAL, DAMAGED)}
    if taken := methods.keys() & {*hidden, "open"}:
        raise ValueError(f"{example.key}: no method can be called {', '.join(sorted(taken))} on the blind page")
    different = {
        name: audio
        for name, audio in methods.items()
        if not any(np.array_equal(audio, other) for other in hidden.values())
    }
    return {**hidden, **different}


def write_text(path: Path, text: str) -> None:
    """Writes a file of text, to a temporary name that then becomes `path`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def slug(text: str) -> str:
    """What of a text can be part of any file's name: ASCII letters, digits and dashes, at most 40; may be empty."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char == "_") else "-" for char in text)
    return "-".join(part for part in kept.split("-") if part)[:40]


def _write_example(folder: Path, number: int, example: Example) -> str:
    for name in ("audio", "spectrograms"):
        (folder / name).mkdir(exist_ok=True)
    gaps = "".join(
        f'<span class="gap" style="left:{100 * start / example.seconds:.3f}%;'
        f'width:{100 * (stop - start) / example.seconds:.3f}%"></span>'
        for start, stop in example.gaps
    )
    takes, top = [], mel_spectrogram(example.audios[ORIGINAL], sampling_rate=example.sampling_rate)[0].max()
    for place, (name, audio) in enumerate(example.audios.items()):
        stem = f"{number:02d}-{place:02d}-{slug(name)}"
        _write_wav(folder / "audio" / f"{stem}.wav", audio, example)
        levels, _ = mel_spectrogram(audio, sampling_rate=example.sampling_rate)
        save_image(strip_image(levels, top), folder / "spectrograms" / f"{stem}.png")
        addresses = {"image": f"spectrograms/{stem}.png", "audio": f"audio/{stem}.wav"}
        takes.append(_filled("take", name=escape(name), gaps=gaps, **addresses))
    facts = gap_facts(example.gaps)
    if example.gain < 1:
        facts += f"; played {-20 * np.log10(example.gain):.1f} dB quieter, as one of them exceeds full scale"
    return _filled(
        "example",
        title=escape(example.title),
        facts=escape(facts),
        seconds=repr(example.seconds),
        takes="".join(takes),
    )


def gap_facts(gaps: Sequence[tuple[float, float]]) -> str:
    """How much is missing, in words."""
    if len(gaps) == 1:
        ((start, stop),) = gaps
        return f"{1000 * (stop - start):.0f} ms are missing at {start:.2f} s"
    return f"{len(gaps)} gaps; {1000 * sum(stop - start for start, stop in gaps):.0f} ms are missing in all"


def _write_wav(path: Path, audio: np.ndarray, example: Example) -> None:
    # Not FLAC: in libsndfile's files, which have no table of places, Chromium cannot go to one near the end.
    write_audio(path, audio * example.gain, sampling_rate=example.sampling_rate, subtype="PCM_16")


def _opaque(*parts: str | int) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def script_json(value: object) -> str:
    """JSON that a script element can hold: nothing in it ends the element or begins a comment."""
    text = json.dumps(value)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _filled(template: str, **values: str) -> str:
    text = (files(__package__) / "templates" / f"{template}.html").read_text(encoding="utf-8")
    return Template(text).substitute(values)
