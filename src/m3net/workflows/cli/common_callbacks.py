"""What accompanies a command: guards, reports, and the state that a training goes on from."""

from pathlib import Path

import lightning as L
from jsonargparse import Namespace
from lightning.pytorch.callbacks import LearningRateMonitor, ProgressBar

from m3net.base.signals import StopRequest
from m3net.experiments.run import Run
from m3net.training.callbacks.evaluation_report import EvaluationReport
from m3net.training.callbacks.final_validation import FinalValidation
from m3net.training.callbacks.finite_steps import FiniteSteps
from m3net.training.callbacks.last_checkpoint import LastCheckpoint
from m3net.training.callbacks.predictions import PredictionWriter
from m3net.training.callbacks.progress_bar import RunProgress
from m3net.training.callbacks.run_summary import TrainingSummary
from m3net.training.callbacks.step_seeds import StepSeeds
from m3net.training.callbacks.wandb_report import WandbReport


def common_callbacks(
    run: Path, config: Namespace, report: EvaluationReport, given: list[L.Callback]
) -> list[L.Callback]:
    """Return the callbacks of all commands.

    Args:
        run: The run folder.
        config: Settings of the command.
        report: Of its evaluations.
        given: Callbacks of the user, one of which may be a bar.
    """
    finite = FiniteSteps(run, config.nonfinite)
    callbacks = [
        finite,
        FinalValidation(),
        TrainingSummary(run, count_skipped=lambda: finite.skipped),
        report,
        PredictionWriter(run),
        WandbReport(report),
    ]
    own_bar = any(isinstance(callback, ProgressBar) for callback in given)
    if config.trainer.enable_progress_bar is not False and not own_bar:
        callbacks.append(RunProgress())
    return callbacks


def training_callbacks(
    run: Path, config: Namespace, request: StopRequest, resumed: bool
) -> list[L.Callback]:
    """Return the callbacks of a training alone.

    Args:
        run: The run folder.
        config: Settings of the command.
        request: Says whether a signal asks to stop.
        resumed: Whether the training goes on in its folder.
    """
    callbacks: list[L.Callback] = []
    # Lightning's monitor refuses a trainer that logs nowhere.
    if config.trainer.logger:
        callbacks.append(LearningRateMonitor())
    callbacks.append(StepSeeds())
    if config.checkpoint.save_last:
        callbacks.append(LastCheckpoint(Run(run), config.last_every_n_steps, request, resumed))
    return callbacks
