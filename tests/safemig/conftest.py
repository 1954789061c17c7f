"""Fixtures of the engine's tests: compose projects, one of each for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from safemig.runtimes.docker import DockerRuntime
from tests.safemig.composed import PUBLISHED, project


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRuntime]:
    with project(tmp_path_factory.mktemp("published"), PUBLISHED) as found:
        assert found.wait_database(60) == ""
        yield found


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRuntime]:
    with project(tmp_path_factory.mktemp("closed"), "") as found:
        assert found.wait_database(60) == ""
        yield found
