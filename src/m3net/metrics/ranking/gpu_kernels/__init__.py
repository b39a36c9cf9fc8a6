"""GPU kernel that evaluates queries without a sort: it counts the ranks of relevant images.

One program processes one query image, with its row of G scores. The scores fall into equal bins
between the row's best and worst; bin 0 holds the best. A relevant image's rank is the number of
images in better bins, plus the number in its own bin that come before it. The former are counted
once for all bins. For the latter the relevant images of a bin form a linked list, and each image of
the bin is compared with the list: few, unless scores are equal or nearly so (`rank_counting`).

Ranks become metrics by a bit for each rank, set if its image is relevant: the bits set before a
rank count the relevant images before it (`evaluate_rows`).

Counts do not depend on the order in which threads add to them, and sums run in the order of the
gallery, so results are the same in every run. If a list of a row is too long, for example because a
network tells no images apart, the row is marked to be ranked by definition.

In Triton, functions are inlined, and arguments in capitals are compile-time constants. A program's
threads see each other's writes only after a barrier. Triton's interpreter, which the tests use, has
no threads: after a change in the order of steps, check and time the kernel on a GPU.
"""

from m3net.metrics.ranking.gpu_kernels.evaluate_rows import evaluate_rows

__all__ = ["evaluate_rows"]
