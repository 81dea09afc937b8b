"""``west icmsg``: the commands of icmsg for the build folder that ``west build`` uses."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from west.commands import WestCommand

if TYPE_CHECKING:
    import argparse

COMMANDS: Final = {
    "run": ["run"],
    "check": ["check"],
    "test": ["simulate", "--test", "--timeout-s", "60"],
}
"""What ``west icmsg`` offers, and what of icmsg it is."""
_DEFAULT_FMT: Final = "build"
"""The build folder of ``west build`` where ``build.dir-fmt`` is not set."""


class Icmsg(WestCommand):
    """Finds the build folder, and leaves the rest to icmsg."""

    def __init__(self) -> None:
        super().__init__(
            "icmsg",
            "run the firmware of a build on an emulated SoC",
            "run: bond and exchange messages. check: will both sides bond. test: run a ztest image, exit with 0 only "
            "if its tests passed. All that follows the build folder is passed on: `west icmsg run -h` lists it.",
        )

    def do_add_parser(self, parser_adder: argparse._SubParsersAction) -> argparse.ArgumentParser:  # type: ignore[type-arg]
        """Add the arguments; what they mean is up to icmsg."""
        parser = parser_adder.add_parser(
            self.name,
            help=self.help,
            description=self.description,
            usage="west icmsg [-h] {run,check,test} [[-d] BUILD_DIR] [OPTION …]",
        )
        parser.add_argument("what", choices=COMMANDS, help="what to do with the build")
        parser.add_argument("rest", nargs="...", metavar="BUILD_DIR", help="default: that of west build")
        return parser  # type: ignore[no-any-return]

    def do_run(self, args: argparse.Namespace, _unknown: list[str]) -> None:
        """Start icmsg in place of west; its exit code is that of west."""
        rest: list[str] = args.rest
        if rest[:1] in (["-d"], ["--build-dir"]):
            del rest[0]
            if not rest:
                self.die("-d needs the build folder")
        if rest in (["-h"], ["--help"]):
            build: list[str] = []
        elif rest and not rest[0].startswith("-"):
            build = [rest.pop(0)]
        else:
            build = [str(self._build_folder())]
        command = [*self._icmsg(), *COMMANDS[args.what], *build, *rest]
        self.dbg("running", *command)
        sys.stdout.flush()
        if os.name == "posix":
            os.execv(command[0], command)  # Ctrl-C and SIGTERM then reach it, and nothing else
        sys.exit(subprocess.run(command, check=False).returncode)

    def _build_folder(self) -> Path:
        """Return the build folder as ``west build`` finds it: here, or where ``build.dir-fmt`` says."""
        here = Path.cwd()
        if _is_build(here):
            return Path()
        fmt = str(self.config.get("build.dir-fmt", _DEFAULT_FMT))
        inside = fmt.format_map(defaultdict(lambda: "*", app=here.name, source_dir=""))
        anywhere = fmt.format_map(defaultdict(lambda: "*"))
        for pattern in dict.fromkeys((inside, anywhere)):
            top = Path(pattern).anchor
            found = sorted(
                place for place in Path(top).glob(str(Path(pattern).relative_to(top))) if _is_build(place)
            )
            if len(found) > 1:
                self.die(
                    f"there are {len(found)} build folders ({', '.join(map(str, found))}): give one of them"
                )
            if found:
                return found[0]
        self.die(f"there is no build folder {fmt} here: west build --sysbuild first, or give the folder")
        raise AssertionError("unreachable")

    def _icmsg(self) -> list[str]:
        """Return the command of icmsg: that of west's own Python, else the one on the path."""
        if importlib.util.find_spec("icmsg") is not None:
            return [sys.executable, "-m", "icmsg"]
        if (found := shutil.which("icmsg")) is not None:
            return [found]
        self.die(
            "icmsg is not installed: pip install icmsg, in the environment of west or in any that is on the PATH"
        )
        raise AssertionError("unreachable")


def _is_build(folder: Path) -> bool:
    return (folder / "domains.yaml").is_file() or (folder / "zephyr" / "zephyr.dts").is_file()
