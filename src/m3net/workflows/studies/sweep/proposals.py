"""What a sweep tries next: a pure function of its seed, the trial's number and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Literal

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from m3net.workflows.studies.sweep.space import Space, Values

Method = Literal["grid", "random", "bayes"]

optuna.logging.set_verbosity(optuna.logging.WARNING)


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
    """Give the values of one trial.

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
    own_seed = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
    sampler: BaseSampler = RandomSampler(seed=own_seed)
    if method == "bayes":
        # What still runs counts as bad, lest trials side by side try the same.
        sampler = TPESampler(seed=own_seed, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials([_told(trial, space) for trial in tried])
    drawn = study.ask({name: own.distribution for name, own in space.items()}).params
    return {name: own.value(drawn[name]) for name, own in space.items()}


def _told(trial: Tried, space: Space) -> FrozenTrial:
    """Give a trial as optuna knows them."""
    return create_trial(
        state=TrialState.RUNNING if trial.score is None else TrialState.COMPLETE,
        value=trial.score,
        params={name: own.drawn(trial.values[name]) for name, own in space.items()},
        distributions={name: own.distribution for name, own in space.items()},
    )
