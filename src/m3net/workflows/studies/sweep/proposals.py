"""What a sweep tries next: a pure function of its seed, the trial's number and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from m3net.workflows.studies.sweep.space import Choice, Parameter, Space, Values

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Method = Literal["grid", "random", "bayes"]


@dataclass(frozen=True)
class Tried:
    """A trial that a proposal may look at.

    Attributes:
        values: Of its hyper-parameters.
        score: The higher the better; None while it is not known.
    """

    values: Values
    score: float | None


def propose(method: Method, space: Space, seed: int, number: int, tried: Sequence[Tried]) -> Values:
    """Return the values of one trial.

    Each trial has a generator of its own, so that a sweep that was interrupted proposes the same.

    Args:
        method: grid takes the combinations in the order of `itertools.product`; random draws each
            value by itself; bayes draws where trials have scored high (Bergstra et al.,
            Algorithms for Hyper-Parameter Optimization, NeurIPS 2011), the first ten at random.
        space: All of its hyper-parameters; can be counted where the method is grid.
        seed: Of the sweep.
        number: Of the trial, from 0; below the number of combinations of a grid.
        tried: The trials so far that did not fail; only bayes looks at them.

    Example:
        >>> from m3net.workflows.studies.sweep.space import Choice
        >>> propose("grid", {"a": Choice((1, 2)), "b": Choice(("x", "y"))}, 0, 2, [])
        {'a': 2, 'b': 'x'}
    """
    if method == "grid":
        values = product(*(own.steps or () for own in space.values()))
        return dict(zip(space, next(islice(values, number, None)), strict=True))
    trial_seed = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
    drawn = _draw(method, space, trial_seed, tried)
    return {name: own.value(drawn[name]) for name, own in space.items()}


def _draw(method: Method, space: Space, seed: int, tried: Sequence[Tried]) -> dict[str, Any]:
    """Return what optuna draws for each hyper-parameter."""
    # Only drawing needs it; reading a sweep file works without the extra.
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(parameter) for name, parameter in space.items()}
    sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=seed)
    if method == "bayes":
        # What still runs counts as bad, lest trials side by side try the same.
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for trial in tried:
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState["RUNNING" if trial.score is None else "COMPLETE"],
                value=trial.score,
                params={name: own.drawn(trial.values[name]) for name, own in space.items()},
                distributions=distributions,
            )
        )
    return study.ask(distributions).params


def _distribution(parameter: Parameter) -> "BaseDistribution":
    """Return what optuna draws for a hyper-parameter."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(parameter, Choice):
        # The index of a value, since optuna knows no lists.
        return CategoricalDistribution(tuple(range(len(parameter.values))))
    if parameter.whole and parameter.step is None:
        return IntDistribution(int(parameter.low), int(parameter.high))
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log)
