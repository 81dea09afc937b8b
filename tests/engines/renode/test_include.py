"""C# models of the user's own: compiled before the platform, with errors that name the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fake_process
import pytest

from icmsg.assets import platform_file
from icmsg.cli.main import main
from icmsg.engines.choice import EngineChoice, make_machine
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.errors import ConfigurationError, EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from fake_dotnet import FakeRenode

MODEL = """
using Antmicro.Renode.Core;
using Antmicro.Renode.Peripherals.Bus;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    public class %s : BasicDoubleWordPeripheral, IKnownSize
    {
        public %s(IMachine machine, NRF_IPC beside) : base(machine)
        {
        }

        public override uint ReadDoubleWord(long offset)
        {
            return 0xB0C5;
        }

        public long Size => 0x1000;
    }
}
"""
"""A mailbox of somebody's own, which uses a model of ours."""


def write_model(folder: Path, name: str, source: str = MODEL) -> Path:
    path = folder / f"{name}.cs"
    path.write_text(source.replace("%s", name))
    return path


def write_platform(folder: Path, model: str) -> Path:
    path = folder / "own.repl"
    own = f"\nbox: Miscellaneous.{model} @ sysbus 0x50060000\n    beside: ipcapp\n"
    path.write_text(platform_file("nrf5340").read_text() + own)
    return path


def includes(renode: FakeRenode) -> list[str]:
    return [command for command in renode.commands if command.startswith("include")]


def test_files_are_compiled_behind_ours_before_the_platform_and_once_in_a_process(
    renode: FakeRenode, tmp_path: Path
) -> None:
    first, second = write_model(tmp_path, "First"), write_model(tmp_path, "Second")
    with RenodeMachine(include=[str(first)]):
        pass
    with RenodeMachine(include=[first, second]):
        pass
    with RenodeMachine():
        pass
    ours, *theirs = includes(renode)
    assert "NRF_IPC.cs" in ours
    assert [command.rsplit("/", 1)[1] for command in theirs] == ["First.cs", "Second.cs"]
    assert renode.commands.index(theirs[0]) < next(
        place for place, command in enumerate(renode.commands) if command.startswith("machine Load")
    )


def test_run_and_the_engine_choice_pass_them_on(renode: FakeRenode, tmp_path: Path) -> None:
    model = write_model(tmp_path, "Passed")
    arguments = ["--engine", "renode", "--include", str(model), "--messages", "3"]
    assert main(["run", *arguments]) == 0
    assert includes(renode)[-1].endswith("/Passed.cs")
    other = write_model(tmp_path, "Other")
    make_machine(EngineChoice("renode", "why"), include=[other]).close()
    assert includes(renode)[-1].endswith("/Other.cs")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.cs", "there is no such file"),
        (".", "Renode compiles C# files, and their names end with .cs"),
        ("model.py", "Renode compiles C# files, and their names end with .cs"),
    ],
)
@pytest.mark.parametrize("command", ["run", "monitor", "bench"])
def test_what_is_no_csharp_file_is_refused_before_renode_sees_it(
    renode: FakeRenode,
    tmp_path: Path,
    command: str,
    name: str,
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "model.py").touch()
    path = str(tmp_path / name)
    assert main([command, "--engine", "renode", "--include", path]) == 2
    assert f"{tmp_path / name} is not included: {reason}" in " ".join(capsys.readouterr().err.split())
    assert includes(renode) == []


@pytest.mark.parametrize("command", ["run", "monitor", "bench"])
def test_the_embedded_engine_says_that_it_takes_none(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_model(tmp_path, "Mine")
    assert main([command, "--engine", "embedded", "--include", str(model)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "C# files are models for Renode, and this is the embedded engine (asked for); use --engine renode"
        in said
    )
    with pytest.raises(ConfigurationError, match="this is the embedded engine"):
        make_machine(EngineChoice("embedded", "why"), include=[model])


def test_real_renode_runs_a_platform_with_a_model_of_somebody_s_own(tmp_path: Path) -> None:
    name = "RealBox"
    model = write_model(tmp_path, name)
    with fake_process.real_machine(write_platform(tmp_path, name), include=[model]) as machine:
        assert machine.core("net").bus.read32(0x5006_0000) == 0xB0C5
    with fake_process.real_machine(write_platform(tmp_path, name)) as machine:  # classes stay in the process
        assert machine.core("app").bus.read32(0x5006_0000) == 0xB0C5


def test_real_renode_s_compiler_is_quoted_and_the_next_attempt_is_free(tmp_path: Path) -> None:
    broken = write_model(tmp_path, "Slip", MODEL.replace("return 0xB0C5;", "return 0xB0C5"))
    with pytest.raises(
        EngineError, match=r"Renode refuses `include @.*Slip\.cs`: .*Slip\.cs\(16,8\): error CS1525"
    ):
        fake_process.real_machine(include=[broken])
    broken.write_text(MODEL.replace("%s", "Slip"))
    with fake_process.real_machine(write_platform(tmp_path, "Slip"), include=[broken]) as machine:
        assert machine.core("app").bus.read32(0x5006_0000) == 0xB0C5


def test_a_mailbox_that_python_cannot_follow_is_told_which_interface_it_needs(
    renode: FakeRenode, monkeypatch: pytest.MonkeyPatch
) -> None:
    del renode

    def refuse(_array: object, _kind: object) -> object:
        def convert(_values: object) -> object:
            raise TypeError("Bell value cannot be converted to IDoorbell")

        return convert

    monkeypatch.setattr(fake_process._Array, "__getitem__", refuse)
    with pytest.raises(
        EngineError, match=r"needs the interface IDoorbell .*: Bell value cannot be converted"
    ):
        RenodeMachine()
