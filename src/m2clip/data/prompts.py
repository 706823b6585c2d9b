"""From a label to the sentence that the text tower reads."""

from collections.abc import Sequence


def prompts(labels: Sequence[str], template: str) -> list[str]:
    """One prompt a label, in class-id order: the label as it stands, where the template has {}."""
    return [template.replace("{}", label) for label in labels]
