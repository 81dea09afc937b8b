"""The registers of a VPR peripheral by which another core starts and stops the VPR core.

They lie from 0x800 on behind its event interface (VEVIF), which is a mailbox (:mod:`icmsg.hw.mailboxes`).
"""

from __future__ import annotations

from typing import Final

from icmsg.hw.registers import Access, Field, Register, RegisterBlock

VPR: Final = RegisterBlock(
    "VPR",
    (
        Register(
            "CPURUN",
            0x800,
            fields=(Field("EN", 0, meaning="1 runs the core from INITPC, 0 holds it in reset"),),
        ),
        Register(
            "VPRSTATUS",
            0x804,
            access=Access.R,
            fields=(
                Field("CPUSTATUS", 0, width=4, meaning="0 = waiting, 1 = running, 2 = sleeping, 14 = error"),
            ),
            meaning="what the core does; not in the documentation of the nRF54L15",
        ),
        Register("INITPC", 0x808, meaning="address of the first instruction"),
    ),
    source="nRF54L15 Datasheet, VPR",
)
