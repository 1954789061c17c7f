"""What a phase of a spec asks of the schema: the source that is used, and what the other sources say otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from safemig.migrations import from_python
from safemig.migrations.change import Wanted
from safemig.migrations.fragments import Piece
from safemig.orm import declarative
from safemig.plan_document import labels
from safemig.plan_document.document import Block, Document, Phase
from safemig.requirements import markdown_table, sql_blocks, table_outline

Place = tuple[str, int]  # file and line of a block
_SCHEMA = re.compile(r"\b(?:CREATE|ALTER|DROP)\s|\bop\.", re.I)  # no other block of that size could ask for anything


def wanted(document: Document, phase: Phase, others: Sequence[Document]) -> Wanted | None:
    """What the phase asks of the schema, None when it asks for nothing.

    Code counts before SQL before models before tables before bullets. What only describes a table (the last three)
    asks for nothing where another phase has the code for that table, or where the spec says that no change is needed.
    """
    blocks = phase.blocks
    pieces, problems = _pieces(blocks, document.path)
    problems, unread = _with_unread(document, phase, blocks, problems)
    if not pieces and not problems:
        blocks = _general(document, phase)
        pieces, problems = _pieces(blocks, document.path)
        problems, unread = _with_unread(document, phase, blocks, problems)
    pieces, undecided = _chosen(blocks, pieces, document.path)
    asking = _asking(document, phase, pieces)
    used, downs = _assemble(asking)
    if not used:
        return _unusable(document, problems, unread)
    file = next(piece.file for piece in asking if piece in used)
    used, apart = _in_one_file(file, used, asking)
    downs = [piece for piece in downs if piece.file == file]
    foreign = _foreign(blocks, document.path, set(map(_block_of, used)))
    result = _made(file, used, downs)
    differences = (
        *problems,
        *_denied(document, phase, result),
        *_left_out(blocks, document.path),
        *(f"{piece.file}:{line}: {text}" for piece in used for line, text in piece.notes),
        *_differences(document, result, used, pieces, others),
    )
    own = tuple(f"{piece.file}:{line}: {text}" for piece in used for line, text in piece.problems)
    return replace(
        result,
        differences=tuple(dict.fromkeys(differences)),
        problems=(foreign if result.kind == "sql" else ()) + own + undecided + apart,
    )


def _in_one_file(file: str, used: Sequence[Piece], asking: Sequence[Piece]) -> tuple[list[Piece], tuple[str, ...]]:
    """The pieces that stand in that file, and what of the phase's schema stands in others and nobody would make."""
    own = [piece for piece in used if piece.file == file]
    made = {table for piece in own for table in piece.created}
    more = [
        piece for piece in asking
        if piece.file != file and piece.side == "up" and (piece in used or set(piece.created) - made)
    ]  # fmt: skip
    return own, tuple(
        f"{piece.file}:{piece.lines[0]} asks for more of the schema than {file}:{own[0].lines[0]}, and the schema of "
        f"one phase is taken from one file; write both into {file}, or name each in a phase of its own"
        for piece in more
    )


def _block_of(piece: Piece) -> Place:
    return piece.file, piece.block


def _place(block: Block, file: str) -> Place:
    """Where the block of a document whose own path is ``file`` stands."""
    return block.file or file, block.line


def _chosen(blocks: Iterable[Block], pieces: tuple[Piece, ...], file: str) -> tuple[tuple[Piece, ...], tuple[str, ...]]:
    """The pieces without those of options that are not the chosen one; a problem where none of several is."""
    options = {_place(block, file): labels.option(block) for block in blocks}
    asked = {options[_block_of(piece)] for piece in pieces if piece.side == "up" and options[_block_of(piece)][0]}
    if len(asked) < 2:
        return pieces, ()
    taken = tuple(piece for piece in pieces if not options[_block_of(piece)][0] or options[_block_of(piece)][1])
    if any(chosen for _, chosen in asked):
        return taken, ()
    places = sorted({_block_of(piece) for piece in pieces if options[_block_of(piece)][0]})
    first, last = (f"{place[0]}:{place[1]}" for place in (places[0], places[-1]))
    said = "write (chosen) behind the heading of the one that is meant"
    return pieces, (f"{first} and {last} are options of one choice; {said}",)


def _left_out(blocks: Iterable[Block], file: str) -> Iterator[str]:
    for block in blocks:
        words = labels.aside(block)
        own = block.file or file
        if words and not block.outline and _read(block, own)[0]:
            yield f"{own}:{block.line} is not used: the words above it ({words}) set it aside"


def _with_unread(
    document: Document, phase: Phase, blocks: Iterable[Block], problems: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The problems with what looks like the columns of a table and is not read, where no code of the document makes
    that table; and the names that these tables may have."""
    tables = [
        (block, unread) for block in blocks if not labels.aside(block) and (unread := markdown_table.unread(block))
    ]
    if not tables or denial(document, phase):
        return problems, ()
    everything = [block for other in document.phases for block in other.blocks]
    made = {table for piece in _pieces([*everything, *document.general], document.path)[0] for table in piece.created}
    left = [(block, unread) for block, unread in tables if not unread.names & made]
    said = (f"{block.file or document.path}:{block.line}: {unread.why}" for block, unread in left)
    return (*problems, *said), tuple(sorted({name for _, unread in left for name in unread.names}))


def denial(document: Document, phase: Phase) -> str:
    """Where the phase, the document outside its phases, or a file beside it says that no change is needed; or ""."""
    spans = [span for other in document.phases if other.key != phase.key for span in other.parts]
    lines = (n for n in document.unchanged if not any(start <= n <= end for start, end in spans))
    return next(iter((*(f"{document.path}:{n}" for n in lines), *document.denied)), "")


def _asking(document: Document, phase: Phase, pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces without descriptions of tables that nobody asks to be made here."""
    if all(piece.rank < _DESCRIBES for piece in pieces):
        return list(pieces)
    elsewhere = [block for other in document.phases if other.key != phase.key for block in other.blocks]
    coded = [piece for piece in _pieces([*elsewhere, *document.general], document.path)[0] if piece.rank < _DESCRIBES]
    made = {table for piece in coded for table in piece.created}
    keys = {key for piece in coded for key in piece.keys}
    denied = denial(document, phase)

    def is_told(piece: Piece) -> bool:
        return set(piece.created) <= made if piece.created else piece.keys <= keys

    return [piece for piece in pieces if piece.rank < _DESCRIBES or not (denied or is_told(piece))]


def _denied(document: Document, phase: Phase, result: Wanted) -> Iterator[str]:
    said = denial(document, phase)
    if said:
        place = f"{result.origin[0]}:{result.origin[1]}"
        yield f"{said} says that no change of the schema is needed, {place} has one; the latter is used"


# The rank from which a source only describes a table.
_DESCRIBES = 2


def asks(document: Document, phase: Phase) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tables that the phase makes, and all that it touches; both empty when it asks for no schema."""
    found = wanted(document, phase, ())
    return (found.tables, found.touched) if found else ((), ())


def pieces_of(block: Block, file: str) -> tuple[Piece, ...]:
    """What a block of that file asks of the schema, whatever phase it stands in."""
    return _of_block(block, file)[0]


def read_block(block: Block, file: str) -> tuple[Piece, ...]:
    """As ``pieces_of``, whatever the words above the block say."""
    return _read(block, file)[0]


def _pieces(blocks: Iterable[Block], file: str) -> tuple[tuple[Piece, ...], tuple[str, ...]]:
    found = [_of_block(block, file) for block in blocks]
    pieces = tuple(piece for own, _ in found for piece in own)
    return pieces, tuple(problem for _, problem in found if problem)


@lru_cache(maxsize=8192)  # finding, rating the phases, comparing the specs and writing read each block up to five times
def _of_block(block: Block, file: str) -> tuple[tuple[Piece, ...], str]:
    """What the block asks for, and what is wrong with it ("" for nothing); nothing where words set it aside."""
    if labels.aside(block):
        return (), ""
    own = block.file or file
    pieces, problem = _read(block, own)
    return tuple(replace(piece, file=own) for piece in pieces), problem


def _read(block: Block, file: str) -> tuple[tuple[Piece, ...], str]:
    if len(block.text) > sql_blocks.LARGEST:
        problem = f"{file}:{block.line}: a block of {len(block.text):,} characters is too large to be read; divide it"
        return (), problem if _SCHEMA.search(block.text) else ""
    if from_python.concerns(block):
        try:
            return tuple(from_python.pieces(block)), ""
        except SyntaxError as error:
            return (), f"{file}: broken Python in {error.msg}; mend the block"
    for source in (declarative, sql_blocks, markdown_table):
        if source.concerns(block):
            return tuple(source.pieces(block)), ""
    return (), ""


def _general(document: Document, phase: Phase) -> tuple[Block, ...]:
    """Blocks outside every phase, when this is the first phase whose items name what they make."""
    chosen = []
    for block in document.general:
        pieces, _ = _pieces([block], document.path)
        tables = {table for piece in pieces for table in piece.tables}
        unread = None if pieces or labels.aside(block) else markdown_table.unread(block)
        first = next((phase for phase in document.phases if (unread.names if unread else tables) & _words(phase)), None)
        first = first or (document.phases[0] if unread else None)
        if first is not None and first.key == phase.key:
            chosen.append(block)
    return tuple(chosen)


def _words(phase: Phase) -> set[str]:
    text = " ".join([phase.title, *(item.text for item in phase.items)])
    return set(re.findall(r"[\w.]+", text.lower())) | set(re.findall(r"\w+", text.lower()))


def _unusable(document: Document, problems: Sequence[str], names: tuple[str, ...]) -> Wanted | None:
    """None, or the problems alone where blocks for the schema are there and cannot be read."""
    if not problems:
        return None
    return Wanted("op", "", "", (), frozenset(), (document.path, 1), problems=tuple(problems), touched=names)


def _assemble(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """The pieces of the upgrade and of the downgrade that belong together; whole functions count before excerpts."""
    for rank in sorted({piece.rank for piece in pieces}):
        ups = [piece for piece in pieces if piece.rank == rank and piece.side == "up"]
        undone = [piece for piece in ups if piece.drops_only and _undoes(piece, ups)]
        used = _fitting([piece for piece in ups if piece not in undone])
        if not used:
            continue
        downs = [piece for piece in pieces if piece.rank == rank and piece.side == "down"]
        taken_back = [replace(piece, side="down") for piece in undone]
        return used, _downgrade(used, [*downs, *taken_back], [piece for piece in ups if piece not in undone])
    return [], []


def _undoes(piece: Piece, ups: Sequence[Piece]) -> bool:
    """Whether loose drops take back what another piece makes."""
    made = {key for other in ups if not other.drops_only for key in other.keys}
    return any(key.removeprefix("drop ") in made for key in piece.keys)


def _fitting(ups: Sequence[Piece]) -> list[Piece]:
    chosen: list[Piece] = []
    for piece in sorted(ups, key=lambda one: not one.whole):
        repeats = any(piece.keys & other.keys for other in chosen)
        # A complete migration says all there is to say about its tables: more on them is another version.
        covered = any(other.whole and piece.tables & set(other.created) for other in chosen)
        if not repeats and not covered:
            chosen.append(piece)
    return sorted(chosen, key=lambda one: one.lines[0])


def _downgrade(used: Sequence[Piece], downs: Sequence[Piece], ups: Sequence[Piece]) -> list[Piece]:
    """The downgrades of the used blocks, the last first, else those of blocks that hold no other upgrade."""
    blocks = [_block_of(piece) for piece in used]
    elsewhere = {_block_of(piece) for piece in ups} - set(blocks)
    tables = {table for piece in used for table in piece.tables}
    chosen: list[Piece] = []
    for piece in sorted(downs, key=lambda down: (_block_of(down) not in blocks, not down.whole)):
        place = _block_of(piece)
        fits = place in blocks or (place not in elsewhere and piece.tables & tables)
        if not piece.tables and place not in elsewhere:
            fits = True  # DROP INDEX names no table
        if fits and not any(piece.keys & other.keys for other in chosen):
            chosen.append(piece)
    return sorted(chosen, key=lambda one: -one.lines[0])


def _made(file: str, used: Sequence[Piece], downs: Sequence[Piece]) -> Wanted:
    gap = "\n\n" if used[0].kind == "sql" else "\n"
    return Wanted(
        used[0].kind,
        _joined(used, gap),
        _joined(downs, gap),
        tuple(dict.fromkeys(table for piece in used for table in piece.created)),
        frozenset(name for piece in used for name in piece.names),
        (file, used[0].lines[0]),
        imports=tuple(dict.fromkeys(line for piece in (*used, *downs) for line in piece.imports)),
        touched=tuple(sorted({table for piece in used for table in piece.tables})),
        upgrade_lines=_numbers(used, gap),
        downgrade_lines=_numbers(downs, gap),
    )


def _joined(pieces: Sequence[Piece], gap: str) -> str:
    return gap.join(_closed(piece) for piece in pieces)


def _closed(piece: Piece) -> str:
    """SQL pieces end their last statement before another one follows."""
    if piece.kind == "op" or piece.code.rstrip().endswith(";"):
        return piece.code
    return piece.code + "\n;" if "--" in piece.code.rsplit("\n", 1)[-1] else piece.code + ";"


def _numbers(pieces: Sequence[Piece], gap: str) -> tuple[int, ...]:
    result: list[int] = []
    for piece in pieces:
        if result:
            result += [result[-1]] * (len(gap) - 1)
        result += piece.lines
        result += [piece.lines[-1]] * (_closed(piece).count("\n") + 1 - len(piece.lines))
    return tuple(result)


def _foreign(blocks: Iterable[Block], file: str, used: set[Place]) -> tuple[str, ...]:
    return tuple(
        f"{block.file or file}:{line}: {form} is MySQL's, PostgreSQL has none; write {instead}"
        for block in blocks
        if _place(block, file) in used and sql_blocks.concerns(block)
        for line, form, instead in sql_blocks.problems(block)
    )


def _differences(
    document: Document, result: Wanted, used: Sequence[Piece], pieces: Sequence[Piece], others: Sequence[Document]
) -> Iterator[str]:
    """What the unused sources of this phase, of the rest of the document and of other documents say otherwise."""
    taken = set(map(_block_of, used))
    for other in [document, *(other for other in others if other.path != document.path)]:
        everything = [block for phase in other.phases for block in phase.blocks] + list(other.general)
        found = _pieces({_place(block, other.path): block for block in everything}.values(), other.path)[0]
        for piece in sorted(found, key=lambda one: (one.file != other.path, one.file, one.lines[0])):
            if piece.side == "down" or (other is document and _block_of(piece) in taken):
                continue
            for mine in (one for one in used if set(one.created) & set(piece.created)):
                yield from table_outline.contradictions(mine, piece)
    unused = [block for phase in document.phases for block in phase.blocks if _place(block, document.path) not in taken]
    yield from (
        f"{text} (not used: {result.origin[0]}:{result.origin[1]} is)"
        for text in _foreign(unused, document.path, set(map(_block_of, pieces)) - taken)
    )
