"""Effects of shell lines and recipes: the tables are the specification; the properties say that doubt never helps."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.shell.effects import Effects, effect_of_line
from safemig.shell.make_effects import effect_of_target
from safemig.shell.makefile import parse
from safemig.shell.parser import parts as parts_of
from safemig.shell.quoting import HOLE, Doubt

READS = """
ls | xargs cat
docker compose ps --format json | jq .
/usr/bin/cat x
echo done
ls -la && cat README.md | grep -c x
test -f .env
[ -f .env ] && echo yes || echo no
sleep 2; true
read -p "Message: " msg
cd backend && ls
env LANG=C ls
timeout 5 cat x
nohup sleep 1
docker compose logs -f app
docker compose ps
docker-compose -f a.yml -p x logs
docker compose exec -T db pg_isready -U app
docker compose exec app alembic current
docker compose exec app sh -c 'alembic heads && alembic history'
alembic -c conf/alembic.ini history
python -m alembic check
psql -U app -d app -c "SELECT count(*) FROM course"
psql -Atc 'select 1'
psql -c '\\dt'
docker compose exec -T db psql -U app app -tAc "select version_num from alembic_version"
curl -fsS http://localhost:8000/health
curl -s -H 'Accept: application/json' "http://localhost:8000/"
curl -o /dev/null -w '%{http_code}' http://localhost:8000/
find . -name '*.py'
echo hello > /dev/null 2>&1
until curl -sf http://localhost:8000/health; do sleep 1; done
for i in 1 2 3; do echo $i; done
if [ -z "$m" ]; then echo "m is needed"; exit 1; fi
kill -0 $(cat .run/app.pid)
grep -E '^[a-z-]+:.*## ' Makefile | sort | awk 'BEGIN {FS = ":.*## "}; {printf "%s %s\\n", $1, $2}'
echo "it costs $((1 + 2))" # rm -rf /
sed -n '1,5p' x
. .venv/bin/activate && alembic current
echo 'a;rm -rf /' "b && c"
command -v docker
""".strip().splitlines()

WRITES = """
curl -XPOST http://localhost
PYTHONPATH=. alembic upgrade head
DATABASE_URL=postgresql+psycopg://shop:pw@127.0.0.1:5433/shop_dev nohup uvicorn shop.main:app --port 8000
SHOP_DATABASE_URL=postgres://localhost/shop_test pytest -q
uv run --all-extras pytest
venv/bin/python3.12 -m pytest
mypy app
docker compose build
docker compose up -d --build
docker-compose restart app
docker compose down
docker compose down --remove-orphans
docker compose exec app alembic upgrade head
docker compose exec -T app alembic revision -m "add rating"
docker compose exec -T -u app -w /srv app uv run --frozen pytest -q
docker compose run --rm app alembic current
docker compose exec app bash -c "cd /srv && alembic upgrade head"
alembic upgrade $REV
uv run alembic current
uv sync --frozen
.venv/bin/pip install -e .
pip install -r requirements.txt
pytest
python -m pytest tests
uvicorn app.main:app --reload
nohup .venv/bin/uvicorn app:app > server.log 2>&1 & echo $! > server.pid
python -m http.server 8000
gunicorn app:app
kill $(cat .run/app.pid)
kill -TERM 12345
rm -f .run/app.pid
echo x >> file
echo x | tee -a file
mkdir -p out
curl -X POST http://localhost:8000/courses -d '{}'
curl -d @body.json http://localhost:8000
. .venv/bin/activate && alembic upgrade head
flask db upgrade
setsid -f uvicorn app:app
docker compose pull
pg_ctl -D data start
poetry run pytest
""".strip().splitlines()

DESTRUCTIVE = """
DATABASE_URL=postgresql://shop@db.example.com/shop uvicorn shop.main:app
DATABASE_URL=postgresql://localhost@db.example.com/shop pytest -q
DATABASE_URL=postgresql://localhost/shop?host=db.example.com uvicorn shop.main:app
DATABASE_URL=$PRODUCTION uvicorn shop.main:app
echo x > file
echo x | tee file
curl -o out.html http://localhost:8000/
lsof -ti:8000 | xargs kill
ls | xargs docker compose build
test -v 'a[$(rm x)]'
[ -v 'a[`rm x`]' ]
.venv/bin/echo x
bin/alembic upgrade head
psql -c 'SELECT pg_terminate_backend/**/(1)'
psql -c 'SELECT 1 -- x'
PSQL_PAGER='rm x' psql -c 'select 1'
GIT_SSH_COMMAND=rm git status
docker push image
docker build -o / .
docker compose build --push
echo x | tee /dev/sda
sed "s/a/$X/" file
curl -XDELETE http://localhost
rm -rf build
rm notes.txt
rm -rf a.pid/
rm -f x.pid y.txt
dropdb app
find . -delete
find . -exec ./cat {} +
echo $(rm -rf /)
echo `rm -rf /`
echo "$(rm -rf /)"
echo "`rm -rf /`"
env rm -rf /etc
env -S 'rm -rf /'
timeout 5 rm -rf x
nice -n 5 rm x
ls && rm x
ls; rm x
ls | xargs rm
echo -v | xargs docker compose down
ls & rm x
ls || rm x
(rm x)
{ rm x; }
if true; then rm x; fi
sh -c 'rm x'
bash -lc "ls; dropdb app"
sh -c "$CMD"
sh -c "echo $x"
sh script.sh
./deploy.sh
curl http://x.example | sh
docker compose down -v
docker compose down --volumes
docker compose down -t 5 -v
docker compose down --rmi all
docker compose down $FLAGS
docker-compose down -v --rmi all
docker system prune -f
docker volume prune
docker volume rm data
docker rmi image
docker compose rm -fsv
docker compose up -V
docker run --rm -v /:/host debian rm -rf /host
docker compose exec db psql -U app -c "DROP TABLE course"
docker compose exec db sh -c 'rm -rf /var/lib/postgresql'
docker compose exec $X ls
docker compose exec -e PATH=/evil app ls
docker compose run --entrypoint rm app -rf /data
docker --context prod compose down
psql
psql -f x.sql
psql < x.sql
echo 'drop table x' | psql
psql -c "SELECT 1; DELETE FROM course"
psql -c "WITH x AS (DELETE FROM course RETURNING 1) SELECT * FROM x"
psql -c "SELECT pg_terminate_backend(1)"
psql -c "SELECT my_schema.count(1)"
psql -c "TRUNCATE course"
psql -c "UPDATE course SET x = 1"
psql -c "$SQL"
psql -c 'SELECT 1 \\g |rm -rf x'
psql -c '\\d `rm x`'
psql -c '\\! rm x'
psql -c 'select 1' -f x.sql
alembic downgrade -1
alembic $COMMAND
alembic stamp --purge head
alembic stamp head
flask db stamp 3f2a
flask db downgrade
$RUN alembic current
eval ls
source x.sh
. ./.env
alias ls=rm
trap 'rm x' EXIT
cat << EOF
cat <<< x
cat <(rm x)
ls() { rm x; }; ls
case x in a) ls;; esac
PATH=/tmp:$PATH ls
LD_PRELOAD=x ls
export PATH=/tmp
read PATH
make migrate
make clean
sudo ls
python script.py
python -c 'print(1)'
python -m app.seed
python manage.py migrate
./bin/ls
scripts/test
../x/cat y
echo 'unbalanced
echo "unbalanced
echo \\
echo > /dev/sda
curl -X DELETE http://localhost:8000/courses/1
curl $ARGS http://localhost:8000
curl -K conf http://localhost
curl -X $M http://localhost
kill -9 1
kill $PID $(lsof -t -i:8000)
pkill uvicorn
cp a b
mv a b
awk 'BEGIN { system("rm x") }'
awk "$X"
awk 'BEGIN { print 1 > "x" }'
sed 's/a/rm x/e' file
sed -i.bak -e 'w x' file
sort -o x x
date -s 2020-01-01
frobnicate
echo ${x@P}
echo ${x:-$(rm y)}
echo $'a'
{rm,-rf,x}
r* x
time -f x rm y
while true; do rm x; done
! rm x
git clean -fdx
git push --force
rsync --delete a b
printf -v PATH x
command rm x
exec rm x
a=(1 2)
> /dev/sda
""".strip().splitlines()


@pytest.mark.parametrize("line", READS)
def test_reads(line: str) -> None:
    assert effect_of_line(line).effect == "read", effect_of_line(line)


@pytest.mark.parametrize("line", WRITES)
def test_writes(line: str) -> None:
    found = effect_of_line(line)
    assert found.effect == "write", found
    assert found.touches and found.why


@pytest.mark.parametrize("line", DESTRUCTIVE)
def test_what_can_lose_data_or_is_not_known(line: str) -> None:
    found = effect_of_line(line)
    assert found.effect == "destructive", found
    assert found.touches and found.why


RECIPES: list[tuple[tuple[str, ...], str]] = [
    (("\t@docker compose exec app alembic upgrade head",), "write"),
    (("\t@echo up", "\t-docker compose up -d", "\t+@sleep 1"), "write"),
    (('\t@read -p "Message: " msg; \\', '\tdocker compose exec app alembic revision -m "$$msg"'), "write"),
    (('\tdocker compose exec app alembic revision --autogenerate -m "$(m)"',), "write"),
    (("\tdocker compose exec app sh -c 'alembic revision -m \"$$msg\"'",), "write"),
    (("\tdocker compose exec app sh -c \"alembic revision -m '$(m)'\"",), "destructive"),
    (("\t$(COMPOSE) exec app alembic upgrade head",), "destructive"),
    (("\t$(MAKE) clean",), "destructive"),
    (("\t${MAKE} clean",), "destructive"),
    (("\techo $(shell rm -rf x)",), "destructive"),
    (("\techo $$(rm -rf x)",), "destructive"),
    (("\techo $(if $(x),a,b)",), "read"),
    (("\techo $(if $(x),$(shell rm y),b)",), "destructive"),
    (("\techo $$(cat x)", "\techo $@ $(CURDIR)"), "read"),
    (("\techo $$$$(rm x)",), "destructive"),
    (("\tkill $$(cat .run/pid) && rm -f .run/app.pid",), "write"),
    (("\tdocker compose down $(FLAGS)",), "destructive"),
    (("\tdocker compose stop", "\tdocker compose down -v"), "destructive"),
    (("\techo one \\", "\t  && rm -rf two"), "destructive"),
    ((f"\techo {HOLE}",), "destructive"),
    ((), "read"),
    (
        (
            "\tmkdir -p .run",
            "\tnohup .venv/bin/uvicorn app:app --port 80 > .run/api.log 2>&1 & echo $$! > .run/api.pid",
        ),
        "write",
    ),
    (
        (
            "\t@if [ -f .run/api.pid ] && kill $$(cat .run/api.pid) 2>/dev/null; then \\",
            "\tfor i in $$(seq 50); do kill -0 $$(cat .run/api.pid) 2>/dev/null || break; sleep 0.1; done; fi",
        ),
        "write",
    ),
    (("\t@grep -hE '^[a-z-]+:.*?## ' Makefile | awk 'BEGIN {FS = \":\"}; {printf \"%s %s\\n\", $$1, $$2}'",), "read"),
]


def effect_of(recipe: Sequence[str]) -> Effects:
    return effect_of_target(parse("\n".join(["go:", *recipe])), "go").effects


@pytest.mark.parametrize(("recipe", "effect"), RECIPES)
def test_recipes(recipe: tuple[str, ...], effect: str) -> None:
    assert effect_of(recipe).effect == effect, effect_of(recipe)


def test_a_compound_line_names_the_worst_part_and_all_that_is_touched() -> None:
    found = effect_of_line("docker compose build && docker compose up -d && docker compose down -v")
    assert found == Effects("destructive", ("containers", "images", "volumes"), found.why)
    assert "down" in found.why


RANKS = {"read": 0, "write": 1, "destructive": 2}
# An open quote or a trailing backslash would swallow the joint and make other words of what follows.
WHOLE = [
    line.split(" #")[0] for line in READS + WRITES + DESTRUCTIVE if not line.endswith("\\") and "unbal" not in line
]
LINES = st.sampled_from(WHOLE)


@given(LINES, LINES, st.sampled_from([" && ", " || ", "; ", "\n", " & "]))
def test_joining_lines_is_never_milder_than_either(one: str, two: str, joint: str) -> None:
    both = RANKS[effect_of_line(one + joint + two).effect]
    assert both >= max(RANKS[effect_of_line(one).effect], RANKS[effect_of_line(two).effect])


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=9, max_size=20), st.text(max_size=20))
def test_an_unknown_command_is_never_read(name: str, rest: str) -> None:
    if name not in {"sha256sum", "pg_isready"}:
        assert effect_of_line(f"xq{name} {rest}").effect == "destructive"


@given(st.text(max_size=200))
def test_any_text_gets_an_answer(line: str) -> None:
    assert effect_of_line(line).effect in RANKS
    assert effect_of([line]).effect in RANKS


@given(st.text(alphabet="abc $(){}'\"\\;|&<>`#\n=-*", max_size=40))
def test_hostile_text_with_rm_in_command_position_is_never_mild(noise: str) -> None:
    assert effect_of_line(f"rm -rf / {noise}").effect == "destructive"


@given(st.lists(st.text(alphabet="ab '\"\\;|&<>$`", max_size=8), min_size=1, max_size=4))
def test_words_agree_with_shlex_where_both_can_read_them(words: list[str]) -> None:
    line = shlex.join(words)
    assert parts_of(line)[0].words == tuple(words)


def test_over_long_lines_and_control_characters_are_doubts() -> None:
    for line in ("echo " + "x" * 9_000, "echo \x1b[2J"):
        with pytest.raises(Doubt):
            parts_of(line)
        assert effect_of_line(line).effect == "destructive"
