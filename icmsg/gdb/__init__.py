"""GDB's remote serial protocol for the cores of the embedded engine."""

from icmsg.gdb.server import Debugger, Halted

__all__ = ["Debugger", "Halted"]
