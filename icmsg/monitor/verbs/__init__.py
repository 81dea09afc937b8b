"""Verbs of the Monitor for ICMsg: the command line behind the word ``icmsg``, the same on every engine."""

from __future__ import annotations

from icmsg.monitor.verbs.dispatch import IcmsgVerbs

__all__ = ["IcmsgVerbs"]
