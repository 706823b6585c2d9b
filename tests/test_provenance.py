"""Every cell of every table, and every claim, is followed to the files it came from, and made again."""

import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest
import yaml

import made_up_runs as made
from m2clip import cli
from m2clip.errors import UserError
from m2clip.report import audit, claims_section, pages, provenance, trace, verdicts
from m2clip.report.grid import Grid, shown, sources
from m2clip.report.tables import made as made_tables
from m2clip.runs import RunKey

SEEDS = [0, 1, 2]
HEADED, NAMED = ("contrastive", "cmc", "cmlm", "main"), ("st-adapter-text-ssv2", "ssv2")
UNSEEN = ("ucf101", "hmdb51")


@pytest.fixture(scope="module")
def one_seed(tmp_path_factory):
    """A folder with every row run with one seed, which no test changes; and what is traced of it."""
    root = tmp_path_factory.mktemp("one_seed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        made.whole(root)
        return root, trace.load(None, lambda key, sha: "not here")


@pytest.fixture
def traced(one_seed, monkeypatch):
    """What is traced of every row with one seed, in its folder."""
    root, found = one_seed
    monkeypatch.chdir(root)
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return found


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs of some seeds in a folder of their own, and what is traced of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def make(seeds=(0,), without=()):
        made.whole(tmp_path, seeds, without)
        return trace.load(None, lambda key, sha: "not here")

    return make


@dataclass
class Origin:
    """A cell and what it was read from; row: empty for a line that the paper printed."""

    row: str
    column: str
    value: str
    sources: tuple

    @property
    def runs(self):
        return {source.run.row for source in self.sources if source.run}


def origins(table):
    """Of every cell that is there."""
    return [Origin(line.name, col.key, shown(cell), sources(cell)) for line, col, cell in table.cells()]


def at(one, name):
    return one[int(name) if isinstance(one, list) else name]


def read(source):
    """What lies at a source, as a list: opened here with nothing of ours."""
    if source.file.suffix == ".npy":
        return [np.load(source.file).astype(float)]
    if source.key == "verb_trained":
        return [line["verb_trained"] for line in csv.DictReader(source.file.open(encoding="utf-8"))]
    if source.file.suffix == ".csv":
        place, column = source.key.split(", ")
        number = int(place.removeprefix("line "))
        header, *lines = csv.reader(source.file.read_text(encoding="utf-8").splitlines())
        return [lines[number - 2][header.index(column)]]
    content = source.file.read_text(encoding="utf-8")
    found = [json.loads(content) if source.file.suffix == ".json" else yaml.safe_load(content)]
    for name in source.key.split(".") if source.key else ():
        found = [item for one in found for item in (one.values() if name == "*" else [at(one, name)])]
    return found


def values(origin, ending=""):
    return [value for source in origin.sources if source.key.endswith(ending) for value in read(source)]


def mean_of(numbers, origin):
    spread = f" ± {stdev(numbers):.1f}" if len(numbers) > 1 else ""
    mark = origin.value.lstrip("0123456789.± ")
    return f"{fmean(numbers):.1f}{spread}{mark}"


def zero_shot(origin):
    """Splits averaged over seeds, then over splits."""
    by_seed = [read(source) for source in origin.sources]
    return mean_of([fmean(split) for split in zip(*by_seed, strict=True)], origin)


def over_seeds(origin):
    numbers = values(origin)
    return mean_of(numbers if "±" in origin.value else [fmean(numbers)], origin)


def by_file(origin, ending):
    """Numbers of a row and of its reference, by the row's folder."""
    found = {}
    for source in origin.sources:
        if source.key.endswith(ending):
            found.setdefault(source.file.parts[3], []).extend(read(source))
    return list(found.values())


def step(origin):
    if origin.value == "reference":
        assert origin.row in values(origin)[0]
        return "reference"
    if not any(source.run for source in origin.sources):
        own, reference = map(float, values(origin))
        return signed(own - reference)
    ours, theirs = by_file(origin, "supervised.top1")
    hits = [np.array([list(map(int, bits)) for bits in one]) for one in by_file(origin, tuple(HEADS))]
    apart = 100.0 * (hits[0].mean(axis=0) - hits[1].mean(axis=0))
    draws = np.random.default_rng(5).integers(apart.size, size=(20000, apart.size))
    ends = np.percentile(apart[draws].mean(axis=1), (2.5, 97.5))
    told, interval = origin.value.rstrip("†]").split(" [")
    (point, *spread), (low, high) = (
        map(plain, text.split(by)) for text, by in ((told, " ± "), (interval, ", "))
    )
    of_seed = np.subtract(ours, theirs)
    assert spread == pytest.approx([np.std(of_seed, ddof=1)] if len(ours) > 1 else [], abs=0.051)
    assert origin.value.endswith("]" if spread else "]†")
    assert (low, high) == pytest.approx(tuple(ends), abs=100 / apart.size + 0.1)
    assert point == pytest.approx(fmean(ours) - fmean(theirs), abs=0.051)
    assert not origin.value.startswith(("+0.0", "−0.0")), "zero has no sign"
    return origin.value


HEADS = ("hits.vc", "hits.eq11")


def plain(text):
    return float(text.replace("−", "-"))


def signed(number):
    text = f"{abs(number):.1f}"
    return text if text == "0.0" else f"{'−' if number < 0 else '+'}{text}"


def correlation(origin):
    maps = {}
    for source in origin.sources:
        maps.setdefault(source.run.row, []).append(np.corrcoef(read(source)[0]))
    of = {
        "correlation": np.mean,
        "correlation_size": lambda pairs: abs(pairs).mean(),
        "correlation_largest": lambda pairs: abs(pairs).max(),
    }[origin.column]
    means = [of(one[~np.eye(len(one), dtype=bool)]) for one in maps[origin.row]]
    spread = f" ± {stdev(means):.3f}" if len(means) > 1 else "†"
    return f"{fmean(means):.3f}{spread}"


def of_verbs(origin):
    """Of each row by name, by seed: accuracy on the videos of one kind of verb, averaged over splits."""
    (trained,) = [np.array(read(one)) == "yes" for one in origin.sources if one.key == "verb_trained"]
    inside, found = trained == ("_untrained_" not in origin.column), {}
    for run in dict.fromkeys(source.run for source in origin.sources if source.run):
        hits, splits = (
            read(source)[0] for source in sorted(origin.sources, key=lambda one: one.key) if source.run == run
        )
        right = 100.0 * np.array(list(map(int, hits)))
        parts = [inside & np.array([bit == "1" for bit in part]) for part in splits.values()]
        found.setdefault(run.row, []).append(fmean(right[part].mean() for part in parts))
    return found


def by_verb(origin):
    numbers = of_verbs(origin)[origin.row]
    spread = f" ± {stdev(numbers):.1f}" if len(numbers) > 1 and origin.row != "clip" else ""
    mark = "†" if len(numbers) == 1 and origin.row != "clip" else ""
    return f"{fmean(numbers):.1f}{spread}{mark}"


def by_verb_step(origin):
    if origin.value == "reference":
        assert origin.row in values(origin)[0]
        return "reference"
    ours, theirs = of_verbs(origin).values()
    apart = np.subtract(ours, theirs)
    spread = f" ± {np.std(apart, ddof=1):.1f}" if len(apart) > 1 else ""
    return f"{signed(apart.mean())}{spread}{'' if spread else '†'}"


def label(origin):
    if origin.sources[0].file.suffix != ".csv":
        return values(origin)[0] if "label" in origin.sources[0].key else "M2-CLIP"
    told = {source.key.split(", ")[1]: read(source)[0] for source in origin.sources}
    method, backbone = told["method"], told.get("backbone", "")
    name = method if not backbone or method.endswith(backbone) else f"{method} {backbone}"
    told["citation"] = told["citation"].replace("this paper", "the paper")
    return f"{name} ({', '.join(filter(None, (told['citation'], told.get('venue'))))})"


def count(origin):
    (number,) = values(origin)
    digits = 2 if origin.column == "parameters_m" else 1
    return f"{float(number) / (1e6 if digits == 2 else 1):.{digits}f}"


def published(origin):
    numbers = values(origin)
    return " ± ".join(f"{float(number):.1f}" for number in numbers if number)


def published_step(origin):
    own, reference = map(float, values(origin))
    return "reference" if origin.value == "reference" and own == reference else signed(own - reference)


def tick(origin):
    """Ticks by hand, from the settings alone."""
    if origin.column.startswith("published_"):
        return {"true": "✓", "false": "✗"}.get(values(origin)[0], values(origin)[0])
    settings = [source for source in origin.sources if source.file.suffix == ".yaml"]
    told = {source.key.split(".")[-1]: read(source)[0] for source in settings}
    vision = next((read(s)[0] for s in origin.sources if s.key == "vision_cfg.layers"), None)
    if told.get("method", "m2clip") != "m2clip":
        classifies = told["method"] in ("clip_linear", "evl", "dualpath", "zeroi2v")
        told["heads"] = ["vc"] if classifies or told.get("head") == "classifier" else ["contrastive"]
    layers, ted = told.get("layers"), told.get("method") == "m2clip"
    front = vision and set(range(1, round(5 * vision / 12) + 1))
    adapted = {"all": {*range(1, (vision or 0) + 1)}, "front": front or set(), "none": set()}
    adapted["back"] = adapted["all"] - adapted["front"]
    answers = {
        "ted": lambda: ted and layers != "none",
        "text_adapter": lambda: told["method"] == "m2clip" and layers != 0,
        "multi_task": lambda: len(told["heads"]) == 4,
        "front": lambda: adapted["front"] <= adapted[layers],
        "back": lambda: adapted["back"] <= adapted[layers],
        "te": lambda: told["temporal_enhancement"],
        "td": lambda: told["temporal_difference"],
        "sequential": lambda: told["fusion"] == "sequential",
        "parallel": lambda: told["fusion"] == "parallel",
        "reads_text": lambda: bool({"contrastive", "cmc"} & set(told["heads"])),
    }
    answer = answers.get(origin.column, lambda: origin.column in told["heads"])
    return "✓" if answer() else "✗"


def text_layers(origin):
    wanted, total = values(origin)
    return str(total if wanted == "all" else wanted)


AGAIN = {
    "label": label,
    "dataset": lambda origin: {"k400": "Synth-K400", "ssv2": "Synth-SSv2"}[values(origin)[0]],
    "pretraining": lambda origin: Path(values(origin)[0]).stem,
    **dict.fromkeys(
        ("views", "published_views"),
        lambda origin: " × ".join(str(value) if value != "" else "—" for value in values(origin)[:3]),
    ),
    "published_pretraining": lambda origin: values(origin)[0],
    **dict.fromkeys(("top1", "top1_text", "top5"), over_seeds),
    **dict.fromkeys(("ucf101_top1", "hmdb51_top1"), zero_shot),
    "chance": lambda origin: f"{100 / int(values(origin)[0]):.1f}",
    "videos": lambda origin: str(values(origin)[0]),
    "parameters_m": count,
    "gmacs_view": count,
    "site": lambda origin: {"attention": "before MHSA", "mlp": "before FFN", "both": "before both"}[
        values(origin, "site")[0]
    ],
    "text_layers": text_layers,
    "correlation": correlation,
    "correlation_size": correlation,
    "correlation_largest": correlation,
    **{f"{name}_{kind}_verbs_top1": by_verb for name in UNSEEN for kind in ("trained", "untrained")},
    **{f"{name}_{kind}_verbs_step": by_verb_step for name in UNSEEN for kind in ("trained", "untrained")},
    "step": step,
    **dict.fromkeys([f"published_{key}" for key in ("top1", "top5", *UNSEEN)], published),
    **dict.fromkeys(("published_parameters", "published_gmacs"), lambda origin: values(origin)[0]),
    "published_step": lambda origin: (
        "reference"
        if origin.value == "reference"
        else signed(float(np.subtract(*map(float, values(origin)))))
    ),
}


@pytest.mark.parametrize("seeds", [pytest.param([0], marks=pytest.mark.slow), SEEDS])
def test_every_cell_of_every_table_is_made_again_from_its_files(run, seeds):
    traced = run(seeds, without=("frames-16",))
    followed = 0
    for table in made_tables(traced.results):
        for origin in origins(table):
            assert origin.sources, (table.key, origin)
            assert AGAIN.get(origin.column, tick)(origin) == origin.value, origin
            followed += 1
    assert followed > 600


def test_a_run_s_facts_are_those_of_its_files(run):
    made_by = run(SEEDS).made[RunKey(made.PROFILE, "te", 1)]
    assert made_by.commits == ["te-1-dirty", "e-te"]
    assert made_by.differences == ("adapters.visual.temporal_difference=false", "train.lr=0.01")
    assert dict(made_by.facts())["wall time"] == "training 60.5 s, evaluation 7.0 s"
    assert made_by.machine == "Made up, none, 3 cores, on cpu"
    assert made_by.inputs == made.INPUTS | {"k400": "11"}


def of_claims(traced):
    """The section, and of every claim's line its cells by the key of their column."""
    section = claims_section.section(verdicts.judge(traced.results, traced.stated), traced.results)
    tables = [part for part in section.parts if isinstance(part, Grid)]
    found = {name: {} for name in traced.stated}
    for origin in (origin for table in tables for origin in origins(table)):
        found[origin.row][origin.column] = origin
    return section, found


def test_every_claim_is_made_of_the_runs_that_it_compares(run):
    traced, checked = run([0, 1]), 0
    for name, told in of_claims(traced)[1].items():
        claim, origin = traced.stated[name], told["difference"]
        assert origin.runs == set(claim.rows), name
        for source in origin.sources:
            assert read(source), source
        if claim.measure == "accuracy" and claim.verbs == "all" and len(claim.worse) == 1:
            better, worse = by_file(origin, ("supervised.top1", f"top1_by_head.{claim.head}"))
            assert plain(origin.value) == pytest.approx(fmean(better) - fmean(worse), abs=0.051)
            checked += 1
    assert checked == 7


def test_the_paper_s_number_in_a_claim_is_made_again_from_its_two_lines(traced):
    checked = 0
    for name, told in of_claims(traced)[1].items():
        printed, origin = traced.stated[name].published, told["paper_difference"]
        assert bool(origin.sources) == (printed is not None)
        if printed:
            better, worse = (float(number) for number in values(origin))
            assert (better, worse) == (printed.better, printed.worse), name
            assert origin.value.startswith(signed(better - worse))
            checked += 1
    assert checked == 10


def test_every_cost_of_the_audit_is_the_step_of_its_runs(traced):
    checked = 0
    section = audit.section(traced.results, audit.read())
    for origin in (one for part in section.parts if isinstance(part, Grid) for one in origins(part)):
        if not origin.sources:
            assert not origin.value.startswith(("+", "−")), origin
            continue
        ours, theirs = by_file(origin, "top1")
        told = origin.value.split(" [")[0].rstrip("†‡")
        assert plain(told) == pytest.approx(fmean(ours) - fmean(theirs), abs=0.051)
        assert origin.runs == {origin.row, "main"}
        checked += 1
    assert checked > 20


def test_the_listing_has_every_number(traced):
    tables = pages.of_tables(made_tables(traced.results), [])
    sections = [*tables, of_claims(traced)[0], audit.section(traced.results, audit.read())]
    lines = list(csv.DictReader(provenance.csv_text(sections, traced.made).splitlines()))

    def of(**wanted):
        return [line for line in lines if wanted.items() <= line.items()]

    (own,) = of(table="table4", row="ted", column="top1")
    metrics = RunKey(made.PROFILE, "ted", 0).metrics
    assert own["value"] == f"{json.loads(metrics.read_text())['supervised']['top1']:.1f}†"
    assert (own["file"], own["key"]) == (metrics.as_posix(), "supervised.top1")
    assert (own["seed"], own["commit"], own["evaluation_commit"]) == ("0", "ted-0", "e-ted")
    assert {line["row"] for line in of(table="claims.md")} == set(traced.stated)
    assert [
        (line["file"], line["key"])
        for line in of(table="claims.md", row="ted-over-clip", column="paper_difference")
    ] == [("experiments/published/table4_components.csv", "line 3, k400_top1; line 2, k400_top1")]
    assert of(table="audit.md")


def told_by(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["m2clip", "trace", *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr()
    return left.value.code, said.out or said.err


def test_trace_prints_the_number_of_the_table_and_its_run(traced, monkeypatch, capsys):
    code, told = told_by(monkeypatch, capsys, "table4", "TED-Adapter")
    assert code == 0
    _, lines = made.grid("table4")
    assert f"Top-1, %: {shown(lines['ted']['top1'])}" in told
    assert f"Step, points: {shown(lines['ted-ssv2']['step'])}" in told
    for text in (
        "run embedded/ted/0", "run embedded/ted-ssv2/0", "run embedded/clip/0",
        "experiments/runs/embedded/ted/0/evaluation/metrics.json: supervised.top1",
        "experiments/resolved/embedded/ted.train.yaml", "adapters.text.layers=0, decoder.heads=[contrastive]",
        "ted-0, evaluated e-ted", "k400 11", "backbone   22", "train ted 0; evaluate ted",
        "Made up, none, 3 cores", "training 60.5 s, evaluation 7.0 s", "no MLflow store here",
    ):  # fmt: skip
        assert text in told, text
    assert not list(Path.cwd().glob("mlflow.db*")), "nothing is created"
    _, told = told_by(monkeypatch, capsys, "fig4a", "te", "--column", "Top-1, %")
    assert f"Top-1, %: {shown(made.grid('fig4a')[1]['te']['top1'])}" in told
    assert "Step" not in told


def test_trace_of_a_claim_a_row_a_figure_and_what_is_missing(run, monkeypatch, capsys):
    traced = run([0], without=("frames-16",))
    half = of_claims(traced)[1]["all-over-half-vc"]
    _, told = told_by(monkeypatch, capsys, "all-over-half-vc")
    assert f"Here, points; of |r| itself: {half['difference'].value}" in told
    assert half["verdict"].value in told
    assert "run embedded/back/0" in told
    assert "The paper: +0.5" in told and "fig4a_ted_adapter.csv: line 3, k400_top1" in told
    assert "embedded/main/0/evaluation/metrics.json" in told_by(monkeypatch, capsys, "main")[1]
    assert "embedded/te/0/evaluation/confusion.csv" in told_by(monkeypatch, capsys, "confusion-te")[1]
    _, told = told_by(monkeypatch, capsys, "table1", "frames-16", "--column", "top1")
    assert "Measured top-1, %: — (not run yet)" in told
    assert "dvc repro evaluate@frames-16-0" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("tabel4", "ted"), "there is no table or figure tabel4 (did you mean table4?)"),
        (
            ("text-over-tedd",),
            "there is no table, figure, claim or row text-over-tedd (did you mean text-over-ted?)",
        ),
        (("table4",), "trace table4: which row? it has clip, ted, contrastive, main"),
        (("table4", "tedd"), "there is no row tedd (did you mean ted?)"),
        (
            ("fig4a", "layers"),
            'layers may be "Front layers" (front, front-ssv2) or "Back layers" (back, back-ssv2); say which',
        ),
        (
            ("fig4c", "CMC"),
            'CMC may be "Contrastive, CMC" (cmc) or "Contrastive, CMC, CMLM" (cmlm); say which',
        ),
        (("te", "--column", "top1"), "trace te: --column is for a row of a table"),
        (("both-over-te", "--column", "top1"), "trace both-over-te: --column is for a row of a table"),
        (("fig4a-reversed", "te-ssv2", "--column", "top1"), "--column is for a row of a table"),
        (("fig4a-reversed", "nothing"), "trace fig4a-reversed: there is no row nothing"),
        (("fig4a-revers",), "did you mean fig4a-reversed?"),
        (("table4", "ted", "--column", "top11"), "there is no column top11 (did you mean top1?)"),
    ],
)
def test_trace_of_what_is_not_there_is_one_line(traced, words, told):
    where, *more = words
    column = more[more.index("--column") + 1] if "--column" in more else None
    row = more[0] if more[:1] not in ([], ["--column"]) else None
    with pytest.raises(UserError) as raised:
        list(trace.lines(traced, where, row, column))
    assert told in str(raised.value) and "\n" not in str(raised.value)


def test_a_mistake_on_the_command_line_is_one_line(traced, monkeypatch, capsys):
    words = ("main", "--profile", "embeded")
    code, said = told_by(monkeypatch, capsys, *words)
    assert code == 1 and len(said.strip().splitlines()) == 1
    assert "there is no profile embeded (did you mean embedded?)" in said


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (("gains-te",), ["te/0/evaluation/confusion.csv", "clip/0/evaluation/confusion.csv"]),
        (("fig4a-reversed", "td-ssv2"), ["td-ssv2/0/evaluation/confusion.csv"]),
        (("fig4c-heads",), [f"{row}/0/training/history.csv" for row in HEADED]),
        (("fig2b-names",), [f"{row}/0/evaluation/label_features.npy" for row in NAMED]),
        (("curves",), [f"{row}/0/training/history.csv" for row in ("main", "ssv2")]),
        (("confusion", "ssv2"), ["ssv2/0/evaluation/confusion.csv"]),
        (("temporal_difference",), ["data/embedded/runs/main/0/weights.safetensors"]),
    ],
)
def test_trace_of_a_figure_names_the_files_it_is_drawn_from(traced, words, files):
    told = list(trace.lines(traced, *words, *[None] * (3 - len(words))))
    found = [line.removeprefix("    from ") for line in told if line.startswith("    from ")]
    assert len(found) == len(files)
    for line, file in zip(found, files, strict=True):
        assert line.endswith(file)
    assert any(line.startswith("  commit ") for line in told)


def test_trace_of_the_published_figure_names_its_lines(traced):
    told = "\n".join(trace.lines(traced, "fig1-published", "Vita", None))
    assert "experiments/published/table1_k400.csv: line 17, top1" in told
    assert "experiments/published/table3_zero_shot.csv: line 9, ucf101" in told


def test_trace_finds_the_run_in_mlflow(run, monkeypatch, capsys):
    run([0])
    from m2clip.tracking.mirror import sync
    from m2clip.tracking.store import Store, run_id

    for folder in Path("experiments/runs/embedded").iterdir():
        if folder.name != "te":
            folder.rename(Path(f"elsewhere-{folder.name}"))
    sync(made.PROFILE)
    key = RunKey(made.PROFILE, "te", 0)
    (stored,) = Store(made.PROFILE).runs(key)
    assert stored.info.run_id in told_by(monkeypatch, capsys, "te")[1]
    assert run_id(key, "another").startswith("not in the MLflow store")


def test_trace_loads_no_torch(traced):
    program = (
        "import sys; from m2clip.report import trace; trace.load('embedded', str);"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={"PYTHONPATH": str(made.ROOT / "src"), "PATH": ""}
    )


def test_words_that_mean_nothing_raise_before_anything_is_printed(traced):
    with pytest.raises(UserError, match="trace nothing"):
        trace.lines(traced, "nothing", None, None)
