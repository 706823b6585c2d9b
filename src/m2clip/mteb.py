"""A run as an encoder of mteb, so that it can be scored on the video tasks of that benchmark.

    import mteb, m2clip
    from m2clip.mteb import Encoder
    encoder = Encoder(m2clip.load("FOLDER"), name="me/m2clip")
    mteb.evaluate(encoder, mteb.get_tasks(["UCF101VideoZeroShotClassification", "HMDB51ZeroShot"]))

A video is one view, as in `m2clip.predict`: frames by the run's own sampling, the central crop. A text is
read as it stands, since the tasks bring their own sentences. mteb compares a video with a text by the cosine
of their features alone; a method that compares otherwise is refused.
"""

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from mteb.models import ModelMeta
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ScoringFunction
from torch import Tensor

from m2clip.data.sampling import test_clips
from m2clip.data.transforms import test_views
from m2clip.errors import UserError
from m2clip.evaluation.trained import TrainedRun
from m2clip.models.factory import pixels_of
from m2clip.models.prompts import make_prompts

ROOM = 4  # tokens of a context that a long text leaves free: its two ends, and what a cut word may become
TRIED = ("a dog", "a red ball falling", "running")


class Encoder(AbsEncoder):
    """A run for `mteb.evaluate`."""

    def __init__(self, run: TrainedRun, name: str, revision: str = "unknown", **about: Any) -> None:
        """Check that the run can be compared by cosines.

        Args:
            run: from `m2clip.load` or `m2clip.build`.
            name: in the results, OWNER/NAME.
            revision: of the weights, in the results.
            about: other fields of mteb's ModelMeta, such as `training_datasets`, what it was trained on.

        Raises:
            UserError: when the run reads no text, or compares videos with texts otherwise than by a cosine.
        """
        options = run.config.options
        if options.no_zero_shot:
            raise UserError(f"{options.no_zero_shot}, so mteb cannot compare its videos with texts")
        self.run, self.model = run, run.model.eval()
        self._check_cosine()
        known = {
            "name": name, "revision": revision, "modalities": ["video", "text"], "framework": ["PyTorch"],
            "similarity_fn_name": ScoringFunction.COSINE, "languages": ["eng-Latn"],
        }  # fmt: skip
        self.mteb_model_meta = ModelMeta.create_empty(known | about)

    def encode(self, inputs: Any, **kwargs: Any) -> Tensor:
        """Unit features (N, E) of videos or of texts; of both together their sum.

        Args:
            inputs: mteb's loader, with a column `video` of decoders, or `text`, or both.
            kwargs: what mteb says of the task, which changes nothing here.

        Raises:
            UserError: when there is neither.
        """
        columns = inputs.dataset.features
        if not {"video", "text"} & set(columns):
            raise UserError(f"mteb: expected videos or texts, got {', '.join(columns)}")
        if "video" in columns:
            inputs.collate_fn = self._collate
        found = []
        for batch in inputs:
            parts = []
            if "video" in columns:
                parts.append(F.normalize(self._videos(torch.stack(batch["video"])), dim=-1))
            if "text" in columns:
                parts.append(F.normalize(self._texts(batch["text"]), dim=-1))
            found.append(torch.stack(parts).sum(dim=0).float().cpu())
        return torch.cat(found)

    def _collate(self, rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
        """Rows as columns, videos as the frames (T, 3, S, S) that the model reads."""
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return columns | {"video": [self._view(video) for video in columns["video"]]}

    def _view(self, video: Any) -> Tensor:
        """The frames of a decoder of torchcodec's."""
        data = self.run.config.data
        numbers = test_clips(video.metadata.num_frames, data.frames, 1, data.sampling, data.stride)[0]
        frames = rearrange(video.get_frames_at(numbers.tolist()).data, "T C H W -> T H W C")
        return test_views(frames.cpu().numpy(), pixels_of(self.model), 1)[0]

    @torch.no_grad()
    def _videos(self, views: Tensor) -> Tensor:
        joint: Tensor = self.model.video(views.to(self.model.device)).joint
        return joint

    @torch.no_grad()
    def _texts(self, texts: list[str]) -> Tensor:
        """(N, E); a text that is longer than CLIP's context loses its end."""
        tokenizer = self.run.tokenizer
        room = tokenizer.context_length - ROOM
        read = tuple(tokenizer.decode(tokenizer.encode(text)[:room]) for text in texts)
        features: Tensor = self.model.labels([make_prompts(read, "{}", tokenizer)], own=False).features
        return features

    @torch.no_grad()
    def _check_cosine(self) -> None:
        """Raise UserError where the method's scores are no multiple of the cosines of its features."""
        pixels, generator = pixels_of(self.model), torch.Generator().manual_seed(0)
        size = (2, self.run.config.data.frames, 3, pixels.size, pixels.size)
        video = self.model.video(torch.randn(size, generator=generator).to(self.model.device))
        labels = self.model.labels([make_prompts(TRIED, "{}", self.run.tokenizer)], own=False)
        *_, scores = self.model.compare(video, labels).values()
        if hasattr(video, "joint") and hasattr(labels, "features") and labels.features.ndim == 2:
            cosines = F.normalize(video.joint, dim=-1) @ F.normalize(labels.features, dim=-1).T
            scale = (scores * cosines).sum() / cosines.square().sum()
            if scale > 0 and torch.allclose(scores, scale * cosines, rtol=1e-3, atol=1e-3 * float(scale)):
                return
        raise UserError(
            f"{self.run.config.method}: does not compare a video with a text by the cosine of their "
            "features, and mteb compares by nothing else"
        )
