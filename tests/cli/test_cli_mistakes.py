"""Mistakes: exit code 2, one line on stderr that names the fix, nothing on stdout, never a traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command import Outcome, icmsg
from firmware_files import FIRMWARE, RELOCATABLE, elf, foreign, vectors
from looped import for_each

from icmsg.assets import platform_file, stub

Capture = pytest.CaptureFixture[str]

OF_OPTIONS = [
    (
        ["--net", "none.elf"],
        "none.elf: no such file; give the path of an ELF file or the name of a firmware stub",
    ),
    (
        ["--net", "ech"],
        "--net ech: neither python, nor a firmware stub (echo, .*), nor a file; did you mean echo?",
    ),
    (["--app", "inititor"], "--app inititor: neither .*; did you mean initiator?"),
    (["--app", "Python"], "did you mean python?"),
    (["--app", "zzz"], "--app zzz: neither python, nor a firmware stub (.*), nor a file"),
    (["--net", ""], "Is a directory"),
    (["--net", "/"], "/: cannot be read: Is a directory"),
    (["--net", "a" * 300 + ".elf"], "name too long"),
    (["--engine", "qemu"], "--engine: invalid choice: 'qemu' (choose from .*auto.*) (see icmsg run --help)"),
    (["--messages", "-1"], "-1 messages: send 1…"),
    (["--messages", "99999999999"], "99999999999 messages: send 1…4294967295"),
    (["--messages", "many"], "--messages: 'many': use a number, or any"),
    (["--messages"], "--messages: expected one argument"),
    (["--size", "0"], "sizes 0:0: use MIN:MAX with 1 ≤ MIN ≤ MAX ≤ 65535 bytes"),
    (["--size", "70000"], "sizes 70000:70000: use MIN:MAX"),
    (["--size", "9:8"], "sizes 9:8: use MIN:MAX"),
    (["--size", "-5"], "sizes -5:-5: use MIN:MAX"),
    (["--size", "big"], "--size big: use MIN or MIN:MAX in bytes, for example 16 or 1:100"),
    (["--size", "1:2:3"], "--size 1:2:3: use MIN or MIN:MAX"),
    (["--size", ""], "--size : use MIN or MIN:MAX"),
    (
        ["--size", "2033"],
        "messages of up to 2033 bytes do not fit: .*-region of app takes at most 2032; use --size 2032:2032",
    ),
    (["--size", "2033", "--app", "initiator"], "messages of up to 2033 bytes do not fit"),
    (["--window", "0"], "window 0: let 1…"),
    (["--seed", "x"], "--seed: invalid int value"),
    (
        ["--tx-region", "0x20070000"],
        "--tx-region 0x20070000: use ADDR:SIZE in bytes, for example 0x20070000:0x800",
    ),
    (["--rx-region", "a:b"], "--rx-region a:b: use ADDR:SIZE"),
    (["--tx-region=-4:0x800"], "use an address >= 0 and a size > 0"),
    (["--tx-region", "0x20070000:0"], "use an address >= 0 and a size > 0"),
    (["--tx-region", "0x20078400:0x800"], "overlap: give each its own memory"),
    (["--tx-region", "0x20070002:0x800"], "is not aligned to 4 bytes: move it to 0x20070000"),
    (["--tx-region", "0x20070000:16"], "too small: the minimum is 20 bytes"),
    (["--tx-region", "0x20070000:28"], "cannot hold the 13 bytes of the magic: the minimum is 32 bytes"),
    (["--tx-region", "0x20070000:0x801"], "use 2048 bytes"),
    (
        ["--tx-region", "0x30000000:0x800"],
        "of core app is not RAM of core app and of core net in the platform file (nothing .*): move it to RAM",
    ),
    (["--tx-region", "0x2007FF00:0x800"], "in the platform file (nothing is there from end to end)"),
    (["--tx-region", "0x5002A000:0x800"], "(ipcapp is registers of core app alone)"),
    (["--tx-region", "0x100000000:0x800"], "it must end within the 4 GiB that a core has"),
    (["--tx-region", "0x01000000:0x800"], "(flashnet is flash of core net alone)"),
    (["--tx-region", "0x20060000:0x9000"], "the firmware stubs take at most 0x8000; use a smaller region"),
    (["--dcache-alignment", "-1"], "is out of range: use 0…65536"),
    (["--dcache-alignment", "7"], "use 0 or a multiple of 4"),
    (["--unbound", "sometimes"], "--unbound: invalid choice"),
    (["--unbound", "detect", "--dcache-alignment", "4"], "set dcache-alignment = <8> on both sides"),
    (["--unbound", "enable", "--net", "python", "--signalling", "repeat"], 'set signalling="ring-back"'),
    (["--quantum-us", "-3"], "--quantum-us: '-3': use a number > 0"),
    (["--quantum-us", "0"], "--quantum-us: '0': use a number > 0"),
    (["--quantum-us", "nan"], "--quantum-us: 'nan': use a number > 0"),
    (["--quantum-us", "1e-9"], "--quantum-us: '1e-9': use a number > 0"),
    (["--quantum-us", "inf"], "use a number > 0 and ≤ 1e+12"),
    (["--latency-us", "-1"], "--latency-us: '-1': use a number ≥ 0"),
    (["--latency-us", "soon"], "--latency-us: 'soon': use a number ≥ 0"),
    (["--bond-timeout-ms", "0"], "--bond-timeout-ms: '0': use a number > 0"),
    (["--bond-timeout-ms", "-5"], "--bond-timeout-ms: '-5': use a number > 0"),
    (["--initiator", "both"], "--initiator: invalid choice"),
    (["--initiator", "net"], "core net shall initiate, but the stub echo never sends first"),
    (
        ["--app", "echo", "--net", "echo"],
        "nobody sends first: .*run the stub initiator or Python on one of them",
    ),
    (["--app", "initiator", "--net", "initiator"], "run the stub echo or Python on one of them"),
    (["--platform", "none.repl"], "none.repl: cannot be read: No such file or directory"),
    (["--platform", "/"], "/: cannot be read: Is a directory"),
    (["--colour"], "unrecognized arguments: --colour"),
    (["extra"], "extra: no such folder; give build folders, or an image with --app or --net"),
    (["--mesages=5"], "unrecognized arguments: --mesages=5; did you mean --messages? (see icmsg run --help)"),
    (["echo"], "echo: is no build folder; did you mean --net echo, or --app echo?"),
]


def refused(found: Outcome) -> str:
    """Check that this is how a mistake looks, and return the line."""
    assert found.code == 2
    assert found.out == ""
    assert found.err.count("\n") == 1
    assert "Traceback" not in found.err
    assert found.err.startswith("icmsg")
    assert ": error: " in found.err
    return found.err.rstrip("\n")


def pattern(said: str) -> str:
    return re.escape(said).replace(r"\.\*", ".*")


@for_each(
    ("options", "said"), OF_OPTIONS, ids=[" ".join(options)[:40] or "none" for options, _ in OF_OPTIONS]
)
def test_an_option_that_cannot_work(capsys: Capture, options: list[str], said: str) -> None:
    assert re.search(pattern(said), refused(icmsg(capsys, "run", *options)))


@for_each(("options", "said"), OF_OPTIONS[::12])
def test_a_mistake_is_no_json(capsys: Capture, options: list[str], said: str) -> None:
    assert re.search(pattern(said), refused(icmsg(capsys, "run", "--json", *options)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: COMMAND (see icmsg --help)"),
        (["bogus"], "there is no command bogus (see icmsg --help)"),
        (["--bogus"], "the following arguments are required: COMMAND"),
    ],
)
def test_a_command_that_does_not_exist(capsys: Capture, arguments: list[str], said: str) -> None:
    assert re.search(pattern(said), refused(icmsg(capsys, *arguments)))


@pytest.mark.parametrize("core", ["app", "net"])
def test_files_that_are_no_firmware(capsys: Capture, tmp_path: Path, core: str) -> None:
    base = 0x0 if core == "app" else 0x100_0000
    other = {"app": "net", "net": "app"}[core]
    text, hexadecimal = tmp_path / "text.elf", tmp_path / "zephyr.hex"
    text.write_text("hello\n")
    hexadecimal.write_text(":020000040000FA\n:00000001FF\n")
    table = vectors(0x2000_8000, base + 0x901)
    linked = "is it an object file that was not linked?"
    cases = [
        (text, "text.elf: neither an ELF nor an Intel HEX file"),
        (
            hexadecimal,
            "zephyr.hex: has nothing to load",
        ),
        (elf(tmp_path / "main.o", [], kind=RELOCATABLE), f"main.o: has nothing to load; {linked}"),
        (
            elf(tmp_path / "x86.elf", [(0, table)], machine=3),
            "x86.elf: built for x86, 32-bit little-endian; the cores",
        ),
        (
            stub("echo", other),
            f"echo-{other}.elf: loads at 0x0.*it was linked for core {other}: load it there (--{other})",
        ),
        (
            elf(tmp_path / "far.elf", [(0x8000_0000, table)]),
            f"0x80000000…0x80000007 is outside the memory of core {core} (.*flash.*); link it for that core",
        ),
        (elf(tmp_path / "no.elf", [(base, b"no vector table at all")]), "no.elf: no vector table found"),
        (FIRMWARE, "firmware: cannot be read: Is a directory"),
    ]
    for path, said in cases:
        assert re.search(pattern(said), refused(icmsg(capsys, "run", f"--{core}", path))), path
    big = elf(tmp_path / "big.elf", [(base, table + bytes(0x100_0000))], entry=base + 0x901)
    assert "is outside the memory of core" in refused(icmsg(capsys, "run", f"--{core}", big))


def test_a_program_of_this_machine(capsys: Capture) -> None:
    program = Path("/bin/true").resolve()
    if not program.exists() or program.read_bytes()[:5] != b"\x7fELF\x02":
        pytest.skip("needs a 64-bit ELF program")
    assert "64-bit little-endian; the cores are 32-bit" in refused(icmsg(capsys, "run", "--net", program))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file whose reading fails")
def test_a_file_whose_reading_fails(capsys: Capture) -> None:
    assert "/proc/self/mem: cannot be read: Input/output error" in refused(
        icmsg(capsys, "run", "--net", "/proc/self/mem")
    )


def test_a_broken_platform_is_told_with_file_and_line(capsys: Capture, tmp_path: Path) -> None:
    text = platform_file("nrf5340").read_text()
    line = next(number for number, found in enumerate(text.splitlines(), 1) if found.startswith("ramapp:"))
    changes = [
        ("ramapp: Memory.MappedMemory", "ramapp: Memory.MappedMemori", "Memory.MappedMemori"),
        ("ramapp: Memory.MappedMemory", "ramapp; Memory.MappedMemory", ""),
        ("ramapp: Memory.MappedMemory @ sysbus", "ramapp: Memory.MappedMemory @ sysbuss", "sysbuss"),
    ]
    for number, (old, new, said) in enumerate(changes):
        path = tmp_path / f"broken{number}.repl"
        path.write_text(text.replace(old, new))
        message = refused(icmsg(capsys, "run", "--platform", path))
        assert f"{path}:{line}:" in message
        assert said in message
    binary = tmp_path / "binary.repl"
    binary.write_bytes(stub("echo", "net").read_bytes())
    assert str(binary) in refused(icmsg(capsys, "run", "--platform", binary))
    empty = tmp_path / "empty.repl"
    empty.write_text("")
    assert str(empty) in refused(icmsg(capsys, "run", "--platform", empty))


def test_a_core_that_the_platform_does_not_have(capsys: Capture, tmp_path: Path) -> None:
    text = platform_file("nrf5340").read_text().replace("cpunet", "cpuradio")
    path = tmp_path / "radio.repl"
    path.write_text(text)
    found = refused(icmsg(capsys, "run", "--platform", path, "--net", "echo"))
    assert "unrecognized arguments: --net" in found
    assert f"the cores of {path} are app, radio" in found


def test_firmware_given_twice_for_one_core_is_the_last_one(capsys: Capture, tmp_path: Path) -> None:
    """As every option; it is no mistake."""
    found = icmsg(
        capsys, "run", "--json", "--messages", "3", "--net", "none.elf", "--net", foreign(tmp_path, "net")
    )
    assert found.code == 0


@pytest.mark.usefixtures("no_renode")
def test_renode_is_refused_with_what_to_use_instead(capsys: Capture) -> None:
    assert "use --engine embedded" in refused(icmsg(capsys, "run", "--engine", "renode"))


def test_sessions_with_a_stub_that_has_none_are_refused(capsys: Capture) -> None:
    message = refused(icmsg(capsys, "run", "--net", "spin", "--unbound", "enable"))
    assert "spin" in message
    assert "use --unbound detect or disable" in message


def test_modes_that_never_bind_are_refused(capsys: Capture) -> None:
    message = refused(
        icmsg(capsys, "run", "--app", "initiator-enable", "--net", "python", "--unbound", "disable")
    )
    assert "they never bind" in message


def test_a_devicetree_and_options_that_it_says_already_exclude_each_other(capsys: Capture) -> None:
    message = refused(icmsg(capsys, "run", "--app-dts", "app.dts", "--tx-region", "0x20070000:0x800"))
    assert "--tx-region and a devicetree exclude each other" in message


def test_options_of_a_devicetree_without_one_are_refused(capsys: Capture) -> None:
    assert "goes with --app-dts" in refused(icmsg(capsys, "run", "--release", "3.7"))
