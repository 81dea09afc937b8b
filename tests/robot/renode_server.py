"""Stands in for Renode's Robot server: the same XML-RPC methods and keyword names, over the embedded engine.

Arguments are text, ``name=value`` is a named one, and an error has the name of a .NET exception in front, as Renode's
XmlRpcServer.cs and Keyword.cs have it. ``python renode_server.py`` prints its port and serves until it is ended.
"""

from __future__ import annotations

import inspect
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

sys.path.insert(1, str(Path(__file__).parent.parent))
from remote_extensions import ExtendedMonitor

from icmsg.robot.context import KeywordContext
from icmsg.robot.emulation import LocalEmulation
from icmsg.robot.renode_keywords import RenodeKeywords
from icmsg.robot.renode_log_keywords import RenodeLogKeywords
from icmsg.robot.renode_uart_keywords import RenodeUartKeywords
from icmsg.robot.settings import LibrarySettings

_NAMED = re.compile(r"^([a-zA-Z0-9_]+)=(.+)", re.DOTALL)


class RenodeEmulation(LocalEmulation):
    """An emulation whose Monitor has what the C# files add to Renode's."""

    def _make(self, asked: str | None, platform: str | None = None) -> ExtendedMonitor:
        return ExtendedMonitor()


class Handler(SimpleXMLRPCRequestHandler):
    rpc_paths = ("/", "/RPC2")

    def log_message(self, *arguments: Any) -> None:
        pass


class RenodeServer:
    """What Renode offers to the Remote library: two methods."""

    def __init__(self) -> None:
        settings = LibrarySettings("1 s", "10 ms")
        context = KeywordContext(settings, RenodeEmulation("embedded", settings))
        self._keywords: dict[str, Any] = {
            "EnableLoggingToCache": lambda: None,
            "ClearCachedLog": lambda: None,
            "HandleHotSpot": lambda action: None,
        }
        for part in (RenodeKeywords(context), RenodeUartKeywords(context), RenodeLogKeywords(context)):
            for name, method in inspect.getmembers(part, inspect.ismethod):
                if hasattr(method, "robot_name"):
                    self._keywords["".join(word.title() for word in name.split("_"))] = method
        # Waiting starts the emulation in Renode, and it goes on afterwards.
        self._starting = {
            name for name in self._keywords if name.startswith(("Wait", "ShouldNotBeOn", "TestIf"))
        }

    def get_keyword_names(self) -> list[str]:
        return list(self._keywords)

    def run_keyword(self, name: str, arguments: list[Any]) -> dict[str, Any]:
        if name not in self._keywords:
            raise Fault(1, f'Keyword "{name}" not found')
        method = self._keywords[name]
        values = parse(method, arguments)
        if values is None:
            listed = ", ".join(map(str, arguments))
            raise Fault(2, f'Arguments types do not match any available keyword "{name}" : [{listed}]')
        try:
            if name in self._starting:
                self._keywords["StartEmulation"]()
            returned = method(**values)
        except AssertionError as error:
            text = str(error) if "Exception: " in str(error) else f"InvalidOperationException: {error}"
            return {"status": "FAIL", "error": f"{safe(text)}\n", "traceback": ""}
        except Exception as error:
            return {
                "status": "FAIL",
                "error": f"{type(error).__name__}: {safe(str(error))}\n",
                "traceback": "",
            }
        result: dict[str, Any] = {"status": "PASS"}
        if returned is not None:
            result["return"] = dict(returned) if isinstance(returned, dict) else returned
        return result


def parse(method: Any, arguments: list[Any]) -> dict[str, Any] | None:
    """Return the arguments by name; None if they fit no parameters."""
    parameters, hints = takes(method)
    values: dict[str, Any] = {}
    for position, argument in enumerate(arguments):
        found = _NAMED.match(argument) if isinstance(argument, str) else None
        if found and any(parameter.name == found[1] for parameter in parameters):
            values[found[1]] = convert(found[2], hints.get(found[1]))
        elif found and re.fullmatch(r"[a-zA-Z0-9_]+", found[1]) and len(parameters) <= position:
            return None
        elif position < len(parameters):
            name = parameters[position].name
            values[name] = convert(argument, hints.get(name))
        else:
            return None
    required = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    return values if all(name in values for name in required) else None


@cache
def takes(method: Any) -> tuple[list[inspect.Parameter], dict[str, Any]]:
    """Return the parameters of a keyword and their types."""
    hints = get_type_hints(method) if hasattr(method, "robot_name") else {}
    return list(inspect.signature(method).parameters.values()), hints


def convert(value: Any, hint: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = str(hint)
    if "bool" in text:
        return value.lower() == "true"
    if "int" in text:
        return int(value, 0)
    return float(value) if "float" in text else value


def safe(text: str) -> str:
    """Return what Renode's StripNonSafeCharacters leaves."""
    return "".join(character for character in text if 32 <= ord(character) <= 126 or character == "\n")


def main() -> None:
    with SimpleXMLRPCServer(("127.0.0.1", 0), Handler, logRequests=False, allow_none=False) as server:
        renode = RenodeServer()
        server.register_function(renode.get_keyword_names)
        server.register_function(renode.run_keyword)
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
