# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN204, N802, T201, UP004, UP031 - .NET's names; also run by Python 2.7
"""What icmsg_monitor.py needs of Renode: a Monitor with a machine over a bytearray, mailboxes and a log.

As a program it reads a JSON object from stdin (``script``, ``base``, ``memory`` as hex, ``calls``) and prints what
the commands print; so a Python 2.7 can do what the tests do in their own process.
"""

import json
import sys
import types


class FakeEvent(object):
    """A .NET event: handlers come and go with += and -=."""

    def __init__(self):
        self.handlers = []

    def __iadd__(self, handler):
        self.handlers.append(handler)
        return self

    def __isub__(self, handler):
        self.handlers.remove(handler)
        return self

    def fire(self, *arguments):
        for handler in list(self.handlers):
            handler(*arguments)


class FakePeripheral(object):
    """Any peripheral."""

    def __init__(self, name):
        self.name = name
        self.TaskTriggered = FakeEvent()

    def GetStatus(self):
        return "INTEN=0x0001 EVENTS=0x0000 IRQ=0 (%s)" % self.name

    def __int__(self):
        raise TypeError("a peripheral is no number")


class NRF_IPC(FakePeripheral):  # noqa: N801 - the name of the C# class counts
    """A mailbox."""


class FakeBus(object):
    """A SystemBus with one memory at ``base``."""

    def __init__(self, base, memory):
        self.base, self.memory = base, memory

    def ReadBytes(self, address, count):
        start = address - self.base
        if start < 0 or start + count > len(self.memory):
            raise ValueError("Tried to access bytes at non-existing peripheral at 0x%08X" % address)
        return self.memory[start : start + count]


class FakePoint(object):
    """A registration that one core alone sees."""

    def __init__(self, initiator):
        self.Initiator = initiator


class FakeEntry(object):
    """A PeripheralTreeEntry."""

    def __init__(self, peripheral, initiator):
        self.Peripheral, self.Name = peripheral, peripheral.name
        self.RegistrationPoint = FakePoint(initiator)


class FakeTime(object):
    """A TimeStamp and its TimeInterval in one."""

    TotalMicroseconds = 0.0

    @property
    def TimeElapsed(self):
        return self


class FakeMachine(object):
    """A machine with the peripherals that the commands look for."""

    def __init__(self, base, memory):
        self.SystemBus = FakeBus(base, memory)
        self.SystemBus.GetCPUs = lambda: [self["sysbus.cpuapp"], self["sysbus.cpunet"]]
        self.ElapsedVirtualTime = FakeTime()
        self.peripherals = {}
        for name in ("ipcapp", "ipcnet", "cpuapp", "cpunet", "uartapp", "shared"):
            kind = NRF_IPC if name.startswith("ipc") else FakePeripheral
            self.peripherals["sysbus." + name] = kind(name)

    def __getitem__(self, name):
        return self.peripherals[name]

    def GetLocalName(self, peripheral):
        return peripheral.name

    def GetRegisteredPeripherals(self):
        owners = [
            (name, "sysbus.cpu" + name[-3:])
            for name in sorted(self.peripherals)
            if name[-3:] in ("app", "net")
        ]
        return [FakeEntry(self[name], self[core]) for name, core in owners]


class FakeMonitor(object):
    """The Monitor; ``scope`` is the one scope of all Python that runs in it, ``log`` what went into Renode's log."""

    def __init__(self, machine):
        self.Machine = machine
        self.log = []
        self.parsed = []
        self.scope = {"self": self}
        logging = types.ModuleType("Antmicro.Renode.Logging")
        logging.Logger = type(
            "Logger", (), {"Log": staticmethod(lambda level, text: self.log.append((level, text)))}
        )
        logging.LogLevel = type("LogLevel", (), {"Info": "INFO", "Error": "ERROR"})
        for name in ("Antmicro", "Antmicro.Renode"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["Antmicro.Renode.Logging"] = logging

    def include(self, path):
        with open(path) as script:  # noqa: PTH123 - Python 2.7 has no pathlib
            exec(compile(script.read(), path, "exec"), self.scope)

    def Parse(self, line):
        """Take a line as if it were typed."""
        self.parsed.append(line)

    def call(self, command, *arguments, **named):
        """Run a command as the Monitor does: a name that it does not know as a literal is a peripheral."""
        return self.scope["mc_" + command](*arguments, **named)


def main():
    request = json.loads(sys.stdin.read())
    memory = bytearray.fromhex(
        request["memory"] if sys.version_info[0] > 2 else str(request["memory"]).decode()
    )
    monitor = FakeMonitor(FakeMachine(request["base"], memory))
    monitor.include(request["script"])
    for command, arguments in request["calls"]:
        monitor.call(command, *[str(one) if hasattr(one, "upper") else one for one in arguments])
    for channel in request.get("rings", ()):
        monitor.Machine["sysbus.ipcapp"].TaskTriggered.fire(None, channel)
    for level, text in monitor.log:
        print("%s %s" % (level, text))


if __name__ == "__main__":
    main()
