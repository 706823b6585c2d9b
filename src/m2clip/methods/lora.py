"""LoRA on the attention of both towers: the control, with nothing made for video.

LoRA (Hu et al., ICLR 2022) adds to a frozen matrix W a product of two small ones, B A of rank r (Sec. 4.1):

    W x  ->  W x + (alpha / r) B A x          B is zero at the start, so that CLIP is what it starts from

Frames are averaged and compared with the labels, Eq. 11, as CLIP does it; the loss is cross-entropy over all
labels. The updates are peft's, of the two matrices of each MHSA: the joint one of queries, keys and values,
and the one of the output. Those are what peft updates in torch's MultiheadAttention, but its class for that
adds the update to the frozen weights and takes it away again at each call, and rounding changes them. Here
both matrices are linear layers around CLIP's own parameters, and no frozen bit moves. The LoRA paper updates
the matrices of queries and values alone.
"""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from einops import rearrange
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from m2clip.models.clip import PlainBlock, Wrap, feed, plain
from m2clip.models.method import Group, Labels, Method, Setup, mean_of_templates
from m2clip.models.parts.layers import seeded
from m2clip.models.prompts import Prompts
from m2clip.options.lora import Options
from m2clip.seeds import number


class Projections(nn.Module):
    """The two matrices of an MHSA as linear layers, around the parameters that it has."""

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.joint = nn.Linear(1, 1, device="meta")  # without weights of its own
        self.out = nn.Linear(1, 1, device="meta")
        for layer, weight, bias in (
            (self.joint, attention.in_proj_weight, attention.in_proj_bias),
            (self.out, attention.out_proj.weight, attention.out_proj.bias),
        ):
            layer.weight, layer.bias = weight, bias
            layer.out_features, layer.in_features = weight.shape


class LoRABlock(nn.Module):
    """A frozen block whose MHSA has updates of low rank."""

    attention: Any  # Projections, both layers in peft's

    def __init__(self, block: Any, options: Options) -> None:
        super().__init__()
        self.block = block
        config = LoraConfig(r=options.rank, lora_alpha=options.alpha, target_modules=["joint", "out"])
        self.attention = inject_adapter_in_model(config, Projections(block.attn))

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(..., L, D) -> (..., L, D)."""
        block, heads = self.block, self.block.attn.num_heads
        joint = self.attention.joint(block.ln_1(tokens))
        queries, keys, values = rearrange(joint, "... L (P H d) -> P ... H L d", P=3, H=heads)
        mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        tokens = tokens + block.ls_1(self.attention.out(rearrange(mixed, "... H L d -> ... L (H d)")))
        return tokens + feed(block, tokens)

    def updates(self) -> list[nn.Parameter]:
        """A and B of both matrices."""
        return [p for name, p in self.attention.named_parameters() if "lora_" in name]


class LoRA(Method):
    """CLIP with updates of low rank."""

    def __init__(self, setup: Setup) -> None:
        towers = setup.options.towers

        def wraps(tower: str) -> Wrap:
            if tower not in towers:
                return plain
            return lambda layer, block: seeded(
                number(setup.seed, "lora", tower, layer), lambda: LoRABlock(block, setup.options)
            )

        super().__init__(setup, image=wraps("image"), text=wraps("text"))

    def bare_labels(self, prompts: Sequence[Prompts]) -> Labels | None:
        """Labels as CLIP reads them, without the updates."""
        if "text" not in self.options.towers:
            return None
        return Labels(mean_of_templates([self._read_bare(each.ids.to(self.device)) for each in prompts]))

    def _read_bare(self, ids: Tensor) -> Tensor:
        """(N, L) -> (N, E)."""
        tokens = self.text.embed(ids) + self.text.positional_embedding[: ids.shape[-1]]
        for block in self.text.blocks:
            tokens = PlainBlock(block.block)(tokens, mask=self.text.mask(ids.shape[-1]))
        return self.text.pool(tokens, ids)

    def groups(self) -> dict[str, Group]:
        """The updates of each tower."""
        return {
            f"{name}_updates": Group([p for block in tower.blocks for p in block.updates()])
            for name, tower in (("image", self.image), ("text", self.text))
            if name in self.options.towers
        }


METHOD = LoRA
