"""Which values a sweep tries next, and the file that keeps them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_json
from m3net.workflows.studies.sweep_file import Sweep, Trial, Values


def propose(sweep: Sweep, seed: int, number: int, tried: Sequence[Trial]) -> Values:
    """Return the values of a trial, a function of the arguments alone.

    A grid takes all combinations in the order of `itertools.product`. Random search draws each
    value independently. Bayes draws where trials scored high (Bergstra et al., Algorithms for
    Hyper-Parameter Optimization, NeurIPS 2011), its first ten trials at random.

    Args:
        sweep: Method and hyper-parameters.
        seed: Seed of the sweep.
        number: Number of the trial from 0; below the number of combinations of a grid.
        tried: Earlier trials that did not fail, running ones without a score; used by bayes only.
    """
    if sweep.method == "grid":
        return _grid_point(sweep, number)
    # An extra that only this function needs.
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trial_seed = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
    sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=trial_seed)
    if sweep.method == "bayes":
        # A running trial counts as bad, so that trials side by side differ.
        sampler = optuna.samplers.TPESampler(seed=trial_seed, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    distributions = {name: parameter.optuna() for name, parameter in sweep.parameters.items()}
    for trial in tried:
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState["RUNNING" if trial.score is None else "COMPLETE"],
                value=trial.score,
                params={n: p.to_optuna(trial.parameters[n]) for n, p in sweep.parameters.items()},
                distributions=distributions,
            )
        )
    drawn = study.ask(distributions).params
    return {name: some.from_optuna(drawn[name]) for name, some in sweep.parameters.items()}


def _grid_point(sweep: Sweep, number: int) -> Values:
    values = {}
    for name, parameter in reversed(sweep.parameters.items()):
        number, index = divmod(number, int(parameter.size))
        values[name] = parameter.at(index)
    return {name: values[name] for name in sweep.parameters}


def read_proposals(file: Path, sweep: Sweep) -> list[Values]:
    """Read the values of a sweep's trials so far; none if there is no file.

    Raises:
        CheckpointError: The file is damaged, or belongs to another sweep.
    """
    if not file.is_file():
        return []
    # Grid and random search would propose the same again.
    lost = file if sweep.method != "bayes" else file.parent
    with parsing(file, f"restore it, or delete {lost}, and run again", "the proposals of a sweep"):
        proposals = read_json(file)
        if not isinstance(proposals, list):
            raise TypeError("no list")
        for values in proposals:
            if {*values} != {*sweep.parameters}:
                raise ValueError("other hyper-parameters")
            if not all(some.allows(values[name]) for name, some in sweep.parameters.items()):
                raise ValueError("another value")
        return proposals
