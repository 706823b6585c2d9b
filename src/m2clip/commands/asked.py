"""Which run ROW or ROW/SEED means."""

from m2clip import rows
from m2clip.errors import UserError, meant
from m2clip.runs import RunKey


def key_of(run: str, said: str) -> RunKey:
    """The run of the profile that params.yaml names; without a seed, of the first of its seeds.

    Args:
        run: ROW or ROW/SEED.
        said: how a message begins: what was asked for, and that it is nothing else.

    Raises:
        UserError: when it is no row.
    """
    row, _, seed = run.partition("/")
    if seed and not seed.isdecimal():
        raise UserError(f"{said} it is no ROW/SEED: {seed} is not a number")
    if not rows.PARAMS.exists():
        raise UserError(f"{said} no {rows.PARAMS} here to look for a row")
    key = RunKey(rows.profile().name, row, int(seed) if seed else rows.seeds()[0])
    known = rows.rows()
    if not key.adapters.exists() and row not in known:
        raise UserError(f"{said} there is no row {row}{meant(row, known)}; known are {list(known)}")
    return key
