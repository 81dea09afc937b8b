"""Commands that begin with a device: list its members, call a method, get or set a property."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.config.spelling import closest
from icmsg.errors import MonitorError
from icmsg.monitor import elsewhere
from icmsg.monitor.arguments import Mismatch, convert, prepare
from icmsg.monitor.objects.foreign_cpu import ForeignCpu
from icmsg.monitor.results import possible_values, print_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.members import Device, Member
    from icmsg.monitor.tokens import Token


_ELSEWHERE: Final = (
    ".\nThe embedded engine has the members that the name alone lists; the renode engine has all of Renode's."
)


def run_device(monitor: Interpreter, device: Device, tokens: Sequence[Token]) -> None:
    """Do what the words behind the name of ``device`` say; variables have their values already.

    Raises:
        MonitorError: there is no such member, or its parameters are others.
    """
    if not tokens:
        monitor.write(device.describe())
        return
    if tokens[0].kind not in ("LITERAL", "LEFT_BRACE"):
        raise MonitorError("Bad syntax")
    name = str(tokens[0].value)
    members = device.members.get(name)
    for part in device.parts if not members else ():
        if isinstance(part, ForeignCpu):
            raise MonitorError(part.refusal)
    if not members and name in elsewhere.UNKNOWN:
        raise MonitorError(
            f"{device.name} does not provide a field, method or property {name}.\n{elsewhere.UNKNOWN[name]}"
        )
    if not members and name in elsewhere.MEMBERS:
        raise MonitorError(f"{device.name} has no {name} here: {elsewhere.MEMBERS[name]}")
    if not members:
        raise MonitorError(
            f"{device.name} does not provide a field, method or property {name}"
            f"{closest(name, device.members) or _ELSEWHERE}"
        )
    if members[0].signature.is_method:
        _call(monitor, device, name, members, tokens[1:])
    else:
        _property(monitor, members[0], tokens[1:])


def _call(
    monitor: Interpreter, device: Device, name: str, members: Sequence[Member], tokens: Sequence[Token]
) -> None:
    reasons: list[str] = []
    for member in sorted(members, key=lambda member: len(member.signature.parameters)):
        arguments = prepare(tokens, member.signature.parameters, monitor.emulation)
        if isinstance(arguments, Mismatch):
            reasons.append(str(arguments))
            continue
        _print(monitor, member.call(arguments), member)
        return
    monitor.write(device.describe(name))
    raise MonitorError("\n".join(["Parameters did not match the signature", *dict.fromkeys(reasons)]))


def _property(monitor: Interpreter, member: Member, tokens: Sequence[Token]) -> None:
    if not tokens or not member.signature.settable:
        _print(monitor, member.get(), member)
        return
    try:
        value = convert(tokens, member.signature.returns, monitor.emulation)
    except Mismatch as reason:
        kind = member.signature.returns
        if kind.members:
            raise MonitorError(
                f"Enum value {tokens[0].text} is not defined for {kind.name}!\n\n{possible_values(kind)}"
            ) from None
        raise MonitorError(
            f"Could not convert {tokens[0].text} to {member.signature.returns.name}: {reason}"
        ) from None
    member.set(value)


def _print(monitor: Interpreter, value: object, member: Member) -> None:
    if value is not None:
        monitor.write(print_value(value, member.signature.returns, monitor.numbers))
