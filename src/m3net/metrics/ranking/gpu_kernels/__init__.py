"""Judging queries on a GPU without a sort: only ranks of relevant images matter, and are counted.

One program takes one image that asks, with its row of G scores. The scores fall into equal bins
between the row's best and worst; bin 0 holds the best. A relevant image's rank is the number of
images in better bins, which are counted once for all, and of those in its own bin that come before
it. For the latter the relevant images of a bin form a linked list, and each image that falls into
the bin is compared with those on it: few, unless scores are equal or nearly so (`counting`).

Ranks become metrics by way of a bit for each rank, set where the image is relevant: the bits set
before a rank say how many relevant images come earlier (`judging`).

Counts do not depend on the order in which threads add to them, and sums run in the order of the
gallery, so that results are the same in every run. A row whose lists are too long, as where a
network tells no images apart, is marked for the plain ranking.

The language is Triton's: functions are inlined, and a value in capitals is compiled in. A program's
threads see what others wrote only behind a barrier. The order of all steps is as it was when the
kernel was timed and checked on a GPU; Triton's interpreter, which the tests use, knows no threads.
"""

from m3net.metrics.ranking.gpu_kernels.evaluate_rows import evaluate_rows

__all__ = ["evaluate_rows"]
