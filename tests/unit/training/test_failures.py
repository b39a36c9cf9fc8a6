"""What torch says of missing resources becomes one sentence that names the setting."""

import pytest

from m3net.data.datamodules import LoadingConfig
from m3net.training.failures import failure


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(24, "Too many open files"), "ulimit -n"),
        (RuntimeError("received 0 items of ancdata"), "ulimit -n"),
        (
            RuntimeError("unable to write to file </torch_1_2>: No space left on device (28)"),
            "--shm-size",
        ),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is ..."),
            "--shm-size",
        ),
    ],
)
def test_lack_of_files_or_shared_memory(error: RuntimeError | OSError, sentence: str) -> None:
    found = failure(error, LoadingConfig(), [])
    assert found is not None
    assert sentence in str(found)
    assert "lower data.loading.num_workers" in str(found)


def test_other_errors_are_left_alone() -> None:
    for error in (OSError(28, "No space left on device", "last.ckpt"), RuntimeError("a bug")):
        assert failure(error, LoadingConfig(), []) is None
