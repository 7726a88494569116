"""The ways of fitting by name, with chains too short to be believed but quick enough for tests of everything else."""

from clvmodels.inference import METHODS, Method
from clvmodels.inference.nuts import Nuts

QUICK: dict[str, Method] = {**METHODS, "nuts": Nuts(chains=2, tune=40, length=40)}
