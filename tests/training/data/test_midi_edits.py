import pytest
from grids import for_every

from aidd.training.data.midi_edits import edit_midi


def midi(*tracks: bytes, division: int = 480) -> bytes:
    header = b"MThd" + (6).to_bytes(4, "big") + bytes([0, 1, 0, len(tracks)]) + division.to_bytes(2, "big")
    return header + b"".join(b"MTrk" + len(track).to_bytes(4, "big") + track for track in tracks)


# What MIDI files hold: a name, a tempo, a system exclusive message, controllers, a program, a pitch bend, two notes in
# running status over a delay of two bytes, one ended by velocity 0, and pressure on a key.
HEAD = bytes([0, 0xFF, 0x03, 2, 0x90, 60, 0, 0xFF, 0x51, 3, 7, 161, 32, 0, 0xF0, 3, 0x91, 60, 0xF7])
HEAD += bytes([0, 0xB0, 64, 127, 0, 0xC0, 60, 0, 0xD0, 60, 0, 0xE0, 60, 60])
END = bytes([0, 0xFF, 0x2F, 0])


def track(first: int, second: int, velocities=(100, 80), channel: int = 0) -> bytes:
    notes = bytes([0, 0x90 | channel, first, velocities[0], 0x83, 0x60, second, velocities[1]])
    notes += bytes([10, first, 0, 0, 0xA0 | channel, second, 50, 10, 0x80 | channel, second, 64])
    return HEAD + notes + END


def test_nothing_changes_where_nothing_is_asked_for():
    data = midi(track(60, 64), track(36, 38, channel=9)) + b"XYZ!\0\0\0\2\x90\x3c"
    assert edit_midi(data) == data


def test_transposition_moves_every_note_but_drums_and_nothing_else():
    data = midi(track(60, 64), track(36, 38, channel=9))
    assert edit_midi(data, transposition=5) == midi(track(65, 69), track(36, 38, channel=9))
    assert edit_midi(edit_midi(data, transposition=-11), transposition=11) == data


@for_every(transposition=range(-40, 41))
def test_keys_stay_in_range_and_keep_their_names(transposition):
    def nearest(key: int) -> int:
        return min((other for other in range(128) if (other - key) % 12 == 0), key=lambda other: abs(other - key))

    edited = edit_midi(midi(track(3, 125)), transposition=transposition)
    assert edited == midi(track(nearest(3 + transposition), nearest(125 + transposition)))


def test_velocity_scales_notes_that_are_struck_and_never_ends_one():
    assert edit_midi(midi(track(60, 64)), velocity=0.5) == midi(track(60, 64, (50, 40)))
    assert edit_midi(midi(track(60, 64)), velocity=9) == midi(track(60, 64, (127, 127)))
    assert edit_midi(midi(track(60, 64)), velocity=1e-3) == midi(track(60, 64, (1, 1)))


def test_tempo_changes_the_ticks_of_a_quarter():
    assert edit_midi(midi(track(60, 64)), tempo=1.25) == midi(track(60, 64), division=600)
    with pytest.raises(ValueError, match="makes 48000 ticks of 480; files hold 1 to 32767"):
        edit_midi(midi(track(60, 64)), tempo=100)
    frames = midi(track(60, 64), division=0xE728)
    assert edit_midi(frames, transposition=1) == midi(track(61, 65), division=0xE728)
    with pytest.raises(ValueError, match="got one in video frames"):
        edit_midi(frames, tempo=1.1)


def test_what_is_no_midi_is_refused():
    with pytest.raises(ValueError, match="which starts with b'MThd', got b'RIFF'"):
        edit_midi(b"RIFF" + bytes(20))
    with pytest.raises(ValueError, match="the file ends 3 bytes before its last track does"):
        edit_midi(midi(track(60, 64))[:-3])
    for broken in (HEAD + bytes([0, 0x90, 60]), HEAD + bytes([0x83]), HEAD + bytes([0, 0xFF])):
        with pytest.raises(ValueError, match="a track ends within an event"):
            edit_midi(midi(broken))
    with pytest.raises(ValueError, match="belongs to no event"):
        edit_midi(midi(bytes([0, 60, 100]) + END))
    with pytest.raises(ValueError, match="expected a tempo and a velocity factor above 0, got 0 and 1"):
        edit_midi(midi(track(60, 64)), tempo=0, velocity=1)
