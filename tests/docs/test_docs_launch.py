"""Files for VS Code in the page about debugging: their keys are those of the extensions, and GDB does what they say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import Any, Final

import pytest
from docs_pages import ROOT

from icmsg.assets import stub

GDB: Final = shutil.which("gdb-multiarch") or ""
EVERY: Final = frozenset({"name", "type", "request", "cwd"})
KEYS: Final = {
    # package.json of Cortex-Debug 1.13, "contributes", "debuggers": required is executable.
    ("cortex-debug", "attach"): {
        "armToolchainPath", "debuggerArgs", "executable", "gdbPath", "gdbTarget", "numberOfProcessors", "objdumpPath",
        "overrideAttachCommands", "overrideResetCommands", "overrideRestartCommands", "postAttachCommands",
        "preAttachCommands", "servertype", "svdFile", "symbolFiles", "targetProcessor", "toolchainPrefix",
    },
    # package.json of Native Debug 0.27: required are target and cwd.
    ("gdb", "attach"): {
        "autorun", "debugger_args", "env", "executable", "gdbpath", "pathSubstitutions", "printCalls", "remote",
        "stopAtConnect", "stopAtEntry", "target", "valuesFormatting",
    },
    # C/C++ for VS Code, "Configure C/C++ debugging" (code.visualstudio.com/docs/cpp/launch-json-reference).
    ("cppdbg", "launch"): {
        "MIMode", "miDebuggerArgs", "miDebuggerPath", "miDebuggerServerAddress", "program", "setupCommands",
        "stopAtConnect", "stopAtEntry",
    },
}  # fmt: skip
NEEDED: Final = {
    "cortex-debug": {"executable", "servertype", "gdbTarget"},
    "gdb": {"target", "cwd", "remote"},
    "cppdbg": {"program", "cwd", "MIMode", "miDebuggerServerAddress"},
}


def configurations() -> dict[str, dict[str, Any]]:
    text = (ROOT / "docs" / "debugging.md").read_text(encoding="utf-8")
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    each = [one for block in blocks for one in block.get("configurations", [block])]
    return {one["type"]: one for one in each}


def test_each_extension_has_a_file() -> None:
    assert set(configurations()) == set(NEEDED)


@pytest.mark.parametrize("extension", NEEDED)
def test_a_file_has_what_its_extension_needs_and_nothing_that_it_does_not_know(extension: str) -> None:
    own = configurations()[extension]
    assert set(own) <= KEYS[extension, own["request"]] | EVERY
    assert NEEDED[extension] | EVERY - {"cwd"} <= set(own)


def commands(own: dict[str, Any]) -> list[str]:
    """Return what the extension says to GDB until the program stands, in its order."""
    if own["type"] == "cortex-debug":
        assert own["servertype"] == "external"
        consoled = [f'interpreter-exec console "{each}"' for each in own["overrideAttachCommands"]]
        opened = f'file-exec-and-symbols "{own["executable"]}"'
        return [opened, f"target-select extended-remote {own['gdbTarget']}", *consoled]
    program = own["executable" if own["type"] == "gdb" else "program"]
    target = own["target" if own["type"] == "gdb" else "miDebuggerServerAddress"]
    return [f'file-exec-and-symbols "{program}"', f"target-select remote {target}"]


@pytest.mark.slow
@pytest.mark.skipif(not GDB, reason="gdb-multiarch is not installed (Debian: apt-get install gdb-multiarch)")
@pytest.mark.parametrize("extension", NEEDED)
def test_gdb_stops_in_the_firmware_by_what_the_extension_says(extension: str) -> None:
    own = configurations()[extension]
    assert "gdb-multiarch" in own.values()
    run = [
        sys.executable,
        "-m",
        "icmsg",
        "run",
        "--app",
        "initiator",
        "--net",
        "echo",
        "--messages",
        "5",
        "--gdb",
        "0",
    ]
    with subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        address = re.search(r"target remote (\S+)", server.stderr.readline())
        assert address is not None
        text = "\n".join(f"-{each}" for each in ["gdb-set mi-async on", *commands(own)])
        text = re.sub(r"127\.0\.0\.1:\d+", address[1], text)
        text = re.sub(r"[^\" ]*build/(app|flpr)/zephyr/zephyr\.elf", str(stub("initiator", "app")), text)
        text = text.replace("build/net/zephyr/zephyr.elf", str(stub("echo", "net")))
        text += "\n-break-insert *link_send\n-exec-continue\n"
        command = [GDB, "-nx", "-q", "--interpreter=mi2"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as gdb:
            assert gdb.stdin is not None
            assert gdb.stdout is not None
            gdb.stdin.write(text)
            gdb.stdin.flush()
            printed = ""
            for line in gdb.stdout:
                printed += line
                if "breakpoint-hit" in line or line.startswith("^error"):
                    break
            gdb.stdin.write("-break-delete\n-target-detach\n-gdb-exit\n")
            gdb.stdin.flush()
            gdb.communicate(timeout=60)
        assert server.wait(60) == 0
    assert "^error" not in printed
    assert re.search(r'reason="breakpoint-hit".*func="link_send"', printed)
