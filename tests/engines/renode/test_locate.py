"""Which Renode and which pyrenode3 are found, and what is said when they do not fit."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from icmsg.engines.renode import locate
from icmsg.engines.renode.locate import (
    Layout,
    PyrenodeFound,
    RenodeFound,
    find_pyrenode,
    find_renode,
    find_setup,
    identify,
)
from icmsg.errors import EngineNotAvailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Make = Callable[[Path], Path]


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide what `icmsg renode install` has installed on this computer."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))


def files(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


MONO = ("Renode.exe", "Infrastructure.dll")
NET = ("Renode.dll", "Renode.runtimeconfig.json")


def under(folder: str, names: Iterable[str]) -> list[str]:
    return [f"{folder}/{name}" for name in names]


def mono_package(folder: Path) -> Path:
    return files(folder, under("bin", MONO))


def net_package(folder: Path) -> Path:
    return files(folder, under("bin", NET))


def mono_build(folder: Path) -> Path:
    return files(folder, under("output/bin/Release", MONO))


def net_build(folder: Path) -> Path:
    return files(folder, under("output/bin/Release", NET))


def single_file(folder: Path) -> Path:
    return files(folder, ("renode", "libhostfxr.so", "libcoreclr.so", "platforms/cpus/x.repl")) / "renode"


def bundle(folder: Path) -> Path:
    """A portable release with all of .NET in the launcher, which then says so."""
    launcher = files(folder, ("renode", "platforms/cpus/x.repl")) / "renode"
    mark = bytes.fromhex("8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae")
    launcher.write_bytes(bytes(100_001) + mark + bytes(1000))
    return launcher


def portable_folder(folder: Path) -> Path:
    return files(folder, ("renode", *under("bin", (*NET, "System.Private.CoreLib.dll"))))


def flat_portable_folder(folder: Path) -> Path:
    return files(folder, ("renode", *NET))


def mono_portable(folder: Path) -> Path:
    return files(folder, ("renode", "platforms/cpus/x.repl")) / "renode"


def arch_package(folder: Path) -> Path:
    return files(folder, ("renode-1.16.1.pkg.tar.xz",)) / "renode-1.16.1.pkg.tar.xz"


def net_archive(folder: Path) -> Path:
    return files(folder, ("renode.linux-dotnet.tar.gz",)) / "renode.linux-dotnet.tar.gz"


FORMS = [
    (mono_package, Layout.INSTALLED, "mono"),
    (net_package, Layout.INSTALLED, "coreclr"),
    (mono_build, Layout.BUILD, "mono"),
    (net_build, Layout.BUILD, "coreclr"),
    (single_file, Layout.SINGLE_FILE, "coreclr"),
    (bundle, Layout.SINGLE_FILE, "coreclr"),
    (portable_folder, Layout.FOLDER, "coreclr"),
    (flat_portable_folder, Layout.FOLDER, "coreclr"),
    (mono_portable, Layout.MONO_PORTABLE, "mono"),
    (arch_package, Layout.ARCHIVE, "mono"),
    (net_archive, Layout.ARCHIVE, "coreclr"),
]


@pytest.mark.parametrize(
    ("make", "layout", "runtime"), FORMS, ids=lambda value: getattr(value, "__name__", "")
)
def test_every_form_is_told_by_its_files(tmp_path: Path, make: Make, layout: Layout, runtime: str) -> None:
    found = identify(make(tmp_path), "here")
    assert found is not None
    assert (found.layout, found.runtime) == (layout, runtime)


@pytest.mark.parametrize("names", [(), ("readme.txt",), ("bin/Renode.exe",), ("renode",)])
def test_what_is_no_renode_is_none(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert identify(files(tmp_path, names), "here") is None
    assert identify(tmp_path / "nothing", "here") is None


@pytest.mark.parametrize("make", [net_package, net_build, portable_folder, mono_package])
def test_a_launcher_leads_to_its_folder(tmp_path: Path, make: Make) -> None:
    folder = files(make(tmp_path / "renode"), ("renode",))
    link = tmp_path / "on-path"
    link.symlink_to(folder / "renode")
    found = identify(link, "on PATH")
    assert found is not None
    assert found.path == folder


@pytest.fixture
def pyrenode(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def install(generation: str) -> None:
        found = PyrenodeFound(Path("site/pyrenode3"), generation)  # type: ignore[arg-type]  # from a parameter
        monkeypatch.setattr(locate, "find_pyrenode", lambda: found)

    install("classic")
    monkeypatch.setattr(locate, "INSTALLED", Path("/nonexistent/opt/renode"))
    return install


CLASSIC = [
    ("PYRENODE_BIN", single_file, {"PYRENODE_RUNTIME": "coreclr", "PYRENODE_BIN": "{}"}),
    ("PYRENODE_PKG", arch_package, {"PYRENODE_RUNTIME": "mono", "PYRENODE_PKG": "{}"}),
    ("PYRENODE_PKG", net_archive, {"PYRENODE_RUNTIME": "coreclr", "PYRENODE_PKG": "{}"}),
    (
        "PYRENODE_BUILD_DIR",
        mono_build,
        {
            "PYRENODE_RUNTIME": "mono",
            "PYRENODE_BUILD_DIR": "{}",
            "PYRENODE_BUILD_OUTPUT": "output/bin/Release",
        },
    ),
    (
        "PYRENODE_BUILD_DIR",
        net_package,
        {"PYRENODE_RUNTIME": "coreclr", "PYRENODE_BUILD_DIR": "{}", "PYRENODE_BUILD_OUTPUT": "bin"},
    ),
]


@pytest.mark.parametrize(("name", "make", "expected"), CLASSIC)
def test_the_classic_pyrenode3_gets_its_variables(
    tmp_path: Path, pyrenode: object, name: str, make: Make, expected: dict[str, str]
) -> None:
    path = make(tmp_path)
    setup = find_setup({name: str(path), "PATH": ""})
    assert setup.variables == {key: value.format(path) for key, value in expected.items()}


@pytest.mark.parametrize("make", [net_build, net_package, portable_folder, single_file, net_archive])
def test_the_newer_pyrenode3_gets_a_path(tmp_path: Path, pyrenode: Callable[[str], None], make: Make) -> None:
    pyrenode("path")
    path = make(tmp_path)
    assert find_setup({"PYRENODE_PATH": str(path), "PATH": ""}).variables == {"PYRENODE_PATH": str(path)}


def test_the_installed_mono_package_needs_no_path(
    tmp_path: Path, pyrenode: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate, "INSTALLED", mono_package(tmp_path))
    assert find_setup({"PATH": ""}).variables == {"PYRENODE_RUNTIME": "mono"}


def test_renode_on_path_is_found_before_the_installed_one(
    tmp_path: Path, pyrenode: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate, "INSTALLED", mono_package(tmp_path / "opt"))
    launcher = single_file(tmp_path / "portable")
    launcher.chmod(0o755)
    found = find_renode({"PATH": str(launcher.parent)})
    assert found is not None
    assert (found.layout, found.source) == (Layout.SINGLE_FILE, "on PATH")


def test_a_script_on_path_leads_to_the_installed_package(
    tmp_path: Path, pyrenode: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate, "INSTALLED", mono_package(tmp_path / "opt"))
    script = files(tmp_path / "usr", ("renode",)) / "renode"
    script.chmod(0o755)
    found = find_renode({"PATH": str(script.parent)})
    assert found is not None
    assert found.path == tmp_path / "opt"


REFUSED = [
    ("classic", "PYRENODE_BIN", portable_folder, "single file only; get a newer one: pip install -U"),
    ("classic", "PYRENODE_BIN", mono_portable, "cannot be loaded into a process; use linux-portable-dotnet"),
    ("classic", "PYRENODE_PATH", net_build, "PYRENODE_PATH is set, but the pyrenode3 in .* does not know it"),
    ("path", "PYRENODE_PKG", arch_package, "loads .NET releases only; .*@dde4a47"),
    ("path", "PYRENODE_BUILD_DIR", mono_build, "loads .NET releases only"),
]


@pytest.mark.parametrize(("generation", "name", "make", "text"), REFUSED)
def test_what_does_not_fit_is_refused_with_the_fix(
    tmp_path: Path, pyrenode: Callable[[str], None], generation: str, name: str, make: Make, text: str
) -> None:
    pyrenode(generation)
    with pytest.raises(EngineNotAvailableError, match=text):
        find_setup({name: str(make(tmp_path)), "PATH": ""})


def test_variables_that_contradict_are_refused(tmp_path: Path, pyrenode: object) -> None:
    both = {"PYRENODE_BIN": "a", "PYRENODE_PKG": "b"}
    with pytest.raises(
        EngineNotAvailableError, match="PYRENODE_BIN and PYRENODE_PKG are set; unset all but one"
    ):
        find_setup(both)
    wrong = {"PYRENODE_BUILD_DIR": str(mono_build(tmp_path)), "PYRENODE_RUNTIME": "coreclr"}
    with pytest.raises(EngineNotAvailableError, match=r"PYRENODE_RUNTIME=coreclr, but .* needs mono"):
        find_setup(wrong)


@pytest.mark.parametrize("name", ["PYRENODE_BIN", "PYRENODE_PKG", "PYRENODE_BUILD_DIR", "PYRENODE_PATH"])
def test_a_variable_that_names_nothing_is_refused(pyrenode: object, name: str) -> None:
    with pytest.raises(EngineNotAvailableError, match=f"{name}=/nowhere is no Renode: it must be (a|the)"):
        find_setup({name: "/nowhere", "PATH": ""})


def test_nothing_there_says_how_to_get_it(pyrenode: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        EngineNotAvailableError, match=r"no Renode was found: `icmsg renode install` gets one"
    ):
        find_setup({"PATH": ""})
    monkeypatch.setattr(locate, "find_pyrenode", lambda: None)
    with pytest.raises(EngineNotAvailableError, match=re.escape("pip install 'pyrenode3[all] @ git+https")):
        find_setup({"PATH": ""})


@pytest.mark.parametrize(
    ("text", "generation"),
    [('PYRENODE_BIN = "PYRENODE_BIN"', "classic"), ('PYRENODE_PATH = "PYRENODE_PATH"', "path")],
)
def test_the_generation_of_pyrenode3_is_told_by_the_variables_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, generation: str
) -> None:
    package = files(tmp_path / "pyrenode3", ("__init__.py", "env.py"))
    (package / "__init__.py").write_text("raise AssertionError('imported')\n")
    (package / "env.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pyrenode3", raising=False)  # a real one, of a test before
    found = find_pyrenode()
    assert found is not None
    assert (found.folder, found.generation) == (package, generation)


def test_what_was_found_is_said_in_words() -> None:
    found = RenodeFound(Layout.SINGLE_FILE, Path("/r"), "coreclr", "PYRENODE_BIN")
    assert str(found) == "/r: a portable .NET release in a single file (as 1.16.1), .NET (PYRENODE_BIN)"
