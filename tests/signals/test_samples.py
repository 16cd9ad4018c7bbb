import numpy as np

from aidd.evaluation.methods.names import shipped_protocols
from aidd.evaluation.protocols.protocol import Protocol
from aidd.evaluation.protocols.recordings import recordings_of
from aidd.evaluation.protocols.selection import select_items
from aidd.signals.files import read_audio
from aidd.signals.samples import SAMPLES, sample_recordings


def test_samples_are_named_as_recordings_of_their_folder_are_and_all_licensed():
    recordings = sample_recordings()
    assert recordings == recordings_of(SAMPLES) and len(recordings) >= 3
    licences = (SAMPLES / "LICENSE.md").read_text()
    assert all(f"| `{path.name}` |" in licences for path in recordings.values())
    assert licences.count("| `") == len(recordings)


def test_samples_are_music_and_small():
    for path in sample_recordings().values():
        audio = read_audio(path)
        assert audio.sampling_rate >= 24_000 and audio.samples.shape[1] >= 45 * audio.sampling_rate
        # Neither silent nor cut off at full scale.
        assert np.sqrt(np.mean(audio.samples**2)) > 0.01 and np.abs(audio.samples).max() < 0.99
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 6e6


def test_every_protocol_that_needs_no_data_set_can_be_tried_on_them():
    # The fewest samples: onsets take time.
    name, path = min(sample_recordings().items(), key=lambda item: item[1].stat().st_size)
    for protocol in map(Protocol.load, shipped_protocols()):
        if protocol.segments is None:
            items = select_items(protocol, {name: path}, seed=0).items
            assert {item.condition.label for item in items} == {one.label for one in protocol.conditions}
