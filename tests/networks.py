"""Small untrained networks: the shapes of the real ones, made in milliseconds."""

from __future__ import annotations

from mlmodels.net.checkpoint import Checkpoint


def tiny_checkpoint(seed: int = 1, name: str = "tiny") -> Checkpoint:
    """An untrained network of NetworkConfig.tiny(), the same for the same seed."""
    import torch

    from mlmodels.net.calibration import Calibration
    from mlmodels.net.network import Network, NetworkConfig

    torch.manual_seed(seed)
    network = Network(NetworkConfig.tiny())
    return Checkpoint(
        name=name,
        arrays={key: value.detach().numpy() for key, value in network.state_dict().items()},
        network=network.config.as_json(),
        calibration=Calibration().as_json(),
    )
