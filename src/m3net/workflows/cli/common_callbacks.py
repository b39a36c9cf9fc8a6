"""The callbacks of all commands, and those of a training."""

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


def common_callbacks(
    run: Path, config: Namespace, report: EvaluationReport, configured: list[L.Callback]
) -> list[L.Callback]:
    """Return the callbacks of all commands, beside those that the user configured."""
    finite = FiniteSteps(run, config.nonfinite)
    callbacks = [
        finite,
        FinalValidation(),
        TrainingSummary(run, count_skipped=lambda: finite.skipped),
        report,
        PredictionWriter(run),
    ]
    has_bar = any(isinstance(callback, ProgressBar) for callback in configured)
    if config.trainer.enable_progress_bar is not False and not has_bar:
        callbacks.append(RunProgress())
    return callbacks


def training_callbacks(
    run: Path, config: Namespace, request: StopRequest, resumed: bool
) -> list[L.Callback]:
    """Return the callbacks of a training alone, which may be `resumed` in its run folder."""
    callbacks: list[L.Callback] = []
    # LearningRateMonitor refuses a trainer without a logger.
    if config.trainer.logger:
        callbacks.append(LearningRateMonitor())
    callbacks.append(StepSeeds())
    if config.checkpoint.save_last:
        callbacks.append(LastCheckpoint(Run(run), config.last_every_n_steps, request, resumed))
    return callbacks
