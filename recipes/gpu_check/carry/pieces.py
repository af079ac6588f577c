"""Files as pieces of one size, to be carried one by one, and back. The standard library alone.

    python pieces.py split FOLDER OUT --mib 58     # OUT/piece-000, ..., and OUT/pieces.json with their hashes
    python pieces.py receive CARRIED STORE         # a piece that has arrived goes to those before it
    python pieces.py join STORE FOLDER             # all that was split, once every piece is there and whole

Exit code 2, and a line for each piece that is missing or damaged.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import shutil
import sys
import tarfile
from pathlib import Path
from typing import IO

LIST = "pieces.json"


class BadPieces(Exception):
    """A line for each."""


class _Cutter(io.RawIOBase):
    """What is written to it goes to piece after piece."""

    def __init__(self, out: Path, size: int) -> None:
        self._out, self._size = out, size
        self.hashes: dict[str, str] = {}
        self._piece = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._piece += data
        while len(self._piece) >= self._size:
            self._put(self._size)
        return len(data)

    def close(self) -> None:
        if self._piece:
            self._put(len(self._piece))
        super().close()

    def _put(self, size: int) -> None:
        name, piece = f"piece-{len(self.hashes):03d}", bytes(self._piece[:size])
        (self._out / name).write_bytes(piece)
        self.hashes[name] = hashlib.sha256(piece).hexdigest()
        del self._piece[:size]


class _Joiner(io.RawIOBase):
    """Reads piece after piece."""

    def __init__(self, pieces: list[Path]) -> None:
        self._left = pieces
        self._file: IO[bytes] = io.BytesIO()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            data = self._file.read(len(buffer))
            if data or not self._left:
                buffer[: len(data)] = data
                return len(data)
            self._file.close()
            self._file = self._left.pop(0).open("rb")


def split(folder: Path, out: Path, size: int) -> list[Path]:
    """The folder's files, as one tar, in pieces of `size` bytes; the last is shorter."""
    out.mkdir(parents=True, exist_ok=True)
    with _Cutter(out, size) as cutter, tarfile.open(fileobj=cutter, mode="w|") as tar:
        for file in sorted(folder.iterdir()):
            tar.add(file, file.name)
    (out / LIST).write_text(json.dumps(cutter.hashes, indent=2) + "\n")
    return [out / name for name in cutter.hashes]


def receive(carried: Path, store: Path) -> None:
    """Raises BadPieces where what has arrived is damaged; it is not kept."""
    hashes = json.loads((carried / LIST).read_text())
    store.mkdir(parents=True, exist_ok=True)
    shutil.copy(carried / LIST, store)
    arrived = sorted(carried.glob("piece-*"))
    if wrong := [str(piece) for piece in arrived if not _whole(piece, hashes)]:
        raise BadPieces("\n".join(f"{piece} is damaged; carry it again" for piece in wrong))
    for piece in arrived:
        shutil.copy(piece, store)


def join(store: Path, folder: Path) -> None:
    """Raises BadPieces where a piece is missing or damaged; then nothing is written."""
    hashes = json.loads((store / LIST).read_text())
    pieces = [store / name for name in hashes]
    faults = [f"{piece} is missing; carry it" for piece in pieces if not piece.is_file()]
    there = [piece for piece in pieces if piece.is_file()]
    faults += [f"{piece} is damaged; carry it again" for piece in there if not _whole(piece, hashes)]
    if faults:
        raise BadPieces("\n".join(faults))
    folder.mkdir(parents=True, exist_ok=True)
    with io.BufferedReader(_Joiner(pieces)) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        tar.extractall(folder, filter="data")


def _whole(piece: Path, hashes: dict[str, str]) -> bool:
    return hashlib.sha256(piece.read_bytes()).hexdigest() == hashes.get(piece.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("split", "receive", "join"))
    parser.add_argument("source", type=Path)
    parser.add_argument("to", type=Path)
    parser.add_argument("--mib", type=float, default=60, help="of a piece")
    args = parser.parse_args()
    try:
        if args.what == "split":
            print(f"{len(split(args.source, args.to, int(args.mib * 2**20)))} pieces in {args.to}")
        else:
            {"receive": receive, "join": join}[args.what](args.source, args.to)
    except BadPieces as fault:
        print(fault, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
