"""BatchNorm over the videos of all processes, on every device."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn


def _summed(x: Tensor) -> Tensor:
    """The sum over all processes, with gradients."""
    if not dist.is_available() or not dist.is_initialized():
        return x
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(x)


class BatchNorm(nn.BatchNorm2d):
    """BatchNorm2d with statistics over all processes in training; PyTorch's SyncBatchNorm needs a GPU.

    The statistics are those of a microbatch, so `train.accumulate` changes them. The black video of an empty
    shard counts as a video.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        if not self.training:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        dims, count = (0, 2, 3), input.new_tensor([input.numel() / input.shape[1]])
        total = _summed(torch.cat([input.sum(dims), count]))
        mean = (total[:-1] / total[-1]).view(1, -1, 1, 1)
        centred = input - mean
        variance = _summed((centred**2).sum(dims)) / total[-1]
        with torch.no_grad():
            unbiased = variance * total[-1] / (total[-1] - 1)
            assert self.running_mean is not None and self.running_var is not None
            self.running_mean.lerp_(mean.flatten(), 0.1)
            self.running_var.lerp_(unbiased, 0.1)
        scale = (self.weight * torch.rsqrt(variance + self.eps)).view(1, -1, 1, 1)
        return centred * scale + self.bias.view(1, -1, 1, 1)
