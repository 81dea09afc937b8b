"""The images for the VPR: what its instruction set, its interrupts and the core that starts it need of them."""

from __future__ import annotations

import re
import struct
from typing import Final

import pytest
from native_stub import STUBS
from stub_image import IMAGES, Image

VECTORS: Final = 16 + 271
"""Causes of interrupts: interrupt n is cause n + 16."""
EF_RISCV_RVC, EF_RISCV_RVE = 0x1, 0x8
CSRCI_MSTATUS_MIE, CSRSI_MSTATUS_MIE = 0x3004_7073, 0x3004_6073
WFI, MRET, FENCE = 0x1050_0073, 0x3020_0073, 0x0FF0_000F
AUIPC_T0, ADDI_T0_T0 = 0x297, 0x28293
# lw t1, 44(sp); andi t1, t1, 1; or t0, t0, t1; sw t0, 44(sp); mret: the stacked mepc lies behind eleven words, and
# bit 0 of it, which tells how the stack pointer was aligned, is kept
REPLACE_MEPC_AND_RETURN: Final = bytes.fromhex("3253 13731300 b3e26200 16d6 73002030")


@pytest.fixture(params=[name for name, place in IMAGES.items() if place == "nrf54l15-flpr"])
def image(request: pytest.FixtureRequest) -> Image:
    return Image.named(request.param)


def code(image: Image, symbol: str) -> bytes:
    """Return the bytes from a symbol on to the end of its section."""
    address, _ = image.symbols[symbol]
    for header, data in image.sections.values():
        if header["sh_addr"] <= address < header["sh_addr"] + len(data) and header["sh_flags"] & 2:
            return data[address - header["sh_addr"] :]
    raise AssertionError(symbol)


def word(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")


def test_it_is_for_rv32emc_with_no_other_extension(image: Image) -> None:
    assert (image.header["e_machine"], image.header["e_type"]) == ("EM_RISCV", "ET_EXEC")
    assert image.header["e_flags"] == EF_RISCV_RVC | EF_RISCV_RVE
    isa = re.search(rb"rv32[a-z0-9_]+", image.sections[".riscv.attributes"][1])
    assert isa is not None
    names = {re.sub(r"\d+p\d+$", "", part) for part in isa[0].decode().split("_")}
    assert names <= {"rv32e", "m", "c", "zca", "zmmul"}


def test_its_first_instruction_is_the_entry_that_the_application_core_gives_it(image: Image) -> None:
    header = (STUBS / "src" / "nrf54l15.h").read_text(encoding="utf-8")
    entry = re.search(r"#define FLPR_ENTRY (0x[0-9A-F]+)u", header)
    assert entry is not None
    assert image.header["e_entry"] == int(entry[1], 16) == image.symbols["Reset_Handler"][0]
    assert image.header["e_entry"] == min(segment["p_paddr"] for segment in image.segments)
    assert word(code(image, "Reset_Handler"), 0) == CSRCI_MSTATUS_MIE


def test_every_interrupt_has_the_one_handler_and_both_tables_are_aligned_to_64(image: Image) -> None:
    table, size = image.symbols["vectors"]
    assert (table % 64, size) == (0, 4 * VECTORS)
    handlers = struct.unpack_from(f"<{VECTORS}I", code(image, "vectors"))
    assert set(handlers) == {image.symbols["interrupt_entry"][0]}
    assert image.symbols["exception_entry"][0] % 64 == 0


def test_an_interrupt_is_let_in_around_a_wfi_only_and_returns_behind_it(image: Image) -> None:
    sleep = code(image, "cpu_sleep")
    assert [word(sleep, at) for at in (0, 4, 8, 12)] == [FENCE, CSRSI_MSTATUS_MIE, WFI, CSRCI_MSTATUS_MIE]
    awake, _ = image.symbols["cpu_awake"]
    assert awake == image.symbols["cpu_sleep"][0] + 12
    text = image.sections[".text"][1]
    for once in (CSRSI_MSTATUS_MIE, WFI, MRET):
        assert text.count(once.to_bytes(4, "little")) == 1

    entry, _ = image.symbols["interrupt_entry"]
    handler = code(image, "interrupt_entry")
    upper, lower = word(handler, 0), word(handler, 4)
    assert (upper & 0xFFF, lower & 0xFFFFF) == (AUIPC_T0, ADDI_T0_T0)
    assert entry + (upper & 0xFFFF_F000) + (lower >> 20) - (lower >> 31 << 12) == awake
    assert handler[8:].startswith(REPLACE_MEPC_AND_RETURN)
