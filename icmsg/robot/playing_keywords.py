"""Keywords that let Python play a core: opening instances, and whether they are bound."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api.deco import keyword

from icmsg.config.built_for import with_given
from icmsg.config.icbmsg import Refused
from icmsg.config.instance import InstanceConfig, Signalling, Unbound, Wire
from icmsg.errors import ConfigurationError
from icmsg.robot.context import Keywords
from icmsg.robot.played_instances import PlayedEndpoints
from icmsg.robot.settings import CoreName, defects_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.link.endpoints import SeveralConfig
    from icmsg.robot.played_instances import Played

DEFAULT_INSTANCE = "ipc0"
DEFAULT_ENDPOINT = "ep0"
BackendName = Literal["icmsg", "icbmsg", "icbmsg-rework", "icmsg-me"]


class PlayingKeywords(Keywords):
    """Instances on cores that Python plays."""

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
        backend: BackendName | None = None,
        endpoints: str | None = None,
        tx_blocks: int | None = None,
        rx_blocks: int | None = None,
        slots: int | None = None,
        refused: Refused | None = None,
        defects: str | None = None,
        rings_back: bool | None = None,
    ) -> None:
        """Lets Python play a core: opens an ICMsg instance with the endpoint ``ep0``. Again for a further instance.

        ``backend`` is ``icbmsg``, ``icbmsg-rework`` or ``icmsg-me``, with several ``endpoints``; the other core takes
        it over. ``release`` tells the generation of ICBMsg (4.1 to 4.4 by default), ``slots`` is the depth of the
        rework's queues, ``refused=leak`` loses the blocks of messages that are not taken, as Zephyr does, ``defects``
        are those that this side has (``all`` = as in Zephyr's rework); with ``rings_back=False`` it does not ring
        once more for a peer that has read nothing yet, which Zephyr does not, either.

        | Play Core | app | backend=icbmsg | endpoints=ep0,ep1 |
        | Play Core | net | endpoints=ep0,ep1 | |
        | Send Message | app | hello | endpoint=ep1 |

        The instance is described by the files of a build, whatever its backend: ``dts`` is a ``zephyr.dts``, an overlay
        or the folder of a build, ``kconfig`` a ``.config`` or ``prj.conf``, ``release`` the Zephyr release if they do
        not tell. ``dts_of`` says whose devicetree it is, if it is the other core's. Where it has several instances,
        ``instance`` must be the name of one in it, or ``backend`` that of the only one.

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
        context = self._context
        played = context.played.get(core)
        if played is not None and instance in played.instances:
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
        blocks = {
            "tx_blocks": tx_blocks,
            "rx_blocks": rx_blocks,
            "slots": slots,
            "refused": refused,
            "defects": None if defects is None else defects_of(defects),
            "rings_back": rings_back,
        }
        several = {name: value for name, value in blocks.items() if value is not None}
        names = (endpoints or DEFAULT_ENDPOINT).split(",")
        if dts is not None:
            from icmsg.link.endpoints.instances import Files, config_from_files  # slow to load

            chosen = None if instance == DEFAULT_INSTANCE else instance
            asked = () if endpoints is None else names
            files = Files(dts, kconfig, release, dts_of, chosen, backend, asked)
            found = config_from_files(core, context.links.other(core), files, given | several, instance)
            self._open(core, found, names)
            return
        if kconfig is not None or dts_of is not None:
            raise ConfigurationError(
                f"{'kconfig' if kconfig is not None else 'dts_of'} goes with dts: give the devicetree, too"
            )
        if backend not in (None, "icmsg") or (backend is None and context.links.is_several(core, instance)):
            config_of = context.links.several_for_new(
                core, instance, backend, names, given | several, release
            )
            self._open(core, config_of, names)
            return
        if several or endpoints is not None:
            extra = next(iter(several), "endpoints")
            raise ConfigurationError(
                f"{extra} is for backends with several endpoints: give backend=icbmsg, too"
            )
        config = with_given(context.links.for_new(core, instance), given, release)
        self._open(core, config, names)

    def _open(self, core: str, config: InstanceConfig | SeveralConfig, names: Sequence[str]) -> None:
        side = self._context.playable(core)
        if isinstance(config, InstanceConfig):
            self._context.follow(core, config)
            side.open(config)
        else:
            self._context.follow(core, config, names)
            side.open_several(config, names)

    @keyword(tags=["playing"])
    def wait_for_bound(
        self,
        core: CoreName,
        timeout: timedelta | None = None,
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Runs until the endpoint of a core that Python plays is bound; without a name all those of its instance."""
        played = self._some(core, instance, endpoint)
        what = f"bound on {core}" if instance is None else f"bound of {instance} on {core}"
        if endpoint is not None:
            what += f", endpoint {endpoint}"
        self._context.wait(lambda: all(each.is_bound for each in played), timeout, what, played[0])

    @keyword(tags=["playing"])
    def wait_for_all_bound(self, timeout: timedelta | None = None) -> None:
        """Runs until every instance that Python plays, on either core, is bound."""
        endpoints = [each for played in self._context.played.values() for each in played.endpoints]
        if not endpoints:
            raise AssertionError("Python plays no core; use `Play Core` first")

        def satisfied() -> bool:
            return all(played.is_bound for played in endpoints)

        self._context.wait(satisfied, timeout, "bound of every instance")

    @keyword(tags=["playing"])
    def expect_not_bound(
        self,
        core: CoreName,
        duration: timedelta | None = None,
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Lets time pass; fails if the endpoint of a core that Python plays is bound at any moment of it.

        Without a name none of the endpoints of its instance may be.
        """
        played = self._some(core, instance, endpoint)
        before = [each.bound_count for each in played]
        self._context.let_pass(duration)
        for each, count in zip(played, before, strict=True):
            if each.is_bound or each.bound_count > count:
                raise self._context.failure(
                    f"{each.name} on {core} became bound, expected that it does not", each
                )

    @keyword(tags=["playing"])
    def expect_unbound(
        self,
        core: CoreName,
        timeout: timedelta | None = None,
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Runs until the endpoint of a core that Python plays is told that its peer closed or restarted.

        Only sessions tell it (``unbound`` = enable or detect), and the rework of ICBMsg. Each time it is told satisfies
        one `Expect Unbound`.
        """
        played = self._context.endpoint(core, instance, endpoint)
        self._context.wait(
            lambda: played.unbound_count > played.expected_unbounds,
            timeout,
            f"unbound on {core}",
            played,
        )
        played.expected_unbounds += 1

    @keyword(tags=["playing"])
    def expect_error(
        self,
        core: CoreName,
        text: str,
        timeout: timedelta | None = None,
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> str:
        """Runs until the endpoint of a core that Python plays is told an error with this text, and returns it all."""
        played = self._some(core, instance, endpoint)

        def found() -> list[str]:
            return [str(error) for each in played for error in each.errors if text in str(error)]

        self._context.wait(lambda: bool(found()), timeout, f"an error with {text!r} on {core}", played[0])
        return found()[0]

    @keyword(tags=["playing"])
    def should_be_bound(
        self, core: CoreName, instance: str | None = None, endpoint: str | None = None
    ) -> None:
        """Fails if the endpoint of a core that Python plays is not bound now; without a name, if one of them is not."""
        for played in self._some(core, instance, endpoint):
            if not played.is_bound:
                raise self._context.failure(f"{played.name} on {core} is not bound", played)

    @keyword(tags=["playing"])
    def get_instance_state(self, core: CoreName, instance: str | None = None) -> str:
        """Returns the state of an instance that Python plays, with the name it has in Zephyr."""
        return self._context.instance(core, instance).instance.state.name

    @keyword(tags=["playing"])
    def close_instance(
        self, core: CoreName, instance: str | None = None, endpoint: str | None = None
    ) -> None:
        """Deregisters the endpoint of a core that Python plays; with sessions the peer becomes unbound.

        Of several endpoints, that of this name; without one the whole instance is closed.
        """
        found = self._context.instance(core, instance)
        if endpoint is None and isinstance(found, PlayedEndpoints):
            found.instance.close()
        else:
            self._context.endpoint(core, instance, endpoint).endpoint.deregister()

    @keyword(tags=["playing"])
    def reopen_instance(
        self, core: CoreName, instance: str | None = None, endpoint: str | None = None
    ) -> None:
        """Opens an instance again, from any state; messages that nobody has expected are forgotten.

        With the name of an endpoint, that one alone is registered again.
        """
        for played in self._some(core, instance, endpoint):
            played.received.clear()
        found = self._context.instance(core, instance)
        if endpoint is None and isinstance(found, PlayedEndpoints):
            found.reopen()
        else:
            self._context.endpoint(core, instance, endpoint).reopen()

    def _some(self, core: str, instance: str | None, endpoint: str | None) -> list[Played]:
        """Return an endpoint by name, or all of an instance; AssertionError where there is none."""
        found = self._context.endpoints(core, instance, endpoint)
        if not found:
            raise AssertionError(f"{core} has no endpoints; use `Play Core` with endpoints=")
        return found
