"""What a file holds beside its sound is in the file that is written like it, or is named."""

import io
import os
import resource
import struct
import subprocess
import sys
import warnings

import mutagen
import numpy as np
import pytest
import soundfile as sf
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, COMM, ID3, PRIV, TIT2, TPE1, TXXX
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from aidd.signals.blocks import AudioReader, writing_audio
from aidd.signals.files import read_audio
from aidd.signals.metadata.tags import (
    Tags,
    from_comments,
    from_id3,
    from_id3_bytes,
    from_info,
    to_comments,
    to_id3_bytes,
)
from aidd.signals.output_file import OutputFile


RATE, NUM_SAMPLES = 44_100, 3000
TEXTS = {"TITLE": "Präludium", "ARTIST": "A player", "COMMENT": "two\nlines", "MY_OWN": "something"}


def noise(channels=1):
    return 0.3 * np.random.default_rng(0).uniform(-1, 1, (NUM_SAMPLES, channels))


def chunk(name, content, order="<"):
    return name + struct.pack(f"{order}I", len(content)) + content + bytes(len(content) % 2)


def chunks(path):
    """Names and contents of all chunks, in order."""
    data = path.read_bytes()
    order = ">" if data[:4] in (b"RIFX", b"FORM") else "<"
    position, found = 12, []
    while position + 8 <= len(data):
        (size,) = struct.unpack(f"{order}I", data[position + 4 : position + 8])
        size = len(data) if size == 0xFFFFFFFF else size
        found.append((data[position : position + 4], data[position + 8 : position + 8 + size]))
        position += 8 + size + size % 2
    assert position in (len(data), len(data) + 1) or data[:4] == b"RF64"
    return found


def copied(source, target, *, subtype=None, format=None, change=lambda block: block):
    """Writes a file like another; returns what was said."""
    with warnings.catch_warnings(record=True) as messages, AudioReader(source) as reader:
        warnings.simplefilter("always")
        block = change(reader.read(0, NUM_SAMPLES * 4))
        with writing_audio(
            [target],
            sampling_rate=reader.sampling_rate,
            subtype=subtype or reader.subtype,
            channels=reader.channels,
            format=format or (reader.format if target.suffix == source.suffix else None),
            like=source,
        ) as (writer,):
            writer.write(block)
    return [str(message.message) for message in messages]


def wav(*extra, behind=(), order="<", subtype="PCM_16", format=None, channels=1):
    """A WAV file with further chunks before and behind the sound."""
    file = io.BytesIO()
    format = format or "WAV"
    sf.write(file, noise(channels), RATE, subtype, format=format, endian="BIG" if order == ">" else "FILE")
    data = file.getvalue()
    place = data.index(b"data")
    data = data[:place] + b"".join(extra) + data[place:] + b"".join(behind)
    return data[:4] + struct.pack(f"{order}I", len(data) - 8) + data[8:]


BEFORE = [chunk(b"bext", b"description" + bytes(591)), chunk(b"iXML", b"<BWFXML>odd</BWFXML>"), chunk(b"Abcd", b"xyz")]
BEHIND = [
    chunk(b"cue ", struct.pack("<I", 1) + struct.pack("<II4s3I", 1, 100, b"data", 0, 0, 100)),
    chunk(b"LIST", b"adtl" + chunk(b"labl", struct.pack("<I", 1) + b"verse\0")),
    chunk(b"smpl", bytes(36)),
    chunk(b"LIST", b"INFO" + chunk(b"INAM", b"A title\0")),
]


@pytest.mark.parametrize(
    ("subtype", "format"), [("PCM_16", None), ("FLOAT", None), ("PCM_24", "WAVEX"), ("ULAW", None)]
)
def test_chunks_of_wav_come_back_byte_by_byte_where_they_stood(tmp_path, subtype, format):
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    source.write_bytes(wav(*BEFORE, behind=BEHIND, subtype=subtype, format=format))
    assert not copied(source, target)
    # An A-law or u-law zero has two codes.
    structure = (b"fmt ", b"fact", b"PEAK", *((b"data",) if subtype == "ULAW" else ()))
    assert [one for one in chunks(target) if one[0] not in structure] == [
        one for one in chunks(source) if one[0] not in structure
    ]
    assert int.from_bytes(target.read_bytes()[4:8], "little") == target.stat().st_size - 8
    assert np.array_equal(read_audio(target).samples, read_audio(source).samples)


def test_chunks_of_rf64_and_of_big_endian_wav(tmp_path):
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    sf.write(source, noise(), RATE, "PCM_16", format="RF64")
    with source.open("ab") as file:
        file.write(b"".join(BEHIND))
    content = bytearray(source.read_bytes())
    content[20:28] = (len(content) - 8).to_bytes(8, "little")
    source.write_bytes(content)
    assert not copied(source, target)
    assert target.read_bytes().endswith(b"".join(BEHIND)) and sf.info(target).format == "RF64"
    assert int.from_bytes(target.read_bytes()[20:28], "little") == target.stat().st_size - 8
    big = [chunk(b"bext", b"x" * 602, ">"), chunk(b"cue ", bytes(4), ">")]
    source.write_bytes(wav(*big, order=">"))
    assert not copied(source, target)
    assert [one for one in chunks(target) if one[0] in (b"bext", b"cue ")] == [
        (b"bext", b"x" * 602),
        (b"cue ", bytes(4)),
    ]
    assert sf.info(target).endian == "BIG"


@pytest.mark.parametrize("endian", ["FILE", "LITTLE"])
def test_chunks_of_aiff_come_back(tmp_path, endian):
    source, target = tmp_path / "a.aiff", tmp_path / "b.aiff"
    sf.write(source, noise(), RATE, "PCM_16", format="AIFF", endian=endian)
    data = source.read_bytes()
    extra = chunk(b"NAME", b"A title", ">") + chunk(b"MARK", struct.pack(">HHI", 1, 1, 1000) + b"\5verse", ">")
    place = data.index(b"SSND")
    first = chunk(b"APPL", b"stocodd", ">")
    data = data[:place] + first + data[place:] + extra
    source.write_bytes(data[:4] + struct.pack(">I", len(data) - 8) + data[8:])
    assert not copied(source, target)
    assert chunks(target)[-2:] == chunks(source)[-2:] and (b"APPL", b"stocodd") in chunks(target)
    assert sf.info(target).endian == sf.info(source).endian
    assert np.array_equal(read_audio(target).samples, read_audio(source).samples)


def test_a_digest_of_the_samples_is_not_kept_and_named(tmp_path):
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    source.write_bytes(wav(chunk(b"MD5 ", bytes(16))))
    (words,) = copied(source, target)
    assert "no longer holds" in words and b"MD5 " not in target.read_bytes()


@pytest.mark.parametrize("suffix", ["flac", "aiff", "w64", "caf"])
def test_chunks_that_another_format_cannot_hold_are_named(tmp_path, suffix):
    source, target = tmp_path / "a.wav", tmp_path / f"b.{suffix}"
    source.write_bytes(wav(*BEFORE, behind=BEHIND))
    (words,) = copied(source, target)
    for name in ("bext", "iXML", "Abcd", "cue", "smpl"):
        assert name in words
    if suffix in ("flac", "aiff"):
        assert str(mutagen.File(target).tags["TITLE" if suffix == "flac" else "TIT2"]).strip("[]'") == "A title"
    else:
        assert "TITLE" in words


def test_chunks_of_core_audio_and_wave64_come_back(tmp_path):
    for suffix, extra in (("caf", b"info" + (12).to_bytes(8, "big") + b"\0\0\0\1title\0x\0"), ("w64", None)):
        source, target = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
        sf.write(source, noise(), RATE, "PCM_24")
        if extra is None:
            extra = b"list" + bytes.fromhex("2f91cf11a5d628db04c10000") + (24 + 8).to_bytes(8, "little") + b"anything"
        content = source.read_bytes()
        content += bytes(-len(content) % 8) if suffix == "w64" else b""
        source.write_bytes(content + extra)
        assert not copied(source, target)
        assert target.read_bytes().endswith(extra)
        assert np.array_equal(read_audio(target).samples, read_audio(source).samples)


def picture(kind=3):
    found = Picture()
    found.type, found.mime, found.desc, found.data = kind, "image/png", "", b"\x89PNG\r\n\x1a\n" + bytes(5000)
    return found


def tagged(path):
    """A file with texts and two pictures; returns its tags."""
    suffix = path.suffix[1:]
    subtype = {"flac": "PCM_16", "ogg": "VORBIS", "opus": "OPUS", "mp3": "MPEG_LAYER_III"}[suffix]
    sf.write(path, noise(), 48_000, subtype, format={"opus": "OGG"}.get(suffix, suffix.upper()))
    if suffix == "mp3":
        id3 = ID3()
        id3.add(TIT2(encoding=3, text="Präludium"))
        id3.add(TPE1(encoding=1, text="A player"))
        id3.add(COMM(encoding=3, lang="eng", desc="", text="two\nlines"))
        id3.add(TXXX(encoding=3, desc="MY_OWN", text="something"))
        id3.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=picture().data))
        id3.add(APIC(encoding=3, mime="image/png", type=4, desc="back", data=picture().data))
        id3.save(path, v1=2)
        return
    file = {"flac": FLAC, "ogg": OggVorbis, "opus": OggOpus}[suffix](path)
    tags = Tags(list(TEXTS.items()), [picture(3), picture(4)])
    if file.tags is None:
        file.add_tags()
    file.tags.extend(to_comments(tags, with_pictures=suffix != "flac"))
    if suffix == "flac":
        for one in tags.pictures:
            file.add_picture(one)
    file.save()


def neutral(path):
    """Texts and kinds of pictures of a file, as mutagen reads it."""
    file = mutagen.File(path)
    if isinstance(file.tags, ID3):
        tags = from_id3(file.tags)
    else:
        tags = from_comments(list(file.tags), getattr(file, "pictures", ()))
    texts = {name: text for name, text in tags.comments if name in TEXTS}
    return texts, sorted(one.type for one in tags.pictures), tags.pictures[0].data if tags.pictures else b""


SUBTYPES = {
    "wav": "PCM_16",
    "aiff": "PCM_16",
    "flac": "PCM_16",
    "ogg": "VORBIS",
    "opus": "OPUS",
    "mp3": "MPEG_LAYER_III",
}


@pytest.mark.parametrize("source", ["flac", "ogg", "opus", "mp3"])
@pytest.mark.parametrize("target", SUBTYPES)
def test_tags_and_pictures_are_kept_from_any_format_in_any_other(tmp_path, source, target):
    first, second = tmp_path / f"a.{source}", tmp_path / f"b.{target}"
    tagged(first)
    assert not copied(first, second, subtype=SUBTYPES[target])
    assert neutral(second) == (TEXTS, [3, 4], picture().data)
    assert read_audio(second).samples.shape[1] >= NUM_SAMPLES


def test_frames_without_a_counterpart_are_kept_among_mp3_files_and_named_elsewhere(tmp_path):
    source, target, other = tmp_path / "a.mp3", tmp_path / "b.mp3", tmp_path / "b.wav"
    tagged(source)
    id3 = ID3(source)
    id3.add(PRIV(owner="me", data=b"secret"))
    id3.save(source, v1=2)
    assert not copied(source, target)
    assert ID3(target).getall("PRIV")[0].data == b"secret"
    assert source.read_bytes()[-128:] == target.read_bytes()[-128:]
    (words,) = copied(source, other, subtype="PCM_16")
    assert "PRIV" in words


def test_blocks_of_flac_that_are_not_known_are_kept(tmp_path):
    source, target = tmp_path / "a.flac", tmp_path / "b.flac"
    tagged(source)
    data = source.read_bytes()
    # An application's block behind STREAMINFO.
    data = data[:42] + bytes([2]) + (12).to_bytes(3, "big") + b"testcontents" + data[42:]
    source.write_bytes(data)
    assert not copied(source, target)
    assert b"testcontents" in target.read_bytes() and neutral(target)[0] == TEXTS


def test_tags_that_cannot_be_read_are_named_and_stop_nothing(tmp_path):
    source, target = tmp_path / "a.ogg", tmp_path / "b.ogg"
    sf.write(source, noise(), RATE, "VORBIS", format="OGG")
    # The comments of a second stream in a chain.
    source.write_bytes(source.read_bytes() * 2)
    words = copied(source, target)
    assert any("streams behind the first" in one for one in words)


def with_format(channels, mask, *, bits=16, valid=None, tag=1, subtype="PCM_16"):
    """An extensible WAV file."""
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    size = channels * -(-bits // 8)
    form = struct.pack("<HHIIHH", 0xFFFE, channels, RATE, RATE * size, size, bits)
    form += struct.pack("<HHI", 22, valid or bits, mask) + guid
    integers = np.round(noise(channels) * 2 ** ((valid or bits) - 1)).astype("<i4") << 32 - (valid or bits)
    data = np.ascontiguousarray(integers).view(np.uint8).reshape(-1, 4)[:, 4 - -(-bits // 8) :].tobytes()
    body = b"WAVE" + chunk(b"fmt ", form) + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


MASKS = [
    (1, 4),
    (1, 0),
    (2, 3),
    (2, 0x600),
    (3, 0xB),
    (4, 0),
    (4, 0x107),
    (6, 0x60F),
    (6, 0x3F),
    (8, 0x63F),
    (8, 0xFF),
]


@pytest.mark.parametrize(("channels", "mask"), MASKS)
def test_speakers_are_kept(tmp_path, channels, mask):
    source, target, flac, back = (tmp_path / name for name in ("a.wav", "b.wav", "b.flac", "c.wav"))
    source.write_bytes(with_format(channels, mask))
    assert not copied(source, target)
    assert dict(chunks(target))[b"fmt "] == dict(chunks(source))[b"fmt "]
    assert not copied(source, flac)
    copied(flac, back)
    comments = {name.upper(): text for name, text in FLAC(flac).tags or ()}
    is_default = (channels, mask) in ((1, 4), (1, 0), (2, 3), (6, 0x3F), (8, 0x63F))
    assert ("WAVEFORMATEXTENSIBLE_CHANNEL_MASK" in comments) == (not is_default)
    if not is_default:
        assert int(comments["WAVEFORMATEXTENSIBLE_CHANNEL_MASK"], 16) == mask
        assert int.from_bytes(dict(chunks(back))[b"fmt "][20:24], "little") == mask
    if channels > 2:
        (words,) = copied(source, tmp_path / "b.aiff")
        assert f"{mask:#x}" in words


@pytest.mark.parametrize(("bits", "valid"), [(24, 20), (32, 24), (16, 12), (24, 18)])
def test_valid_bits_are_kept(tmp_path, bits, valid):
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    source.write_bytes(with_format(2, 3, bits=bits, valid=valid))
    assert not copied(source, target)
    assert dict(chunks(target))[b"fmt "] == dict(chunks(source))[b"fmt "]
    assert np.array_equal(read_audio(target).samples, read_audio(source).samples)
    (words,) = copied(source, tmp_path / "b.caf")
    assert f"only {valid} of {bits} bits" in words


def test_valid_bits_of_aiff_are_kept(tmp_path):
    source, target = tmp_path / "a.aiff", tmp_path / "b.aiff"
    sf.write(source, np.round(noise() * 2**19) / 2**19, RATE, "PCM_24", format="AIFF")
    data = source.read_bytes()
    place = data.index(b"COMM") + 14
    source.write_bytes(data[:place] + (20).to_bytes(2, "big") + data[place + 2 :])
    assert not copied(source, target)
    assert dict(chunks(target))[b"COMM"] == dict(chunks(source))[b"COMM"]


@pytest.mark.parametrize(
    ("name", "format", "endian"), [("a.wav", "WAV", "BIG"), ("a.aiff", "AIFF", "LITTLE"), ("a.au", "AU", "LITTLE")]
)
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_byte_orders_are_kept(tmp_path, name, format, endian, subtype):
    source, target = tmp_path / name, tmp_path / f"b{name[1:]}"
    if not sf.check_format(format, subtype, endian):
        pytest.skip("libsndfile does not write this")
    sf.write(source, noise(2), RATE, subtype, format=format, endian=endian)
    assert not copied(source, target)
    assert sf.info(target).endian == sf.info(source).endian
    assert np.array_equal(read_audio(target).samples, read_audio(source).samples)


def test_a_byte_order_that_another_format_of_the_kind_has_not_is_named(tmp_path):
    source = tmp_path / "a.wav"
    sf.write(source, noise(), RATE, "PCM_16", endian="BIG")
    (words,) = copied(source, tmp_path / "b.wav", format="RF64")
    assert "byte order" in words


def test_info_lists_and_id3_come_back_to_the_same_tags():
    tags = Tags(list(TEXTS.items()), [picture()])
    again = from_id3_bytes(to_id3_bytes(tags))
    assert sorted(again.comments) == sorted(tags.comments) and again.pictures[0].data == picture().data
    info = b"INFO" + chunk(b"INAM", b"odd\0") + chunk(b"IART", b"caf\xe9\0") + chunk(b"IXYZ", b"what\0")
    found = from_info(info)
    assert found.comments == [("TITLE", "odd"), ("ARTIST", "café")] and found.others == ["IXYZ"]
    assert from_id3_bytes(b"none").others == ["ID3"]


def test_an_output_file_leaves_room(tmp_path):
    """What libsndfile does with it, it sees as with any other file; the room is where it was asked for."""
    with OutputFile(tmp_path / "a", 4, 3) as file, io.BytesIO() as like:
        for position, content in ((0, b"abcdefgh"), (2, b"CDEF"), (8, b"i"), (20, b"end")):
            seen = []
            for one in (file, like):
                one.seek(position)
                assert one.write(content) == len(content)
                end = one.seek(0, os.SEEK_END)
                one.seek(1)
                seen.append((end, one.read(9), one.tell()))
            assert seen[0] == seen[1]
        expected = like.getvalue()
    content = (tmp_path / "a").read_bytes()
    assert content[:4] + content[7:] == expected


FULL = """
import resource, signal, sys
import numpy as np
from aidd.signals.files import write_audio
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_audio(sys.argv[1], np.full(100_000, 0.1), sampling_rate=8000, subtype=sys.argv[2])
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize(("name", "subtype"), [("a.wav", "PCM_16"), ("a.flac", "PCM_24"), ("a.ogg", "VORBIS")])
def test_a_full_disk_is_said_to_be_full(tmp_path, name, subtype):
    script = FULL.replace("np.full(100_000, 0.1)", "np.random.default_rng(0).uniform(-0.9, 0.9, 100_000)")
    said = subprocess.run(
        [sys.executable, "-c", script, tmp_path / name, subtype], capture_output=True, text=True, check=True
    ).stdout
    assert "cannot be written (File too large)" in said and not list(tmp_path.iterdir())
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20_000
