"""The shipped nRF54L15 with firmware on both cores: the application core starts the FLPR, both live by one GRTC."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from thumb import firmware as arm_firmware

from icmsg.assets import platform_file
from icmsg.soc.platform import PlatformDescription, load_platform

vpr_rig = pytest.importorskip("vpr_rig", reason="needs the VPR core")
riscv = pytest.importorskip("riscv")

US = 1_000
MS = 1_000_000
S = 1_000_000_000
GRTC, VPR, CLICINT = 0x500E_2000, 0x5004_C000, 0xF000_1000
ENTRY = 0x2002_8000
SHARED = 0x2001_8000
APP_LOG, FLPR_LOG, STARTS = 0x2001_0100, 0x2001_8100, 0x2001_8000

# Channel 11 of group 2, every 70 microseconds, relative to CC; the high bit of CCADD says so.
APP = f"""
reset: ldr r0, =0xE000E11C; ldr r1, ={1 << 228 % 32}; str r1, [r0]
 ldr r4, ={GRTC}; ldr r5, ={APP_LOG}; ldr r1, =0x800; str r1, [r4, #0x324]
 ldr r6, ={GRTC + 0x5D8}; movs r2, #70; ldr r1, =0x80000000; orrs r2, r1; str r2, [r6]
 ldr r0, ={VPR + 0x808}; ldr r1, ={ENTRY}; str r1, [r0]
 ldr r0, ={VPR + 0x800}; movs r1, #1; str r1, [r0]
sleep: wfi; b sleep
irq_228: ldr r1, [r4, #0x740]; stmia r5!, {{r1}}; movs r0, #0; str r0, [r4, #0x12C]; str r2, [r6]; bx lr
"""

# Channel 3 of group 0, every 110 microseconds; its line in the CLIC is 226.
FLPR = f"""
start: li t0, {STARTS}; lw t1, 0(t0); addi t1, t1, 1; sw t1, 0(t0)
 la t0, vectors; csrw mtvt, t0; la t0, trap; csrw mtvec, t0
 li sp, 0x2003F000; li tp, {FLPR_LOG}; li s0, {GRTC}
 li t0, {CLICINT + 4 * 226}; li t1, 0x3F000100; sw t1, 0(t0)
 addi t1, zero, 8; sw t1, 0x304(s0)
 li s1, 0x8000006E; sw s1, 0x558(s0)
 csrsi mstatus, 8
sleep: wfi; j sleep
.align 6
trap: j trap
tick: lw t0, 0x720(s0); sw t0, 0(tp); addi tp, tp, 4; sw zero, 0x10C(s0); sw s1, 0x558(s0); mret
.align 10
vectors: .word {", ".join(["0"] * (16 + 226))}, tick
"""


@pytest.fixture(scope="module")
def platform() -> PlatformDescription:
    return load_platform(Path(platform_file("nrf54l15")))


def steps_of(values: list[int]) -> set[int]:
    return {later - sooner for sooner, later in itertools.pairwise(values)}


def test_both_cores_sleep_to_their_own_channels_of_one_grtc(platform: PlatformDescription) -> None:
    hashes = set()
    for step in (MS, 7_003):
        with vpr_rig.VprRig(description=platform) as rig:
            machine, flpr = rig.machine, rig.core
            flpr.load(riscv.firmware(FLPR, base=ENTRY))
            app = machine.core("app")
            app.load(arm_firmware(APP, stack=0x2001_0000))
            app.start()
            while machine.now_ns < 5 * MS:
                machine.run_for(min(step, 5 * MS - machine.now_ns))
            app_log = [app.bus.read32(APP_LOG + 4 * at) for at in range(60)]
            flpr_log = [app.bus.read32(FLPR_LOG + 4 * at) for at in range(40)]
            assert (app_log[0], steps_of(app_log)) == (70, {70})
            assert steps_of(flpr_log) == {110}
            assert machine.warnings == []
            hashes.add(machine.trace_sha256())
    assert len(hashes) == 1


def test_the_flpr_is_restarted_ten_times_from_initpc(platform: PlatformDescription) -> None:
    with vpr_rig.VprRig(description=platform) as rig:
        bus = rig.machine.core("app").bus
        rig.core.load(riscv.firmware(FLPR, base=ENTRY))
        bus.write32(VPR + 0x808, ENTRY)
        for number in range(1, 11):
            bus.write32(VPR + 0x800, 1)
            rig.machine.run_for(MS)
            assert bus.read32(STARTS) == number
            assert bus.read32(VPR + 0x804) == 2  # it sleeps
            bus.write32(VPR + 0x800, 0)
            assert (rig.core.is_held, bus.read32(VPR + 0x804)) == (True, 0)


def test_each_core_prints_on_its_own_console(platform: PlatformDescription) -> None:
    with vpr_rig.VprRig(description=platform) as rig:
        machine = rig.machine
        for name, base in (("app", 0x500C_6000), ("flpr", 0x4010_4000)):
            bus = machine.core(name).bus
            bus.write_block(SHARED, f"this is {name}\n".encode())
            for offset, value in ((0x500, 8), (0x73C, SHARED), (0x740, 12 + (name == "flpr")), (0x050, 1)):
                bus.write32(base + offset, value)
        assert [[line.text for line in machine.core(name).console.lines] for name in ("app", "flpr")] == [
            ["this is app"],
            ["this is flpr"],
        ]
