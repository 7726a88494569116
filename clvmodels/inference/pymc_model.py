"""A model of the registry as a PyMC model: its priors as random variables, its likelihood as one PyTensor operation.

For people who extend a model in PyMC: add variables, potentials, links between parts, and sample with
whatever PyMC offers. `fit(method="nuts")` needs none of it unless PyMC's own sampler is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.inference.mode import find_mode
from clvmodels.inference.objective import Objective
from clvmodels.inference.whitening import Whitened, whiten

if TYPE_CHECKING:
    import pymc


def pymc_model(*objectives: Objective) -> pymc.Model:
    r"""One PyMC model of one or more objectives.

    Each contributes ``log_<model>``, its unit-free coordinates z (P,) with the objective's multivariate
    normal prior; its parameters by name, in the user's units; and the potential ``loglik_<model>``. Samplers
    see ``w``, with :math:`z = \hat z + L w` and :math:`L L^\top` the covariance at the mode, so that a
    ridge costs them nothing.

    Parameters
    ----------
    objectives
        Made by `build_objective`; their parameters have different names.

    Raises
    ------
    FitError
        If one of them has no covariance at its mode (no interior optimum).

    Examples
    --------
    >>> from clvmodels.inference.objective import build_objective
    >>> from clvmodels.models import get_model
    >>> from clvmodels.rfm import RFM
    >>> rfm = RFM.from_arrays(
    ...     frequency=[2, 1, 0, 4, 0, 1], recency=[30, 2, 0, 36, 0, 12], T=[39, 38, 37, 39, 36, 38], time_unit="W"
    ... )
    >>> model = pymc_model(build_objective(get_model("bg_nbd"), rfm, with_prior=True))
    >>> sorted(model.named_vars)
    ['a', 'alpha', 'b', 'log_bg_nbd', 'loglik_bg_nbd', 'r']
    """
    return build_model([whiten(objective, find_mode(objective)) for objective in objectives])


def latent_name(objective: Objective) -> str:
    """Name of the random variable that holds the coordinates."""
    return f"log_{objective.model.name}"


def build_model(parts: Sequence[Whitened]) -> pymc.Model:
    """`pymc_model` of objectives that have been whitened."""
    import pymc
    import pytensor.tensor as pt

    names = {
        part.objective.model.name: [param.name for param in part.objective.model.params] for part in parts
    }
    with pymc.Model(coords={f"{name}_parameter": params for name, params in names.items()}) as model:
        for part in parts:
            objective, name = part.objective, part.objective.model.name
            z = pymc.MvNormal(
                latent_name(objective),
                mu=objective.prior.mean,
                cov=objective.prior.covariance,
                dims=f"{name}_parameter",
                initval=part.centre,
                default_transform=None,
                transform=_whitening()(part),
            )
            theta = pt.exp(z) * objective.scales.of(objective.model)
            for i, param in enumerate(names[name]):
                pymc.Deterministic(param, theta[i])
            value, _ = _log_likelihood()(replace(objective, with_prior=False))(z)
            pymc.Potential(f"loglik_{name}", value)
    return model


@cache
def _log_likelihood() -> Any:
    """Class of the operation z (P,) -> log-likelihood of all customers, and its gradient (P,), at one go."""
    import pytensor.tensor as pt
    from pytensor.graph.basic import Apply
    from pytensor.graph.op import Op

    class LogLikelihood(Op):  # type: ignore[misc] # read without its types
        def __init__(self, objective: Objective) -> None:
            self.objective = objective

        def __str__(self) -> str:
            return f"LogLikelihood({self.objective.model.name})"

        def make_node(self, z: Any) -> Any:
            return Apply(self, [pt.as_tensor_variable(z)], [pt.dscalar(), pt.dvector()])

        def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:  # noqa: ARG002
            with np.errstate(all="ignore"):
                value, slope = self.objective.value_and_grad(inputs[0])
            output_storage[0][0] = np.asarray(value * self.objective.customers)
            output_storage[1][0] = slope * self.objective.customers

        def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> Any:  # noqa: ARG002
            return [cotangents[0] * outputs[1]]  # the gradient's own gradient is nobody's business

    _run_in_python(LogLikelihood)
    return LogLikelihood


def _run_in_python(operation: type) -> None:
    """Let compiled graphs call the operation back, without a warning at each compilation that they do."""
    import warnings

    from pytensor.link.numba.dispatch.basic import generate_fallback_impl, numba_funcify

    def call_back(op: Any, node: Any = None, storage_map: Any = None, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Numba will use object mode", category=UserWarning)
            return generate_fallback_impl(op, node, storage_map, **options)

    numba_funcify.register(operation)(call_back)


@cache
def _whitening() -> Any:
    """Class of the transform between z, which the model speaks of, and w, which samplers move in."""
    import pytensor.tensor as pt
    from pymc.logprob.transforms import Transform

    class Whitening(Transform):  # type: ignore[misc] # read without its types
        name = "whitened"
        ndim_supp = 1

        def __init__(self, part: Whitened) -> None:
            self.centre, self.root, self.inverse = part.centre, part.root, np.linalg.inv(part.root)

        def forward(self, value: Any, *inputs: Any) -> Any:  # noqa: ARG002
            return pt.dot(self.inverse, value - self.centre)

        def backward(self, value: Any, *inputs: Any) -> Any:  # noqa: ARG002
            return self.centre + pt.dot(self.root, value)

        def log_jac_det(self, value: Any, *inputs: Any) -> Any:  # noqa: ARG002
            return pt.zeros(()) * value[0] + np.log(np.diag(self.root)).sum()

    return Whitening
