"""
Tags and pictures, from one way to write them to another: Vorbis comments, ID3 and the text chunks of WAV and AIFF.

Sources: the Vorbis comment specification, RFC 9639 (pictures), ID3v2.4.0 (frames), and the RIFF and AIFF
specifications (text chunks).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from mutagen import MutagenError
from mutagen.flac import Picture
from mutagen.id3 import APIC, COMM, ID3, TXXX, USLT, Frames
from mutagen.id3 import error as ID3Error


# Vorbis names of comments by ID3's names of frames, RIFF's of the chunks in an INFO list, and AIFF's of text chunks.
FRAMES = {
    "TIT2": "TITLE",
    "TPE1": "ARTIST",
    "TALB": "ALBUM",
    "TDRC": "DATE",
    "TCON": "GENRE",
    "TRCK": "TRACKNUMBER",
    "TPE2": "ALBUMARTIST",
    "TPE3": "CONDUCTOR",
    "TCOM": "COMPOSER",
    "TEXT": "LYRICIST",
    "TCOP": "COPYRIGHT",
    "TSRC": "ISRC",
    "TPOS": "DISCNUMBER",
    "TPUB": "ORGANIZATION",
    "TENC": "ENCODED-BY",
    "TLAN": "LANGUAGE",
    "TBPM": "BPM",
    "TIT1": "GROUPING",
    "TIT3": "SUBTITLE",
}
INFO = {
    b"INAM": "TITLE",
    b"IART": "ARTIST",
    b"IPRD": "ALBUM",
    b"ICRD": "DATE",
    b"IGNR": "GENRE",
    b"ITRK": "TRACKNUMBER",
    b"IPRT": "TRACKNUMBER",
    b"ICMT": "COMMENT",
    b"ICOP": "COPYRIGHT",
    b"IENG": "ENGINEER",
    b"IMUS": "COMPOSER",
    b"ISRC": "SOURCE",
    b"IKEY": "KEYWORDS",
    b"ISBJ": "SUBJECT",
    b"ITCH": "TECHNICIAN",
    b"ILNG": "LANGUAGE",
    b"ISFT": "ENCODER",
    b"IARL": "LOCATION",
}
TEXT_CHUNKS = {b"NAME": "TITLE", b"AUTH": "ARTIST", b"ANNO": "COMMENT", b"(c) ": "COPYRIGHT"}
PICTURE_COMMENT = "METADATA_BLOCK_PICTURE"
# Comments on a file's own encoding.
ENCODER = "ENCODER"


@dataclass
class Tags:
    """
    Tags that any file may have.

    Args:
        comments: names, as of Vorbis comments, and texts.
        pictures: covers and others.
        others: what has no name here, as it is called where it was found.
    """

    comments: list[tuple[str, str]] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.comments or self.pictures or self.others)

    def merge(self, other: Tags) -> None:
        """Adds what another has and this has not."""
        self.comments += [comment for comment in other.comments if comment not in self.comments]
        self.pictures += other.pictures
        self.others += other.others


def from_comments(comments: Sequence[tuple[str, str]], pictures: Sequence[Picture] = ()) -> Tags:
    """Tags from Vorbis comments, and pictures of FLAC; those that stand in comments are taken out of them."""
    tags = Tags(pictures=list(pictures))
    for name, text in comments:
        if name.upper() == PICTURE_COMMENT:
            try:
                tags.pictures.append(Picture(base64.b64decode(text)))
            except (ValueError, MutagenError):
                tags.others.append(name)
        else:
            tags.comments.append((name, text))
    return tags


def to_comments(tags: Tags, *, with_pictures: bool) -> list[tuple[str, str]]:
    """Vorbis comments of tags; those of pictures, as Ogg files have them, if asked for."""
    pictures = [(PICTURE_COMMENT, base64.b64encode(picture.write()).decode()) for picture in tags.pictures]
    return [*tags.comments, *(pictures if with_pictures else ())]


def from_id3(id3: ID3) -> Tags:
    """Tags from the frames of an ID3 tag."""
    tags = Tags()
    for frame in id3.values():
        name = frame.FrameID
        if name in FRAMES:
            tags.comments += [(FRAMES[name], str(text)) for text in frame.text]
        elif name == "COMM":
            tags.comments += [("COMMENT", text) for text in frame.text]
        elif name == "USLT":
            tags.comments.append(("LYRICS", frame.text))
        elif name == "TXXX":
            tags.comments += [(frame.desc or "COMMENT", text) for text in frame.text]
        elif name == "APIC":
            picture = Picture()
            picture.type, picture.mime, picture.desc, picture.data = frame.type, frame.mime, frame.desc, frame.data
            tags.pictures.append(picture)
        else:
            tags.others.append(f"ID3 {name}")
    return tags


def to_id3(tags: Tags) -> ID3:
    """An ID3 tag of tags. Comments that have no frame become frames of a user's own."""
    names = {comment: frame for frame, comment in FRAMES.items()}
    id3 = ID3()
    texts: dict[str, list[str]] = {}
    for name, text in tags.comments:
        texts.setdefault(name.upper(), []).append(text)
    for name, values in texts.items():
        if name in names:
            id3.add(Frames[names[name]](encoding=3, text=values))
        elif name in ("COMMENT", "DESCRIPTION"):
            id3.add(COMM(encoding=3, lang="XXX", desc="" if name == "COMMENT" else name, text=values))
        elif name == "LYRICS":
            id3.add(USLT(encoding=3, lang="XXX", desc="", text="\n".join(values)))
        else:
            id3.add(TXXX(encoding=3, desc=name, text=values))
    for number, picture in enumerate(tags.pictures):
        # Frames of one description would replace one another.
        desc = picture.desc if number == 0 or picture.desc else str(number)
        id3.add(APIC(encoding=3, mime=picture.mime, type=picture.type, desc=desc, data=picture.data))
    return id3


def from_id3_bytes(content: bytes) -> Tags:
    """Tags from an ID3 tag in a chunk."""
    try:
        return from_id3(ID3(io.BytesIO(content)))
    except (ID3Error, MutagenError, ValueError):
        return Tags(others=["ID3"])


def to_id3_bytes(tags: Tags) -> bytes:
    """The bytes of an ID3v2.4 tag."""
    buffer = io.BytesIO()
    to_id3(tags).save(buffer, padding=lambda _: 0)
    return buffer.getvalue()


def from_info(content: bytes) -> Tags:
    """Tags from the content of a LIST chunk of the kind INFO."""
    tags, position = Tags(), 4
    while position + 8 <= len(content):
        name = content[position : position + 4]
        size = int.from_bytes(content[position + 4 : position + 8], "little")
        text = _text(content[position + 8 : position + 8 + size])
        if name in INFO and text:
            tags.comments.append((INFO[name], text))
        elif text:
            tags.others.append(name.decode("latin-1"))
        position += 8 + size + size % 2
    return tags


def from_text_chunk(name: bytes, content: bytes) -> Tags:
    """Tags from one of AIFF's chunks of text."""
    return Tags([(TEXT_CHUNKS[name], _text(content))])


def _text(content: bytes) -> str:
    content = content.split(b"\0")[0]
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
