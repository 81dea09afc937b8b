"""Robot Framework library: scenarios of two cores on one virtual clock.

In a suite::

    *** Settings ***
    Library         icmsg.robot.IcmsgLibrary

Times are virtual: ``10 ms`` is ten milliseconds of the emulated SoC, whatever the host does meanwhile.
"""

from __future__ import annotations

from icmsg.robot.context import RenodeSuites
from icmsg.robot.library import IcmsgLibrary

__all__ = ["IcmsgLibrary", "RenodeSuites"]
