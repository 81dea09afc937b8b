"""Every UART of the table prints and receives, by polling and by interrupt, on every kind of Cortex-M."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Final

import pytest
from uart_firmware import LINE, SENDING, UARTS, Where, blind, image, lpuart, queued

from icmsg.engines.embedded.armv8m.native import CORES
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.engines.embedded.models.uart import UartModel
from icmsg.hw import uarts
from icmsg.soc.platform import parse_platform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.machine.image import FirmwareImage

AT: Final = 0x4001_0000
PLATFORM: Final = """
cpu: CPU.CortexM @ sysbus
    cpuType: "{cpu}"
    nvic: nvic

nvic: IRQControllers.NVIC @ sysbus 0xE000E000
    -> cpu@0

flash: Memory.MappedMemory @ sysbus 0x0
    size: 0x4000

ram: Memory.MappedMemory @ sysbus 0x20000000
    size: 0x2000

serial: {uart} @ sysbus {at}
    {output}-> nvic@5
"""


def machine(uart: str, cpu: str = "cortex-m33", extra: str = "") -> EmbeddedMachine:
    text = PLATFORM.format(
        uart=uart, cpu=cpu, at=AT, output=f"{UARTS[uart].output} ".lstrip() if uart in UARTS else ""
    )
    return EmbeddedMachine(parse_platform(text + extra, "some.repl"))


def talk(found: EmbeddedMachine, firmware: FirmwareImage) -> str:
    """Let firmware print, and answer two bytes; return all that it has printed."""
    core = found.core("cpu")
    core.load(firmware)
    core.start()
    found.run_for(100_000)
    core.console.write("ab")
    found.run_for(100_000)
    assert not found.warnings
    return core.console.text


def test_firmware_prints_by_polling_and_answers_by_interrupt_over_each_of_them_on_every_core() -> None:
    assert {*UARTS} == {*uarts.UARTS, "UART.NRF52840_UART"} - OF_OTHER_CORES
    for (name, uart), cpu in zip(UARTS.items(), cycle(CORES), strict=False):
        with machine(name, cpu) as found:
            assert talk(found, image(uart, AT, interrupt=5)) == f"{LINE}\nab", (name, cpu)


def sent_blindly(uart: str, setup: Sequence[Where], extra: str = "") -> tuple[str, list[str]]:
    """Let firmware write ``setup`` and then a byte; return what was sent, and the warnings."""
    with machine(uart, extra=extra) as found:
        core = found.core("cpu")
        core.load(blind(UARTS[uart], AT, setup))
        core.start()
        found.run_for(10_000)
        return core.console.text, [warning.what for warning in found.warnings]


ALWAYS_ON: Final = {"UART.NS16550", "UART.RenesasDA14_UART"}
"""UARTs without a bit that turns the transmitter on."""
OF_OTHER_CORES: Final = {"UART.LiteX_UART", "UART.MiV_CoreUART", "UART.SiFive_UART", "UART.TrivialUart"}
"""UARTs of RISC-V boards, for which there is no firmware here: a suite of Robot writes to their registers."""
SENDS_IN_RENODE: Final = {"UART.EFM32_UART", "UART.LEUART", "UART.LPC_USART"}
"""UARTs whose models in Renode send without it."""


@pytest.mark.parametrize("uart", UARTS)
def test_a_uart_sends_a_byte_only_when_firmware_has_turned_it_on_and_says_so_else(uart: str) -> None:
    assert sent_blindly(uart, UARTS[uart].setup) == ("!", [])
    text, warnings = sent_blindly(uart, ())
    if uart in ALWAYS_ON:
        assert (text, warnings) == ("!", [])
        return
    assert text == ("!" if uart in SENDS_IN_RENODE else "")
    assert len(warnings) == 1
    assert warnings[0].startswith(f"write of serial ({uart}), wh")
    assert ("Renode sends the byte nevertheless, the SoC does not" in warnings[0]) is (
        uart in SENDS_IN_RENODE
    )


@pytest.mark.parametrize(
    ("uart", "extra", "start", "pointer", "size"),
    [
        ("UART.NRF52840_UART", "easyDMA: true", 0x008, 0x544, 0x548),
        ("UART.NRF54H20_UARTE", "", 0x050, 0x73C, 0x740),
    ],
)
def test_a_uart_with_easydma_sends_nothing_while_it_is_off_and_says_so(
    uart: str, extra: str, start: int, pointer: int, size: int
) -> None:
    for on, text in ((0, ""), (8, "hi")):
        program = blind(
            UARTS["UART.NRF52840_UART"]._replace(send=Where(start)),
            AT,
            (Where(0x500, on), Where(pointer, 0x3FF0), Where(size, 2)),
        )
        with EmbeddedMachine(
            parse_platform(
                PLATFORM.format(uart=uart, cpu="cortex-m4", at=AT, output=f"{extra}\n    " if extra else "")
            )
        ) as found:
            found.memories["flash"].bytes[0x3FF0:0x3FF2] = b"hi"
            core = found.core("cpu")
            core.load(program)
            core.start()
            found.run_for(10_000)
            assert core.console.text == text
            off = f"write of serial ({uart}), which is off: nothing is sent; set ENABLE to 8"
            assert [warning.what for warning in found.warnings] == ([] if on else [off])


@pytest.mark.parametrize(
    ("uart", "setup", "reason"),
    [
        ("UART.STM32F7_USART", (Where(0, 0x8),), "set UE and TE of CR1"),
        ("UART.STM32_UART", (Where(0xC, 0x2000),), "set UE and TE of CR1"),
        ("UART.PL011", (Where(0x30, 0x201),), "set UARTEN and TXE of CR"),
        ("UART.SAM_USART", (Where(0, 0x50),), "set TXEN by CR, and CD of BRGR"),
        ("UART.SAM_USART", (Where(0x20, 27), Where(0, 0x50), Where(0, 0x80)), "the byte is lost"),
        ("UART.LPC_USART", (Where(0xFF8, 1), Where(0xE00, 3), Where(0, 1), Where(4, 0x40)), "clear TXDIS of CTL"),
        ("UART.NXP_FLEXCOMM", (Where(0xFF8, 2), Where(0x18, 3 << 18)), "selects mode 2, a UART is 1; nothing happens"),
        ("UART.EFR32xG2_USART_0", (Where(4, 1), Where(0x14, 4), Where(0x14, 8)), "TXEN by CMD, and clear SYNC"),
        ("UART.EFR32_USART", (Where(0, 1), Where(0xC, 5)), "clear SYNC"),
        ("UART.EFR32xG2_EUSART_2", (Where(4, 1), Where(8, 1), Where(0x38, 5)), "clear SYNC"),
    ],
)  # fmt: skip
def test_half_of_what_turns_a_uart_on_is_not_enough(uart: str, setup: Sequence[Where], reason: str) -> None:
    text, warnings = sent_blindly(uart, setup)
    assert text == ""
    assert reason in warnings[-1]


def test_an_lpuart_holds_one_byte_until_its_transmitter_is_on() -> None:
    uart = model("UART.NXP_LPUART")
    sent: list[bytes] = []
    uart.sinks.append(lambda data, _time: sent.append(data))
    assert uart.read32(0x14) & 3 << 22 == 3 << 22
    uart.write32(0x1C, ord("a"))
    uart.write32(0x1C, ord("b"))
    assert (sent, uart.read32(0x14) & 3 << 22) == ([], 0)
    uart.write32(0x18, 1 << 19)
    assert (sent, uart.read32(0x14) & 3 << 22) == ([b"a"], 3 << 22)


def test_a_flexcomm_is_nothing_until_its_mode_is_selected_and_can_be_locked() -> None:
    uart = model("UART.NXP_FLEXCOMM")
    uart.write32(0x18, 3 << 18)
    assert (uart.read32(0x14), uart.read32(0xFF8)) == (0, 0x0010_3070)
    uart.write32(0xFF8, 9)
    assert uart.read32(0x18) == 0
    uart.write32(0x18, 3 << 18 | 1 << 21 | 1 << 22)
    uart.write(b"q")
    assert uart.read32(0xFF4) == 3
    uart.write32(0xFF8, 0)
    assert uart.read32(0x1C) & 0xFF == ord("q")
    uart.write32(0x18, 0)
    assert uart.read32(0xFF4) == 0


def test_a_server_s_pl011_is_on_after_a_reset() -> None:
    assert sent_blindly("UART.PL011", (), "\nserial:\n    sbsa: true\n") == ("!", [])


def test_firmware_sends_and_answers_by_interrupts_alone_over_each_of_them() -> None:
    assert {*SENDING} == {*UARTS}
    for (name, uart), cpu in zip(UARTS.items(), cycle(CORES), strict=False):
        sending = SENDING[name]
        second = f"\nserial:\n    {sending.output} -> nvic@6\n" if sending.output else ""
        with machine(name, cpu, second) as found:
            program = queued(uart, sending, AT, (5, 6 if second else 5))
            assert talk(found, program) == f"{LINE}\nab", (name, cpu)


def test_variants_of_a_type_are_chosen_by_its_attributes() -> None:
    with machine("UART.NXP_LPUART", extra="\nserial:\n    hasGlobalRegisters: false\n") as found:
        assert talk(found, image(lpuart(0), AT)) == f"{LINE}\nab"
    with machine("UART.NS16550", extra="\nserial:\n    wideRegisters: true\n") as found:
        assert talk(found, image(UARTS["UART.RenesasDA14_UART"], AT)) == f"{LINE}\nab"


def model(name: str) -> UartModel:
    with machine(name) as found:
        serial = found.models["serial"]
    assert isinstance(serial, UartModel)
    return serial


def test_a_transmitter_that_is_off_sends_nothing_and_a_receiver_that_is_off_misses() -> None:
    uart = model("UART.STM32F7_USART")
    sent: list[bytes] = []
    uart.sinks.append(lambda data, _time: sent.append(data))
    missed: list[int] = []
    uart.missed = missed.append
    uart.write32(0x28, ord("x"))
    uart.write(b"y")
    assert (sent, missed, uart.read32(0x1C) & 0x20) == ([], [1], 0)
    uart.write32(0x00, 0xD)
    uart.write32(0x28, ord("x"))
    uart.write(b"yz")
    assert sent == [b"x"]
    assert uart.read32(0x1C) == 0x0060_00E0
    assert (uart.read32(0x24), uart.read8(0x24), uart.read32(0x24)) == (ord("y"), ord("z"), 0)


def test_flags_are_cleared_as_each_manual_says() -> None:
    stm = model("UART.STM32F7_USART")
    stm.write32(0x20, 1 << 6)
    assert not stm.read32(0x1C) & 1 << 6
    stm.write32(0x1C, 0xFFFF_FFFF)
    assert not stm.read32(0x1C) & 1 << 6
    older = model("UART.STM32_UART")
    older.write32(0x00, 0)
    assert older.read32(0x00) == 1 << 7
    silabs = model("UART.EFR32xG2_USART_0")
    silabs.write32(0x14, 0x5)
    assert silabs.read32(0x48) == 0x2
    silabs.write(b"a")
    assert silabs.read32(0x48) == 0x6
    assert silabs.read32(0x24) == ord("a")
    assert silabs.read32(0x48) == 0x2
    silabs.write32(0x2048, 0x2)
    assert silabs.read32(0x48) == 0
    silabs.write32(0x3008, 0x11)
    silabs.write32(0x3008, 0x10)
    assert silabs.read32(0x08) == 0x1


def test_a_16550_says_what_has_interrupted_it_and_keeps_its_divisor_apart() -> None:
    uart = model("UART.NS16550")
    uart.write8(3, 0x83)
    uart.write8(0, 0x0D)
    uart.write8(1, 0x02)
    assert (uart.read8(0), uart.read8(1)) == (0x0D, 0x02)
    uart.write8(3, 0x03)
    assert (uart.read8(1), uart.read8(2)) == (0, 1)
    uart.write8(1, 0x03)
    assert (uart.read8(2), uart.irq.level) == (2, True)
    uart.write(b"q")
    assert uart.read8(2) == 4
    uart.write8(2, 0x02)
    assert (uart.read8(5) & 1, uart.read8(2)) == (0, 2)


def test_the_baud_rate_is_that_of_the_divisor() -> None:
    with machine("UART.STM32F7_USART", extra="\nserial:\n    frequency: 200000000\n") as found:
        uart = found.models["serial"]
        assert isinstance(uart, UartModel)
        assert uart.baud_rate == 115_200
        uart.write32(0x0C, 1736)
        assert uart.baud_rate == 115_207


def test_a_reset_forgets_what_was_received_and_every_bit() -> None:
    for name, layout in uarts.UARTS.items():
        uart = model(name)
        offsets = [offset for offset in (*range(0x100), *range(0xE00, 0xE50)) if offset < layout.size]
        fresh = [uart.read8(offset) for offset in offsets]
        for offset in offsets:
            uart.write8(offset, 0x55)
        uart.write(b"abc")
        uart.reset()
        assert [uart.read8(offset) for offset in offsets] == fresh, name
        assert not any(line.level for line in uart.named.values()), name
