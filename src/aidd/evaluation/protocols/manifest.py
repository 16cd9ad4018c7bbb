"""Items frozen into a file, so that others measure exactly the same ones."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from ...signals.json_files import json_object, text_of
from ...signals.replacing import replacing
from .conditions import Condition
from .protocol import Item, Protocol, canonical_json
from .selection import Selection


HEADER_FIELDS = {"protocol", "protocol_digest", "seed", "left_out", "num_items", "items_digest"}


def freeze(selection: Selection, path: str | Path) -> None:
    """
    Writes `manifest.jsonl`: a line with the protocol, whole, its digest, the seed, what was left out, and the number
    and a digest of the items; then a line for each item, its key first. The file is in its place only when it is
    complete.
    """
    path = Path(path)
    keys = [item.key for item in selection.items]
    header = {
        "protocol": selection.protocol.to_dict(),
        "protocol_digest": selection.protocol.digest,
        "seed": selection.seed,
        "left_out": selection.left_out,
        "num_items": len(keys),
        "items_digest": _digest(keys),
    }
    lines = [header, *({"item": key, **asdict(item)} for key, item in zip(keys, selection.items, strict=True))]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text("".join(json.dumps(line, allow_nan=False) + "\n" for line in lines), encoding="utf-8")


def thaw(path: str | Path) -> Selection:
    """
    What was frozen.

    Raises:
        ValueError: no such file, no manifest, or one that was cut short or changed, naming the line.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    header, *lines = [
        json_object(line, f"{path}, line {number}") for number, line in enumerate(text_of(path).splitlines(), 1)
    ] or [{}]
    if set(header) != HEADER_FIELDS:
        raise ValueError(f"{path}, line 1: expected the fields {sorted(HEADER_FIELDS)}, got {sorted(header)}")
    try:
        protocol = Protocol.from_dict(header["protocol"])
    except ValueError as error:
        raise ValueError(f"{path}, line 1: {error}") from error
    if protocol.digest != header["protocol_digest"]:
        raise ValueError(
            f"{path}, line 1: the protocol was changed: expected the digest {header['protocol_digest']}, "
            f"got {protocol.digest}"
        )
    if len(lines) != header["num_items"]:
        raise ValueError(f"{path}: expected {header['num_items']} items, got {len(lines)}")
    items = [_item(path, number, line) for number, line in enumerate(lines, 2)]
    digest = _digest([item.key for item in items])
    if digest != header["items_digest"]:
        raise ValueError(f"{path}: expected items of the digest {header['items_digest']}, got {digest}")
    return Selection(protocol, header["seed"], items, header["left_out"])


def _item(path: Path, number: int, line: dict) -> Item:
    key, values = line.get("item"), {name: value for name, value in line.items() if name != "item"}
    try:
        item = Item(**{**values, "condition": Condition(**values["condition"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}, line {number}: expected the fields of an item, got {sorted(line)}") from error
    except ValueError as error:
        raise ValueError(f"{path}, line {number}: {error}") from error
    if item.key != key:
        raise ValueError(f"{path}, line {number}: the item was changed: expected the key {key}, got {item.key}")
    return item


def _digest(keys: list[str]) -> str:
    return hashlib.sha256(canonical_json(keys).encode()).hexdigest()
