"""Traces on the command line: the options of a run that writes some, and ``icmsg trace``, which lists formats.

``icmsg trace``: the formats that a trace can have, and what Wireshark needs to show one.

Options for traces of a run: which files, in which formats, and the stream that somebody reads along.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import icmsg.views
from icmsg.cli.arguments import HelpFormatter
from icmsg.cli.link_options import PYTHON
from icmsg.errors import ConfigurationError
from icmsg.views.recording import FORMATS, TraceFile, format_named, format_of, suffixes, trace_into, trace_to

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import TextIO

    from icmsg.link.endpoints.link import AnyLink
    from icmsg.machine.machine import Machine


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


STREAM: Final = "-"
"""The name of standard output."""


def add_trace_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--trace`` and ``--trace-format``."""
    parser.add_argument(
        "--trace",
        metavar="FILE",
        action="append",
        default=None,
        help=f"write what happens into FILE, by its suffix ({', '.join(suffixes())}); may be given several times; "
        "- is standard output, and the report goes to standard error",
    )
    parser.add_argument(
        "--trace-format",
        choices=[each.name for each in FORMATS if each.streams],
        default=None,
        help="the format of --trace -",
    )


class Traces:
    """The traces that the options ask for, from :meth:`begin` to :meth:`end`.

    Raises:
        ConfigurationError: a file's suffix is that of no format, or a stream has no format; before anything runs.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._files: list[TraceFile] = []
        given: list[str] = options.trace or []
        self._paths: Final = [Path(name) for name in given if name != STREAM]
        self.to_stdout: Final = STREAM in given
        """True if standard output is taken."""
        for path in self._paths:
            format_of(path)
        if len(self._paths) + self.to_stdout < len(given) or len(set(self._paths)) < len(self._paths):
            raise ConfigurationError("--trace: a file is given twice; leave one of them out")
        if self.to_stdout and options.trace_format is None:
            names = ", ".join(each.name for each in FORMATS if each.streams)
            raise ConfigurationError(f"--trace - has no suffix: say --trace-format with one of {names}")
        if not self.to_stdout and options.trace_format is not None:
            raise ConfigurationError(
                "--trace-format is for --trace - alone; elsewhere the suffix of the file says it"
            )
        self._format: Final = format_named(options.trace_format) if self.to_stdout else None

    @property
    def report_to(self) -> TextIO:
        """The stream for the report of a run."""
        return sys.stderr if self.to_stdout else sys.stdout

    def begin(
        self, machine: Machine, link: AnyLink, players: Mapping[str, str], about: Mapping[str, str]
    ) -> None:
        """Trace ``machine`` from now on; ``players`` are the cores with what was given for each."""
        players = {core: "Python" if who == PYTHON else Path(who).name for core, who in players.items()}
        if self._format is not None:
            self._files.append(
                trace_into(machine, sys.stdout.buffer, self._format, (link,), about=about, players=players)
            )
        for path in self._paths:
            self._files.append(trace_to(machine, path, (link,), about=about, players=players, apart=True))

    def end(self, report: Mapping[str, Any] | None = None) -> None:
        """End all files; a second time does nothing."""
        files, self._files = self._files, []
        for file in files:
            file.close(report)
