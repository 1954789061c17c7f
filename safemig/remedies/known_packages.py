"""What tests commonly import, use or pass, and the distribution that brings it.

Names that an outcome mentions come from untrusted output: only names in these tables are ever proposed, so that no
output can talk anybody into installing a package of its own choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Import name -> distribution name, where a test suite imports it.
IMPORTS: Mapping[str, str] = MappingProxyType(
    {
        "aioresponses": "aioresponses",
        "aiosqlite": "aiosqlite",
        "anyio": "anyio",
        "asgi_lifespan": "asgi-lifespan",
        "assertpy": "assertpy",
        "async_asgi_testclient": "async-asgi-testclient",
        "bs4": "beautifulsoup4",
        "dirty_equals": "dirty-equals",
        "factory": "factory-boy",
        "faker": "faker",
        "fakeredis": "fakeredis",
        "freezegun": "freezegun",
        "hamcrest": "pyhamcrest",
        "httpx": "httpx",
        "httpx2": "httpx2",
        "hypothesis": "hypothesis",
        "inline_snapshot": "inline-snapshot",
        "jsonschema": "jsonschema",
        "mimesis": "mimesis",
        "mock": "mock",
        "model_bakery": "model-bakery",
        "moto": "moto",
        "parameterized": "parameterized",
        "polyfactory": "polyfactory",
        "pyfakefs": "pyfakefs",
        "pytest": "pytest",
        "pytest_alembic": "pytest-alembic",
        "pytest_asyncio": "pytest-asyncio",
        "pytest_cases": "pytest-cases",
        "pytest_django": "pytest-django",
        "pytest_factoryboy": "pytest-factoryboy",
        "pytest_httpx": "pytest-httpx",
        "pytest_lazyfixture": "pytest-lazy-fixture",
        "pytest_mock": "pytest-mock",
        "pytest_postgresql": "pytest-postgresql",
        "pytest_subtests": "pytest-subtests",
        "pytest_trio": "pytest-trio",
        "requests": "requests",
        "requests_mock": "requests-mock",
        "respx": "respx",
        "responses": "responses",
        "schemathesis": "schemathesis",
        "sqlalchemy_utils": "sqlalchemy-utils",
        "syrupy": "syrupy",
        "testcontainers": "testcontainers",
        "testfixtures": "testfixtures",
        "time_machine": "time-machine",
        "trio": "trio",
        "vcr": "vcrpy",
        "webtest": "webtest",
        "yaml": "pyyaml",
    }
)

# A fixture that pytest does not find -> the plugin that gives it.
FIXTURES: Mapping[str, str] = MappingProxyType(
    {
        "aioresponses": "pytest-aioresponses",
        "anyio_backend": "anyio",
        "benchmark": "pytest-benchmark",
        "class_mocker": "pytest-mock",
        "faker": "faker",
        "freezer": "pytest-freezer",
        "fs": "pyfakefs",
        "httpserver": "pytest-httpserver",
        "httpx_mock": "pytest-httpx",
        "mocker": "pytest-mock",
        "module_mocker": "pytest-mock",
        "postgresql": "pytest-postgresql",
        "requests_mock": "requests-mock",
        "respx_mock": "respx",
        "session_mocker": "pytest-mock",
        "snapshot": "syrupy",
        "subtests": "pytest-subtests",
        "time_machine": "time-machine",
        "unused_tcp_port": "pytest-asyncio",
    }
)

# A command-line option (addopts) or ini option that pytest does not know -> the plugin that reads it.
OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "--asyncio-mode": "pytest-asyncio",
        "--benchmark-only": "pytest-benchmark",
        "--benchmark-skip": "pytest-benchmark",
        "--cov": "pytest-cov",
        "--cov-branch": "pytest-cov",
        "--cov-config": "pytest-cov",
        "--cov-fail-under": "pytest-cov",
        "--cov-report": "pytest-cov",
        "--dist": "pytest-xdist",
        "--no-cov": "pytest-cov",
        "--numprocesses": "pytest-xdist",
        "--randomly-seed": "pytest-randomly",
        "--reruns": "pytest-rerunfailures",
        "--timeout": "pytest-timeout",
        "-n": "pytest-xdist",
        "DJANGO_SETTINGS_MODULE": "pytest-django",
        "asyncio_default_fixture_loop_scope": "pytest-asyncio",
        "asyncio_default_test_loop_scope": "pytest-asyncio",
        "asyncio_mode": "pytest-asyncio",
        "env": "pytest-env",
        "timeout": "pytest-timeout",
    }
)

# A mark -> the plugin that gives it its meaning.
MARKS: Mapping[str, str] = MappingProxyType(
    {
        "asyncio": "pytest-asyncio",
        "benchmark": "pytest-benchmark",
        "django_db": "pytest-django",
        "flaky": "pytest-rerunfailures",
        "timeout": "pytest-timeout",
        "trio": "pytest-trio",
    }
)

# Marks whose meaning no project gives itself: seen in a source, they call for their plugin.
ASYNC_MARKS = frozenset({"asyncio", "trio"})

# These run coroutine tests. anyio's own plugin comes along with starlette, but runs marked tests only.
ASYNC_PLUGINS = frozenset({"pytest-asyncio", "pytest-trio", "pytest-tornasync", "pytest-twisted"})
