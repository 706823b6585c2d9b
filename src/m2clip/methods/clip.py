"""CLIP as it is: frames averaged, labels read. The zero-shot baseline of Table 4; nothing is trained."""

from m2clip.models.method import Method

METHOD = Method
