"""`backbone [PROFILE]`: the CLIP of a profile's synthetic world, from pictures to a checkpoint with its card.

Run once, by `make backbone`; what it writes under experiments/backbone/ is in git. For the large world
(PROFILE=standard) it takes a GPU or all cores, for the hard world, called `second` (PROFILE=evidence), about
70 minutes of one core. A stopped training goes on where it was: its state lies in .work/backbone/.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from PIL import Image
from safetensors.torch import save_file
from tqdm import tqdm

from m2clip import paths, profiles
from m2clip.errors import UserError, did_you_mean, guarded
from m2clip.files import read_mapping
from m2clip.synthetic.captions import vocabulary
from m2clip.synthetic.pool import Pool, draw_pool
from m2clip.synthetic.sheet import reference_sheet
from m2clip.synthetic.worlds import SECOND, SMALL, STANDARD, WORLDS, World
from m2clip.training import levels
from m2clip.training.model_card import Outcome, card, page
from m2clip.training.pretraining import (
    LARGER,
    OF_SECOND,
    Recipe,
    State,
    build,
    encode_text,
    evaluate,
    train,
)
from m2clip.training.vocabulary import TokenTable

NAME = SMALL.clip
HOME = Path("experiments/backbone")
WORK = Path(".work/backbone")


@dataclass(frozen=True, kw_only=True)
class Task:
    """A backbone to train. card, work: folders of what is committed and of unfinished training."""

    name: str
    world: World
    recipe: Recipe
    card: Path
    work: Path
    threads: int
    device: str = "cpu"

    @property
    def config(self) -> Path:
        """open_clip's description of the model."""
        return HOME / f"{self.name}.json"

    @property
    def weights(self) -> Path:
        """The checkpoint that is made."""
        return self.config.with_suffix(".safetensors")

    @property
    def levels(self) -> Path:
        """The file with the levels that its world was made to reach; it may not exist."""
        return self.card / "levels.yaml"


def task(world: str) -> Task:
    """The task of a world's backbone; all but the large world's are trained with one thread."""
    if world not in WORLDS:
        raise UserError(f"there is no world {world}{did_you_mean(world, WORLDS)}; known are {list(WORLDS)}")
    if world == SMALL.name:
        return Task(name=NAME, world=SMALL, recipe=Recipe(), card=HOME, work=WORK, threads=1)
    if world == SECOND.name:
        return Task(
            name=SECOND.clip,
            world=SECOND,
            recipe=OF_SECOND,
            card=HOME / SECOND.name,
            work=WORK / SECOND.name,
            threads=1,
        )
    return Task(
        name=STANDARD.clip,
        world=STANDARD,
        recipe=LARGER,
        card=HOME / STANDARD.name,
        work=WORK / STANDARD.name,
        threads=paths.cores(),
        device="cuda" if torch.cuda.is_available() else "cpu",
    )


def write_atomically(path: Path, write: Any) -> None:
    """`write(part)`, then rename: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    write(part)
    part.replace(path)


def revision() -> str:
    """The commit that is checked out, in full; `unknown` without git."""
    asked = subprocess.run(("git", "rev-parse", "HEAD"), capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def write_curve(path: Path, rows: list[dict[str, float]]) -> None:
    """Write the learning curve as a CSV, a line for each evaluation."""

    def write(part: Path) -> None:
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({name: round(value, 4) for name, value in row.items()} for row in rows)

    write_atomically(path, write)


def write_weights(path: Path, state: State, table: TokenTable, config: Mapping[str, Any]) -> None:
    """Write the complete open_clip checkpoint in half precision."""
    weights = table.complete(state.model.state_dict(), config["text_cfg"]["vocab_size"])
    write_atomically(path, lambda part: save_file(weights, part))


def load(weights: Path, config: Path = HOME / f"{NAME}.json") -> tuple[Any, Any]:
    """Model and tokenizer as anyone gets them from open_clip."""
    open_clip.add_model_config(config)
    model = open_clip.create_model(config.stem, pretrained=str(weights))
    return model, open_clip.get_tokenizer(config.stem)


def evaluate_file(asked: Task, held_out: Pool) -> tuple[dict[str, float], dict[str, Any]]:
    """Accuracies and levels of the saved checkpoint, through open_clip's own towers and tokenizer."""
    model, tokenizer = load(asked.weights, asked.config)

    def text(texts: Sequence[str]) -> torch.Tensor:
        return model.encode_text(tokenizer(list(texts)), normalize=True)

    reached = {}
    if asked.levels.exists():
        wanted = read_mapping(asked.levels)
        measured = levels.measure(model, text, asked.world, wanted["videos"], paths.cores())
        reached = wanted | {"measured": {name: round(value, 4) for name, value in measured.items()}}
    return evaluate(model, text, held_out, asked.world), reached


@dataclass
class Progress:
    """The commit that a pre-training began at, its curve so far and the seconds it took."""

    commit: str
    rows: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0


def resume(checkpoint: Path, state: State) -> Progress:
    """Go on from a checkpoint, if there is one."""
    if not checkpoint.exists():
        return Progress(revision())
    packed = torch.load(checkpoint, weights_only=True, map_location=state.device)
    state.unpack(packed["state"])
    return Progress(packed["commit"], packed["rows"], packed["seconds"])


def pretrain(asked: Task, config: dict[str, Any], jobs: int) -> tuple[Progress, Pool]:
    """Train, or go on training, until `latest.safetensors` in the task's folder is the end of the recipe."""
    torch.set_num_threads(asked.threads)
    recipe, world, work = asked.recipe, asked.world, asked.work
    length = config["text_cfg"]["context_length"]
    table = TokenTable(vocabulary(world), SimpleTokenizer(context_length=length))
    pool = draw_pool(work, recipe.stills, "train", jobs, world)
    held_out = draw_pool(work, recipe.held_out, "held out", 1, world)
    state = build(config, table, recipe, world, asked.device)
    key = sha256(json.dumps([asdict(recipe), config]).encode()).hexdigest()[:12]
    checkpoint = work / f"state-{key}.pt"
    done = resume(checkpoint, state)
    begun = time.monotonic() - done.seconds
    bar = tqdm(total=recipe.steps, initial=state.step, desc="backbone", file=sys.stderr, mininterval=10)
    for loss in train(state, table, recipe, pool):
        bar.update()
        if state.step % recipe.evaluate_every and state.step != recipe.steps:
            continue
        done.seconds = time.monotonic() - begun
        told = evaluate(state.model, lambda texts: encode_text(state.model, table(texts)), held_out, world)
        done.rows.append({"step": state.step, "seconds": done.seconds, "loss": loss} | told)
        write_curve(work / "curve.csv", done.rows)
        write_weights(work / "latest.safetensors", state, table, config)
        packed = {"state": state.pack()} | asdict(done)
        write_atomically(checkpoint, partial(torch.save, packed))
        bar.write(" ".join(f"{name} {value:.3g}" for name, value in done.rows[-1].items()), file=sys.stderr)
    return done, held_out


def publish(asked: Task, done: Progress, held_out: Pool) -> None:
    """Write weights, curve, reference sheet, card and page into experiments/backbone/, which is in git."""
    latest = (asked.work / "latest.safetensors").read_bytes()
    write_atomically(asked.weights, lambda part: part.write_bytes(latest))
    write_curve(asked.card / "curve.csv", done.rows)
    Image.fromarray(reference_sheet(asked.world)).save(asked.card / "world.png", optimize=True)
    accuracies, reached = evaluate_file(asked, held_out)
    outcome = Outcome(
        accuracies=accuracies,
        levels=reached,
        seconds=done.seconds,
        commit=done.commit,
        weights_sha256=sha256(latest).hexdigest(),
        config_sha256=sha256(asked.config.read_bytes()).hexdigest(),
        threads=asked.threads,
        device=torch.cuda.get_device_name() if asked.device == "cuda" else asked.device,
        world=asked.world,
    )
    told = card(asked.name, asked.recipe, outcome)
    (asked.card / "card.json").write_text(json.dumps(told, indent=2) + "\n")
    (asked.card / "README.md").write_text(page(told))


def _world(profile: profiles.Profile) -> str:
    """The name of the world whose backbone a profile has; a UserError where it generates no videos."""
    if not profile.synthetic:
        raise UserError(
            f"experiments/profiles/{profile.name}.yaml: backbone: nothing to train, it is not synthetic"
        )
    return str(profiles.world_of(next(iter(profile.synthetic.values()))))


def main() -> None:
    """Train, then publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", nargs="?", metavar="PROFILE", default="embedded", help="whose backbone")
    asked = task(_world(profiles.read(parser.parse_args().profile)))
    config = json.loads(asked.config.read_text())
    publish(asked, *pretrain(asked, config, paths.cores()))


if __name__ == "__main__":
    guarded(main)
