from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safemig.base.redaction import cannot_be_a_name, may_come_from, redact

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK+/=\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgresql://app:hunter2@db:5432/app", "postgresql://app:***@db:5432/app"),
        ("postgresql+asyncpg://app:p%40ss@db/app x", "postgresql+asyncpg://app:***@db/app x"),
        ("postgres://u:a/b/c@h/db", "postgres://u:***@h/db"),
        ("redis://:hunter2@cache", "redis://:***@cache"),
        ("amqp://a:b@c and http://d:e@f/", "amqp://a:***@c and http://d:***@f/"),
        ("https://u:p@ss@host/x", "https://u:***@host/x"),
        ("POSTGRES_PASSWORD=hunter2", "POSTGRES_PASSWORD=***"),
        ("PGPASSWORD=hunter2 psql -U app", "PGPASSWORD=*** psql -U app"),
        ("export API_KEY='a b c'", "export API_KEY='***'"),
        ("api-key: abc", "api-key: ***"),
        ('SECRET_KEY = "a"; x', 'SECRET_KEY = "***"; x'),
        ("DB_PASS=x DB_PWD=y", "DB_PASS=*** DB_PWD=***"),
        ("AWS_SECRET_ACCESS_KEY=abc", "AWS_SECRET_ACCESS_KEY=***"),
        ('{"password": "hun\\"ter2", "user": "app"}', '{"password": "***", "user": "app"}'),
        ('"{\\"token\\": \\"abc\\"}"', '"{\\"token\\": \\"***\\"}"'),
        ("{'password': 'x', 'a': 1}", "{'password': '***', 'a': 1}"),
        ("password: hunter2", "password: ***"),
        (":password => 'x'", ":password => '***'"),
        ("host=db password=hunter2 dbname=app", "host=db password=*** dbname=app"),
        ("connect(password='hunter2', host='db')", "connect(password='***', host='db')"),
        ("https://h/x?token=abc", "https://h/x?token=***"),
        ("tool --password hunter2 --verbose", "tool --password *** --verbose"),
        ("tool --api-key 'a b' x", "tool --api-key *** x"),
        ("tool --db-password=x y", "tool --db-password=*** y"),
        ("docker login -u me -p hunter2 registry", "docker login -u me -p *** registry"),
        ("mysql -u me -phunter2 db", "mysql -u me -p*** db"),
        ("curl -u me:hunter2 http://h/", "curl -u me:*** http://h/"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("curl -H 'Authorization: Basic YTpi' http://h/", "curl -H 'Authorization: ***' http://h/"),
        ('{"authorization": "Basic YTpi"}', '{"authorization": "***"}'),
        ("Set-Cookie: session=abc; Path=/", "Set-Cookie: ***"),
        ("got bearer abcdefghijklmnop0123", "got bearer ***"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "***"),
        (PEM, "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----"),
        (f"a {PEM} b", "a -----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY----- b"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "-----BEGIN PRIVATE KEY-----***"),
    ],
)
def test_secrets_go_by_position(text: str, clean: str) -> None:
    assert redact(text) == clean
    assert redact(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://db:5432/app",
        "http://localhost:8000/users/@me",
        "http://localhost:8000/courses?x=a@b",
        'FATAL: password authentication failed for user "postgres"',
        "POSTGRES_PASSWORD=${POSTGRES_PASSWORD}",
        "PGPASSWORD=$PGPASSWORD psql",
        "url: env:DATABASE_URL",
        "POSTGRES_PASSWORD_FILE=/run/secrets/password",
        "PWD=/srv/app",
        "password: str",
        "if password == other:",
        "docker compose -p project up -p 8000:8000",
        "psql -h db -p 5432 -U app",
        "read -p 'Message: ' msg",
        "max_tokens=100 token_type",
        "CREATE TABLE session (token varchar(40), password_hash text)",
        'sa.Column("password", sa.String(), nullable=False)',
        "image postgres:15, sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "tests/test_password.py::test_token PASSED",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text, ["postgres", "db", "course", "course_rating_1", "app"]) == text


@pytest.mark.parametrize(
    ("value", "strange"),
    [
        ("postgres", False),
        ("course_rating_table", False),
        ("course-catalogue-db-1", False),
        ("0123456789abcdef", False),
        ("Sh0rt!", False),
        ("correct-Horse7battery", True),
        ("aB3dE5gH7jK9", True),
        ("abcdefgh!jkl", True),
    ],
)
def test_only_what_cannot_be_a_name_is_looked_for_by_value(value: str, strange: bool) -> None:
    assert cannot_be_a_name(value) is strange
    assert (value not in redact(f"it said {value}.", [value])) is strange


def test_a_percent_encoded_secret_is_found_too() -> None:
    assert redact("see abcdefgh%21jkl here", ["abcdefgh!jkl"]) == "see *** here"


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "password",
                "=",
                ":",
                "://",
                "@",
                "token",
                '"',
                "'",
                "\\",
                " ",
                "\n",
                "***",
                "*",
                "-----BEGIN PRIVATE KEY-----",
                "-----END PRIVATE KEY-----",
                "Authorization: ",
                "Bearer ",
                "--secret ",
                "curl -u a:",
                "postgres://u:",
                "/",
                "docker login -p ",
                "cookie: ",
                "&",
                "=>",
                "$X",
                "12345",
                "abcdefgh!jkl",
            ]
        ),
        st.text(max_size=4),
    ),
    max_size=14,
).map("".join)


@given(PIECES)
@example("password=***password=x")
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact(text, ["abcdefgh!jkl"])
    assert redact(once, ["abcdefgh!jkl"]) == once


SECRET = st.text(alphabet="abcXYZ0189_-+%!", min_size=4, max_size=20).filter(lambda s: s[0] != "-" and "_" not in s)


@given(SECRET, st.sampled_from(["{}", "host {} end", "line\n{}\nline"]))
def test_no_password_survives_in_any_of_these_places(secret: str, around: str) -> None:
    for form in (
        "postgresql://u:{}@h/d",
        "DB_PASSWORD={}",
        '{{"password": "{}"}}',
        "Authorization: Token {}",
        "--token {}",
    ):
        assert secret not in redact(around.format(form.format(f"{secret}Q")))


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "://",
        "postgres://",
        "postgres://a:",
        "password",
        "password=",
        '"',
        "\\",
        "-",
        "-----BEGIN PRIVATE KEY-----",
        "curl ",
        "--",
        "--a",
        "docker login ",
        "=",
        " ",
        "bearer ",
        'token="',
        "eyJaaaaaaaaaaa.",
        "authorization",
    ],
)
def test_time_grows_with_the_length_and_not_with_its_square(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        best = float("inf")
        for _ in range(3):
            began = time.thread_time()  # the work alone: what others do on a busy machine is not counted
            redact(text)
            best = min(best, time.thread_time() - began)
        return best

    # Linear is 8, square is 64; the floor keeps a busy machine's noise out of tiny figures.
    assert seconds(80_000) < 24 * max(seconds(10_000), 0.004)


@pytest.mark.parametrize(
    ("redacted", "text", "same"),
    [
        ("make it", "make it", True),
        ("make it", "make that", False),
        ("token=***", "token=abc", True),
        ("token=***, and ***", "token=abc, and def", True),
        ("token=***", "token=", False),
        ("token=*** too", "token=abc", False),
        ("a.c ***", "abc x", False),
        ("token=***", "token=a\nb", False),
    ],
)
def test_what_a_redacted_text_may_come_from(redacted: str, text: str, same: bool) -> None:
    assert may_come_from(redacted, text) is same
