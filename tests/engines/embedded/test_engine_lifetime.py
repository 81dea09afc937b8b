"""A machine from its making to its end: what cannot be loaded, what cannot be done when, and that nothing is left."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import pytest
from rig import Rig
from thumb import firmware

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import BusError, ConfigurationError, CoreFault, EngineError, FirmwareError
from icmsg.machine.image import FirmwareImage, Segment

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE: Final = "reset: wfi; b reset"
MIB: Final = 1 << 20


# Loading


def test_an_image_of_the_other_core_is_refused_by_name(rig: Rig) -> None:
    with pytest.raises(
        FirmwareError, match=r"stray\.elf: loads at 0x01000000, which is flashnet; .*load it there \(--net\)"
    ):
        rig.machine.core("app").load(firmware(IDLE, core="net", name="stray.elf"))
    with pytest.raises(FirmwareError, match=r"flashapp; it was linked for core app: load it there \(--app\)"):
        rig.machine.core("net").load(firmware(IDLE))


def placed(address: int, size: int = 0x200) -> FirmwareImage:
    data = (0x2001_0000).to_bytes(4, "little") + (address + 9).to_bytes(4, "little") + bytes(size - 8)
    return FirmwareImage(
        Path("placed.elf"), (Segment(address, address, data, executable=True),), address + 9, {}
    )


@pytest.mark.parametrize("address", [0x0800_0000, 0x0010_0000 - 0x100, 0x5002_A000, 0xFFFF_FF00])
def test_a_segment_outside_memory_is_refused_with_the_memories_there_are(rig: Rig, address: int) -> None:
    app = rig.machine.core("app")
    with pytest.raises(
        FirmwareError, match=r"is outside the memory of core app \(.*flashapp 0x00000000…0x000FFFFF"
    ):
        app.load(placed(address))
    assert app.image is None


def test_nothing_is_loaded_when_one_segment_does_not_fit(rig: Rig) -> None:
    app = rig.machine.core("app")
    image = firmware(IDLE)
    wrong = replace(
        image, segments=(*image.segments, Segment(0x7000_0000, 0x7000_0000, b"x" * 16, executable=False))
    )
    with pytest.raises(FirmwareError, match="0x70000000"):
        app.load(wrong)
    assert app.bus.read_block(0, 64) == bytes(64)


def test_a_reset_vector_without_the_thumb_bit_is_refused_when_it_starts(rig: Rig) -> None:
    app = rig.machine.core("app")
    app.load(firmware(IDLE))
    app.bus.write32(4, app.bus.read32(4) & ~1)
    with pytest.raises(CoreFault, match=r"reset vector of core app is 0x[0-9A-F]{8}: bit 0 must be set"):
        app.start()


def test_a_running_core_is_not_loaded_over(rig: Rig) -> None:
    rig.boot(IDLE)
    with pytest.raises(EngineError, match="halt it before you load"):
        rig.machine.core("app").load(firmware(IDLE))


def test_a_core_without_firmware_does_not_start(rig: Rig) -> None:
    with pytest.raises(EngineError, match=r"core net has no firmware; load\(\) an image first"):
        rig.machine.core("net").start()


def test_a_core_that_does_not_exist_is_told_with_those_that_do(rig: Rig) -> None:
    with pytest.raises(ConfigurationError, match="no core 'modem'; the platform has app, net"):
        rig.machine.core("modem")
    assert rig.machine.core("cpuapp") is rig.machine.core("app")


def test_another_image_on_a_halted_core_takes_over_completely(rig: Rig) -> None:
    app = rig.boot(
        "reset: movs r4, #1; ldr r0, =0xE000E010; movs r1, #200; str r1, [r0, #4]; movs r1, #7; str r1, [r0]; b stuck"
    )
    rig.run(500)
    app.halt()
    app.load(firmware("reset: movs r4, #2; cpsie i; sleep: wfi; b sleep\nsys_tick: movs r4, #3; bx lr"))
    app.start()
    rig.run(2000)
    assert app.registers["R4"] == 2
    assert app.instructions <= 4


# States of a core


def test_a_halted_core_keeps_everything_and_goes_on(rig: Rig) -> None:
    app = rig.boot("reset: movs r4, #0; count: adds r4, #1; b count")
    rig.run(1000)
    app.halt()
    stopped = app.registers
    rig.run(5000)
    assert app.is_halted
    assert app.registers == stopped
    app.resume()
    rig.run(1000)
    assert app.registers["R4"] > stopped["R4"]
    assert app.progress[1] * 1000 // 128 >= rig.machine.now_ns


def test_halt_and_resume_do_nothing_where_there_is_nothing_to_do(rig: Rig) -> None:
    app = rig.machine.core("app")
    app.halt()
    app.resume()
    assert app.is_halted
    rig.boot(IDLE)
    app.resume()
    assert not app.is_halted


@pytest.mark.parametrize("sleep_ns", [1_000, 50_000_000])
def test_a_core_that_slept_restarts_at_the_time_of_its_reset(rig: Rig, sleep_ns: int) -> None:
    app = rig.boot(IDLE)
    rig.machine.run_for(sleep_ns)
    app.reset()
    before = app.instructions
    rig.run(64)
    assert app.instructions - before <= 2
    assert app.progress[1] * 1000 // 128 >= sleep_ns


def test_firmware_resets_itself_behind_the_store_that_asks(rig: Rig) -> None:
    app = rig.boot(
        "reset: ldr r0, =0x20000000; ldr r1, [r0]; adds r1, #1; str r1, [r0]; cmp r1, #3; beq stuck\n"
        " ldr r2, =0xE000ED0C; ldr r3, =0x05FA0004; str r3, [r2]; movs r1, #99; str r1, [r0]; b stuck"
    )
    rig.run(500)
    assert rig.word() == 3
    assert app.image is not None
    assert app.registers["PC"] == app.image.symbol("stuck")


# After the end


def uses() -> dict[str, Callable[[EmbeddedMachine], Any]]:
    return {
        "run_for": lambda machine: machine.run_for(1),
        "run_until": lambda machine: machine.run_until(lambda: True, timeout_ns=1),
        "trace_sha256": lambda machine: machine.trace_sha256(),
        "load": lambda machine: machine.core("app").load(firmware(IDLE)),
        "start": lambda machine: machine.core("app").start(),
        "resume": lambda machine: machine.core("app").resume(),
        "reset": lambda machine: machine.core("app").reset(),
        "play": lambda machine: machine.core("app").on_interrupt(1, lambda: None),
        "release": lambda machine: machine.core("app").release(),
    }


@pytest.mark.parametrize("use", uses())
def test_a_closed_machine_says_that_it_is_closed(rig: Rig, use: str) -> None:
    rig.boot(IDLE)
    rig.run(100)
    rig.machine.close()
    with pytest.raises(EngineError, match="closed"):
        uses()[use](rig.machine)


@pytest.mark.parametrize("address", [0x2000_0000, 0x2007_0000, 0x0000_0000, 0x5002_A000, 0xE000_E100])
def test_the_bus_of_a_closed_machine_answers_nowhere(rig: Rig, address: int) -> None:
    bus = rig.machine.core("app").bus
    rig.boot(IDLE)
    rig.run(100)
    rig.machine.close()
    for access in (
        lambda: bus.read8(address),
        lambda: bus.read16(address),
        lambda: bus.read32(address),
        lambda: bus.write8(address, 1),
        lambda: bus.write16(address, 1),
        lambda: bus.write32(address, 1),
        lambda: bus.read_block(address, 8),
        lambda: bus.write_block(address, b"12345678"),
    ):
        with pytest.raises(BusError, match="the machine is closed"):
            access()


def test_what_needs_no_machine_can_still_be_asked(rig: Rig) -> None:
    app = rig.boot("reset: ldr r0, =0x60000000; ldr r1, [r0]; b stuck")
    rig.run(100)
    rig.machine.close()
    rig.machine.close()
    assert app.registers == {}
    assert app.instructions == 0
    assert app.is_halted
    assert app.console.text == ""
    assert len(rig.machine.warnings) == 1
    assert rig.machine.now_ns > 0


def test_a_handler_may_close_its_machine_and_the_run_ends(rig: Rig) -> None:
    rig.boot("reset: adds r0, #1; b reset")
    rig.machine.clock.call_later(1000, rig.machine.close)
    rig.machine.clock.call_later(2000, lambda: pytest.fail("ran on a closed machine"))
    rig.machine.run_for(5000)
    with pytest.raises(EngineError, match="closed"):
        rig.machine.run_for(1)


def test_a_sink_in_the_middle_of_an_instruction_may_not(rig: Rig) -> None:
    rig.boot("reset: ldr r0, =0x5002A7FC; ldr r1, [r0]; movs r4, #1; b stuck")
    remove = rig.machine.events.add_sink(lambda _: rig.machine.close())
    with pytest.raises(EngineError, match="close is not possible from within an instruction of core app"):
        rig.run(100)
    remove()
    rig.run(100)
    assert rig.machine.core("app").registers["R4"] == 1


def test_a_machine_that_cannot_be_built_leaves_nothing_behind(tmp_path: Path) -> None:
    platform = tmp_path / "strange.repl"
    memory = "ram: Memory.MappedMemory @ sysbus 0x0\n    size: 0x1000\n"
    platform.write_text(f'{memory}\ncpu: CPU.CortexM @ sysbus\n    cpuType: "cortex-m33"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"strange\.repl"):
        EmbeddedMachine(platform)


# Memory


def resident() -> int:
    return psutil.Process(os.getpid()).memory_info().rss


def live(running: bool) -> None:
    with Rig() as rig:
        rig.machine.core("net").on_interrupt(18, lambda: None)
        if running:
            rig.boot(
                "reset: ldr r0, =0x5002A510; movs r1, #1; str r1, [r0]; ldr r0, =0x5002A000; str r1, [r0]; wfi; b stuck"
            )
        rig.run(300)
        rig.machine.trace_sha256()


def test_a_closed_machine_is_freed_without_the_cycle_collector() -> None:
    """Emulated cores are large; waiting for a collection would pile them up."""
    live(running=True)
    gc.collect()
    gc.disable()
    try:
        before = resident()
        for _ in range(10):
            live(running=True)
        assert resident() - before < 10 * MIB, "each core has 16 MiB for translated code alone"
    finally:
        gc.enable()


def growth() -> int:
    """Return by how many bytes 30 machines let the process grow, the least of two times.

    What the allocator keeps in pieces comes and goes by a MiB; what a machine leaves behind is there each time.
    """
    sizes = []
    for machines in (15, 30, 30):
        for _ in range(machines):
            live(running=True)
        gc.collect()
        sizes.append(resident())
    return min(after - before for before, after in pairwise(sizes))


@pytest.mark.slow
def test_machines_leave_no_memory_behind() -> None:
    """In a process of its own: what other tests have left is reused in pieces.

    benchmarks/engine.py --cycles measures as many machines as one likes.
    """
    found = subprocess.run(
        [sys.executable, "-c", "import test_engine_lifetime; print(test_engine_lifetime.growth())"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(found.stdout) < MIB
