"""Keywords that look at a link from outside, while firmware runs on both cores.

The trace of a test as a file beside Robot's log.
"""

from __future__ import annotations

import html
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from robot.api import logger
from robot.api.deco import keyword

from icmsg.config.instance import InstanceConfig
from icmsg.errors import ConfigurationError
from icmsg.link.endpoints.watch import EndpointWatch
from icmsg.link.watch import LinkWatch
from icmsg.robot.settings import CoreName, robot_variables
from icmsg.views.recording import suffixes
from icmsg.views.text import write_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.link.workload import EchoPairs
    from icmsg.robot.context import KeywordContext


class WatchingKeywords:
    """Messages between two cores, whoever plays them."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context
        self._watch: LinkWatch | EndpointWatch | None = None

    @keyword(tags=["watching"])
    def watch_link(
        self,
        initiator: CoreName | None = None,
        instance: str | None = None,
        endpoints: str | None = None,
        backend: Literal["icmsg", "icbmsg", "icbmsg-rework", "icmsg-me"] | None = None,
        release: str | None = None,
    ) -> None:
        """Starts to watch what the two cores send each other; writes nothing and rings nothing.

        ``initiator`` is the core whose messages the other sends back, by default the one that sends first, of several
        endpoints at each. Those of ICBMsg and icmsg_me are watched one by one: the ``endpoints`` of these names, by
        default those that Python plays, or those of a stub. Of firmware of yours say the ``backend``, and for ICBMsg
        the ``release`` of Zephyr.

        | Watch Link | app | | | # ICMsg |
        | Watch Link | app | endpoints=ep0,ep1 | | # played by Python, or stubs |
        | Watch Link | app | endpoints=ep0,ep1 | backend=icbmsg | # firmware of yours |
        """
        context = self._context
        first, second = (context.core(name) for name in context.links.link(*context.played).cores)
        config, peer = (context.links.whole(core.name, instance) for core in (first, second))
        if backend not in (None, "icmsg"):
            config = context.links.several_for_new(
                first.name, instance or "ipc0", backend, (endpoints or "").split(","), {}, release
            )
            peer = config.mirrored()
        starter = context.core(initiator) if initiator is not None else None
        if isinstance(config, InstanceConfig):
            if endpoints is not None:
                raise ConfigurationError(
                    f"endpoints={endpoints}: ICMsg has one endpoint, without a name; give backend=, too"
                )
            self._watch = LinkWatch(context.machine, first, second, config, starter)
            return
        names = context.links.endpoints(instance) if endpoints is None else endpoints.split(",")
        if not names:
            raise ConfigurationError("Watch Link: which endpoints? give endpoints= with their names")
        self._watch = EndpointWatch(
            context.machine,
            first,
            second,
            config,
            names,
            peer_config=None if isinstance(peer, InstanceConfig) else peer,
            initiator=None if starter is None else starter.name,
        )

    @keyword(tags=["watching"])
    def wait_for_watched_echoes(
        self, count: int, timeout: timedelta | None = None, endpoint: str | None = None
    ) -> None:
        """Runs until the watched link has carried so many echoes; fails if one differs from what was sent.

        Of several endpoints each one must have carried so many, or the one of this name.
        """
        watch = self._watched()
        counted = self._pairs(watch, endpoint)

        def satisfied() -> bool:
            watch.look()
            return all(pairs.got >= count for pairs in counted.values()) or bool(watch.problems)

        where = f" at endpoint {endpoint}" if endpoint is not None else ""
        self._context.wait(satisfied, timeout, f"echo {count} on the watched link{where}")
        self.watched_link_should_be_intact()
        for name, pairs in counted.items():
            logger.info(f"{name or 'the link'}: {pairs.sent} messages, {pairs.got} echoes")

    @keyword(tags=["watching"])
    def get_watched_echo_count(self, endpoint: str | None = None) -> int:
        """Returns how many echoes the watched link has carried, or one of its endpoints."""
        watch = self._watched()
        watch.look()
        return sum(pairs.got for pairs in self._pairs(watch, endpoint).values())

    @keyword(tags=["watching"])
    def watched_link_should_be_intact(self) -> None:
        """Fails if a packet on the watched link was broken, or an echo differed from what was sent."""
        watch = self._watched()
        watch.look()
        if watch.problems:
            raise self._context.failure(f"the watched link is broken: {watch.problems[0]}")

    @staticmethod
    def _pairs(watch: LinkWatch | EndpointWatch, endpoint: str | None) -> Mapping[str, EchoPairs]:
        """Return what is counted, by endpoint; AssertionError, naming those there are, where there is none."""
        if isinstance(watch, LinkWatch):
            if endpoint is not None:
                raise AssertionError(f"endpoint={endpoint}: ICMsg has one endpoint, without a name")
            return {"": watch}
        if endpoint is None:
            return watch.endpoints
        if endpoint not in watch.endpoints:
            raise AssertionError(
                f"endpoint {endpoint} is not watched; use endpoint= with one of {', '.join(watch.endpoints)}"
            )
        return {endpoint: watch.endpoints[endpoint]}

    @keyword(tags=["watching"])
    def get_doorbell_count(self, core: CoreName, channel: int | None = None) -> int:
        """Returns how often a core has rung in this test, on one mbox channel or on all of them."""
        _ = self._context.machine
        rings = self._context.recorder.rings
        return sum(count for (name, on), count in rings.items() if name == core and channel in (None, on))

    @keyword(tags=["watching"])
    def wait_for_doorbell(
        self, core: CoreName, channel: int | None = None, timeout: timedelta | None = None
    ) -> None:
        """Runs until a core rings, on this mbox channel or on any, from now on."""
        before = self.get_doorbell_count(core, channel)
        where = f" on mbox channel {channel}" if channel is not None else ""
        self._context.wait(
            lambda: self.get_doorbell_count(core, channel) > before, timeout, f"a doorbell of {core}{where}"
        )

    def _watched(self) -> LinkWatch | EndpointWatch:
        if self._watch is None:
            raise AssertionError("nothing is watched; use `Watch Link` first")
        return self._watch


FOLDER = "icmsg-traces"
_SHOWN = 500
"""Lines of a trace that are in the log itself."""
_EMBEDDED = 1_000_000
"""Bytes of a page that is in the log itself; what is longer is only linked."""
_PABOT = "PABOTQUEUEINDEX"
_PABOT_FOLDER = "pabot_results"
"""The variable that pabot gives its workers, and the folder in which they have their output folders."""
_UNSAFE = re.compile(r"[^\w.-]+")


class TraceKeywords:
    """Keywords that give what happened as text."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["trace"])
    def save_trace(self, name: str | None = None) -> str:
        """Writes the trace of this test into a file in Robot's output folder, links it from the log, returns its path.

        A line for each doorbell, interrupt, packet, change of state and injected fault, with its virtual time. A test
        that fails saves it by itself. A name with the suffix of another format, such as ``mine.pftrace``, gives that:
        see ``traces`` of the library in `Failures`.
        """
        return str(save_trace(self._context, name))


def save_trace(context: KeywordContext, name: str | None = None) -> Path:
    """Write the trace, and show it in Robot's log: as a link, and folded, which no merging of logs can break."""
    if name is not None and (suffix := _other_suffix(name)):
        path = _write_recent(context, name.removesuffix(suffix), suffix)
        logger.info(f"trace: {_link(path)}", html=True)
        return path
    path = write_trace(context, name)
    link = " ".join(_link(each) for each in (path, *context.recent_files))
    lines = path.read_text(encoding="utf-8").splitlines()
    cut = f"… {len(lines) - _SHOWN} lines before\n" if len(lines) > _SHOWN else ""
    text = html.escape(cut + "\n".join(lines[-_SHOWN:]))
    logger.info(
        f"trace: {link}{_embedded(context)}<details><summary>what happened</summary><pre>{text}</pre></details>",
        html=True,
    )
    return path


def _embedded(context: KeywordContext) -> str:
    """Return the page of HTML among the files that were saved, folded, so that it goes wherever the log goes."""
    page = next((path for path in context.recent_files if path.suffix == ".html"), None)
    if page is None or page.stat().st_size > _EMBEDDED:
        return ""
    text = html.escape(page.read_text(encoding="utf-8"))
    style = "width: 100%; height: 45em; border: 1px solid #999"
    frame = f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{text}"></iframe>'
    return f"<details><summary>messages, doorbells and cores as a page</summary>{frame}</details>"


def write_trace(context: KeywordContext, name: str | None = None) -> Path:
    """Write the trace into a file that is called after the test, and those that the suite asks for beside it.

    ConfigurationError if one cannot be written.
    """
    context.trace_saved = True  # tried, at least
    context.recent_files.clear()
    path = write_lines(_path(name, ".txt"), [f"# {_test()}", *context.recorder.lines()])
    if context.recent is not None:
        context.recent_files.extend(
            _write_recent(context, name, suffix)
            for suffix in context.settings.trace_suffixes
            if suffix != ".txt"
        )
    return path


def _test() -> str:
    variables = robot_variables()
    return f"{variables.get('SUITE_NAME', '')}.{variables.get('TEST_NAME') or 'suite'}"


def _path(name: str | None, suffix: str) -> Path:
    folder = Path(str(robot_variables().get("OUTPUT_DIR") or ".")) / FOLDER
    return folder / f"{_UNSAFE.sub('-', name or _test())}{suffix}"


def _other_suffix(name: str) -> str:
    """Return the suffix of a name that is one of a format, if it is not that of the text."""
    return next((suffix for suffix in suffixes() if suffix != ".txt" and name.endswith(suffix)), "")


def _write_recent(context: KeywordContext, name: str | None, suffix: str) -> Path:
    if context.recent is None:
        raise ConfigurationError(
            f"Save Trace: {suffix} needs what happened from the start, with a link of the SoC: give the library "
            f"traces={suffix.lstrip('.')}"
        )
    return context.recent.save(_path(name, suffix), _test())


def _link(path: Path) -> str:
    return f'<a href="{html.escape(quote(_relative(path)))}">{html.escape(path.name)}</a>'


def _relative(path: Path) -> str:
    """Return the path from where the log will be; under pabot that is the folder that holds those of its workers."""
    folder = robot_variables().get("OUTPUT_DIR")
    if not folder:
        return path.as_posix()
    log = Path(str(folder))
    if _PABOT_FOLDER in log.parts and robot_variables().get(_PABOT) is not None:
        log = log.parents[log.parts[::-1].index(_PABOT_FOLDER)]
    return Path(os.path.relpath(path, log)).as_posix()
