"""The networks: images to representations, probabilities and attention."""

from m3net.models.asen import AsenConfig, AsenV2Config
from m3net.models.asen_pp import AsenPPConfig
from m3net.models.m3net import M3NetConfig
from m3net.models.network import Network, NetworkConfig
from m3net.models.outputs import Outputs

__all__ = [
    "AsenConfig",
    "AsenPPConfig",
    "AsenV2Config",
    "M3NetConfig",
    "Network",
    "NetworkConfig",
    "Outputs",
]
