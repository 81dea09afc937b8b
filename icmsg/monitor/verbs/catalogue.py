"""The verbs by name: how each is called, and what is said about a call that is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.config.spelling import closest
from icmsg.errors import MonitorError
from icmsg.monitor.verbs.settings import NAMES, REGION_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Verb:
    """How a verb is called: ``least`` to ``most`` words behind it, options not counted."""

    usage: str
    meaning: str
    least: int = 0
    most: int = 0
    completions: tuple[str, ...] = ()


_CORES: Final = ("app", "net")
_REGIONS: Final = ("app->net", "net->app", *_CORES, "tx", "rx")

VERBS: Final = {
    "status": Verb("icmsg status", "regions, bonding, cores and mailboxes"),
    "dump": Verb(
        "icmsg dump REGION [--packets|COUNT]",
        "a region in hex, or its packets",
        1,
        2,
        (*_REGIONS, "--packets"),
    ),
    "watch": Verb("icmsg watch [on|off]", "a line for what passes, from now on", 0, 1, ("on", "off")),
    "bond": Verb(
        "icmsg bond [CORE...] [--timeout TIME]",
        "play the halted core, run until bound",
        0,
        2,
        (*_CORES, "--timeout"),
    ),
    "send": Verb(
        'icmsg send "TEXT"|hex:BYTES|0xBYTES [CORE]', "send from a core that Python plays", 1, 2, _CORES
    ),
    "recv": Verb(
        "icmsg recv [CORE] [--timeout TIME]",
        "take a message, run until there is one",
        0,
        1,
        (*_CORES, "--timeout"),
    ),
    "unbound": Verb("icmsg unbound [CORE]", "close the instance of a played core", 0, 1, _CORES),
    "release": Verb("icmsg release [CORE...]", "give cores back, let Renode go on", 0, 2, _CORES),
    "reset": Verb("icmsg reset CORE", "reset a core; regions keep their contents", 1, 1, _CORES),
    "ring": Verb("icmsg ring CORE CHANNEL", "ring a channel, with nothing behind it", 2, 2, _CORES),
    "write": Verb("icmsg write REGION OFFSET HEX", "overwrite bytes of a region", 3, 3, _REGIONS),
    "config": Verb(
        "icmsg config [NAME=VALUE...]",
        "show or set the instance",
        0,
        3 * len(NAMES),
        tuple(f"{name}=" for name in NAMES),
    ),
    "regions": Verb(
        "icmsg regions [NAME=VALUE...]",
        "the regions, as icmsg_regions in Renode",
        0,
        15,
        tuple(f"{name}=" for name in REGION_NAMES),
    ),
    "help": Verb("icmsg help [VERB]", "this list, or how one verb is called", 0, 1),
}

_MORE: Final = {
    "regions": f"NAME is {', '.join(REGION_NAMES)}.",
    "dump": "REGION is app->net, net->app, the core that writes it (app, net), tx or rx of app, or an address.",
    "watch": "Looks at each doorbell; also when firmware runs on both cores.",
    "bond": "TIME is virtual: seconds as in emulation RunFor, or with a unit (5ms); 1 s if it is not given.",
    "send": "text:... is text whatever it looks like. Nothing runs meanwhile: icmsg recv, or emulation RunFor.",
    "recv": "TIME is virtual: seconds as in emulation RunFor, or with a unit (5ms); 100 ms if it is not given.",
    "unbound": "With sessions the other core becomes unbound, without them it is not told.",
    "release": "A core that is given back is halted. On Renode start, pause and RunFor are its own again.",
    "reset": "A core that runs firmware starts again from its vector table.",
    "ring": "Also on a channel that its driver has not connected.",
    "write": "OFFSET counts bytes from the start of the region: icmsg write app 4 14000000",
    "config": f"NAME is {', '.join(NAMES[:5])},\n  {', '.join(NAMES[5:])}. Files may begin with @.",
}


def find_verb(name: str) -> Verb:
    """Return the verb of that name; MonitorError names the closest one."""
    if name not in VERBS:
        raise MonitorError(f"icmsg has no verb {name!r}{closest(name, VERBS)}; there are {', '.join(VERBS)}")
    return VERBS[name]


def check_call(name: str, words: Sequence[str]) -> None:
    """Refuse a call with too few or too many words, or an unknown option; the text is the usage."""
    verb = find_verb(name)
    unknown = next((word for word in words if word.startswith("--")), None)
    if unknown is not None:
        raise MonitorError(f"{unknown} is no option here; usage: {verb.usage}")
    if not verb.least <= len(words) <= verb.most:
        many = "too few" if len(words) < verb.least else "too many"
        raise MonitorError(f"{many} words; usage: {verb.usage}")


def help_lines(name: str | None) -> list[str]:
    """Return the list of all verbs, or what there is to say about one."""
    if name is not None:
        verb = find_verb(name)
        more = [f"  {_MORE[name]}"] if name in _MORE else []
        return [verb.usage, f"  {verb.meaning}", *more]
    usages = {verb.usage.removeprefix("icmsg "): verb.meaning for verb in VERBS.values()}
    width = max(map(len, usages))
    return [f"{usage:<{width}}  {meaning}" for usage, meaning in usages.items()]
