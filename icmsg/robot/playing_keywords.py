"""Keywords that let Python play a core: opening instances, and whether they are bound."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api.deco import keyword

from icmsg.config.by_hand import with_given
from icmsg.config.instance import Signalling, Unbound
from icmsg.config.layout import Wire
from icmsg.errors import ConfigurationError
from icmsg.robot.instance_arguments import config_from_files
from icmsg.robot.values import CoreName

if TYPE_CHECKING:
    from icmsg.robot.scene import Scene

DEFAULT_INSTANCE = "ipc0"


class PlayingKeywords:
    """Instances on cores that Python plays."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    @keyword(tags=["playing"])
    def play_core(
        self,
        core: CoreName,
        instance: str = DEFAULT_INSTANCE,
        *,
        dts: str | None = None,
        kconfig: str | None = None,
        release: str | None = None,
        dts_of: CoreName | None = None,
        tx_region: str | None = None,
        rx_region: str | None = None,
        tx_channel: int | None = None,
        rx_channel: int | None = None,
        dcache_alignment: int | None = None,
        unbound: Unbound | None = None,
        signalling: Signalling | None = None,
        wire: Wire | None = None,
        rx_limit: int | None = None,
        peer_rx_limit: int | None = None,
    ) -> None:
        """Lets Python play a core: opens an ICMsg instance with the endpoint ``ep0``. Again for a further instance.

        The instance is described by the files of a build: ``dts`` is a ``zephyr.dts``, an overlay or the folder of a
        build, ``kconfig`` a ``.config`` or ``prj.conf``, ``release`` the Zephyr release if they do not tell.
        ``dts_of`` says whose devicetree it is, if it is the other core's. ``instance`` must then be a name in it,
        where it has several.

        Or by arguments, as *this* core has them: regions as ``0x20070000:0x800``, mbox channels, the properties
        of the devicetree, and the ``release``, which tells ``wire``, ``signalling`` and ``rx_limit``. What is not
        given is the mirror of the instance of the same name on the other core, if Python plays that, else what
        Zephyr's nRF5340 boards have. With sessions ``dcache_alignment`` is 8 unless it is given.

        | Play Core | app | | |
        | Play Core | app | dts=build/zephyr/zephyr.dts | |
        | Play Core | net | unbound=enable | |
        | Play Core | app | ipc1 | tx_region=0x20071000:0x800 | rx_region=0x20079000:0x800 |
        | ... | tx_channel=2 | rx_channel=3 | | |
        """
        scene = self._scene
        side = scene.sides.get(core)
        if side is not None and instance in side.instances:
            raise AssertionError(
                f"{core} has the instance {instance} already; use `Reopen Instance`, or give another name"
            )
        arguments: dict[str, object] = {
            "tx_region": tx_region,
            "rx_region": rx_region,
            "tx_channel": tx_channel,
            "rx_channel": rx_channel,
            "dcache_alignment": dcache_alignment,
            "unbound": unbound,
            "signalling": signalling,
            "wire": wire,
            "rx_limit": rx_limit,
            "peer_rx_limit": peer_rx_limit,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        if dts is not None:
            chosen = None if instance == DEFAULT_INSTANCE else instance
            config = config_from_files(
                core, scene.links.other(core), dts, kconfig, release, dts_of or core, chosen, instance, given
            )
        else:
            if kconfig is not None or dts_of is not None:
                raise ConfigurationError(
                    f"{'kconfig' if kconfig is not None else 'dts_of'} goes with dts: give the devicetree, too"
                )
            config = with_given(scene.links.for_new(core, instance), given, release)
        scene.playable_side(core).open(config)

    @keyword(tags=["playing"])
    def wait_for_bound(
        self, core: CoreName, timeout: timedelta | None = None, instance: str | None = None
    ) -> None:
        """Runs until the endpoint of a core that Python plays is bound."""
        endpoint = self._scene.endpoint(core, instance)
        what = f"bound on {core}" if instance is None else f"bound of {instance} on {core}"
        self._scene.wait(lambda: endpoint.is_bound, timeout, what, endpoint)

    @keyword(tags=["playing"])
    def wait_for_all_bound(self, timeout: timedelta | None = None) -> None:
        """Runs until every instance that Python plays, on either core, is bound."""
        endpoints = [each for side in self._scene.sides.values() for each in side.instances.values()]
        if not endpoints:
            raise AssertionError("Python plays no core; use `Play Core` first")

        def satisfied() -> bool:
            return all(endpoint.is_bound for endpoint in endpoints)

        self._scene.wait(satisfied, timeout, "bound of every instance")

    @keyword(tags=["playing"])
    def expect_not_bound(
        self, core: CoreName, duration: timedelta | None = None, instance: str | None = None
    ) -> None:
        """Lets time pass; fails if the endpoint of a core that Python plays is bound at any moment of it."""
        endpoint = self._scene.endpoint(core, instance)
        before = endpoint.bound_count
        self._scene.let_pass(duration)
        if endpoint.is_bound or endpoint.bound_count > before:
            raise self._scene.failure(
                f"{endpoint.name} on {core} became bound, expected that it does not", endpoint
            )

    @keyword(tags=["playing"])
    def expect_unbound(
        self, core: CoreName, timeout: timedelta | None = None, instance: str | None = None
    ) -> None:
        """Runs until the endpoint of a core that Python plays is told that its peer closed or restarted.

        Only sessions tell it (``unbound`` = enable or detect). Each time it is told satisfies one `Expect Unbound`.
        """
        endpoint = self._scene.endpoint(core, instance)
        self._scene.wait(
            lambda: endpoint.unbound_count > endpoint.expected_unbounds,
            timeout,
            f"unbound on {core}",
            endpoint,
        )
        endpoint.expected_unbounds += 1

    @keyword(tags=["playing"])
    def expect_error(
        self, core: CoreName, text: str, timeout: timedelta | None = None, instance: str | None = None
    ) -> str:
        """Runs until the endpoint of a core that Python plays is told an error with this text, and returns it all."""
        endpoint = self._scene.endpoint(core, instance)

        def found() -> list[str]:
            return [str(error) for error in endpoint.errors if text in str(error)]

        self._scene.wait(lambda: bool(found()), timeout, f"an error with {text!r} on {core}", endpoint)
        return found()[0]

    @keyword(tags=["playing"])
    def should_be_bound(self, core: CoreName, instance: str | None = None) -> None:
        """Fails if the endpoint of a core that Python plays is not bound now."""
        endpoint = self._scene.endpoint(core, instance)
        if not endpoint.is_bound:
            raise self._scene.failure(f"{endpoint.name} on {core} is not bound", endpoint)

    @keyword(tags=["playing"])
    def get_instance_state(self, core: CoreName, instance: str | None = None) -> str:
        """Returns the state of an instance that Python plays, with the name it has in Zephyr."""
        return self._scene.endpoint(core, instance).instance.state.name

    @keyword(tags=["playing"])
    def close_instance(self, core: CoreName, instance: str | None = None) -> None:
        """Deregisters the endpoint of a core that Python plays; with sessions the peer becomes unbound."""
        self._scene.endpoint(core, instance).endpoint.deregister()

    @keyword(tags=["playing"])
    def reopen_instance(self, core: CoreName, instance: str | None = None) -> None:
        """Opens an instance again, from any state; messages that nobody has expected are forgotten."""
        endpoint = self._scene.endpoint(core, instance)
        endpoint.received.clear()
        endpoint.reopen()
