"""A link: two named cores, and one instance as each of them has it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from icmsg.config.boards import DEFAULT, board_of
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from icmsg.config.instance import InstanceConfig
    from icmsg.soc.soc import Soc


@dataclass(frozen=True, slots=True)
class Link:
    """Two cores by name, and the instance as each has it."""

    first: str
    second: str
    configs: Mapping[str, InstanceConfig]

    @classmethod
    def of(cls, first: str, second: str, config: InstanceConfig, peer: InstanceConfig | None = None) -> Link:
        """Return the link of ``first``, which has ``config``, and ``second`` (``peer``; None: its mirror)."""
        return cls(first, second, {first: config, second: peer or config.mirrored()})

    @property
    def cores(self) -> tuple[str, str]:
        """Both names, the first one first."""
        return self.first, self.second

    def other(self, core: str) -> str:
        """Return the core at the other end; ConfigurationError if ``core`` is not on this link."""
        if core not in self.configs:
            raise ConfigurationError(
                f"no core {core!r} on this link; it joins {self.first} and {self.second}"
            )
        return self.second if core == self.first else self.first

    def with_first(self, config: InstanceConfig) -> Link:
        """Return the link with ``config`` for the first core, and its mirror for the second."""
        return Link.of(self.first, self.second, config)

    def named(self, instance: str) -> Link:
        """Return the link with its instance called otherwise."""
        configs = {core: replace(config, name=instance) for core, config in self.configs.items()}
        return replace(self, configs=configs)


def default_link(soc: Soc, wanted: Iterable[str] = ()) -> Link:
    """Return the link of an SoC: the ``wanted`` cores, else its board's roles, else the first two with a mailbox.

    The instance is that of the board; of an SoC that is no board it is that of the default one, which fits where there
    is RAM at its addresses.

    Raises:
        ConfigurationError: as :meth:`icmsg.soc.soc.Soc.link`.
    """
    names = [soc.core(name).name for name in wanted]
    board = board_of({core.name: core for core in soc.mailboxes()})
    if board is not None and set(names) <= set(board.roles):
        return Link.of(*board.roles, board.instance)
    return Link.of(*soc.link(names), (board or DEFAULT).instance)
