"""Lines behind the word ``icmsg``: words, values in them, and how each verb is called.

A line is read before Renode's tokenizer would take ``0x0c`` for 12 and ``:05`` for a comment.

>>> split_commands('start; icmsg send "a; b" net # greets')
['start', 'icmsg send "a; b" net']
>>> words_of('icmsg send "a; b" net')
['icmsg', 'send', 'a; b', 'net']
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError, closest
from icmsg.timers import MS, NS, US, S
from icmsg.views.recording import suffixes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.monitor.verbs.settings import LinkSettings

_TIME: Final = re.compile(r"(?:(\d+):(\d\d):)?(\d+(?:\.\d+)?)(ns|us|µs|ms|s)?", re.ASCII)
_UNITS: Final = {"ns": NS, "us": US, "µs": US, "ms": MS, "s": S}


def number(text: str, what: str) -> int:
    """Return a whole number, decimal or ``0x…``."""
    try:
        return int(text, 0)
    except ValueError:
        raise MonitorError(f"{what} {text!r}: use a whole number, such as 12 or 0x0C") from None


def hex_bytes(text: str) -> bytes:
    """Return the bytes of hex digits, two for each, in the order in which they are written."""
    try:
        data = bytes.fromhex(text.removeprefix("hex:").removeprefix("0x"))
    except ValueError:
        data = b""
    if not data:
        raise MonitorError(f"{text!r} are no bytes: use two hex digits for each, such as 0c000000")
    return data


def message(text: str) -> bytes:
    """Return the bytes of ``hex:…`` or ``0x…``, or text in UTF-8; ``text:…`` is text whatever it looks like."""
    if text.startswith(("hex:", "0x")):
        return hex_bytes(text)
    return text.removeprefix("text:").encode()


def time_ns(text: str) -> int:
    """Return the nanoseconds of a virtual time: seconds as in ``emulation RunFor``, or with a unit, as ``5ms``."""
    found = _TIME.fullmatch(text)
    if found is None or (found[1] and found[4]):
        raise MonitorError(
            f'{text!r} is no time: use seconds as in emulation RunFor ("0.01", "00:00:01"), or 10ms'
        )
    hours, minutes, value, unit = found.groups()
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 * S
    return whole + round(float(value) * _UNITS[unit or "s"])


def option(words: Sequence[str], name: str) -> tuple[list[str], str | None]:
    """Return the words without ``--name VALUE`` (or ``--name=VALUE``), and that value or None."""
    left: list[str] = []
    value = None
    rest = iter(words)
    for word in rest:
        if word == name:
            value = next(rest, None)
            if value is None:
                raise MonitorError(f"{name} needs a value")
        elif word.startswith(f"{name}="):
            value = word.partition("=")[2]
        else:
            left.append(word)
    return left, value


def setting(words: Sequence[str], name: str) -> tuple[list[str], str | None]:
    """Return the words without ``name=VALUE``, and that value or None."""
    left = [word for word in words if not word.startswith(f"{name}=")]
    found = [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]
    return left, found[-1] if found else None


WORD: Final = "icmsg"
"""Word that begins a command which goes to the verbs."""

_PIECE: Final = re.compile(r"""(?:\\ |[^\s;"'`])+|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`""", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def is_verb(command: str) -> bool:
    """Tell whether a command goes to the verbs."""
    return command.split(maxsplit=1)[:1] == [WORD]


def split_commands(line: str) -> list[str]:
    """Return the commands between the semicolons of a line, without a comment at its end."""
    commands = [""]
    position = 0
    while position < len(line):
        character = line[position]
        if character == "#" and (not commands[-1] or commands[-1][-1].isspace()):
            break
        piece = _PIECE.match(line, position)
        text = piece[0] if piece is not None else character
        if character == ";":
            commands.append("")
        else:
            commands[-1] += text
        position += len(text)
    return [command.strip() for command in commands if command.strip()]


def words_of(command: str, value_of: Callable[[str], str] = str) -> list[str]:
    """Return the words of one command, with the quotes taken off.

    ``value_of`` gives the text for a word such as ``$name``. MonitorError for a quote that is not closed.
    """
    words: list[str] = []
    position, joined = 0, False
    while position < len(command):
        piece = _PIECE.match(command, position)
        if piece is None:
            if not command[position].isspace():
                raise MonitorError(f"a quote is not closed: {command[position:]}")
            position, joined = position + 1, False
            continue
        text = piece[0]
        if text[0] in "\"'":
            text = _ESCAPED.sub(r"\1", text[1:-1])
        elif text[0] == "$":
            text = value_of(text)
        else:
            text = text.replace("\\ ", " ")  # as in Renode's paths, @a\ b
        if joined:
            words[-1] += text
        else:
            words.append(text)
        position, joined = piece.end(), True
    return words


@dataclass(frozen=True, slots=True)
class Verb:
    """Usage of a verb: ``least`` to ``most`` words behind it, options not counted."""

    usage: str
    meaning: str
    least: int = 0
    most: int = 0
    completions: tuple[str, ...] = ()
    """Words that may follow; :data:`CORES`, :data:`REGIONS` … stand for those of the link."""


_CORES: Final = "CORE"
_REGIONS: Final = "REGION"
_SETTINGS: Final = "NAME="
_REGION_SETTINGS: Final = "REGION="
_COLUMNS: Final = 98
_MANY: Final = 48
"""Words: more than there are settings, three for each."""

VERBS: Final = {
    "status": Verb("icmsg status", "regions, bonding, cores and mailboxes"),
    "dump": Verb(
        "icmsg dump REGION [--packets|COUNT]",
        "a region in hex, or its packets",
        1,
        2,
        (_REGIONS, "--packets"),
    ),
    "watch": Verb("icmsg watch [on|off]", "a line for what passes, from now on", 0, 1, ("on", "off")),
    "trace": Verb("icmsg trace FILE|off", "write what happens to a file", 1, 1, ("off",)),
    "bond": Verb(
        "icmsg bond [CORE...] [--timeout TIME]",
        "play the halted core, run until bound",
        0,
        2,
        (_CORES, "--timeout"),
    ),
    "send": Verb(
        'icmsg send "TEXT"|hex:BYTES|0xBYTES [CORE]',
        "send from a core that Python plays",
        1,
        2,
        (_CORES, "endpoint="),
    ),
    "recv": Verb(
        "icmsg recv [CORE] [--timeout TIME]",
        "take a message, run until there is one",
        0,
        1,
        (_CORES, "endpoint=", "--timeout"),
    ),
    "unbound": Verb(
        "icmsg unbound [CORE]",
        "close the instance of a played core",
        0,
        1,
        (_CORES, "endpoint="),
    ),
    "release": Verb("icmsg release [CORE...]", "give cores back, let Renode go on", 0, 2, (_CORES,)),
    "reset": Verb("icmsg reset CORE", "reset a core; regions keep their contents", 1, 1, (_CORES,)),
    "ring": Verb("icmsg ring CORE CHANNEL", "ring a channel, with nothing behind it", 2, 2, (_CORES,)),
    "var": Verb("icmsg var CORE NAME [VALUE]", "a variable of firmware, by name", 2, 3, (_CORES,)),
    "write": Verb("icmsg write REGION OFFSET HEX", "overwrite bytes of a region", 3, 3, (_REGIONS,)),
    "config": Verb(
        "icmsg config [NAME=VALUE...]",
        "show or set the instance",
        0,
        _MANY,
        (_SETTINGS,),
    ),
    "regions": Verb(
        "icmsg regions [NAME=VALUE...]",
        "the regions, as icmsg_regions in Renode",
        0,
        15,
        (_REGION_SETTINGS,),
    ),
    "help": Verb("icmsg help [VERB]", "this list, or how one verb is called", 0, 1),
}

_MORE: Final = {
    "regions": "NAME is {regions}.",
    "dump": "REGION is {first}->{second}, {second}->{first}, the core that writes it ({first}, {second}), "
    "tx or rx of {first}, or an address.",
    "watch": "Looks at each doorbell; also when firmware runs on both cores.",
    "trace": "Suffixes: {suffixes}. Several files may be written; off ends them all. FILE may begin with @.",
    "bond": "TIME is virtual: seconds as in emulation RunFor, or with a unit (5ms); 1 s if it is not given.",
    "send": "text:... is text whatever it looks like. Nothing runs meanwhile: icmsg recv, or emulation RunFor. "
    "endpoint=NAME where there are several.",
    "recv": "TIME is virtual: seconds as in emulation RunFor, or with a unit (5ms); 100 ms if it is not given. "
    "endpoint=NAME where there are several.",
    "unbound": "With sessions the other core becomes unbound, without them it is not told. endpoint=NAME deregisters "
    "one of several.",
    "release": "A core that is given back is halted. On Renode start, pause and RunFor are its own again.",
    "reset": "A core that runs firmware starts again from its vector table.",
    "ring": "Also on a channel that its driver has not connected.",
    "write": "OFFSET counts bytes from the start of the region: icmsg write {first} 4 14000000",
    "var": "NAME is stats.received, buf[3], p->x, *p, file.c::name, function::name; VALUE a number, an enumerator, "
    "true, false, a text in quotes or hex:BYTES. Needs an ELF file with debug information.",
    "config": "NAME is {settings}. Files may begin with @; cores=FIRST,SECOND joins two other cores; "
    "backend=icbmsg (icbmsg-rework, icmsg-me) endpoints=ep0,ep1 have several endpoints.",
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


def completions(name: str, settings: LinkSettings) -> list[str]:
    """Return the words that may follow a verb; none where there is no such verb."""
    stands_for = {
        _CORES: settings.link.cores,
        _REGIONS: (*_directions(settings), *settings.link.cores, "tx", "rx"),
        _SETTINGS: tuple(f"{setting}=" for setting in settings.names),
        _REGION_SETTINGS: tuple(f"{setting}=" for setting in settings.region_names),
    }
    words = VERBS[name].completions if name in VERBS else ()
    return [found for word in words for found in stands_for.get(word, (word,))]


def _directions(settings: LinkSettings) -> tuple[str, ...]:
    return tuple(f"{each.writer}->{each.reader}" for each in settings.directions)


def help_lines(name: str | None, settings: LinkSettings) -> list[str]:
    """Return the list of all verbs, or what there is to say about one, in the names of the link."""
    if name is not None:
        verb = find_verb(name)
        first, second = settings.link.cores
        words = {
            "first": first,
            "second": second,
            "regions": ", ".join(settings.region_names),
            "settings": ", ".join(settings.names),
            "suffixes": ", ".join(suffixes()),
        }
        more = _MORE.get(name, "").format(**words)
        return [verb.usage, f"  {verb.meaning}", *(f"  {line}" for line in wrap(more, _COLUMNS))]
    usages = {verb.usage.removeprefix("icmsg "): verb.meaning for verb in VERBS.values()}
    width = max(map(len, usages))
    return [f"{usage:<{width}}  {meaning}" for usage, meaning in usages.items()]
