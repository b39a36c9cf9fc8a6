"""Sweeps of hyper-parameters: from a file of W&B's form to trials, from trials to a ranking."""
