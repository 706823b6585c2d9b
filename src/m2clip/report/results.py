"""All that a report of one profile is made of: its rows, data sheets, counts and the paper's numbers.

results = read(profiles.read(), declared.read(["main"], experiment.rows()))
results.step(results.rows["main"], results.rows["clip"])  # Number: +24.0, with the files that it is made of
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from m2clip import experiment, profiles, weights
from m2clip.config import Backbone
from m2clip.experiment import MAIN
from m2clip.parsing import build
from m2clip.profiles import Profile
from m2clip.report import TABLES, accuracy, declared, facts, published
from m2clip.report.accuracy import Verbs
from m2clip.report.columns import COLUMNS, UNSEEN
from m2clip.report.correlation import Correlations, compare
from m2clip.report.declared import Spec
from m2clip.report.differences import but_for_dataset
from m2clip.report.facts import AS_PUBLISHED, Parameters
from m2clip.report.facts import Line as Facts
from m2clip.report.names import DATASETS, Names
from m2clip.report.numbers import MARGIN, NEAR_CHANCE, Number, Source
from m2clip.report.published import Line, Published
from m2clip.report.row import Row
from m2clip.report.row import read as read_row


@dataclass(frozen=True)
class Results:
    """The rows that were asked for, by name, and what their numbers are read beside.

    sheets: facts of every dataset, None where no data sheet has been drawn. complexity: parameters and
    multiply-adds at full size. tables: as declared, those that were asked for.
    """

    profile: Profile
    rows: Mapping[str, Row]
    names: Names
    sheets: Mapping[str, Facts | None]
    complexity: Parameters
    tables: Mapping[str, Spec]

    @cached_property
    def places(self) -> dict[str, "TableRows"]:
        """The rows of every table."""
        return {name: _of_table(self, name, spec) for name, spec in self.tables.items()}

    @cached_property
    def explored(self) -> list[str]:
        """How `main` differs from the paper's model, but for its dataset; if it does, no step is from it."""
        main = self.rows.get(MAIN)
        return but_for_dataset(main.config, self.profile) if main and main.config else []

    def title(self, row: Row) -> str:
        """What a row is called where nothing beside it names its dataset."""
        return f"{row.label} on {self.names.dataset(row.dataset)}" if row.dataset else row.label

    def chance(self, dataset: str | None) -> Number | None:
        """Chance level in percent: 100 / the number of labels in the dataset's data sheet."""
        labels = facts.classes(self.sheets.get(dataset or ""))
        source = Source(facts.sheet(self.profile.name, dataset or ""), "line 2, labels")
        return Number(value=100 / labels, sources=(source,)) if labels else None

    def unlearned(self, row: Row | None) -> bool:
        """Whether a trained row is within ten points of chance on its own set."""
        top1 = row.number("supervised", "top1") if row and row.trained else None
        guessed = self.chance(row.dataset) if row else None
        return top1 is not None and guessed is not None and top1.value <= guessed.value + MARGIN

    def is_papers(self, dataset: str) -> bool:
        """Whether the paper's numbers may stand beside a set: its labels are the published ones.

        True for a generated set and one that the profile leaves out, which have no labels to compare.
        """
        if dataset in self.names.synthetic or dataset in self.profile.left_out:
            return True
        return (self.sheets.get(dataset) or {}).get("class_ids") == AS_PUBLISHED

    def top1(self, row: Row, dataset: str | None = None) -> Number | None:
        """Top-1 in percent: on the row's own set, marked where near chance, or zero-shot on another."""
        if dataset not in (None, row.dataset):
            return accuracy.zero_shot(row, str(dataset))
        found = row.number("supervised", "top1")
        return found.marked(NEAR_CHANCE) if found and self.unlearned(row) else found

    def step(
        self, row: Row, reference: Row | None, dataset: str | None = None, verbs: Verbs = "all"
    ) -> Number | None:
        """Top-1 of a row less that of the reference, in points; None where their training sets differ.

        Marked where one of the two is near chance. dataset: that both are tested on; None: the training set.
        """
        if reference is None or row.dataset is None or row.dataset != reference.dataset:
            return None
        if row.name == reference.name:
            there = row.number("supervised", "top1")
            return there and Number(value=0.0, signed=True, is_reference=True)
        found = accuracy.difference(row, reference, dataset or row.dataset, verbs)
        unlearned = dataset is None and (self.unlearned(row) or self.unlearned(reference))
        if found is None:
            return None
        return found.number.marked(NEAR_CHANCE) if unlearned else found.number

    def parameters(self, row: Row) -> Number | None:
        """Trainable parameters at full size, in millions."""
        found = self.counted(row, "trainable_total")
        return found and replace(found, value=found.value / 1e6, digits=2)

    def counted(self, row: Row, column: str) -> Number | None:
        """What is counted of a row at full size, from a column of reports/complexity.csv."""
        return self.complexity.number(row.name, row.config.data.frames if row.config else None, column)


@dataclass(frozen=True, kw_only=True)
class TableRows:
    """A table's rows, with their labels in it, and what is needed to fill its cells.

    published: the paper's numbers of the table. references: the rows from which steps are counted.
    """

    name: str
    spec: Spec
    rows: tuple[Row, ...]
    results: Results
    published: Published | None
    references: tuple[Row, ...]

    @property
    def listed(self) -> bool:
        """Whether lines of the paper are lines of the table, those of other methods among them."""
        return bool(self.published and self.published.listed)

    @cached_property
    def correlations(self) -> Correlations | None:
        """Correlations of the label features of its rows (Figure 2b)."""
        return compare(self.rows) if self.rows else None

    def reference(self, row: Row) -> Row | None:
        """The row on the same dataset from which its step is counted."""
        return next((other for other in self.references if other.dataset == row.dataset), None)

    def step(self, row: Row, dataset: str | None = None, verbs: Verbs = "all") -> Number | None:
        """Top-1 less the reference's; for the reference itself the source is where tables.yaml names it."""
        found = self.results.step(row, self.reference(row), dataset, verbs)
        source = Source(TABLES, f"tables.{self.name}.reference")
        return found.of([source]) if found and found.is_reference else found

    def printed(self, line: Line | None) -> Number | None:
        """The paper's own step of a line."""
        return self.published.step(line) if self.published else None

    def line(self, row: Row) -> Line | None:
        """What the paper printed of a row with this config, if it did."""
        return self.published.line(row.name, row.config, self.results.profile) if self.published else None

    def pairs(self) -> Iterator[tuple[Line | None, Row | None]]:
        """The table's lines: each line of the paper with the row that measures it, then the other rows.

        In a table without other methods, such as an ablation: each row with its line of the paper.
        """
        lines = {row.name: self.line(row) for row in self.rows}
        if not self.published or not self.listed:
            yield from ((lines[row.name], row) for row in self.rows)
            return
        own: dict[int, Row] = {}
        for row in self.rows:
            if line := lines[row.name]:
                own.setdefault(line.place, row)
        yield from ((line, own.get(line.place)) for line in self.published.lines)
        yield from ((None, row) for row in self.rows if row not in own.values())

    def is_papers(self, row: Row, dataset: str | None = None) -> bool:
        """Whether data and backbone of a row are the paper's, so that their numbers may be subtracted."""
        profile, sets = self.results.profile, [name for name in (row.dataset, dataset) if name in DATASETS]
        if row.config is None or profile.synthetic or not all(map(self.results.is_papers, sets)):
            return False
        return weights.of_paper(row.config.backbone, profile.name)

    def label_source(self, row: Row) -> tuple[Source, ...]:
        """Where its label comes from: the table, the row's declaration, else the config that it describes."""
        if row.name in self.spec.labels:
            return (Source(TABLES, f"tables.{self.name}.labels.{row.name}"),)
        entry = experiment.declared().get(row.name)
        if entry and entry.label:
            return (Source(*entry.label_at),)
        return (Source(row.runs[0].key.train_config if row.config else TABLES),)


def _of_table(results: Results, name: str, spec: Spec) -> TableRows:
    """A declared table with its rows; they are sorted by dataset where no column names it."""
    rows = [results.rows[row] for row in spec.rows]
    rows = [replace(row, label=spec.labels.get(row.name, row.label)) for row in rows]
    if "dataset" not in spec.columns:
        order = [*DATASETS, None]
        rows.sort(key=lambda row: order.index(row.dataset))
    counted_from = set(spec.reference) - ({MAIN} if results.explored else set())
    return TableRows(
        name=name, spec=spec, rows=tuple(rows), results=results,
        references=tuple(row for row in rows if row.name in counted_from),
        published=published.read(spec.published) if spec.published else None,
    )  # fmt: skip


def read(profile: Profile, asked: Mapping[str, Spec], more: Iterable[str] = ()) -> Results:
    """What the rows of the asked tables, and more, gave under a profile, whether or not they were run."""
    seeds, labels = profiles.seeds(profile), experiment.labels()
    names = dict.fromkeys((*declared.shown(asked), *more))
    found = Results(
        profile=profile,
        rows={name: read_row(profile, name, seeds, labels.get(name)) for name in names},
        names=Names(tuple(profile.synthetic)),
        sheets={dataset: facts.read_facts(profile.name, dataset) for dataset in profiles.DATASETS},
        complexity=facts.read_parameters(),
        tables={},
    )
    return replace(found, tables=_as_shown(asked, found))


def _as_shown(tables: Mapping[str, Spec], results: Results) -> dict[str, Spec]:
    """The tables without columns that make no sense under this profile, or nothing if only labels remain.

    Trained and untrained verbs are told apart of generated sets alone. The paper's numbers stand beside ours
    on its own sets and on what stands in for them, not on a dataset of one's own or a choice of its labels.
    The difference from them is a column where data and backbone are the paper's: on Synth-K400 it would mean
    nothing.
    """
    found = {}
    for name, spec in tables.items():
        beside = _beside_paper(spec, results)
        apart = {f"published_{unseen}" for unseen in UNSEEN if not results.is_papers(unseen)}
        kept = [
            key
            for key in spec.columns
            if (not COLUMNS[key].by_verb or key.partition("_")[0] in results.names.synthetic)
            and (not key.startswith("published_") or (beside and key not in apart))
        ]
        backbone = build(Backbone, results.profile.backbone)
        if beside and not results.profile.synthetic and weights.of_paper(backbone, results.profile.name):
            unseen = [one for one in UNSEEN[::-1] if one in kept and results.is_papers(one)]
            more = ["from_paper"] if "top1" in kept else [f"{one}_from_paper" for one in unseen]
            kept += [key for key in more if key not in kept]
        if kept != ["label"]:
            found[name] = replace(spec, columns=tuple(kept), published=spec.published if beside else "")
    return found


def _beside_paper(spec: Spec, results: Results) -> bool:
    """Whether the table is one of the paper's, of sets that its numbers may stand beside."""
    if not spec.published or not all(map(results.is_papers, published.read(spec.published).datasets)):
        return False
    return "top1" in spec.columns or any(map(results.is_papers, set(UNSEEN) & set(spec.columns)))
