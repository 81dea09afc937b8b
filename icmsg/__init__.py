"""Co-simulation harness for inter-core messaging: ICMsg played by Python on an emulated dual-core SoC."""

from __future__ import annotations

from icmsg.former_paths import install as _install_former_paths

__version__ = "0.1.0"

_install_former_paths()
