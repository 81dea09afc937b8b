"""What renode/RemoteExtensions.cs adds to Renode's Monitor, over the machine of an embedded Monitor."""

from __future__ import annotations

import re
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING, Any

from power_records import PowerTap

from icmsg.engines.lockstep.records import BYTE_SENT, LINE_ROSE, TASK
from icmsg.errors import MonitorError, VirtualTimeoutError
from icmsg.machine.events import Event, EventKind
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine import EmbeddedMachine

_RECORD = Struct("<QHHI")
_BETWEEN = re.compile(r";(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")
_WORD = re.compile(r'"[^"]*"|\S+')
_RUN_NS = 10_000_000
"""How far the lockstep runs ahead of whoever lets it go."""


class Lockstep:
    """Holds the emulation, and writes down what happens on ``machine``."""

    def __init__(self, machine: EmbeddedMachine) -> None:
        self._machine = machine
        self._mailboxes: list[str] = []
        self._doorbells = b""
        self._console = b""
        self._rang = False
        self._stop: Callable[[], None] | None = None
        self.is_held = False

    @property
    def is_followed(self) -> bool:
        return self._stop is not None

    def follow(self, mailboxes: str, uarts: str) -> str:
        self.unfollow()
        self._mailboxes = [name.removeprefix("ipc") for name in mailboxes.split()]
        self._stop = self._machine.events.add_sink(self._on_event)
        self._power = PowerTap(self._machine, self._on_power)
        for place, uart in enumerate(uarts.split()):
            self._capture(self._machine.core(uart.removeprefix("uart")).console, place)
        return ""

    def unfollow(self) -> str:
        if self._stop is not None:
            self._stop()
            self._stop = None
            self._power.dispose()
        self._doorbells = self._console = b""
        return ""

    def run_until(self, microseconds: str, lines: str) -> str:
        self.is_held = True
        found = [line.removesuffix(".IRQ").removeprefix("ipc") for line in lines.split()]
        self._rang = False
        if int(microseconds) and not self._is_any_high(found):
            with suppress(VirtualTimeoutError):
                self._machine.run_until(
                    lambda: self._rang or self._is_any_high(found), timeout_ns=int(microseconds) * 1000
                )
        return self.take_records()

    def take_records(self) -> str:
        digits = (self._doorbells + self._console).hex().upper()
        self._doorbells = self._console = b""
        return f"{self._machine.now_ns} 0 {digits or '-'}"

    def end(self) -> str:
        if self.is_held:
            self.is_held = False
            self._machine.run_for(_RUN_NS - self._machine.now_ns % _RUN_NS)
        return ""

    def _is_any_high(self, cores: list[str]) -> bool:
        return any(self._is_high(self._machine.core(name)) for name in cores)

    @staticmethod
    def _is_high(core: Any) -> bool:
        return bool(core._slot.nvic.lines >> (16 + core.mailbox_port.interrupt) & 1)

    def _on_power(self, time_ns: int, kind: int) -> None:
        self._rang = True
        self._doorbells += _RECORD.pack(time_ns, kind, 0, 0)

    def _on_event(self, event: Event) -> None:
        core = next(core for core in self._machine.cores.values() if core.index == event.core)
        if core.name not in self._mailboxes:
            return
        place = self._mailboxes.index(core.name)
        if event.kind is EventKind.DOORBELL:
            self._rang = True
            self._doorbells += _RECORD.pack(event.time_ns, TASK, place, event.a)
        elif event.kind is EventKind.INTERRUPT and event.a == core.mailbox_port.interrupt:
            self._doorbells += _RECORD.pack(event.time_ns, LINE_ROSE, place, 0)

    def _capture(self, console: Any, place: int) -> None:
        feed = type(console).feed

        def both(data: bytes, time_ns: int, source: object = None) -> None:
            feed(console, data, time_ns, source)
            if self._stop is not None:
                self._console += b"".join(_RECORD.pack(time_ns, BYTE_SENT, place, byte) for byte in data)

        console.feed = both


class ExtendedMonitor(EmbeddedMonitor):
    """An embedded Monitor that also has the extensions, and refuses beside a lockstep what Renode refuses."""

    def __init__(self) -> None:
        super().__init__()
        self._lockstep: Lockstep | None = None
        self._of: EmbeddedMachine | None = None

    def execute(self, command: str) -> str:
        printed = [self._part(part.strip()) for part in _BETWEEN.split(command)]
        return "\n".join(filter(None, printed))

    def _part(self, command: str) -> str:
        name, *words = [word.strip('"') for word in _WORD.findall(command)] or [""]
        machine = self.machine
        if machine is not self._of:
            self._lockstep, self._of = (Lockstep(machine) if machine is not None else None), machine
        lockstep = self._lockstep
        if lockstep is None or not name.startswith("ipc") or not words:
            return self._plain(command, lockstep)
        extension = {
            "Follow": lockstep.follow,
            "Unfollow": lockstep.unfollow,
            "RunUntil": lockstep.run_until,
            "TakeRecords": lockstep.take_records,
            "EndLockstep": lockstep.end,
        }.get(words[0])
        if extension is None:
            return super().execute(command)
        if words[0] == "RunUntil" and self.is_started:
            raise MonitorError("The emulation runs by itself; pause it before a lockstep is made")
        return extension(*words[1:])

    def _plain(self, command: str, lockstep: Lockstep | None) -> str:
        held = lockstep is not None and lockstep.is_held
        assert not (held and re.match(r"pause|start|emulation RunFor", command)), (
            f"Renode waits for ever: {command}"
        )
        if command.startswith("Save "):
            if held or (lockstep is not None and lockstep.is_followed):
                raise MonitorError("Pointer or ThreadLocal or SpinLock encountered during serialization")
            return ""
        if held and "LoadELF" in command:
            raise MonitorError("Cannot load ELF on an unpaused machine.")
        return super().execute(command)
