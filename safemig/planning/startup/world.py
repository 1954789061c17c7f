"""Where a command runs, this machine or a service's container, and which file of the project a path there is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from safemig.project.compose import Compose, Service
from safemig.project.dockerfile import Image, Line, read_image

_PROGRAMS = ("/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin")
_MOST = 100  # files that a pattern names


@dataclass(frozen=True)
class World:
    """``root`` bounds everything. On this machine ``folder`` is where the command runs; in a container that is
    ``workdir``, and ``folder`` is the context that its image was built from."""

    root: Path
    folder: Path
    service: str = ""
    workdir: str = ""
    image: Image | None = None
    binds: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()

    def moved(self, word: str) -> World:
        """After ``cd word``."""
        if self.service:
            return replace(self, workdir=str(PurePosixPath(self.workdir) / word))
        return replace(self, folder=Path(os.path.realpath(self.folder / word)))

    def find(self, word: str) -> Path | None:
        """The file or folder of the project that this path is; None where it is none of the project's."""
        if not word or "\0" in word or len(word) > 1_000:
            return None
        places = self._inside(word) if self.service else iter((self.folder / word,))
        for place in places:
            # os.path, because any word of a line may stand here: Path raises for a name of 256 letters or a circle.
            path = Path(os.path.realpath(place))
            if os.path.exists(path) and path.is_relative_to(self.root):  # noqa: PTH110
                return path
        return None

    def assigned(self, words: Sequence[str]) -> World:
        """With these variables (``NAME=value``); one whose value is not known stays as it was."""
        pairs = [(name, value) for name, equals, value in (word.partition("=") for word in words) if equals]
        told = tuple(pair for pair in pairs if "$" not in pair[1])
        return replace(self, environment=(*self.environment, *told)) if told else self

    def program(self, word: str) -> Path | None:
        """The file behind the first word of a command: a path, or a name that is looked for where programs lie."""
        names = [word] if "/" in word or not self.service else [word, *(f"{folder}/{word}" for folder in _PROGRAMS)]
        paths = (self.find(name) for name in names)
        return next((path for path in paths if path is not None and path.is_file()), None)

    def matching(self, word: str) -> tuple[tuple[str, Path], ...]:
        """The files of the project that a path with a pattern in its last part names, each with its path there."""
        folder, slash, pattern = word.rpartition("/")
        place = self.find(folder or ".")
        if place is None or not place.is_dir() or not any(mark in pattern for mark in "*?["):
            return ()
        files = [path for path in sorted(place.iterdir()) if fnmatch(path.name, pattern) and path.is_file()]
        return tuple((f"{folder}{slash}{path.name}", path) for path in files[:_MOST])

    def written(self, word: str) -> tuple[Line, ...]:
        """The text of the script at this path that stands in the Dockerfile itself."""
        path = PurePosixPath(self.workdir) / word
        files = self.image.written if self.image else ()
        return tuple(line for target, line in files if PurePosixPath(target) == path)

    def _inside(self, word: str) -> Iterator[Path]:
        path = PurePosixPath(self.workdir) / word
        for target, source in sorted(self.binds, key=lambda bind: len(bind[0]), reverse=True):
            if path.is_relative_to(target):
                yield Path(source) / path.relative_to(target)
        for copy in reversed(self.image.copies if self.image else ()):
            sources = [self.folder / copy.source.lstrip("/")]
            if "*" in copy.source:
                sources = sorted(self.folder.glob(copy.source.lstrip("/")))
            for file in sources:
                if file.is_dir() and path.is_relative_to(copy.target):
                    yield file / path.relative_to(copy.target)
                elif path in (PurePosixPath(copy.target), PurePosixPath(copy.target) / file.name):
                    yield file
        if path.is_relative_to(self.workdir):
            yield self.folder / path.relative_to(self.workdir)

    def modules(self) -> tuple[Path, ...]:
        """The folders in which Python looks for the project's modules there."""
        named = [word for key, value in self.environment if key == "PYTHONPATH" for word in value.split(":")]
        here = [self.find(word) for word in (".", "src", *named)]
        own = [place for place in here if place is not None and place.is_dir()]
        return tuple(dict.fromkeys([*own, self.folder, self.folder / "src"]))

    def variable(self, name: str) -> str:
        """The value of an environment variable as the files set it, "" where they do not."""
        return dict(self.environment).get(name, "")


def container(compose: Compose, service: Service, root: Path) -> World:
    """The world of a service's container."""
    build = service.build
    dockerfile = build.context / build.dockerfile if build else None
    inside = dockerfile is not None and dockerfile.resolve().is_relative_to(root)
    image = read_image(dockerfile, build.target) if build and dockerfile and inside else None
    binds = tuple((volume.target, volume.source) for volume in service.volumes if volume.kind == "bind")
    own = {key: value for key, value in service.environment.items() if value is not None}
    environment = {**(image.environment if image else {}), **own}
    workdir = service.working_dir or (image.workdir if image else "/")
    folder = build.context if build else compose.folder
    return World(root, folder, service.name, workdir, image, binds, tuple(environment.items()))
