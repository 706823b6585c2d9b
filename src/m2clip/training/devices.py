"""Devices, precision and processes of a training, through Lightning Fabric."""

import logging
import os
import warnings

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy

from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.training.launch import launched

NOISE = (  # beginnings of warnings that are not shown
    "Grad strides do not match",  # DDP, of the weights of depthwise convolutions
    "torch.distributed.nn.functional.all_gather is deprecated",  # Fabric's own call
)


def open_fabric(device: str, config: Run) -> Fabric:
    """Fabric over the processes that torchrun started, or over this one alone.

    Args:
        device: cpu or cuda.
        config: its precision; and whether its method may leave trained weights without a gradient in a step.

    Raises:
        UserError: when there are more processes than GPUs on this node.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    for known in NOISE:
        warnings.filterwarnings("ignore", known)
    here = int(os.environ["LOCAL_WORLD_SIZE"]) if launched() else 1
    if device == "cuda" and here > torch.cuda.device_count():
        raise UserError(
            f"torchrun started {here} processes on a node with {torch.cuda.device_count()} GPUs; "
            "lower --nproc-per-node"
        )
    ddp = DDPStrategy(forward_sync_buffers=False, find_unused_parameters=config.options.skips_some)
    fabric = Fabric(
        accelerator=device,
        devices=here,
        num_nodes=int(os.environ["WORLD_SIZE"]) // here if launched() else 1,
        strategy=ddp if launched() else "auto",
        precision="bf16-mixed" if config.train.precision == "bf16" else "32-true",
        plugins=[TorchElasticEnvironment() if launched() else LightningEnvironment()],
    )
    fabric.launch()
    return fabric


def named(fabric: Fabric) -> str:
    """The devices of a training as a short text: `cpu`, `cuda`, `8 x cuda`."""
    kind = fabric.device.type
    return kind if fabric.world_size == 1 else f"{fabric.world_size} x {kind}"
