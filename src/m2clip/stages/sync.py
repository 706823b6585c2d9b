"""`sync [--serve PORT]`: fill MLflow from the repository's files; nothing twice. Then serve it, if asked."""

import argparse

from m2clip import experiment, profiles
from m2clip.errors import guarded
from m2clip.files import read_yaml
from m2clip.report import TABLES
from m2clip.tracking import page
from m2clip.tracking.mirror import sync
from m2clip.tracking.store import Store


def main() -> None:
    """Complete or rebuild the store of all profiles, tagged with the tables that show each row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", type=int, metavar="PORT", help=f"show it on {page.HOST}:PORT afterwards")
    arguments = parser.parse_args()
    shown: dict[str, list[str]] = {row: [] for row in experiment.rows()}
    for name, table in read_yaml(TABLES)["tables"].items():
        for row in table["rows"]:
            shown.setdefault(row, []).append(name)
    print(sync(tables=shown))
    if arguments.serve:
        page.serve(arguments.serve, Store(profiles.read().name))


if __name__ == "__main__":
    guarded(main)
