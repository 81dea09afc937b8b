"""Loads Renode into this process, once: a private temporary folder, the variables, then pyrenode3's import."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import warnings
from typing import TYPE_CHECKING, Final

from icmsg.engines.renode.locate import find_setup
from icmsg.errors import EngineError, EngineNotAvailableError

if TYPE_CHECKING:
    from icmsg.engines.renode.api import RenodeApi
    from icmsg.engines.renode.locate import RenodeSetup

_VARIABLES: Final = (
    "PYRENODE_PATH",
    "PYRENODE_BIN",
    "PYRENODE_PKG",
    "PYRENODE_BUILD_DIR",
    "PYRENODE_BUILD_OUTPUT",
    "PYRENODE_RUNTIME",
    "PYRENODE_SKIP_LOAD",
)
_TEMPORARY: Final = ("TMPDIR", "TMP", "TEMP")


class _Process:
    """The Renode of this process: there is one, for ever, and one machine at a time."""

    renode: RenodeApi | None = None
    failure: str | None = None
    temporary: str | None = None
    owner: object | None = None


def load_renode() -> RenodeApi:
    """Return the Renode of this process; the first call loads it.

    Raises:
        EngineNotAvailableError: it cannot be loaded here; the text says what to do.
    """
    if _Process.renode is not None:
        return _Process.renode
    if _Process.failure is not None:
        raise EngineNotAvailableError(f"{_Process.failure} (a second attempt needs a new process)")
    setup = find_setup()
    try:
        _Process.renode = _load(setup)
    # pyrenode3 leaves with whatever happened: SystemExit, AttributeError, exceptions of .NET and of clr_loader.
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        _Process.failure = (
            f"Renode does not load ({reason}); it is {setup.renode}, pyrenode3 is {setup.pyrenode}; "
            "see docs/renode.md for combinations that work"
        )
        raise EngineNotAvailableError(_Process.failure) from error
    return _Process.renode


def private_folder() -> str:
    """Return the folder for temporary files of Renode, and make it Renode's at the first call.

    At its start Renode deletes every ``renode-*`` in the temporary folder, also those of others. Python's own
    temporary folder stays what it was; processes started later inherit the private one.
    """
    if _Process.temporary is None:
        _Process.temporary = tempfile.mkdtemp(prefix="icmsg-renode")  # also settles where Python puts its own
        for name in _TEMPORARY:
            os.environ[name] = _Process.temporary
        # Registered before pyrenode3's own clean-up, so run after it.
        atexit.register(shutil.rmtree, _Process.temporary, ignore_errors=True)
    return _Process.temporary


def occupy(owner: object) -> None:
    """Let ``owner`` be the one machine of this process; EngineError while another one is open."""
    if _Process.owner is not None:
        raise EngineError(
            "there is one Renode in a process, with one machine at a time; close() the other first"
        )
    _Process.owner = owner


def vacate(owner: object) -> None:
    """Let another machine be made."""
    if _Process.owner is owner:
        _Process.owner = None


def _load(setup: RenodeSetup) -> RenodeApi:
    private_folder()
    before = {name: os.environ.get(name) for name in _VARIABLES}
    try:
        for name in _VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(setup.variables)
        with warnings.catch_warnings():
            # What clr_loader thinks of an older Mono is no error where warnings are, as in many a suite of pytest.
            warnings.filterwarnings("default", module=r"clr_loader\b")
            from icmsg.engines.renode.adapter import PyrenodeAdapter  # its import loads Renode

            return PyrenodeAdapter()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
