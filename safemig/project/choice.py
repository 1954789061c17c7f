"""Chooses between several Makefiles, compose files and Alembic trees; a tie is told, never settled silently."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from safemig.project.alembic_config import AlembicTree
from safemig.project.compose import NAMES, OVERRIDES, Compose, read_compose
from safemig.project.files import Found, aside
from safemig.project.problem import Problem, gap, tie
from safemig.shell.makefile import Makefile, read_makefile
from safemig.shell.recipes import Doing, doing

T = TypeVar("T")
# How much an act in a recipe says that this Makefile runs the service.
_WEIGHT = {"migrate": 4, "create": 3, "start": 3, "build": 2, "test": 2, "stop": 1, "logs": 1, "downgrade": 1}


def makefile(
    files: Found, start: Path, chosen: str, trees: Sequence[AlembicTree], problems: list[Problem]
) -> Makefile | None:
    """The Makefile whose recipes reach the service: configured, else the one that does the most of it."""
    if chosen:
        path = files.root / chosen
        if path.is_file():
            return read_makefile(path, files.root)
        problems.append(gap("project.makefile is not there", path, "correct it in safemig.yaml"))
        return None
    weighed: list[tuple[int, Makefile]] = []
    for path in _outside(files.makefiles, files.root):
        try:
            read = read_makefile(path, files.root)
        except OSError as error:
            problems.append(Problem(f"cannot be read: {error.strerror}", str(path), "make it readable"))
            continue
        weighed.append((_weight(read, files, trees), read))
    best = max((weight for weight, _ in weighed), default=0)
    good = [read for weight, read in weighed if weight == best and weight > 0]
    good = _near(good, start, [read.path for read in good])
    if len(good) > 1 and not _nested([read.path for read in good]):
        shown = tuple(_shown(read.path, files.root) for read in good)
        problems.append(tie("several Makefiles could run the service", files.root, "project.makefile", shown))
        return None
    # Of nested ones that do the same, the upper one holds: it is the same from wherever one starts.
    return good[0] if good else None


def _weight(read: Makefile, files: Found, trees: Sequence[AlembicTree]) -> int:
    acts = {act for target in read.targets for act in doing(read, target, files.root).acts}
    weight = 2 * sum(_WEIGHT.get(act, 0) for act in acts)
    beside = read.path.parent in {path.parent for path in files.compose} | {tree.ini.parent for tree in trees}
    return weight + 1 if weight and beside else weight


def _nested(paths: Sequence[Path]) -> bool:
    """Whether one of the folders lies in another."""
    folders = [path.parent for path in paths]
    return any(folder != other and folder.is_relative_to(other) for folder in folders for other in folders)


def _outside(paths: Sequence[Path], root: Path) -> list[Path]:
    """The paths outside folders of tests and examples, all of them when there is none else."""
    return [path for path in paths if not aside(path, root)] or list(paths)


def _near(things: list[T], start: Path, paths: Sequence[Path]) -> list[T]:
    """Of several that lie side by side, those in whose folder the person started."""
    if len(things) < 2 or _nested(paths):
        return things
    depth = [len(path.parent.parts) if start.is_relative_to(path.parent) else -1 for path in paths]
    deepest = max(depth)
    near = [thing for thing, each in zip(things, depth, strict=True) if each == deepest >= 0]
    return near or things


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def folder(root: Path, start: Path, trees: Sequence[AlembicTree], files: Found, chosen: str) -> Path:
    """The service's folder where no Makefile shows it: that of its Alembic configuration, else of its compose."""
    ini = (root / chosen.partition("#")[0]).resolve() if chosen else None
    fit = [tree for tree in trees if tree.ini == ini] or [tree for tree in trees if not aside(tree.ini, root)] or trees
    places = [_home(tree, root) for tree in fit] or [path.parent for path in _outside(files.compose, root)]
    near = list(dict.fromkeys(_near(places, start, [place / "x" for place in places])))
    # Of several that lie side by side none is taken silently.
    return near[0] if len(near) == 1 or _nested([place / "x" for place in near]) else root


def _home(tree: AlembicTree, root: Path) -> Path:
    """Where Alembic is run: its file's folder, or one above it where the migrations lie beside that folder."""
    above = (each for each in (tree.ini.parent, *tree.ini.parents) if tree.script_location.is_relative_to(each))
    home = next((each for each in above if each.is_relative_to(root)), tree.ini.parent)
    # Flask-Migrate keeps the file with the revisions: the application lies above them.
    return home.parent if home == tree.script_location and home != root else home


def compose(
    files: Found,
    place: Path,
    doings: Sequence[Doing],
    chosen: Sequence[str],
    environ: Mapping[str, str],
    problems: list[Problem],
) -> Compose | None:
    """The compose files that the recipes use: configured, named with -f, else those compose itself would take."""
    if chosen:
        paths = [files.root / word for word in chosen]
        gone = [path for path in paths if not path.is_file()]
        problems.extend(gap("project.compose is not there", path, "correct it in safemig.yaml") for path in gone)
        return None if gone else read_compose(paths, environ)
    named = _named(doings, place, files.root)
    if named:
        return read_compose(named, environ)
    folders = _folders(doings, place)
    for each in folders:
        found = next((above for above in (each, *each.parents) if _usual(above, files)), None)
        if found is not None and found.is_relative_to(files.root):
            return read_compose(_usual(found, files), environ)
    return _anywhere(files, environ, problems)


def _named(doings: Sequence[Doing], place: Path, root: Path) -> list[Path]:
    """The -f files of the recipe that matters most; [] when that one leaves the choice to compose."""
    commands = [command for each in doings for command in each.commands if command.compose]
    for act in ("migrate", "create", "start", "build", "test", "other"):
        fit = [command for command in commands if command.act == act]
        for command in fit if all(command.files for command in fit) else ():
            paths = [(place / command.folder / word).resolve() for word in command.files]
            if all(path.is_file() and path.is_relative_to(root) for path in paths):
                return paths
        if fit:
            return []
    return []


def _folders(doings: Sequence[Doing], place: Path) -> list[Path]:
    moved = [place / each.folder for target in doings for each in target.commands if each.compose and each.folder]
    return list(dict.fromkeys((*(path.resolve() for path in moved if path.is_dir()), place)))


def _usual(folder: Path, files: Found) -> list[Path]:
    """The files that compose takes by itself in ``folder``: the first usual name and its override."""
    known = set(files.compose)
    first = next((folder / name for name in NAMES if folder / name in known), None)
    if first is None:
        return []
    override = next((folder / name for name in OVERRIDES if folder / name in known), None)
    return [first, override] if override else [first]


def _anywhere(files: Found, environ: Mapping[str, str], problems: list[Problem]) -> Compose | None:
    """The only compose project below the root that holds a PostgreSQL server, else the only one at all."""
    folders = list(dict.fromkeys(path.parent for path in _outside(files.compose, files.root)))
    sets = [usual for folder in folders if (usual := _usual(folder, files))]
    read = [read_compose(paths, environ) for paths in sets]
    serving = [each for each in read if any(service.is_postgres for service in each.services.values())] or read
    if len(serving) > 1:
        shown = tuple(_shown(each.files[0], files.root) for each in serving)
        problems.append(tie("several compose files could run the service", files.root, "project.compose", shown))
    return serving[0] if len(serving) == 1 else None


def tree(
    trees: Sequence[AlembicTree],
    place: Path,
    root: Path,
    doings: Sequence[Doing],
    chosen: str,
    start: Path,
    problems: list[Problem],
) -> AlembicTree | None:
    """The service's tree: configured as PATH or PATH#SECTION, named by the recipes (-c, -n), else the nearest."""
    if chosen:
        return _configured(trees, root, chosen, problems)
    good = [each for each in trees if not aside(each.ini, root)] or list(trees)
    good = _by_recipe(good, doings) or good
    below = [each for each in good if each.ini.is_relative_to(place)]
    if len(good) > 1 and below:
        shortest = min(len(each.ini.parts) for each in below)
        good = [each for each in below if len(each.ini.parts) == shortest]
    good = _near(good, start, [each.ini for each in good])
    main = [each for each in good if each.section == "alembic"]
    good = main if len(main) == 1 else good
    if len(good) > 1:
        names = tuple(_name(each, root) for each in good)
        problems.append(tie("several Alembic trees", root, "project.alembic", names))
    return good[0] if len(good) == 1 else None


def _configured(trees: Sequence[AlembicTree], root: Path, name: str, problems: list[Problem]) -> AlembicTree | None:
    """The tree that the configuration names as PATH or PATH#SECTION."""
    path, _, section = name.partition("#")
    fit = [each for each in trees if each.ini == (root / path).resolve() and section in ("", each.section)]
    # Without a name Alembic takes the section [alembic].
    fit = fit if section else [each for each in fit if each.section == "alembic"] or fit
    if len(fit) != 1:
        names = tuple(_name(each, root) for each in trees)
        problems.append(tie(f"project.alembic {name!r} names no single tree", root, "project.alembic", names))
    return fit[0] if len(fit) == 1 else None


def _name(tree: AlembicTree, root: Path) -> str:
    return f"{_shown(tree.ini, root)}#{tree.section}" if tree.section else _shown(tree.ini, root)


def _by_recipe(trees: Sequence[AlembicTree], doings: Sequence[Doing]) -> list[AlembicTree]:
    """The trees that the migrate recipes name with -c FILE or -n SECTION, or whose folder they go to."""
    for each in (each for target in doings for each in target.commands if each.act in ("migrate", "create")):
        section = re.search(r"(?:-n|--name)[\s=]+(\S+)", each.text)
        file = re.search(r"(?:-c|--config)[\s=]+(\S+\.ini)", each.text)
        inside = re.search(r"\bcd\s+(\S+)", each.text)
        fit = list(trees)
        if section:
            fit = [tree for tree in fit if tree.section == section.group(1)] or fit
        if file:
            name = file.group(1).removeprefix("./")
            fit = [tree for tree in fit if tree.ini.as_posix().endswith("/" + name.lstrip("/"))] or fit
        moved = (inside.group(1).strip("\"'") if inside else "") or each.folder
        if moved:
            fit = [tree for tree in fit if tree.ini.parent.name == Path(moved).name] or fit
        if len(fit) < len(trees):
            return fit
    return []
