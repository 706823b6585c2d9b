"""Only the tokens that occur: a text tower with a few hundred rows instead of CLIP's 49,408."""

from collections.abc import Iterable, Sequence

import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor


class TokenTable:
    """Numbers the tokens that a set of texts uses, in CLIP's order, so that end-of-text stays the highest."""

    def __init__(self, texts: Iterable[str], tokenizer: SimpleTokenizer) -> None:
        self.tokenizer = tokenizer
        used = {token for text in texts for token in tokenizer.encode(text)}
        self.used = sorted(used | {0, tokenizer.sot_token_id, tokenizer.eot_token_id})
        self._number = {token: number for number, token in enumerate(self.used)}
        self._encoded: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.used)

    def _encode(self, text: str) -> list[int]:
        if text not in self._encoded:
            tokens = (self.tokenizer.sot_token_id, *self.tokenizer.encode(text), self.tokenizer.eot_token_id)
            self._encoded[text] = [self._number[token] for token in tokens]
        return self._encoded[text]

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Token numbers (N, L), L the longest text's; zeros after end-of-text, which it does not see."""
        rows = [self._encode(text) for text in texts]
        tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        for row, numbers in zip(tokens, rows, strict=True):
            row[: len(numbers)] = torch.tensor(numbers)
        return tokens

    def complete(self, state: dict[str, Tensor], size: int) -> dict[str, Tensor]:
        """The model's state in half precision, its token table expanded to `size` rows, unused ones zero."""
        weights = {name: value.detach().half().contiguous() for name, value in state.items()}
        rows = weights["token_embedding.weight"]
        table = torch.zeros(size, rows.shape[1], dtype=rows.dtype)
        table[self.used] = rows
        return weights | {"token_embedding.weight": table}
