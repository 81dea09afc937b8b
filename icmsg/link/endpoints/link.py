"""A link with several endpoints: two named cores, and one instance of ICBMsg or icmsg_me as each of them has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.link.link import Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from icmsg.link.endpoints import SeveralConfig


@dataclass(frozen=True, slots=True)
class EndpointsLink:
    """Two cores by name, and the instance as each has it.

    ``names`` are those of the endpoints, as far as they are known: the rework has only hashes of them on its wire.
    """

    first: str
    second: str
    configs: Mapping[str, SeveralConfig]
    names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        first: str,
        second: str,
        config: SeveralConfig,
        peer: SeveralConfig | None = None,
        names: Iterable[str] = (),
    ) -> EndpointsLink:
        """Return the link of ``first``, which has ``config``, and ``second`` (``peer``; None: its mirror)."""
        return cls(first, second, {first: config, second: peer or config.mirrored()}, tuple(names))

    @property
    def cores(self) -> tuple[str, str]:
        """Both names, the first one first."""
        return self.first, self.second

    def other(self, core: str) -> str:
        """Return the core at the other end."""
        return self.second if core == self.first else self.first

    @property
    def control(self) -> Link | None:
        """The ICMsg link that carries the control messages, or all of icmsg_me; None for the rework."""
        controls = {}
        for core, config in self.configs.items():
            if isinstance(config, IcbmsgConfig) and config.generation == "rework":
                return None
            controls[core] = config.control
        return Link(self.first, self.second, controls)


AnyLink = Link | EndpointsLink
