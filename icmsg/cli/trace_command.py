"""``icmsg trace``: the formats that a trace can have, and what Wireshark needs to show one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import icmsg.views
from icmsg.cli.arguments import HelpFormatter
from icmsg.views.formats import FORMATS

if TYPE_CHECKING:
    import argparse

PLUGIN: Final = Path(icmsg.views.__file__).with_name("icmsg.lua")
"""The dissector, as it lies in the package."""


def add_parser(commands: Any) -> None:
    """Add ``trace`` to the sub-commands."""
    parser = commands.add_parser(
        "trace",
        help="formats of traces, and the Wireshark dissector",
        description="Lists the formats that icmsg run --trace FILE writes.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument(
        "--wireshark-plugin",
        action="store_true",
        help="say where the dissector of the .pcapng files is, and where Wireshark looks for it",
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print what was asked for."""
    lines = _plugin_lines() if options.wireshark_plugin else _format_lines()
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _format_lines() -> list[str]:
    return [
        f"{each.suffix:<9}  {each.meaning}{f'; also {each.suffix}.gz' if each.may_gzip else ''}"
        for each in FORMATS
    ]


def _plugin_lines() -> list[str]:
    if sys.platform == "win32":
        return [f"{PLUGIN}", "copy it to %APPDATA%\\Wireshark\\plugins"]
    return [
        f"{PLUGIN}",
        "copy it to the folder of your own Lua plugins:",
        f"  mkdir -p ~/.local/lib/wireshark/plugins && cp '{PLUGIN}' ~/.local/lib/wireshark/plugins/",
        "or name it each time:",
        f"  wireshark -X lua_script:'{PLUGIN}' FILE.pcapng",
    ]
