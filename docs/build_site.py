"""Builds the site of the documentation: ``make docs``, or with the folder for pages and site as argument.

The pages are the Markdown files of the repository, in their own folders, so that every link is what it is there; the
pages of the Python API are made from docstrings.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "results" / "docs"
NAVIGATION: Final = {
    "Use it": (
        *(
            "docs/tours.md",
            "docs/getting-started.md",
            "docs/configuration.md",
            "docs/zephyr.md",
            "docs/nrf54.md",
            "docs/icbmsg.md",
        ),
        *("docs/robot.md", "docs/keywords.md", "docs/pytest.md", "docs/monitor.md", "docs/traces.md"),
        *(
            "docs/consoles.md",
            "docs/debugging.md",
            "docs/renode.md",
            "docs/bring-your-own-soc.md",
            "docs/platform-files.md",
            "firmware_stubs/README.md",
        ),
        "docs/troubleshooting.md",
    ),
    "Understand it": (
        *("docs/terminology.md", "docs/protocol.md", "docs/timing-model.md", "docs/architecture.md"),
        *("docs/design-decisions.md", "renode/README.md", "benchmarks/README.md"),
    ),
    "Work on it": ("CONTRIBUTING.md", "docs/testing.md", "CHANGELOG.md"),
}
"""Pages by the caption under which the list has them."""
LINK: Final = re.compile(r"\]\(([^)#:]+)")
"""A link to a file of the repository, or a picture."""
API: Final = {
    "Machines and cores": (
        *("icmsg.engines.embedded.machine.EmbeddedMachine", "icmsg.engines.renode.machine.RenodeMachine"),
        *(
            "icmsg.engines.remote.machine.RemoteMachine",
            "icmsg.machine.machine.Machine",
            "icmsg.machine.machine.Core",
        ),
        *(
            "icmsg.machine.events.EventStream",
            "icmsg.machine.events.EventKind",
            "icmsg.machine.image.FirmwareImage",
        ),
    ),
    "Links": (
        *(
            "icmsg.link.played_instance.Peer",
            "icmsg.link.played_instance.PlayedInstance",
            "icmsg.link.exchange.Exchange",
        ),
        *("icmsg.link.workload.Workload", "icmsg.link.endpoints.peer.EndpointsPeer"),
    ),
    "Configuration": (
        *(
            "icmsg.config.instance.InstanceConfig",
            "icmsg.config.instance.Region",
            "icmsg.config.instance.RegionLayout",
        ),
        *("icmsg.config.icbmsg.IcbmsgConfig", "icmsg.config.icmsg_me.IcmsgMeConfig"),
        *(
            "icmsg.config.load.load_pair",
            "icmsg.config.load.load_instances",
            "icmsg.config.load.load_backends",
        ),
    ),
    "Backends": (
        *(
            "icmsg.ipc.instance.IcmsgInstance",
            "icmsg.ipc.backend.EndpointConfig",
            "icmsg.ipc.instance.Endpoint",
        ),
        *("icmsg.ipc.backend.Backend", "icmsg.ipc.recognise.backend_for", "icmsg.ipc.clock.VirtualClock"),
        "icmsg.ipc.backend.InterruptHandler",
    ),
    "Packet buffers": (
        *("icmsg.wire.pbuf.PbufReader", "icmsg.wire.pbuf.PbufWriter"),
        *("icmsg.wire.spsc.SpscReader", "icmsg.wire.spsc.SpscWriter"),
    ),
    "Hardware": (
        *("icmsg.hw.bus.Bus", "icmsg.hw.bus.MemoryBus", "icmsg.hw.mailbox.Mailbox"),
        *("icmsg.hw.mailbox.mailbox_pair", "icmsg.hw.mailboxes.kind.MailboxKind"),
    ),
    "Traces": ("icmsg.views.recording.trace_to",),
    "Errors": ("icmsg.errors",),
}
"""Pages of the API, each with what it shows."""


def collect(pages: Path) -> None:
    """Put the pages together; the front page is the README with the list of them all."""
    listed = [name for names in NAVIGATION.values() for name in names]
    for name in ("README.md", *listed):
        put(ROOT / name, pages)
        for link in LINK.findall((ROOT / name).read_text(encoding="utf-8")):
            linked = (ROOT / name).parent / link
            if linked.is_file() and linked.suffix != ".md":
                put(linked.resolve(), pages)
    (pages / "api").mkdir()
    reference = []
    for title, names in API.items():
        reference.append(f"api/{title.lower().replace(' ', '-')}.rst")
        shown = (f".. {kind(name)}:: {name}\n" for name in names)
        (pages / reference[-1]).write_text(
            "\n".join([f"{title}\n{'=' * len(title)}\n", *shown]), encoding="utf-8"
        )
    lists = [
        f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(names) + "\n```\n"
        for caption, names in {**NAVIGATION, "Python API": reference}.items()
    ]
    start = (ROOT / "README.md").read_text(encoding="utf-8")
    (pages / "README.md").write_text("\n".join([start, *lists]), encoding="utf-8")


def put(source: Path, pages: Path) -> None:
    """Copy a file of the repository to where its links are right."""
    target = pages / source.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def kind(name: str) -> str:
    """Return the directive that shows a name: a module's, a class's or a function's."""
    last = name.rpartition(".")[2]
    return (
        "automodule"
        if (ROOT / f"{name.replace('.', '/')}.py").exists()
        else ("autoclass" if last[0].isupper() else "autofunction")
    )


def main(results: Path) -> int:
    """Build the site in the folder ``results``; a warning is an error."""
    shutil.rmtree(results, ignore_errors=True)
    pages, site = results / "pages", results / "site"
    collect(pages)
    settings = ["-c", str(ROOT / "docs"), "-D", "root_doc=README"]
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        "html",
        "-q",
        "-W",
        "--keep-going",
        *settings,
        str(pages),
        str(site),
    ]
    done = subprocess.run(command, check=False, cwd=ROOT)
    if done.returncode == 0:
        start = site / "index.html"
        start.write_text('<meta http-equiv="refresh" content="0; url=README.html">\n', encoding="utf-8")
        sys.stdout.write(f"{start}\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS))
