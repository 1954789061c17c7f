"""Secrets of many kinds, each in the places where it stands in real output, and what must not be eaten."""

from __future__ import annotations

import time

import pytest

from safemig.base.redaction import redact

SEED = "zq7Seed"  # too short to be looked for by its value: what hides it is its position
BLANKS = "zq7Seed with two blanks"

# {} is the secret.
PLACES = (
    # settings and shell
    "DB_PASSWORD={}",
    "export DB_PASSWORD={}",
    "export DB_PASSWORD='{}'",
    "POSTGRES_PASSWORD: {}",
    "pass={}",
    "pass: {}",
    "pw={}",
    "DB_PW={}",
    "smtp_pass = '{}'",
    "pwd={}",
    "passphrase: {}",
    "SECRET_KEY={}",
    "SECRET_KEY_BASE={}",
    "AWS_SECRET_ACCESS_KEY={}",
    "API_KEY={}",
    "api-key: {}",
    "ENCRYPTION_KEY={}",
    "auth_key={}",
    "CREDENTIALS={}",
    "access_token={}",
    "x?token={}",
    "db_password2={}",
    # make
    "DB_PASSWORD := {}",
    "DB_PASSWORD ::= {}",
    "DB_PASSWORD ?= {}",
    "export DB_PASSWORD := {}",
    "override TOKEN += {}",
    # SQL
    "ALTER ROLE app PASSWORD '{}'",
    "CREATE ROLE app LOGIN PASSWORD E'{}' SUPERUSER",
    "create user app with encrypted password '{}';",
    "ALTER ROLE app PASSWORD $${}$$",
    "ALTER ROLE app PASSWORD $x${}$x$",
    "CREATE USER app IDENTIFIED BY '{}'",
    "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'a', password '{}')",
    # URLs
    "postgresql://app:{}@db:5432/app",
    "redis://:{}@cache",
    "https://me:{}@host/x",
    "https://{}1234@github.com/a/b.git",
    "https://{}1234:@github.com/a/b.git",
    "https://{}1234:x-oauth-basic@github.com/a/b.git",
    # JSON, YAML, TOML, HTML, XML
    '{{"password": "{}"}}',
    '{{"pass":"{}"}}',
    "{{'pw': '{}'}}",
    '"{{\\"token\\": \\"{}\\"}}"',
    '{{"name": "DB_PASSWORD", "value": "{}"}}',
    '{{"key":"api_key","value":"{}"}}',
    "{{'name': 'TOKEN', 'value': '{}'}}",
    "- name: DB_PASSWORD\n  value: {}",
    '- name: DB_PASSWORD\n  value: "{}"',
    "- key: SECRET_KEY\n  value: '{}'",
    '<input name="password" value="{}">',
    '<input type="password" class="a b" value="{}">',
    '<input id="api_key" value="{}"/>',
    "<password>{}</password>",
    "<db:Password>{}</db:Password>",
    "<tr><th>SECRET_KEY</th><td>{}</td></tr>",
    '<tr><td>DB_PASSWORD</td>\n <td class="code"><pre>{}</pre></td></tr>',
    'password = "{}"',
    # headers
    "Authorization: Basic {}",
    "curl -H 'Authorization: Bearer {}' http://h/",
    "Set-Cookie: session={}; Path=/",
    "X-Auth-Token: {}",
    # options
    "tool --password {}",
    "tool --password={}",
    "tool --api-key '{}' x",
    "docker login -u me -p {} registry",
    "mysql -u me -p{} db",
    "curl -u me:{} http://h/",
    "psql 'host=db password={} dbname=app'",
    "connect(password='{}', host='db')",
    ":password => '{}'",
)
WITH_BLANKS = (
    "password: {}",
    "  - password: {}",
    "POSTGRES_PASSWORD: {}",
    "DB_PASSWORD := {}",
    "export API_KEY='{}'",
    'password="{}"',
    '{{"password": "{}"}}',
    "ALTER ROLE app PASSWORD '{}'",
    "<password>{}</password>",
    '<input name="password" value="{}">',
    "tool --password '{}' x",
    "password='it''s {}'",
)
AROUND = ("{}", "before\n{}\nafter", "{}\r\n", "api-1  | {}")  # also behind the name of a container


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("place", PLACES)
def test_no_seeded_secret_survives(place: str, around: str) -> None:
    text = around.format(place.format(SEED))
    once = redact(text)
    assert SEED not in once
    assert redact(once) == once


@pytest.mark.parametrize("place", WITH_BLANKS)
def test_a_password_with_blanks_goes_as_a_whole(place: str) -> None:
    text = redact(place.format(BLANKS))
    assert "zq7" not in text
    assert "blanks" not in text
    assert redact(text) == text


def test_a_password_with_escaped_blanks_goes_as_a_whole() -> None:
    assert redact("PASSWORD=a\\ b\\ c psql -h db") == "PASSWORD=*** psql -h db"


@pytest.mark.parametrize(
    "token",
    [
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "github_pat_0123456789abcdefghij_ABC",
        "glpat-0123456789abcdefghij",
        "xoxb-0123456789-abc",
        "sk-0123456789abcdefghij01",
        "sk_" + "live_0123456789abcdefghij",
        "AKIA0123456789ABCDEF",
        "ASIA0123456789ABCDEF",
        "AIza0123456789abcdefghijABCDEFGHIJ01234",
        "npm_0123456789abcdefghijABCDEFGHIJ012345",
        "pypi-0123456789abcdefghijABCDEFGHIJ",
        "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abcDEF_123",
    ],
)
def test_a_token_is_known_by_its_form(token: str) -> None:
    assert token not in redact(f"it printed {token} here")


@pytest.mark.parametrize("secret", ['a"b\\c!D9efgh', "it's-a-B1g secret", "p@ss/w0rd&More<x>", "großes-Gehe1mnis!"])
@pytest.mark.parametrize("form", ["{}", "{!r}"])
def test_a_known_value_goes_in_each_of_its_spellings(secret: str, form: str) -> None:
    import html
    import json
    from urllib.parse import quote

    for spelled in (form.format(secret), json.dumps(secret), quote(secret, safe=""), html.escape(secret)):
        assert redact(f"see {spelled} there", [secret]).strip() in (
            "see *** there",
            'see "***" there',
            "see '***' there",
        )


@pytest.mark.parametrize(
    "text",
    [
        "revision = 'a1b2c3d4e5f6'",
        "Running upgrade 3f2a9c1d7b04 -> 9e8cbaa48a37, add ratings",
        "sha256:9e8cbaa48a37b1e55c3f2a9c1d7b040123456789abcdef0123456789abcdef01",
        "ghcr.io/acme/api@sha256:9e8cbaa48a37b1e55c3f2a9c1d7b040123456789abcdef0123456789abcdef01",
        "https://github.com/acme/api.git",
        "ssh://git@github.com/acme/api.git",
        "https://someone@bitbucket.org/acme/api.git",
        "postgresql://app_user_1@db:5432/app",
        "pip install git+https://git@github.com/a/b@v1.2.3",
        "PASS: tests/test_key.py",
        "pass: 12, fail: 0",
        "tests/test_password.py::test_token PASSED",
        "    pass  # nothing to do",
        "compass: north",
        "bypass = True",
        "if (token := next(tokens)) is not None:",
        "the password must have 12 characters",
        "password authentication failed for user 'postgres'",
        "CREATE TABLE users (password text NOT NULL, token varchar(40))",
        "ALTER ROLE app PASSWORD NULL",
        '{"name": "password", "type": "text", "nullable": false}',
        "- name: DB_PASSWORD\n  valueFrom: vault",
        "- name: course_name\n  value: Algebra",
        '<input name="title" value="Algebra">',
        '<input name="password" type="password">',
        "<th>Title</th><td>Algebra</td>",
        "DB_PASSWORD := $(POSTGRES_PASSWORD)",
        "secrets:\n  db_password:\n    file: ./password.txt",
        "-- name: create_token\nSELECT 1",
        "primary_key=True, foreign_keys=[a]",
        "op.add_column('users', sa.Column('token', sa.String(40)))",
        "key: value",
        "    password: str = Field(min_length=8)",
        "password: str | None = None",
        "    token: Mapped[str] = mapped_column(String(40))",
    ],
)
def test_names_digests_prose_and_code_are_not_eaten(text: str) -> None:
    assert redact(text, ["postgres", "app", "course_rating_1"]) == text


@pytest.mark.parametrize(
    "piece",
    [
        "name: ",
        "name: token",
        'name="token" ',
        'type="password" a="b" ',
        "<password>",
        "<token",
        "<th>key</th><td>",
        "password '",
        "password $a$",
        "identified by '",
        "https://",
        "https://a1",
        "\npassword ",
        "\n- token: ",
        "pass",
        "pass=",
        "\\ ",
        "token=\\ ",
        "''",
        "password=''",
        "a_token_",
        ".token-",
    ],
)
def test_time_stays_linear(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece)) + " token"  # the last word lets every pattern look
        best = float("inf")
        for _ in range(2):
            began = time.thread_time()
            redact(text)
            best = min(best, time.thread_time() - began)
        return best

    assert seconds(64_000) < 24 * max(seconds(8_000), 0.004)
