"""Release 0.1's import paths give the very modules that have moved."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys

import pytest
from looped import for_each

from icmsg.former_paths import _MOVED, today

LOADS_RENODE = "icmsg.engines.renode.adapter"
"""Module that cannot be imported without pyrenode3, and loads Renode where that is."""


@for_each("path", sorted(_MOVED))
def test_a_former_path_is_another_name_of_the_same_module(path: str) -> None:
    home = today(path)
    assert home is not None
    if home == LOADS_RENODE:
        assert importlib.util.find_spec(home)
        return
    assert importlib.import_module(path) is importlib.import_module(home)
    assert importlib.import_module(home).__name__ == home


@for_each("package", sorted({path.rpartition(".")[0] for path in _MOVED} - {"icmsg.cosim"}))
def test_a_former_path_is_in_a_package_that_is_there_or_has_a_former_path_itself(package: str) -> None:
    """A folder that only has caches of a package that is gone would be found, too: on this machine alone."""
    if today(package) is None:
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None


@pytest.mark.parametrize(
    ("statement", "home"),
    [
        ("from icmsg.cosim.embedded.machine import EmbeddedMachine as it", "icmsg.engines.embedded.machine"),
        ("from icmsg.cosim.played_instance import PlayedInstance as it", "icmsg.link.played_instance"),
        ("from icmsg.cosim.platform import load_platform as it", "icmsg.soc.platform.load"),
        ("from icmsg.trace import trace_to as it", "icmsg.views.recording"),
        (
            "from icmsg.cosim.embedded.models.dwt import DwtModel as it",
            "icmsg.engines.embedded.models.timers",
        ),
        (
            "from icmsg.cosim.embedded.vpr.clic import Clic as it",
            "icmsg.engines.embedded.riscv.vpr_registers",
        ),
    ],
)
def test_classes_of_a_former_path_are_those_of_the_new_one_in_a_fresh_process(
    statement: str, home: str
) -> None:
    code = f"{statement}\nassert it.__module__ == {home!r}, it.__module__"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "path", ["icmsg.cosim.nothing", "icmsg.cosim.embedded.nothing", "icmsg.trace.nothing"]
)
def test_a_path_that_never_was_is_no_module(path: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(path)
