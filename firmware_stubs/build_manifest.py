"""Says from which sources the images in ``prebuilt/`` were built, and checks that it is still true.

``prebuilt/manifest.json`` maps each image, named by its path in ``prebuilt/``, to::

    {
        "sha256": hash of the image,
        "toolchain": compiler and version,
        "sources": every input of the build, relative to this directory; the Makefile is one, with its flags,
        "sources_sha256": hash over all of them, names and contents
    }

``write`` is called by ``make prebuilt``, ``verify`` by ``make check`` and by the tests. Neither needs a compiler.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).resolve().parent


class Image(TypedDict):
    """One entry of the manifest."""

    sha256: str
    toolchain: str
    sources: list[str]
    sources_sha256: str


def sources_sha256(root: Path, sources: Iterable[str]) -> str:
    """Return the hash over names and contents of ``sources`` (relative to ``root``), whatever their order.

    Raises ``FileNotFoundError`` if one is missing.
    """
    digest = hashlib.sha256()
    for name in sorted(sources):
        content = (root / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def describe(root: Path, elf: str, sources: Iterable[str], toolchain: str) -> Image:
    """Return the entry for ``prebuilt/<elf>``, built from ``sources`` by ``toolchain``."""
    names = sorted(set(sources))
    return {
        "sha256": hashlib.sha256((root / "prebuilt" / elf).read_bytes()).hexdigest(),
        "toolchain": toolchain,
        "sources": names,
        "sources_sha256": sources_sha256(root, names),
    }


def write(root: Path, images: Iterable[Sequence[str]], toolchain: str) -> None:
    """Write the manifest; each of ``images`` is an image's name followed by its sources."""
    manifest = {elf: describe(root, elf, sources, toolchain) for elf, *sources in images}
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    (root / "prebuilt" / "manifest.json").write_text(text, encoding="utf-8")


def read(root: Path) -> dict[str, Image]:
    """Return the manifest of ``root/prebuilt``."""
    manifest: dict[str, Image] = json.loads((root / "prebuilt" / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def problems(root: Path) -> list[str]:
    """Return what is not as the manifest says, one sentence each, with the fix; empty if all is well."""
    manifest = read(root)
    there = sorted(
        path.relative_to(root / "prebuilt").as_posix() for path in (root / "prebuilt").rglob("*.elf")
    )
    found = [
        f"prebuilt/{elf} is not in the manifest: run `make prebuilt`, or delete it"
        for elf in there
        if elf not in manifest
    ]
    for elf, image in sorted(manifest.items()):
        path = root / "prebuilt" / elf
        missing = [name for name in image["sources"] if not (root / name).is_file()]
        if not path.is_file():
            found.append(f"prebuilt/{elf} is missing: run `make prebuilt`")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != image["sha256"]:
            found.append(f"prebuilt/{elf} is not the image that was built: run `make prebuilt`")
        if missing:
            found.append(f"{missing[0]}, a source of prebuilt/{elf}, is missing: run `make prebuilt`")
        elif sources_sha256(root, image["sources"]) != image["sources_sha256"]:
            found.append(f"prebuilt/{elf} is older than its sources: run `make prebuilt`")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Manifest of the prebuilt firmware images.")
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write", help="describe the images that were just built")
    writing.add_argument("--toolchain", required=True, help="compiler and version")
    writing.add_argument(
        "--elf", nargs="+", action="append", required=True, help="an image, then its sources"
    )
    verifying = commands.add_parser("verify", help="are the images those of the sources?")
    for command in (writing, verifying):
        command.add_argument("--root", type=Path, default=ROOT, help="the folder that has prebuilt/")
    options = parser.parse_args(arguments)

    if options.command == "write":
        write(options.root, options.elf, options.toolchain)
        return 0
    found = problems(options.root)
    for problem in found:
        sys.stderr.write(problem + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
