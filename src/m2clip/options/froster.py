"""FROSTER: the weight of distillation, the factor of the projectors, and the labels' sentences."""

from dataclasses import dataclass

from m2clip.errors import UserError
from m2clip.options.base import Options as Base
from m2clip.options.open_vclip import SENTENCES, sentences_exist


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The paper's. Its weights are also averaged over epochs, which is train.average."""

    distillation: float = 2.0  # weight of the losses against the teacher; 0: there is no teacher
    residual: float = 0.1  # factor of the projectors
    sentences: int = len(SENTENCES)  # how many of Open-VCLIP's, from the first; the bare label is added

    def __post_init__(self) -> None:
        if self.distillation < 0:
            raise UserError(f"distillation: {self.distillation} must be 0 or more")
        if self.residual <= 0:
            raise UserError(f"residual: {self.residual} must be above 0")
        sentences_exist(self.sentences)

    def templates(self, prompt: str, own: bool) -> tuple[str, ...]:
        """The method's sentences, also for other labels; the bare label is the last."""
        return (*SENTENCES[: self.sentences], "{}")
