"""Data to learn with: the CDNOW log, the donations summary, and logs simulated from a model and a world.

`python -m clvmodels.datasets data/` writes the small simulated logs that the project ships.
"""

from clvmodels.datasets.bundled import load_cdnow, load_donations
from clvmodels.datasets.samples import SAMPLE_FILE, write_samples
from clvmodels.datasets.simulation import simulate
from clvmodels.datasets.world import World

__all__ = ["SAMPLE_FILE", "World", "load_cdnow", "load_donations", "simulate", "write_samples"]
