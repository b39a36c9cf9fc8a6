"""Settings to a network."""

from collections.abc import Sequence

from m3net.models.asen import Asen
from m3net.models.asen_pp import AsenPP
from m3net.models.config import NetworkConfig
from m3net.models.m3net import M3Net
from m3net.models.network import Network

_NETWORKS: dict[str, type[M3Net | Asen | AsenPP]] = {
    "m3net": M3Net,
    "asen": Asen,
    "asen_v2": Asen,
    "asen_pp": AsenPP,
}


def build_network(config: NetworkConfig, sizes: Sequence[int]) -> Network:
    """Build the network that the settings ask for, with random weights.

    Args:
        config: Its shape.
        sizes: Number of classes of each attribute.

    Raises:
        ConfigError: A backbone cannot serve.
    """
    return _NETWORKS[config.head](config, sizes)
