"""Robot Framework library: scenarios of two cores on one virtual clock.

In a suite::

    *** Settings ***
    Library         icmsg.robot.IcmsgLibrary

Times are virtual: ``10 ms`` is ten milliseconds of the emulated SoC, whatever the host does meanwhile.
"""

from __future__ import annotations

from icmsg.robot.library import IcmsgLibrary
from icmsg.robot.lifecycle import RenodeSuites

__all__ = ["IcmsgLibrary", "RenodeSuites"]
