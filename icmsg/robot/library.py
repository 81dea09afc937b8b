"""The library: its arguments, and the keywords of all subjects."""

from __future__ import annotations

import inspect
from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from robot.libraries.BuiltIn import BuiltIn
from robotlibcore import DynamicCore, KeywordBuilder

from icmsg.engines.remote.transport import PATIENCE_S
from icmsg.errors import IcmsgError
from icmsg.robot.context import RESOURCE, VARIABLE, Interruptions, KeywordContext, Lifecycle
from icmsg.robot.emulation import BeforeRenode, LocalEmulation, RenodeTestEmulation
from icmsg.robot.execution_keywords import (
    ExecutionKeywords,
    MachineKeywords,
    TimeKeywords,
    WatchpointKeywords,
)
from icmsg.robot.firmware_keywords import ConsoleKeywords, FirmwareKeywords, VariableKeywords
from icmsg.robot.message_keywords import DoorbellKeywords, ExchangeKeywords, MessageKeywords
from icmsg.robot.playing_keywords import PlayingKeywords
from icmsg.robot.region_keywords import RegionKeywords, WatchingKeywords
from icmsg.robot.renode_keywords import RenodeCpuKeywords, RenodeKeywords
from icmsg.robot.renode_led_keywords import RenodeLedKeywords
from icmsg.robot.renode_log_keywords import RenodeLogKeywords
from icmsg.robot.renode_uart_keywords import RenodeUartKeywords
from icmsg.robot.report import TraceKeywords
from icmsg.robot.settings import CoreName, LibrarySettings, robot_variables, under_renode_test
from icmsg.robot.testers import StateKeywords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from icmsg.robot.emulation import SuiteEmulation

_OURS: Final = (
    MachineKeywords,
    FirmwareKeywords,
    VariableKeywords,
    ExecutionKeywords,
    PlayingKeywords,
    MessageKeywords,
    ExchangeKeywords,
    RegionKeywords,
    WatchpointKeywords,
    DoorbellKeywords,
    ConsoleKeywords,
    WatchingKeywords,
    TimeKeywords,
    TraceKeywords,
)
_OF_RENODE: Final = (
    RenodeKeywords,
    RenodeUartKeywords,
    RenodeLogKeywords,
    RenodeLedKeywords,
    RenodeCpuKeywords,
)
"""Keywords that Renode's Remote library has under renode-test."""


class IcmsgLibrary(DynamicCore):  # type: ignore[misc]  # robotlibcore has no types
    """Keywords for scenarios of ICMsg (Zephyr's ``zephyr,ipc-icmsg``) on an emulated dual-core SoC.

    A test makes a machine, puts firmware on its cores or lets Python play them, and then sends, waits and compares:

    | Create Machine | | |
    | Run Firmware | net | echo |
    | Play Core | app | |
    | Wait For Bound | app | timeout=10 ms |
    | Send Message | app | hello |
    | Expect Message | app | hello |

    %TOC%

    = Cores and firmware =

    A core is called as in the platform file, or without a leading ``cpu``: ``app`` and ``net`` on the nRF5340. Firmware
    is the path of an ELF file that is linked for that core, or the name of a stub that comes with the package: ``echo``
    (sends back), ``initiator`` (sends and compares), ``spin`` (never bonds); with sessions ``echo-enable``,
    ``echo-detect`` and so on.

    A core without firmware can be played by Python with `Play Core`: an ICMsg backend that touches nothing but the
    registers and the memory of that core. Where several instances are open on a core, ``instance`` says which.

    = Time =

    Every time is virtual: ``10 ms`` is ten milliseconds of the emulated SoC, whatever the host does meanwhile. Time
    passes only while a keyword waits. ``timeout`` of the library is how long a keyword waits that says nothing
    else, ``quiet`` how long nothing may happen for `Expect No Message` and `Expect Not Bound`.

    = Engines =

    ``embedded`` needs nothing but pip, ``renode`` is Renode in this process, ``auto`` chooses. What counts is, in this
    order: the argument of `Create Machine`, that of the library, the variable ``${ICMSG_ENGINE}``, the environment
    variable ``ICMSG_ENGINE``; without any of them it is ``embedded``. Under Renode's ``renode-test`` it is always
    ``remote``: the Renode that runs the suite.

    Where ``renode`` never comes back from a step of the emulation, nothing but the end of the process helps. It ends
    with the reason on stderr after ``stall_timeout`` of the library, which is wall time (0 = never), and 5 s after
    Ctrl-C.

    = Failures =

    A failure says what was waited for, then what lies in both regions, how each instance stands, what the cores do and
    have printed, which doorbells rang, and which faults the test caused. The trace of the whole test, a line for each
    event, is saved into ``icmsg-traces`` in the output folder and linked from the log, and so is a page that shows the
    messages between the cores; the log also has both, folded, wherever it is copied. With ``traces=html pftrace`` or
    ``pcapng`` of the library the same is saved for Perfetto or Wireshark, too. The link of the SoC, or what `Play Core`
    plays, is followed for that while the tests run, which makes them slower: ``traces=`` without anything leaves it
    out. On other engines than ``embedded`` that costs more, and is done only where ``traces`` asks for it.

    = Around a test =

    As under renode-test, a test without setup gets `Reset Emulation`, so that it starts without a machine, and one
    without teardown gets `Close Machine`.

    = Renode's keywords =

    Keywords with the tag *renode* have the names, arguments, defaults and failure texts of Renode. They are for suites
    that run with and without Renode. Under renode-test they are not in this library, because Renode has them itself.
    """

    ROBOT_LIBRARY_SCOPE = "SUITE"

    def __init__(
        self,
        engine: str | None = None,
        timeout: timedelta | str = timedelta(seconds=1),
        quiet: timedelta | str = timedelta(milliseconds=10),
        stall_timeout: timedelta | str = timedelta(seconds=PATIENCE_S),
        traces: str | None = None,
    ) -> None:
        """``timeout`` and ``quiet`` are virtual times, see `Time`.

        ``engine`` and ``stall_timeout`` see `Engines`, ``traces`` see `Failures`.
        """
        settings = LibrarySettings(timeout, quiet, stall_timeout, traces)
        emulation, emulation_listeners = _emulation(engine, settings)
        context = self._context = KeywordContext(settings, emulation)
        self._states = StateKeywords(context, self.run_keyword)
        self.ROBOT_LIBRARY_LISTENER = [Lifecycle(context), *emulation_listeners]
        parts: list[object] = [part(context) for part in _OURS]
        if isinstance(emulation, LocalEmulation):
            parts += [*(part(context) for part in _OF_RENODE), self._states]
        self._names_cores: Final[dict[str, list[tuple[int, str]]]] = {}
        super().__init__(parts)

    def add_library_components(self, library_components: list[object], *_translation: object) -> None:
        """Add the keywords of parts; what those of a class are is found once, for the libraries of all suites."""
        self.keywords_spec["__init__"] = KeywordBuilder.build(self.__init__)  # type: ignore[misc]  # of this very class
        for part in library_components:
            if type(part) not in _KEYWORDS:
                _KEYWORDS[type(part)] = list(_keywords_of(part))
            for found in _KEYWORDS[type(part)]:
                keyword = getattr(part, found.attribute)
                self.keywords[found.name] = keyword
                self.attributes[found.attribute] = self.attributes[found.name] = keyword
                specification = self.keywords_spec[found.name] = copy(found.specification)
                specification.argument_specification = list(specification.argument_specification)
                specification.argument_types = copy(specification.argument_types)  # Robot changes its own
                self._names_cores[found.name] = found.names_cores

    def run_keyword(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
        """Run a keyword; an error of this package fails the test with its text and what explains it."""
        try:
            with Interruptions():
                self._context.emulation.begin_keyword()
                args, kwargs = self._with_core_names(name, args, kwargs or {})
                returned = super().run_keyword(name, args, kwargs)
        except IcmsgError as error:
            raise self._context.explained(error) from None
        self._states.remember(name, args, kwargs)
        return returned

    def _with_core_names(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments with every core called by its short name."""
        found, named = list(args), dict(kwargs)
        for position, parameter in self._names_cores.get(name, ()):
            if position < len(found) and found[position] is not None:
                found[position] = self._context.core_name(str(found[position]))
            elif named.get(parameter) is not None:
                named[parameter] = self._context.core_name(str(named[parameter]))
        return found, named


class Keyword(NamedTuple):
    """A keyword of a class: the attribute that has it, its name, and what Robot asks about it."""

    attribute: str
    name: str
    specification: Any
    names_cores: list[tuple[int, str]]


_KEYWORDS: Final[dict[type, list[Keyword]]] = {}


def _keywords_of(part: object) -> Iterator[Keyword]:
    for attribute in dir(type(part)):
        marked = getattr(type(part), attribute)
        if callable(marked) and hasattr(marked, "robot_name"):
            method = getattr(part, attribute)
            yield Keyword(
                attribute,
                marked.robot_name or attribute,
                KeywordBuilder.build(method),
                _core_parameters(method),
            )


def _core_parameters(method: Callable[..., Any]) -> list[tuple[int, str]]:
    """Return position and name of the parameters that name a core."""
    parameters = inspect.signature(method).parameters.values()
    return [
        (position, parameter.name)
        for position, parameter in enumerate(parameters)
        if CoreName.__name__ in str(parameter.annotation)
    ]


def _emulation(engine: str | None, settings: LibrarySettings) -> tuple[SuiteEmulation, list[object]]:
    """Return the emulation of the suite, and who listens for it."""
    variables = robot_variables()
    if not under_renode_test(variables):
        if variables and VARIABLE not in variables:  # a suite may import it behind this library
            BuiltIn().set_suite_variable(f"${{{VARIABLE}}}", RESOURCE.as_posix())
        return LocalEmulation(engine, settings), []
    emulation = RenodeTestEmulation()
    return emulation, [BeforeRenode(emulation)]
