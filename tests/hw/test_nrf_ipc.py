from __future__ import annotations

import errno

import pytest
from ipc_model import APP, NET, IpcModel, LoggingBus, two_cores

from icmsg.errors import BusError, ConfigurationError, MailboxError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailboxes.nrf_ipc import NrfIpc


@pytest.fixture
def buses() -> tuple[LoggingBus, LoggingBus]:
    return two_cores()


def test_init_connects_the_channels_of_the_masks_and_disconnects_the_others(
    buses: tuple[LoggingBus, LoggingBus],
) -> None:
    bus, _ = buses
    bus.model.poke("SEND_CNF", 0xFF, 7)
    bus.model.poke("RECEIVE_CNF", 0xFF, 7)
    NrfIpc(bus, APP, tx_channels=0b0001, rx_channels=0b1010)
    assert [bus.model.peek("SEND_CNF", channel) for channel in range(16)] == [1] + [0] * 15
    assert [bus.model.peek("RECEIVE_CNF", channel) for channel in range(16)] == [0, 2, 0, 8] + [0] * 12
    assert bus.model.peek("INTEN") == 0


def test_all_channels_are_connected_by_default(buses: tuple[LoggingBus, LoggingBus]) -> None:
    bus, _ = buses
    NrfIpc(bus, APP)
    for name in ("SEND_CNF", "RECEIVE_CNF"):
        assert [bus.model.peek(name, channel) for channel in range(16)] == [1 << n for n in range(16)]


def test_every_operation_is_one_access_of_the_register_that_zephyr_uses(
    buses: tuple[LoggingBus, LoggingBus],
) -> None:
    bus, _ = buses
    ipc = NrfIpc(bus, APP)
    bus.log.clear()
    ipc.enable(3)
    ipc.ring(3)
    ipc.pending()
    ipc.acknowledge(3)
    ipc.disable(3)
    ipc.is_enabled(3)
    assert bus.log == [
        ("write", "INTENSET", 1 << 3),
        ("write", "TASKS_SEND[3]", 1),
        ("read", "INTPEND", 1 << 3),
        ("write", "EVENTS_RECEIVE[3]", 0),
        ("write", "INTENCLR", 1 << 3),
    ]


def test_a_refused_operation_touches_no_register(buses: tuple[LoggingBus, LoggingBus]) -> None:
    bus, _ = buses
    ipc = NrfIpc(bus, APP, tx_channels=0b01, rx_channels=0b10)
    bus.log.clear()
    for operation, channel in ((ipc.ring, 1), (ipc.acknowledge, 0), (ipc.enable, 0), (ipc.disable, 0)):
        with pytest.raises(MailboxError) as caught:
            operation(channel)
        assert caught.value.errno == errno.EINVAL
    with pytest.raises(MailboxError):
        ipc.disable(1)
    assert bus.log == []


def test_the_interrupt_line_of_the_other_core_is_high_until_the_acknowledge(
    buses: tuple[LoggingBus, LoggingBus],
) -> None:
    app_bus, net_bus = buses
    app, net = NrfIpc(app_bus, APP, tx_channels=1), NrfIpc(net_bus, NET, rx_channels=1)
    model = net_bus.model
    assert isinstance(model, IpcModel)
    app.ring(0)
    assert not model.irq
    net.enable(0)
    assert model.irq
    assert net.pending() == 1
    net.acknowledge(0)
    assert not model.irq


def test_an_ipc_hears_its_own_ring(buses: tuple[LoggingBus, LoggingBus]) -> None:
    ipc = NrfIpc(buses[0], APP)
    ipc.enable(0)
    ipc.ring(0)
    assert ipc.pending() == 1


def test_pending_hides_interrupts_that_this_driver_did_not_enable(
    buses: tuple[LoggingBus, LoggingBus],
) -> None:
    bus, _ = buses
    ipc = NrfIpc(bus, APP)
    bus.model.write32(0x304, 0b110)
    ipc.enable(1)
    ipc.ring(1)
    ipc.ring(2)
    assert ipc.pending() == 0b010


def test_gpmem_holds_two_words(buses: tuple[LoggingBus, LoggingBus]) -> None:
    ipc = NrfIpc(buses[0], APP)
    ipc.write_gpmem(0, 0xFFFF_FFFF)
    ipc.write_gpmem(1, 2)
    assert [ipc.read_gpmem(0), ipc.read_gpmem(1)] == [0xFFFF_FFFF, 2]
    with pytest.raises(ConfigurationError, match="GPMEM has elements 0…1, not 2"):
        ipc.read_gpmem(2)


def test_close_disconnects_all_channels_and_switches_the_interrupts_off(
    buses: tuple[LoggingBus, LoggingBus],
) -> None:
    bus, _ = buses
    ipc = NrfIpc(bus, APP)
    ipc.enable(5)
    bus.model.write32(0x304, 1)
    ipc.close()
    assert not ipc.is_enabled(5)
    assert bus.model.peek("INTEN") == 0
    assert not any(bus.model.peek(name, c) for name in ("SEND_CNF", "RECEIVE_CNF") for c in range(16))


def test_a_mask_beyond_channel_15_is_refused_before_any_access(buses: tuple[LoggingBus, LoggingBus]) -> None:
    bus, _ = buses
    with pytest.raises(ConfigurationError, match="tx-mask 0x10000: there are only channels 0…15"):
        NrfIpc(bus, APP, tx_channels=1 << 16)
    assert bus.log == []


def test_a_base_that_is_not_aligned_is_refused(buses: tuple[LoggingBus, LoggingBus]) -> None:
    with pytest.raises(ConfigurationError, match="use an address that 4 divides"):
        NrfIpc(buses[0], APP + 2)


def test_a_base_without_an_ipc_is_a_bus_error() -> None:
    with pytest.raises(BusError, match="0x5002A510"):
        NrfIpc(MemoryBus(bytearray(4096), base=0x2000_0000), APP)
