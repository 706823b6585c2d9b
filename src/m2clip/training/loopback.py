"""A rendezvous of torchrun on a port of 127.0.0.1; torchrun's own ports are open on all interfaces."""

import socket
import uuid
from argparse import Namespace

from torch.distributed import TCPStore  # type: ignore[attr-defined]
from torch.distributed.elastic.rendezvous import (
    RendezvousInfo,
    RendezvousParameters,
    rendezvous_handler_registry,
)
from torch.distributed.elastic.rendezvous.static_tcp_rendezvous import StaticTCPRendezvous

NAME, ADDRESS = "loopback", "127.0.0.1"
SECONDS = 600  # as torchrun's own waits


class Loopback(StaticTCPRendezvous):
    """The rendezvous of a single torchrun, whose processes use the store that it opens."""

    def __init__(self, parameters: RendezvousParameters) -> None:
        super().__init__(ADDRESS, 0, rank=0, world_size=1, run_id=parameters.run_id, timeout=SECONDS)

    def get_backend(self) -> str:
        """The name that torchrun knows it by."""
        return NAME

    def next_rendezvous(self) -> RendezvousInfo:
        """A fresh store: processes that are started again find nothing that the dead ones left."""
        listening = socket.create_server((ADDRESS, 0))
        self.master_port = listening.getsockname()[1]
        self._store = TCPStore(
            ADDRESS, self.master_port, is_master=True, timeout=self.timeout, multi_tenant=True,
            master_listen_fd=listening.detach(),
        )  # fmt: skip
        return super().next_rendezvous()


def choose(arguments: Namespace) -> bool:
    """Use `Loopback` where torchrun's arguments name one machine and no rendezvous; whether it is used."""
    named = arguments.rdzv_endpoint or arguments.master_port is not None or arguments.rdzv_backend != "static"
    alone = arguments.nnodes.rpartition(":")[2] == "1"
    if not (arguments.standalone or (alone and not named)):
        return False
    rendezvous_handler_registry.register(NAME, Loopback)
    arguments.standalone = False
    arguments.rdzv_backend, arguments.rdzv_endpoint, arguments.rdzv_id = (
        NAME,
        f"{ADDRESS}:0",
        uuid.uuid4().hex,
    )
    return True
