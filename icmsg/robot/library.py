"""The library: its arguments, and the keywords of all subjects."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from robotlibcore import DynamicCore

from icmsg.errors import IcmsgError
from icmsg.robot.console_keywords import ConsoleKeywords
from icmsg.robot.doorbell_keywords import DoorbellKeywords
from icmsg.robot.exchange_keywords import ExchangeKeywords
from icmsg.robot.firmware_keywords import FirmwareKeywords
from icmsg.robot.hosts import LocalHost
from icmsg.robot.lifecycle import Lifecycle
from icmsg.robot.machine_keywords import MachineKeywords
from icmsg.robot.message_keywords import MessageKeywords
from icmsg.robot.playing_keywords import PlayingKeywords
from icmsg.robot.region_keywords import RegionKeywords
from icmsg.robot.renode_keywords import RenodeKeywords
from icmsg.robot.renode_log_keywords import RenodeLogKeywords
from icmsg.robot.renode_uart_keywords import RenodeUartKeywords
from icmsg.robot.scene import Scene
from icmsg.robot.settings import EngineName, Settings, robot_variables, under_renode_test
from icmsg.robot.states import StateKeywords
from icmsg.robot.time_keywords import TimeKeywords
from icmsg.robot.trace_keywords import TraceKeywords
from icmsg.robot.values import nanoseconds
from icmsg.robot.watching_keywords import WatchingKeywords

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.robot.hosts import Host

_OURS: Final = (
    MachineKeywords,
    FirmwareKeywords,
    PlayingKeywords,
    MessageKeywords,
    ExchangeKeywords,
    RegionKeywords,
    DoorbellKeywords,
    ConsoleKeywords,
    WatchingKeywords,
    TimeKeywords,
    TraceKeywords,
)
_OF_RENODE: Final = (RenodeKeywords, RenodeUartKeywords, RenodeLogKeywords)
"""Under renode-test Renode's Remote library has them."""


class IcmsgLibrary(DynamicCore):  # type: ignore[misc]  # robotlibcore has no types
    """Keywords for scenarios of ICMsg on an emulated dual-core SoC."""

    ROBOT_LIBRARY_SCOPE = "SUITE"

    def __init__(
        self,
        engine: EngineName | None = None,
        timeout: timedelta = timedelta(seconds=1),
        quiet: timedelta = timedelta(milliseconds=10),
    ) -> None:
        """``timeout`` and ``quiet`` are virtual."""
        settings = Settings(engine, nanoseconds(timeout), nanoseconds(quiet))
        scene = self._scene = Scene(settings, _host(engine))
        self._states = StateKeywords(scene, self.run_keyword)
        self.ROBOT_LIBRARY_LISTENER = Lifecycle(scene)
        parts: list[object] = [part(scene) for part in _OURS]
        if isinstance(scene.host, LocalHost):
            parts += [*(part(scene) for part in _OF_RENODE), self._states]
        super().__init__(parts)

    def run_keyword(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
        """Run a keyword; an error of this package fails the test with its text and what explains it."""
        host = self._scene.host
        try:
            host.begin_keyword()
            returned = super().run_keyword(name, args, kwargs)
        except IcmsgError as error:
            raise self._scene.explained(error) from None
        finally:
            host.end_keyword()
        self._states.remember(name, args, kwargs or {})
        return returned


def _host(engine: EngineName | None) -> Host:
    if not under_renode_test(robot_variables()):
        return LocalHost(engine)
    from icmsg.robot.renode_test import RenodeTestHost  # needs the remote engine

    return RenodeTestHost()
