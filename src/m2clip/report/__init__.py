"""From the files of the runs to tables, figures and pages. No torch, no MLflow, no DVC."""

from pathlib import Path

TABLES = Path("experiments/tables.yaml")
"""Which rows a table shows."""
