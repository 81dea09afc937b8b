"""A core played by Python: handlers at their exact time, levels that stay high, and exceptions on the way."""

from __future__ import annotations

import pytest
from looped import for_each
from rig import Rig
from thumb import RAM

from icmsg.errors import ConfigurationError, EngineError

APP_IPC, NET_IPC = 0x5002_A000, 0x4101_2000
APP_IRQ, NET_IRQ = 42, 18

# The app core rings channel 0 after as many instructions as R4 says, then sleeps.
RINGING = """
reset:
 ldr r0, =0x5002A510
 movs r1, #1
 str r1, [r0]
 ldr r0, =0x5002A000
 ldr r4, =COUNT
wait: subs r4, #1
 bne wait
 str r1, [r0]
 movs r5, #1
sleep: wfi
 b sleep
"""
BEFORE = 5
"""Instructions before the loop of RINGING."""


def listen(rig: Rig) -> None:
    """Let the net core's mailbox raise its line when channel 0 is rung."""
    bus = rig.machine.core("net").bus
    bus.write32(NET_IPC + 0x590, 1)
    bus.write32(NET_IPC + 0x304, 1)


def acknowledge(rig: Rig) -> None:
    rig.machine.core("net").bus.write32(NET_IPC + 0x100, 0)


def ring_from_python(rig: Rig) -> None:
    """Ring the app core's channel 0 on itself: it listens to what it signals."""
    bus = rig.machine.core("app").bus
    bus.write32(APP_IPC + 0x510, 1)
    bus.write32(APP_IPC + 0x590, 1)
    bus.write32(APP_IPC + 0x304, 1)
    bus.write32(APP_IPC, 1)


def silence(rig: Rig) -> None:
    rig.machine.core("app").bus.write32(APP_IPC + 0x100, 0)


@for_each("latency_ns", [0, 1, 1000, 12_345])
@for_each("count", [1, 5000])
@for_each("quantum_ns", [100, 100_000])
def test_a_handler_runs_at_the_instruction_that_rang_plus_the_latency(
    latency_ns: int, count: int, quantum_ns: int
) -> None:
    with Rig(quantum_ns=quantum_ns, latency_ns=latency_ns) as rig:
        listen(rig)
        times: list[int] = []

        def handler() -> None:
            times.append(rig.machine.now_ns)
            acknowledge(rig)

        rig.machine.core("net").on_interrupt(NET_IRQ, handler)
        app = rig.boot(RINGING.replace("COUNT", str(count)))
        rig.run(count * 2 + 10_000)
        tick = BEFORE + 2 * count + 1
        latency = -(-latency_ns * 128 // 1000)
        assert times == [(tick + latency) * 1000 // 128]
        assert app.registers["R5"] == 1


def test_with_latency_zero_the_core_that_rang_has_not_gone_on(rig: Rig) -> None:
    with Rig(quantum_ns=100_000, latency_ns=0) as rig:
        listen(rig)
        seen: list[int] = []

        def handler() -> None:
            seen.append(rig.machine.core("app").registers["R5"])
            acknowledge(rig)

        rig.machine.core("net").on_interrupt(NET_IRQ, handler)
        rig.boot(RINGING.replace("COUNT", "10"))
        rig.run()
        assert seen == [0]


def test_a_line_that_is_high_already_counts_as_rising_now(rig: Rig) -> None:
    ring_from_python(rig)
    rig.run(100)
    calls: list[int] = []
    rig.machine.core("app").on_interrupt(APP_IRQ, lambda: (calls.append(rig.machine.now_ns), silence(rig)))
    before = rig.machine.now_ns
    rig.run(1000)
    assert calls == [before + 1000]


def test_an_interrupt_that_is_acknowledged_before_its_turn_is_not_delivered(rig: Rig) -> None:
    calls: list[int] = []
    rig.machine.core("app").on_interrupt(APP_IRQ, lambda: calls.append(1))
    ring_from_python(rig)
    silence(rig)
    rig.run(1000)
    assert calls == []


def test_a_level_that_stays_high_calls_again_after_a_microsecond(rig: Rig) -> None:
    times: list[int] = []

    def handler() -> None:
        times.append(rig.machine.now_ns)
        if len(times) == 4:
            silence(rig)

    rig.machine.core("app").on_interrupt(APP_IRQ, handler)
    ring_from_python(rig)
    rig.run()
    assert times == [1000, 2000, 3000, 4000]


def test_with_latency_zero_a_high_level_still_lets_time_pass() -> None:
    with Rig(latency_ns=0) as rig:
        times: list[int] = []

        def handler() -> None:
            times.append(rig.machine.now_ns)
            if len(times) == 3:
                silence(rig)

        rig.machine.core("app").on_interrupt(APP_IRQ, handler)
        ring_from_python(rig)
        rig.run()
        assert times == [0, 1000, 2000]


def test_a_handler_that_never_acknowledges_is_an_error_that_says_what_to_do(rig: Rig) -> None:
    calls: list[int] = []
    rig.machine.core("app").on_interrupt(APP_IRQ, lambda: calls.append(1))
    ring_from_python(rig)
    with pytest.raises(EngineError, match=r"interrupt 42 of core app .* 1000 times .* acknowledge"):
        rig.machine.run_for(10_000_000)
    assert len(calls) == 1000
    silence(rig)
    rig.run(1000)
    assert len(calls) == 1000


def test_one_careless_handler_is_found_beside_a_careful_one(rig: Rig) -> None:
    listen(rig)
    careful: list[int] = []
    rig.machine.core("net").on_interrupt(NET_IRQ, lambda: (careful.append(1), acknowledge(rig)))
    rig.machine.core("app").on_interrupt(APP_IRQ, lambda: rig.machine.core("app").bus.write32(APP_IPC, 1))
    ring_from_python(rig)
    with pytest.raises(EngineError, match="core app"):
        rig.machine.run_for(10_000_000)
    assert len(careful) > 900


def test_an_exception_of_a_handler_reaches_the_caller_and_the_machine_goes_on(rig: Rig) -> None:
    listen(rig)
    calls: list[int] = []

    def handler() -> None:
        calls.append(rig.machine.now_ns)
        if len(calls) == 1:
            raise KeyError("of the test")
        acknowledge(rig)

    rig.machine.core("net").on_interrupt(NET_IRQ, handler)
    app = rig.boot(RINGING.replace("COUNT", "10"))
    with pytest.raises(KeyError, match="of the test"):
        rig.run()
    rig.run()
    assert len(calls) == 2, "the line was still high, so the interrupt came again"
    assert calls[1] == calls[0] + 1000
    assert app.registers["R5"] == 1


def test_an_exception_of_a_timer_leaves_the_other_timers_alone(rig: Rig) -> None:
    clock = rig.machine.clock
    done: list[str] = []

    def fail() -> None:
        raise ValueError("of the test")

    clock.call_later(1000, fail)
    clock.call_later(1000, lambda: done.append("same time"))
    clock.call_later(2000, lambda: done.append("later"))
    with pytest.raises(ValueError, match="of the test"):
        rig.machine.run_for(5000)
    rig.machine.run_for(5000)
    assert done == ["same time", "later"]


def test_an_exception_of_an_event_sink_in_the_middle_of_an_instruction_reaches_the_caller(rig: Rig) -> None:
    def sink(_: object) -> None:
        raise LookupError("of the test")

    app = rig.boot(RINGING.replace("COUNT", "10"))
    remove = rig.machine.events.add_sink(sink)
    with pytest.raises(LookupError, match="of the test"):
        rig.run()
    assert app.image is not None
    assert app.registers["R5"] == 0, "the core stands behind the instruction that rang"
    remove()
    rig.run()
    assert app.registers["R5"] == 1


@pytest.mark.parametrize("address", [0x5002_1000, 0x5002_A7FC])
def test_an_exception_of_a_sink_that_hears_of_a_warning_reaches_the_caller(rig: Rig, address: int) -> None:
    def sink(_: object) -> None:
        raise LookupError("of the test")

    rig.boot(
        f"reset: ldr r0, ={address}; movs r4, #1; ldr r1, [r0]; movs r4, #2; str r1, [r0]; movs r4, #3; b stuck"
    )
    rig.machine.events.add_sink(sink)
    for reached in (1, 2):
        with pytest.raises(LookupError):
            rig.run(100)
        assert rig.machine.core("app").registers["R4"] == reached
    rig.run(100)
    assert rig.machine.core("app").registers["R4"] == 3


def test_an_exception_in_an_it_block_loses_nothing_of_the_block(rig: Rig) -> None:
    """The block goes on to a return from an exception before the caller hears of the sink's exception."""

    def sink(_: object) -> None:
        raise LookupError("of the test")

    rig.boot(
        "reset: movs r4, #0; ldr r5, =0x50021000; svc #1; adds r4, #1; wait: b wait\n"
        "svc: cmp r5, r5; itt eq; streq r5, [r5]; bxeq lr; b stuck"
    )
    rig.machine.events.add_sink(sink)
    with pytest.raises(LookupError):
        rig.run(100)
    rig.run(100)
    assert rig.machine.core("app").registers["R4"] == 1


# What must not be done, and when


def test_a_handler_cannot_run_the_machine(rig: Rig) -> None:
    errors: list[EngineError] = []

    def action() -> None:
        try:
            rig.machine.run_for(1)
        except EngineError as error:
            errors.append(error)

    rig.machine.clock.call_later(100, action)
    rig.machine.run_for(1000)
    assert "runs already" in str(errors[0])


@pytest.mark.parametrize("method", ["start", "reset", "release"])
def test_a_sink_cannot_pull_the_core_from_under_its_own_instruction(rig: Rig, method: str) -> None:
    app = rig.boot(RINGING.replace("COUNT", "10"))
    rig.machine.events.add_sink(lambda _: getattr(app, method)())
    with pytest.raises(EngineError, match=rf"{method} is not possible .* core app; do it in clock.call_soon"):
        rig.run()


def test_a_sink_can_have_it_done_behind_the_instruction(rig: Rig) -> None:
    app = rig.boot(RINGING.replace("COUNT", "10"))
    remove = rig.machine.events.add_sink(lambda _: rig.machine.clock.call_soon(reset))

    def reset() -> None:
        remove()
        assert app.registers["R5"] == 0
        app.reset()
        assert app.image is not None
        assert app.registers["PC"] == app.image.symbol("reset")

    rig.run()
    assert app.registers["R5"] == 1


def test_a_sink_can_halt_the_core_at_the_instruction_that_it_hears_of(rig: Rig) -> None:
    app = rig.boot(RINGING.replace("COUNT", "10"))
    remove = rig.machine.events.add_sink(lambda _: app.halt())
    rig.run()
    remove()
    assert app.is_halted
    assert app.registers["R5"] == 0
    app.resume()
    rig.run()
    assert app.registers["R5"] == 1


def test_a_core_that_runs_firmware_cannot_be_played_and_the_other_way_round(rig: Rig) -> None:
    app = rig.boot(RINGING.replace("COUNT", "10"))
    with pytest.raises(EngineError, match="halt it before Python plays it"):
        app.on_interrupt(APP_IRQ, lambda: None)
    net = rig.machine.core("net")
    net.on_interrupt(NET_IRQ, lambda: None)
    with pytest.raises(EngineError, match="in use"):
        rig.boot("reset: b stuck", core="net")


def test_a_core_can_change_hands(rig: Rig) -> None:
    """Firmware, then Python, then firmware again on the same core; interrupts reach only who holds it."""
    app = rig.boot(
        f"reset: ldr r0, ={RAM['app']}; ldr r1, [r0]; adds r1, #1; str r1, [r0]; sleep: wfi; b sleep"
    )
    rig.run(100)
    app.halt()
    calls: list[int] = []
    app.on_interrupt(APP_IRQ, lambda: (calls.append(1), silence(rig)))
    ring_from_python(rig)
    rig.run(1000)
    assert calls == [1]
    app.release()
    ring_from_python(rig)
    rig.run(1000)
    assert calls == [1]
    silence(rig)
    app.start()
    rig.run(100)
    assert rig.word() == 2


def test_times_are_whole_nanoseconds(rig: Rig) -> None:
    for wrong in (1.5, -1, "1"):
        with pytest.raises(ConfigurationError, match="whole number of nanoseconds"):
            rig.machine.run_for(wrong)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="whole number of nanoseconds"):
            rig.machine.run_until(lambda: False, timeout_ns=wrong)  # type: ignore[arg-type]
