"""Contents of a Zephyr build folder: devicetree, Kconfig, image and release of every core.

A folder of one image has it in ``zephyr``. ``west build --sysbuild`` makes a folder with ``domains.yaml``, which names
one folder for each image; older builds of nRF Connect SDK have the images of other cores in folders below that of the
application. Which core an image is for follows from its Kconfig and devicetree, not from the name of its folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.boards import BOARDS, DEFAULT
from icmsg.config.built_for import Release, Releases, board_in, core_in
from icmsg.config.kconfig import BACKEND, ICBMSG, ME_ROLES
from icmsg.errors import ConfigurationError
from icmsg.files import BUILD_FILE_BYTES, DEVICETREE_BYTES, KCONFIG_BYTES, read_file

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from icmsg.config.boards import Board

_DOMAINS: Final = "domains.yaml"
_DTS: Final = "zephyr.dts"
_VERSION_HEADERS: Final = ("include/generated/zephyr/version.h", "include/generated/version.h")
_VERSION: Final = re.compile(r"#define\s+KERNEL_VERSION_STRING\s+\"(\d+\.\d+\.\d+)")
_DEVELOPMENT: Final = 99
"""Patch level of a tree between two releases."""
_OPTION: Final = re.compile(r'^CONFIG_(\w+)=("?)(.*?)\2\s*$', re.MULTILINE)
_COMPATIBLE: Final = re.compile(r"\bcompatible\s*=\s*([^;]*);")
_BACKENDS: Final = (BACKEND, ICBMSG, *ME_ROLES)
_BOOTLOADERS: Final = ("MCUBOOT", "IS_SECURE_BOOTLOADER", "SECURE_BOOT_B0N")


@dataclass(frozen=True, slots=True)
class BuildFiles:
    """One image's files; None for what is not there, or not known."""

    dts: Path
    kconfig: Path | None = None
    image: Path | None = None
    core: str | None = None
    soc: str | None = None
    """The board whose SoC it is for; None for any other."""
    releases: Releases | None = None
    """Releases by the header that the build made, with its place in ``release_source``."""
    release_source: str = ""
    default: bool = False
    """True for what ``domains.yaml`` calls the default, the application."""
    has_icmsg: bool = False
    is_bootloader: bool = False


def build_files(path: str | os.PathLike[str], core: str | None = None) -> BuildFiles:
    """Return ``path`` itself for a file, with the ELF file that a build has beside it; for a build's folder the files
    of its image for ``core``.

    Raises:
        ConfigurationError: a folder in which no build has run, or that has no image for that core.
    """
    given = Path(path)
    if not given.is_dir():
        beside = given.with_suffix(".elf")
        return BuildFiles(given, image=beside if given.name == _DTS and beside.is_file() else None)
    images = images_in(given)
    if len(images) == 1:
        return images[0]
    sides = _by_core(images, DEFAULT.roles)
    if core in sides:
        return sides[core]
    raise ConfigurationError(
        f"{given}: none of the images in this folder is known to be for core {core} "
        f"({', '.join(str(image.dts.parent) for image in images)}); give the folder of that image"
    )


def build_sides(
    paths: Sequence[str | os.PathLike[str]],
    *,
    roles: tuple[str, str] | None = None,
    one_will_do: bool = False,
) -> dict[str, BuildFiles]:
    """Return the images in one or two build folders by the roles of their cores, such as ``app`` and ``net``.

    ``roles`` are those of the link; without them the images tell, and two of any cores will do. ``one_will_do``: where
    there is one image only, the other core has none.

    Raises:
        ConfigurationError: a folder in which no build has run, or images that are not one for each core.
    """
    images = [image for path in paths for image in images_in(Path(path))]
    board = next((BOARDS[image.soc] for image in images if image.soc is not None), None)
    expected = roles or (board or DEFAULT).roles
    sides = _by_core(images, expected)
    if set(expected) <= set(sides):
        return {role: sides[role] for role in expected}
    strange = [core for core in sides if core not in expected]
    if roles is not None and strange and board is not None and board.roles != roles:
        raise ConfigurationError(
            f"{sides[strange[0]].dts.parent}: is an image for core {strange[0]} of the {board.title}, and the cores "
            f"here are {' and '.join(roles)}: give --soc {board.name}"
        )
    if (roles is None and len(sides) == 2) or (
        one_will_do and not strange and len(images) == len(sides) == 1
    ):
        return sides
    found = ", ".join(f"{image.dts.parent} (core {image.core or 'not known'})" for image in images)
    raise ConfigurationError(
        f"{' '.join(map(str, paths))}: one image for each core is needed, and this was found: {found}; give the folder "
        "of a west build --sysbuild, or two folders, one for each core"
    )


def is_build(path: str | os.PathLike[str]) -> bool:
    """Tell whether ``path`` is a folder with several images in it."""
    given = Path(path)
    return given.is_dir() and ((given / _DOMAINS).is_file() or len(_children(given)) > 0)


def images_in(folder: Path) -> list[BuildFiles]:
    """Return all images that were built in ``folder``.

    Raises:
        ConfigurationError: no build has run there, or its files are damaged.
    """
    if (folder / _DOMAINS).is_file():
        return [
            image
            for place, default in _domains(folder)
            if (image := _image(place, default=default)) is not None
        ] or _nothing(folder)
    found = [image for place in (folder, *_children(folder)) if (image := _image(place)) is not None]
    return found or _nothing(folder)


def _nothing(folder: Path) -> list[BuildFiles]:
    raise ConfigurationError(
        f"{folder}: there is no zephyr/zephyr.dts in this folder; give the folder of a build (west build -d), "
        "or a devicetree file"
    )


def _children(folder: Path) -> list[Path]:
    """Return the folders of images beside that of the application, as nRF Connect SDK made them before sysbuild."""
    if not (folder / "zephyr" / "zephyr.dts").is_file():
        return []
    try:
        return sorted(path.parents[1] for path in folder.glob("*/zephyr/zephyr.dts"))
    except OSError:
        return []


def _domains(folder: Path) -> list[tuple[Path, bool]]:
    file = folder / _DOMAINS
    content = _yaml(file)
    try:
        entries = [(str(entry["name"]), str(entry["build_dir"])) for entry in content["domains"]]
        default, top = str(content["default"]), Path(str(content["build_dir"]))
    except (KeyError, TypeError):
        raise ConfigurationError(
            f"{file}: is not what west build --sysbuild writes; build again, or give the folder of each image"
        ) from None
    return [(_moved(folder, top, name, Path(place)), name == default) for name, place in entries]


def _moved(folder: Path, top: Path, name: str, place: Path) -> Path:
    """Return where a domain's folder is now: a build may have been copied, and its paths are those of its machine."""
    candidates = [folder / name, place]
    if place.is_relative_to(top):
        candidates.insert(0, folder / place.relative_to(top))
    return next((candidate for candidate in candidates if candidate.is_dir()), candidates[0])


def _yaml(file: Path) -> Any:
    import yaml  # type: ignore[import-untyped]  # its hints are a package of their own; few builds need it

    try:
        return yaml.safe_load(read_file(file, BUILD_FILE_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError):
        raise ConfigurationError(
            f"{file}: is not what west build writes (no YAML); build again, or give the folder of each image"
        ) from None


def _image(place: Path, *, default: bool = False) -> BuildFiles | None:
    for folder in (place, place / "zephyr"):
        if (dts := folder / _DTS).is_file():
            kconfig = folder / ".config"
            options = _options(kconfig) if kconfig.exists() else {}
            releases, source = _releases(folder)
            board = _board(options, dts)
            return BuildFiles(
                dts=dts,
                kconfig=kconfig if kconfig.exists() else None,
                image=_executable(folder, options),
                core=_core(options, dts, board),
                soc=board.name if board is not None else None,
                releases=releases,
                release_source=source,
                default=default,
                has_icmsg=any(options.get(name) == "y" for name in _BACKENDS),
                is_bootloader=any(options.get(name) == "y" for name in _BOOTLOADERS),
            )
    return None


def _options(kconfig: Path) -> dict[str, str]:
    return {found[1]: found[3] for found in _OPTION.finditer(_text(kconfig, KCONFIG_BYTES))}


def _text(file: Path, limit: int) -> str:
    try:
        return read_file(file, limit).decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from None


def _core(options: dict[str, str], dts: Path, board: Board | None) -> str | None:
    """Return the core that an image is for: by its SoC, then by its board, then by its devicetree."""
    parts = {*BOARDS, re.split(r"[^a-z0-9]", options.get("SOC", "").lower())[0]} - {""}
    prefixes = tuple(f"SOC_{part.upper()}_CPU" for part in parts)
    socs = [name for name, value in options.items() if name.startswith(prefixes) and value == "y"]
    texts = [
        " ".join(socs),
        options.get("BOARD_QUALIFIERS", ""),
        options.get("SOC", ""),
        options.get("BOARD", ""),
    ]
    if not any(core_in(text, board) for text in texts):
        texts += _COMPATIBLE.findall(_text(dts, DEVICETREE_BYTES))
    return next((found for text in texts if (found := core_in(text, board))), None)


def _board(options: dict[str, str], dts: Path) -> Board | None:
    texts = [options[name] for name in ("SOC", "BOARD") if options.get(name)]
    texts = texts or _COMPATIBLE.findall(_text(dts, DEVICETREE_BYTES))
    return next((found for text in texts if (found := board_in(text)) is not None), None)


def _executable(folder: Path, options: dict[str, str]) -> Path | None:
    names = dict.fromkeys((options.get("KERNEL_BIN_NAME") or "zephyr", "zephyr"))
    candidates = (folder / f"{name}.{suffix}" for suffix in ("elf", "hex") for name in names)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _releases(folder: Path) -> tuple[Releases | None, str]:
    for header in _VERSION_HEADERS:
        if (file := folder / header).is_file() and (found := _VERSION.search(_text(file, BUILD_FILE_BYTES))):
            return _around(found[1]), str(file)
    for file in (folder.parent / "build_info.yml", folder / "build_info.yml"):
        if file.is_file():
            try:
                return _around(str(_yaml(file)["cmake"]["zephyr"]["version"])), str(file)
            except (KeyError, TypeError):
                return None, ""
    return None, ""


def _around(version: str) -> Releases | None:
    """Return the release of ``version``; between two releases, both of them, since it has a part of the later one."""
    try:
        release = Release.parse(version)
    except ConfigurationError:
        return None
    between = version.split(".")[2:3] == [str(_DEVELOPMENT)]
    return Releases(release, release.next if between else release)


def _by_core(images: Sequence[BuildFiles], roles: tuple[str, str]) -> dict[str, BuildFiles]:
    """Return one image for each core: not a bootloader, rather one with ICMsg, rather the default."""
    ranked = sorted(
        (image for image in images if not image.is_bootloader),
        key=lambda image: (not image.has_icmsg, not image.default),
    )
    sides: dict[str, BuildFiles] = {}
    for image in ranked:
        if image.core is not None:
            sides.setdefault(image.core, image)
    unknown = [image for image in ranked if image.core is None]
    if len(sides) + len(unknown) == 2:
        for image in sorted(unknown, key=lambda image: not image.default):
            sides[next(role for role in roles if role not in sides)] = image
    return sides
