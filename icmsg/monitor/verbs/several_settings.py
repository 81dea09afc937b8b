"""Settings of ``icmsg config`` for backends with several endpoints: which backend, which endpoints, how many blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

from icmsg.config.boards import board_of
from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.instance import Signalling
from icmsg.errors import ConfigurationError
from icmsg.link.endpoints.instances import BACKENDS, ICMSG, check_backend, several_by_hand
from icmsg.link.endpoints.region_view import layout_words
from icmsg.monitor.verbs.syntax import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.link.endpoints import SeveralConfig
    from icmsg.soc.soc import Soc

NAMES: Final = ("backend", "endpoints", "tx-blocks", "rx-blocks", "slots")
"""Settings that ICMsg does not have."""
_NUMBERS: Final = ("tx-blocks", "rx-blocks", "slots", "dcache-alignment")
_TAKEN: Final = (*NAMES, "tx-region", "rx-region", "dcache-alignment", "signalling", "release")
_TITLES: Final = {"icbmsg": "ICBMsg", "icbmsg-rework": "ICBMsg, the rework", "icmsg-me": "icmsg_me"}


class SeveralSettings:
    """Settings as given so far; a new object at each change, so that what cannot work changes nothing.

    ``loaded`` is the instance as each core has it, where the files of a build have told it.
    """

    def __init__(
        self, given: Mapping[str, str] | None = None, loaded: Mapping[str, SeveralConfig] | None = None
    ) -> None:
        self._given: Final = dict(given or {})
        self._loaded: Final = loaded

    @property
    def is_on(self) -> bool:
        """True while the backend is another one than ICMsg."""
        return self._given.get("backend", ICMSG) != ICMSG

    @property
    def of_files(self) -> Mapping[str, str]:
        """The words that named files, with all that was given beside them; none where no file tells the instance."""
        if self._loaded is None:
            return {}
        return {name: value for name, value in self._given.items() if name != "backend"}

    @property
    def backend(self) -> str:
        """The backend's name."""
        return self._given.get("backend", ICMSG)

    @property
    def endpoints(self) -> list[str]:
        """The names of the endpoints that ``icmsg bond`` registers."""
        return [name for name in self._given.get("endpoints", "ep0").split(",") if name]

    def changed(self, given: Mapping[str, str], cores: tuple[str, str], soc: Soc | None) -> SeveralSettings:
        """Return the settings with what is ``given``; ConfigurationError for what cannot work."""
        backend = check_backend(given.get("backend", self.backend))
        if backend == ICMSG:
            foreign = next((name for name in given if name in NAMES and name != "backend"), None)
            if foreign is not None:
                raise ConfigurationError(
                    f"{foreign} is for {', '.join(BACKENDS[1:])}: give backend=icbmsg, too"
                )
            return SeveralSettings()
        for name in given:
            if name not in _TAKEN:
                raise ConfigurationError(
                    f"{name} is for ICMsg: icmsg config backend=icmsg first, or leave it away"
                )
        kept = self._given if backend == self.backend and self._loaded is None else {}
        found = SeveralSettings({**kept, "backend": backend, **given})
        found.configs(cores, soc)
        return found

    def configs(self, cores: tuple[str, str], soc: Soc | None) -> dict[str, SeveralConfig]:
        """Return the instance as each core has it, by name; ConfigurationError for what cannot work."""
        if self._loaded is not None:
            return dict(self._loaded)
        changes: dict[str, Any] = {}
        for name, value in self._given.items():
            field = name.replace("-", "_")
            if name in _NUMBERS:
                changes[field] = number(value, name)
            elif name in ("tx-region", "rx-region"):
                changes[field] = value
            elif name == "signalling":
                if value not in get_args(Signalling):
                    raise ConfigurationError(
                        f"signalling={value}: use one of {', '.join(get_args(Signalling))}"
                    )
                changes[field] = value
        board = board_of(soc.cores) if soc is not None else None
        config = several_by_hand(
            self.backend,
            board,
            changes,
            release=self._given.get("release"),
            endpoints=len(self.endpoints),
        )
        return {cores[0]: config, cores[1]: config.mirrored()}

    def lines(self, configs: Mapping[str, SeveralConfig]) -> list[str]:
        """Return the instance in words."""
        names = ", ".join(self.endpoints) or "none"
        first = next(iter(configs.values()))
        lines = [f"{first.name}: {_TITLES[self.backend]}, endpoints {names}"]
        for (writer, config), reader in zip(configs.items(), reversed(list(configs)), strict=True):
            blocks = _blocks(config)
            lines.append(f"{writer}->{reader} {config.tx_region}, channel {config.tx_channel}, {blocks}")
        return lines


def _blocks(config: SeveralConfig) -> str:
    if isinstance(config, IcbmsgConfig):
        return layout_words(config)
    return f"{config.role}, messages up to {config.longest} bytes"
