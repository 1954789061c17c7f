"""How a session is told to be a command's: connections of the kernel, the mark in containers, the statement."""

from __future__ import annotations

import subprocess
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.execution.command import LOOK, MARK
from safemig.runtimes import marking
from safemig.runtimes.backends import Backend, Claim, Gateway, _by_statement, left_alone, runs_one_of
from safemig.runtimes.exec_sessions import Process, _parsed, descending
from safemig.runtimes.sockets import Address, Connection, Server, address, clients, parse_table

LOOPBACK = "127.0.0.1"
ADDRESSES = st.builds(address, st.ip_addresses().map(str), st.integers(0, 65535))


def kernel(end: Address) -> str:
    """As /proc/net/tcp and tcp6 write an address on a little-endian machine."""
    raw = ip_address(end.host).packed
    words = [raw[at : at + 4][::-1].hex().upper() for at in range(0, len(raw), 4)]
    return f"{''.join(words)}:{end.port:04X}"


@given(ADDRESSES, ADDRESSES, st.integers(1, 2**31), st.sampled_from(["01", "08", "0A", "06"]))
def test_a_connection_of_the_kernels_table_is_read_as_it_is(
    local: Address, remote: Address, inode: int, state: str
) -> None:
    line = f"  12: {kernel(local)} {kernel(remote)} {state} 00000000:00000000 00:00000000 00000000  1000  0 {inode} 1 0"
    found = parse_table(f"  sl  local_address rem_address   st\n{line}\n")
    assert found == ({inode: Connection(local, remote)} if state in ("01", "08") else {})


@given(st.text())
def test_lines_that_are_no_connections_are_left_out(text: str) -> None:
    parse_table(text)


@given(st.ip_addresses(v=4))
def test_one_address_has_one_form(host: IPv4Address) -> None:
    mapped = IPv6Address(b"\0" * 10 + b"\xff\xff" + host.packed)
    assert address(str(mapped), 1) == address(str(host), 1)


@pytest.mark.parametrize(
    ("server", "local", "remote", "expected"),
    [
        (Server(frozenset({"10.0.0.2"}), 5432), "10.0.0.9", ("10.0.0.2", 5432), True),
        (Server(frozenset({"10.0.0.2"}), 5432), "10.0.0.9", ("10.0.0.2", 6432), False),
        (Server(frozenset({"10.0.0.2"}), 5432), "10.0.0.9", ("10.0.0.3", 5432), False),
        (Server(frozenset({"10.0.0.2"}), 5432), LOOPBACK, (LOOPBACK, 5432), False),  # another container's loopback
        (Server(frozenset({"10.0.0.2"}), 5432, here=True), LOOPBACK, (LOOPBACK, 5432), True),
        (Server(frozenset({LOOPBACK}), 5432, here=True), "10.0.0.9", ("10.0.0.9", 5432), True),
        (Server(frozenset({LOOPBACK}), 5432, here=True), "10.0.0.9", ("10.0.0.2", 5432), False),
    ],
)
def test_a_connection_leads_to_the_server_or_it_does_not(
    server: Server, local: str, remote: tuple[str, int], expected: bool
) -> None:
    connection = Connection(Address(local, 40000), Address(*remote))
    assert clients([connection], [server]) == (frozenset({connection.local}) if expected else frozenset())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("docker compose exec -T db psql -c 'a  b'", ["compose", "exec", "+", "-T", "db", "psql", "-c", "a  b"]),
        ("docker -c x compose -f a.yml -pfoo run --rm api sh", "-c x compose -f a.yml -pfoo run + --rm api sh"),
        ("docker --host=tcp://x exec -it c sh", "--host=tcp://x exec + -it c sh"),
        ("docker container exec c exec", "container exec + c exec"),
        ("docker-compose -f exec exec db run", "-f exec exec + db run"),
        ("docker compose -f exec up", "compose -f exec up"),
        ("docker compose --unknown exec exec", "compose --unknown exec exec"),
        ("docker run image exec", "run image exec"),
        ("docker ps", "ps"),
        ("docker", ""),
    ],
)
@pytest.mark.parametrize(
    ("variables", "mark"),
    [
        ({}, []),
        ({LOOK: "a look"}, []),
        ({MARK: "run/1"}, ["-e", marking.variable("run/1")]),
        ({MARK: "run/1", LOOK: "a look"}, ["-e", marking.variable("run/1"), "-e", "PGAPPNAME=a look"]),
    ],
)
def test_the_mark_goes_where_the_command_line_takes_variables(
    tmp_path: Path, line: str, words: list[str] | str, variables: dict[str, str], mark: list[str]
) -> None:
    real = tmp_path / "real"
    real.mkdir()
    for name in marking.PROGRAMS:
        (real / name).write_text('#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done\n')
        (real / name).chmod(0o755)
    front = tmp_path / "it's in front"
    path = marking.in_front(front, f"{real}:/usr/bin:/bin")
    assert marking.in_front(front, path) == path, "it never stands in front of itself"
    done = subprocess.run(
        ["sh", "-c", line],
        env={"PATH": path} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    given_words = words if isinstance(words, list) else words.split()
    expected = [part for word in given_words for part in (mark if word == "+" else [word])]
    assert done.stdout.splitlines() == expected


def test_without_docker_nothing_stands_in_front(tmp_path: Path) -> None:
    assert marking.in_front(tmp_path / "front", str(tmp_path)) == str(tmp_path)
    assert not (tmp_path / "front").exists()


def process(pid: int, parent: int, session: int, *, state: str = "S", marked: bool | None = False) -> Process:
    return Process(pid, parent, session, 0, "psql", state, marked=marked)


def test_what_descends_from_a_marked_process_is_the_commands_and_nothing_else() -> None:
    there = [
        process(1, 0, 1),
        process(20, 0, 20, marked=True),
        process(21, 20, 20),
        process(22, 21, 22, marked=None),  # another user's: sudo drops the variable
        process(23, 20, 20, state="Z"),
        process(24, 1, 20),  # its parent has ended, its session is known
        process(30, 0, 30),  # a stranger's exec
        process(31, 30, 30),
    ]
    assert [each.pid for each in descending([20], there)] == [20, 21, 24, 22]


def test_the_listing_of_a_container_is_read_with_users_and_marks() -> None:
    rest = "S 0 31 31 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 777 1000 10"
    text = f"0 0 yes 31 (sh) {rest}\n999 998 - 44 (a b) (c)) {rest}\nnot a line\n   5 (x) {rest}\n"
    found = list(_parsed(text))
    assert [(each.pid, each.name, each.user, each.marked, each.born) for each in found] == [
        (31, "sh", "0:0", True, 777),
        (44, "a b) (c)", "999:998", None, 777),
    ]


ALTER = "ALTER TABLE course\n  ADD COLUMN rating integer"
WAY = Gateway("172.18.0.1", "courses", used=True)


def backend(
    pid: int, query: str = ALTER, *, host: str = WAY.host, role: str = WAY.role, state: str = "active"
) -> Backend:
    return Backend(pid, "began", state, query, Address(host, 40000 + pid), role)


@pytest.mark.parametrize(
    ("there", "way", "expected"),
    [
        ([backend(1)], WAY, 1),
        ([backend(1), backend(2, "SELECT * FROM report")], WAY, 1),
        ([backend(1, f"{ALTER} ;")], WAY, 1),
        ([backend(1), backend(2)], WAY, None),  # two run it
        ([backend(1, "ALTER TABLE course")], WAY, None),  # only its beginning
        ([backend(1, f"{ALTER} NOT NULL")], WAY, None),
        ([backend(1, host="172.18.0.5")], WAY, None),  # not through the port
        ([backend(1, role="reporter")], WAY, None),
        ([backend(1, state="idle in transaction")], WAY, None),
        ([backend(1)], Gateway(WAY.host, WAY.role, used=False), None),
        ([], WAY, None),
    ],
)
def test_a_statement_tells_a_session_only_where_it_is_the_only_one(
    there: list[Backend], way: Gateway, expected: int | None
) -> None:
    found = _by_statement(there, way, [f"{ALTER};\n", "UPDATE alembic_version SET version_num='b'"])
    assert (found.pid if found else None) == expected


def test_a_long_statement_is_told_by_what_the_server_keeps_of_it() -> None:
    long = f"INSERT INTO course VALUES ({', '.join(str(each) for each in range(600))})"
    kept = long.encode()[:1023].decode()
    assert runs_one_of(backend(1, kept), [long])
    assert not runs_one_of(backend(1, kept.replace("course", "lesson")), [long])


def test_many_strangers_are_told_in_one_line() -> None:
    assert left_alone([]) == ()
    [told] = left_alone([f"backend {number}" for number in range(8)])
    assert told.endswith("backend 4; and 3 more")


def test_a_claim_is_of_one_session_not_of_a_number() -> None:
    assert Claim(1, "then", "socket").key != backend(1).key
