"""TED-Adapters (Eq. 6-8) in the image tower of any open_clip CLIP that is a plain ViT, for other programs.

    clip = open_clip.create_model("ViT-B-16", pretrained="openai")
    model = TEDModel(clip)              # options of VisualAdapter: TEDModel(clip, site="mlp", layers="back")
    features = model(frames)            # (B, T, 3, H, W) -> (B, E), to be compared with clip.encode_text

Only the adapters are trained, and saved in the layout that peft gave adapters on the Hugging Face hub.
"""

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor, nn

from m2clip import hub
from m2clip.errors import UserError
from m2clip.files import read_json
from m2clip.models.adapters import ted_adapter
from m2clip.models.clip import ImageTower
from m2clip.models.parts.layers import seeded
from m2clip.models.parts.sites import adapters_in, at_sites
from m2clip.options.base import adapted_layers
from m2clip.options.m2clip import VisualAdapter
from m2clip.parsing import build
from m2clip.seeds import number

WEIGHTS, CONFIG, CARD = "adapter_model.safetensors", "adapter_config.json", "README.md"
PEFT_TYPE = "TED"


class TEDModel(nn.Module):
    """A frozen image tower with TED-Adapters in its blocks; a video's feature is the mean over its frames."""

    def __init__(self, clip: nn.Module, *, seed: int = 0, **options: Any) -> None:
        """Put new adapters into the tower, which starts as it was: they add zero until they are trained.

        Args:
            clip: open_clip's model, or its `visual`. Its weights are shared with it and frozen; it can be
                used as before.
            seed: of the new weights.
            options: of the adapters (`options/m2clip.py`, VisualAdapter): layers, site, bottleneck, ...

        Raises:
            UserError: for an option that does not exist or fit, or a tower that is no plain ViT.
        """
        super().__init__()
        visual = _checked(getattr(clip, "visual", clip))
        self.options = build(VisualAdapter, options, path="TEDModel")
        width, grid = int(visual.class_embedding.shape[-1]), visual.grid_size
        layers = adapted_layers(self.options.layers, len(visual.transformer.resblocks), "TEDModel.layers")

        def make(layer: int, site: str) -> nn.Module:
            return seeded(number(seed, "ted", layer, site), lambda: ted_adapter(self.options, width, grid))

        self.tower = ImageTower(_shared(visual), at_sites(layers, self.options.site, make))
        self.tower.requires_grad_(False)
        for adapter in adapters_in(self.tower):
            adapter.to(visual.conv1.weight.device, visual.conv1.weight.dtype).requires_grad_(True)

    def forward(self, frames: Tensor) -> Tensor:
        """Normalised frames (B, T, 3, H, W) -> features (B, E) in CLIP's joint space, not normalised."""
        classes = self.tower(self.tower.embed(frames))[:, :, 0]
        return self.tower.project(classes).mean(dim=1)

    def adapter_parameters(self) -> dict[str, nn.Parameter]:
        """The adapters' weights, which are trained and saved, by name."""
        own = {id(p) for adapter in adapters_in(self.tower) for p in adapter.parameters()}
        return {name: p for name, p in self.named_parameters() if id(p) in own}

    def print_trainable_parameters(self) -> None:
        """Print how many parameters are trained, in the words of peft."""
        trainable = sum(p.numel() for p in self.parameters() if p.requires_grad)
        every = sum(p.numel() for p in self.parameters())
        share = 100 * trainable / every
        print(f"trainable params: {trainable:,} || all params: {every:,} || trainable%: {share:.4f}")

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the adapters and their options into a folder; CLIP's weights are not in it.

        Raises:
            UserError: when it cannot be written.
        """
        path = Path(folder)
        tensors = {name: p.detach().cpu().contiguous() for name, p in self.adapter_parameters().items()}
        about = {"peft_type": PEFT_TYPE, "width": self.tower.width, "options": asdict(self.options)}
        try:
            path.mkdir(parents=True, exist_ok=True)
            safetensors.torch.save_file(tensors, path / WEIGHTS, metadata={"format": "pt"})
            (path / CONFIG).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
            (path / CARD).write_text(_card(about), encoding="utf-8")
        except (OSError, safetensors.SafetensorError) as error:
            raise UserError(f"{path}: cannot be written: {' '.join(str(error).split())}") from error

    @classmethod
    def from_pretrained(cls, clip: nn.Module, folder: str | Path) -> "TEDModel":
        """A CLIP with saved adapters in it.

        Args:
            clip: as they were trained on.
            folder: that `save_pretrained` wrote, or OWNER/NAME of one on the Hugging Face hub.

        Raises:
            UserError: when a file is missing, is something else, or does not fit the CLIP.
        """
        path = hub.local(folder)
        about = read_json(path / CONFIG)
        if not isinstance(about, dict) or about.get("peft_type") != PEFT_TYPE:
            raise UserError(f"{path / CONFIG}: not written by TEDModel.save_pretrained")
        options: dict[str, Any] = about.get("options") or {}
        if isinstance(options.get("layers"), list):
            options["layers"] = tuple(options["layers"])
        model = cls(clip, **options)
        try:
            saved = safetensors.torch.load_file(path / WEIGHTS)
        except (OSError, safetensors.SafetensorError) as error:
            raise UserError(f"{path / WEIGHTS}: {' '.join(str(error).split())}") from None
        own = model.adapter_parameters()
        for name in sorted(own.keys() | saved.keys()):
            shapes = [list(tensors[name].shape) if name in tensors else "none" for tensors in (own, saved)]
            if shapes[0] != shapes[1]:
                raise UserError(
                    f"{path}: does not fit this CLIP: {name} is {shapes[1]}, the model has {shapes[0]}"
                )
            own[name].data.copy_(saved[name])
        return model

    def push_to_hub(self, repo_id: str, folder: str | Path, *, private: bool = False) -> str:
        """`save_pretrained` into a folder, then upload it to OWNER/NAME; the address."""
        self.save_pretrained(folder)
        return hub.push_to_hub(folder, repo_id, private=private)


def _checked(visual: Any) -> Any:
    """The tower itself; a UserError unless `ImageTower` computes the same as it."""
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    def refuse(what: str) -> UserError:
        return UserError(
            f"TEDModel: the image tower is no plain ViT of open_clip: {what}; take one such as ViT-B-16"
        )

    if not isinstance(visual, VisionTransformer):
        raise refuse(f"it is a {type(visual).__name__}")
    if visual.attn_pool is not None or visual.pool_type != "tok" or visual.final_ln_after_pool:
        raise refuse("it does not pool by its class token")
    odd = [type(b).__name__ for b in visual.transformer.resblocks if type(b) is not ResidualAttentionBlock]
    if odd or not len(visual.transformer.resblocks):
        raise refuse(f"its blocks are {odd[0]}" if odd else "it has no blocks")
    return visual


def _shared(visual: Any) -> Any:
    """A copy of the tower with the same weight tensors, since `ImageTower` takes the blocks out of it."""
    ours = copy.copy(visual)
    ours._modules = dict(visual._modules)
    ours.transformer = copy.copy(visual.transformer)
    ours.transformer._modules = dict(visual.transformer._modules)
    return ours


def _card(about: dict[str, Any]) -> str:
    """The model card of saved adapters, in Markdown."""
    options = "\n".join(f"| {name} | {value} |" for name, value in about["options"].items())
    return f"""---
library_name: m2clip
tags: [clip, video, adapter, m2clip]
---
# TED-Adapters for an image tower of width {about["width"]}

```python
import open_clip
from m2clip import TEDModel
clip = open_clip.create_model("NAME", pretrained="TAG")  # the CLIP that they were trained on
model = TEDModel.from_pretrained(clip, "THIS FOLDER")
```

| option | value |
| --- | --- |
{options}
"""
