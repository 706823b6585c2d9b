"""Which run ROW or ROW/SEED means."""

from m2clip import experiment, profiles
from m2clip.errors import UserError, did_you_mean
from m2clip.runs import RunKey


def key_of(run: str, said: str, profile: str | None = None) -> RunKey:
    """The run of a profile; without a seed, of the first of its seeds.

    Args:
        run: ROW or ROW/SEED.
        said: how a message begins: what was asked for, and that it is nothing else.
        profile: its name; None is the one that params.yaml names.

    Raises:
        UserError: when it is no row, or when there is no such profile.
    """
    row, _, seed = run.partition("/")
    if seed and not seed.isdecimal():
        raise UserError(f"{said} it is no ROW/SEED: {seed} is not a number")
    if not profiles.PARAMS.exists():
        raise UserError(f"{said} no {profiles.PARAMS} here to look for a row")
    base = profiles.read(profile)
    key = RunKey(base.name, row, int(seed) if seed else profiles.seeds(base)[0])
    known = experiment.rows()
    if not key.weights.exists() and row not in known:
        raise UserError(
            f"{said} there is no row {row}{did_you_mean(row, known)}; {experiment.ROWS}/ has all {len(known)}"
        )
    return key
