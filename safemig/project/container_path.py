"""Where a file of the project lies in a service's container: through a bind mount, else as its image is built."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from safemig.base.files import head
from safemig.project.compose import Compose, Service, container_path
from safemig.project.dockerfile import Copy, Image, read_image


def image_of(service: Service, root: Path) -> Image | None:
    """What the service's image is built as; None where it is pulled, or its Dockerfile lies outside of the project."""
    if service.build is None:
        return None
    path = service.build.context / service.build.dockerfile
    return read_image(path, service.build.target) if path.resolve().is_relative_to(root.resolve()) else None


def workdir_of(service: Service, image: Image | None) -> str:
    """The folder in which a command of the container runs; "" where an image that is not built here says it."""
    return service.working_dir or (image.workdir if image and image.workdir != "/" else "")


def path_inside(compose: Compose, service: Service, image: Image | None, path: Path) -> str:
    """The path of that file or folder in the container; "" where no mount and no COPY puts it there."""
    mounted = container_path(compose, service.name, path)
    if mounted or image is None or service.build is None:
        return mounted
    context = service.build.context.resolve()
    real = path.resolve()
    if not real.is_relative_to(context) or _ignored(context, real.relative_to(context).as_posix()):
        return ""
    # A later COPY lies over an earlier one.
    places = (_copied(copy, context, real) for copy in reversed(image.copies))
    inside = next((place for place in places if place), "")
    return "" if inside and _hidden(service, inside) else inside


def _copied(copy: Copy, context: Path, path: Path) -> str:
    pattern = copy.source.lstrip("/")
    sources = sorted(context.glob(pattern)) if "*" in pattern else [context / pattern]
    for source in (each.resolve() for each in sources):
        if source.is_dir() and path.is_relative_to(source):
            return str(PurePosixPath(copy.target) / path.relative_to(source).as_posix())
        if source == path:
            return str(PurePosixPath(copy.target) / path.name) if copy.whole else copy.target
    return ""


def _hidden(service: Service, inside: str) -> bool:
    """Whether something is mounted over that path."""
    return any(PurePosixPath(inside).is_relative_to(volume.target) for volume in service.volumes)


def _ignored(context: Path, path: str) -> bool:
    """Whether .dockerignore leaves the path out of the build; as in Docker the last line that fits decides."""
    ignored = False
    parts = path.split("/")
    above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    for line in head(context / ".dockerignore").splitlines():
        pattern = line.strip().removeprefix("!").strip("/").removeprefix("./")
        if not pattern or line.startswith("#"):
            continue
        loose = pattern.removeprefix("**/")
        fits = any(fnmatch(each, pattern) for each in above if each.count("/") == pattern.count("/") or "**" in pattern)
        if fits or (loose != pattern and any(fnmatch(part, loose) for part in parts)):
            ignored = not line.strip().startswith("!")
    return ignored
