"""The registers of the nRF5340's RESET by which the application core stops and starts the network core.

RESET shares its base with CLOCK and POWER; what is below 0x600 there is theirs (:mod:`icmsg.hw.nrf_clock`).
"""

from __future__ import annotations

from typing import Final

from icmsg.hw.registers import Field, Register, RegisterBlock

RESET: Final = RegisterBlock(
    "RESET",
    (
        Register(
            "NETWORK_FORCEOFF",
            0x614,
            reset=1,
            fields=(Field("FORCEOFF", 0, meaning="1 holds the network core in reset, 0 releases it"),),
        ),
        Register("NETWORK_UNLOCK", 0x618, meaning="written by the workaround for erratum 161; no function"),
    ),
    source="nRF5340 PS, RESET",
)
