"""The fuzz targets without atheris: random inputs from a seed, ``python fuzz/random_driver.py --runs 20000 --seed 0``.

Half of the inputs are random, the others are inputs of the corpus with a few bytes changed. Given files or
folders it runs these instead, to look at a finding under a debugger or to measure coverage.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from pathlib import Path

from target import GROUPS, attack

CORPUS = Path(__file__).parent / "corpus"
_LONGEST = 400
_BATCH = 1000


def corpus(group: str) -> list[bytes]:
    """Return the inputs of the seed corpus of a group, in an order that never changes."""
    return [path.read_bytes() for path in sorted((CORPUS / group).iterdir())]


def mutated(rng: random.Random, seed: bytes) -> bytes:
    """Return ``seed`` with some bytes replaced, inserted, repeated or cut off."""
    data = bytearray(seed)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            data[at : at + 1] = rng.randbytes(1)
        elif kind == 1:
            data[at:at] = rng.randbytes(rng.randrange(1, 12))
        elif kind == 2:
            data[at:at] = data[at : at + rng.randrange(1, 24)]
        else:
            data += rng.randbytes(rng.randrange(1, 24))
    return bytes(data)


def run(group: str, count: int, seed: int) -> None:
    """Run ``count`` inputs against the targets of ``group``.

    The exception of a finding has the input, as hexadecimal text, in its text.
    """
    rng = random.Random(seed)
    seeds = corpus(group)
    for _ in range(count):
        wild = rng.random() < 0.5
        data = rng.randbytes(rng.randrange(_LONGEST)) if wild else mutated(rng, rng.choice(seeds))
        attack_and_tell(group, data)


def run_for(group: str, seconds: float, seed: int) -> int:
    """Run inputs of ``seed`` and the seeds behind it until the time is over; return how many ran."""
    end = time.monotonic() + seconds
    count = 0
    for current in itertools.count(seed):
        if time.monotonic() >= end:
            break
        run(group, _BATCH, current)
        count += _BATCH
    return count


def attack_and_tell(group: str, data: bytes) -> None:
    """Run one input; tell which one it was when something is found."""
    try:
        attack(data, GROUPS[group])
    except Exception as error:
        raise AssertionError(
            f"fuzz input of {group} {data.hex()}: {type(error).__name__}: {error}"
        ) from error


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description="Run the fuzz targets without atheris.")
    parser.add_argument("inputs", nargs="*", type=Path, help="files, or folders of files, to run instead")
    parser.add_argument("--group", choices=sorted(GROUPS), default="region", help="which targets")
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, help="run for so long instead, seed after seed")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for path in options.inputs:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            attack_and_tell(options.group, file.read_bytes())
    if options.seconds is not None:
        count = run_for(options.group, options.seconds, options.seed)
        sys.stdout.write(f"{count} inputs of {options.group}, nothing found\n")
    elif not options.inputs:
        run(options.group, options.runs, options.seed)


if __name__ == "__main__":
    main()
