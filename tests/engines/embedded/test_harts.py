"""Programs on harts of RV32: what they print is what the real Renode 1.16.1 prints for them, times included."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from hart_rig import FE310, IMAGES, LITEX, MIV, TWO, first, machine, one, printed

from icmsg.errors import CoreFault, PlatformError
from icmsg.machine.events import EventKind

if TYPE_CHECKING:
    from pathlib import Path

sys.path.insert(0, str(IMAGES))
from build_harts import NAMES, build

sys.path.remove(str(IMAGES))


@pytest.mark.parametrize(
    ("platform", "image"),
    [
        (one(), "hello-ns16550"),
        (LITEX, "hello-litex"),
        (MIV, "hello-miv"),
        (FE310, "hello-sifive"),
    ],
    ids=["ns16550", "litex", "miv", "sifive"],
)
def test_a_program_prints_on_each_platforms_uart_and_sleeps(platform: str, image: str) -> None:
    with machine(platform, image) as made:
        made.run_for(1_000_000)
        core = first(made)
        assert core.console.text == "hello\n"
        assert core.is_asleep
        assert not [warning for warning in made.warnings if "timer" not in str(warning)]


def test_the_timer_interrupts_at_the_mtime_that_renode_prints() -> None:
    assert printed(one(), "timer") == [
        "tick at 000003ea",
        "tick at 000007d2",
        "tick at 00000bba",
        "tick at 00000fa2",
        "tick at 0000138a",
        "done, time 00000001",
        "woken, mip 00000080",
        "mtime 00001785",
    ]


def test_a_hart_asleep_until_the_timer_wakes_at_the_exact_nanosecond() -> None:
    with machine(one(), "timer") as made:
        taken: list[int] = []
        made.events.add_sink(lambda event: taken.append(event.time_ns), (EventKind.INTERRUPT,))
        made.run_for(1_000_000)
        # MTIME is 1000 for the first time 100 µs after it began.
        assert taken[:5] == [100_000, 200_000, 300_000, 400_000, 500_000]


def test_traps_say_what_the_architecture_wants() -> None:
    assert printed(one(), "traps") == [
        "mhartid 00000000",
        *("mcause 0000000b", "  mtval 00000000", "  mstatus 00001880"),
        *("mcause 00000002", "  mtval ffffffff", "  mstatus 00001880"),
        *("mcause 00000002", "  mtval 7ff02073", "  mstatus 00001880"),
        *("mcause 00000002", "  mtval f1401073", "  mstatus 00001880"),
        "mstatus 00000088",
        *("mcause 00000002", "  mtval 34002073", "  mstatus 00000080"),
        *("mcause 00000008", "  mtval 00000000", "  mstatus 00000080"),
        "mscratch 12345678",
    ]


def test_a_warning_says_what_was_illegal() -> None:
    with machine(one(), "traps") as made:
        made.run_for(1_000_000)
        said = [str(warning) for warning in made.warnings]
    assert "csrrs of CSR 0x7FF, which this hart does not have" in said[1]
    assert "csrrw of CSR 0xF14, which can only be read" in said[2]
    assert "csrrs of CSR 0x340, which is not for user mode" in said[3]


def test_vectored_interrupts_go_to_their_own_handlers_the_software_interrupt_first() -> None:
    assert printed(one(), "vectored") == [
        "software 80000003",
        "timer 80000007",
        "exception 0000000b",
        "done",
    ]


def test_a_uart_interrupts_through_the_plic_and_is_served_once_for_each_claim() -> None:
    with machine(one(), "plic") as made:
        core = first(made)
        made.run_for(1_000_000)
        core.console.write(b"abc")
        made.run_for(1_000_000)
        core.console.write(b"d")
        made.run_for(1_000_000)
        assert core.console.text.splitlines() == ["ready", "source 3: abc", "source 3: d"]
        assert core.is_asleep


def test_two_harts_ring_each_other_by_software_interrupts() -> None:
    with machine(TWO, "harts") as made:
        made.run_for(20_000_000)
        harts = list(made.cores.values())
        assert harts[0].console.text == "rounds 00000a0a\n"
        assert [hart.instructions for hart in harts] == [0x379, 0x2D3]  # as in Renode
        assert all(hart.is_asleep for hart in harts)


def test_the_same_run_has_the_same_hash_whatever_its_steps() -> None:
    hashes = []
    for step in (20_000_000, 333_000):
        with machine(TWO, "harts") as made:
            for _ in range(19_980_000 // step or 1):
                made.run_for(step)
            made.run_for(20_000_000 - made.now_ns)
            hashes.append(made.trace_sha256())
    assert hashes[0] == hashes[1]


def test_floating_point_is_off_until_firmware_turns_it_on_and_dirty_when_it_has_written() -> None:
    assert printed(one("rv32imafc_zicsr_zifencei"), "floats") == [
        "traps 00000001",
        "mstatus.FS 00000003",
        "1000 halves 000005dc",
        "misa 40101125",
        "fflags 00000000",
    ]


def test_a_hart_without_f_takes_a_floating_point_instruction_for_an_illegal_one() -> None:
    with machine(one(), "floats") as made:
        made.run_for(100_000)
        assert any("an instruction that this core does not have" in str(warning) for warning in made.warnings)
        assert "halves" not in first(made).console.text


def test_the_controller_in_a_vexriscv_lets_through_what_its_mask_says() -> None:
    with machine(LITEX, "vex") as made:
        core = first(made)
        made.run_for(1_000_000)
        core.console.write(b"xyz")
        made.run_for(1_000_000)
        assert core.console.text.splitlines() == ["ready, mask 00000004", "inputs 00000004", "xyz"]
        made.cores[core.name].bus.read32(0x4000_0000)
        core.console.write(b"!")
        made.run_for(1_000_000)
        assert core.console.text.splitlines()[-2:] == ["inputs 00000004", "!"]


def test_a_hart_begins_where_its_image_says_or_is_told_what_to_do() -> None:
    with machine(one(), "hello-ns16550") as made:
        core = first(made)
        core.halt()
        core.vector_table = 0x1000
        with pytest.raises(
            CoreFault, match="would begin at 0x00001000, where no code can be; load an image, or set PC"
        ):
            core.reset()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("timeProvider: clint", "timeProvider: uart"),
            "timeProvider of cpu must name an IRQControllers.Core",
        ),
        (
            ("IRQ -> plic@3", "IRQ -> plic@53"),
            "uart is wired to interrupt 53 of plic, which has 52: use 1 to 52",
        ),
        (("0 -> cpu@11", "0 -> cpu@32"), "plic is wired to interrupt 32 of cpu, which has 32: use 0 to 31"),
        (("frequency: 10000000", "frequency: 0"), "frequency and divider must be 1 or more"),
        (("numberOfSources: 52", "numberOfSources: 2000"), "numberOfSources must be 1…1023, not 2000"),
        (("numberOfContexts: 1", "numberOfContexts: 0"), "numberOfContexts must be 1…15872, not 0"),
    ],
)
def test_a_mistake_of_a_platform_file_is_said_in_words(change: tuple[str, str], said: str) -> None:
    with pytest.raises(PlatformError) as caught:
        machine(one().replace(*change), "hello-ns16550")
    assert said in str(caught.value)


def test_a_time_provider_that_nothing_models_reads_0_and_is_named_among_the_stand_ins() -> None:
    text = LITEX.replace(
        'cpuType: "rv32im_zicsr_zifencei"', 'cpuType: "rv32im_zicsr_zifencei"\n    timeProvider: clock0'
    )
    with machine(text, "hello-litex") as made:
        assert "clock0" in made.stand_ins
        made.run_for(1_000_000)
        assert first(made).console.text == "hello\n"


@pytest.mark.skipif(
    shutil.which("riscv64-unknown-elf-gcc") is None, reason="needs riscv64-unknown-elf-gcc 12.2"
)
@pytest.mark.parametrize("name", NAMES)
def test_the_images_are_built_from_their_sources(name: str, tmp_path: Path) -> None:
    build(name, tmp_path / "image.elf")
    assert (tmp_path / "image.elf").read_bytes() == (IMAGES / f"{name}.elf").read_bytes()
