"""The examples run as they are, and show what they are there to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from docs_pages import ROOT
from docs_shell import Scratch

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.py") if not path.name.startswith("test_"))
TESTS = sorted((ROOT / "examples").glob("test_*.py"))
SHOWS = {
    "bond_over_a_bytearray.py": [
        "net: bound",
        "app: bound",
        "net: received b'hello', sends 5 bytes",
        "app: received b'HELLO'",
        "20000000 20000000 000d0000 456d316c 314b3072 6e336c69 34000000 00050000 68656c6c 6f000000 00000000",
    ],
    "play_the_network_core.py": [
        "bound at ",
        "32 bytes, ",
        "core app is at wait_for_wake",
        "app│ initiator: bound",
    ],
    "spurious_doorbell.py": [
        "5 rings, spaced:  doorbells +5, received +0, errors +0",
        "5 rings at once:  doorbells +1, received +0, errors +0",
        "echo: b'still there?'",
    ],
    "two_endpoints.py": [
        "net: log b'started'",
        "app: data 300 bytes",
        'net has named endpoint "late", and app has none of that name',
    ],
}


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path)


def test_it_is_said_of_every_example_what_it_shows() -> None:
    assert set(SHOWS) == {path.name for path in EXAMPLES}


@pytest.mark.parametrize("name", SHOWS)
def test_an_example_shows_what_it_promises(name: str, scratch: Scratch) -> None:
    code, printed = scratch.run(f"python examples/{name}")
    assert code == 0, printed
    for line in SHOWS[name]:
        assert line in printed


def test_playing_against_an_image_that_never_bonds_ends_with_the_diagnosis(scratch: Scratch) -> None:
    code, printed = scratch.run(
        "python examples/play_the_network_core.py firmware_stubs/prebuilt/spin-app.elf"
    )
    assert code == 1
    assert "bonding did not happen within" in printed
    assert "app has written nothing" in printed


def test_playing_against_a_file_that_is_not_there_names_the_fix(scratch: Scratch) -> None:
    code, printed = scratch.run("python examples/play_the_network_core.py nosuch.elf")
    assert code == 1
    assert "nosuch.elf: no such file; give the path of an ELF file" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_says_how_to_run_it(path: Path) -> None:
    assert f"python examples/{path.name}" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_an_example_of_tests_is_green_and_says_how_to_run_it(path: Path, scratch: Scratch) -> None:
    command = f"python -m pytest -q examples/{path.name}"
    assert command in path.read_text(encoding="utf-8")
    code, printed = scratch.run(command)
    assert code == 0, printed
