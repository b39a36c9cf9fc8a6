"""Errors keep type and text on their way out of another process."""

import pickle
from pathlib import Path

import pytest
from torch.utils.data import DataLoader, Dataset

from m3net import errors
from m3net.errors import (
    AnnotationError,
    DatasetNotFoundError,
    EmbeddingError,
    ImageReadError,
    M3NetError,
    own_cause,
)

CLASSES = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, M3NetError)
]
EXAMPLES = [
    *(kind("a b.jpg: it is broken. Mend it.") for kind in CLASSES),
    AnnotationError.at("a.csv", 7, "no class 'x'", "Name one of 'y'"),
    DatasetNotFoundError.at("image root", "photos", "--data.root"),
    ImageReadError.at("ærme: 1.jpg", "ærmer.csv, row 3", "the file is empty"),
]


class Failing(Dataset[int]):
    """Raises an example for each sample, half of them while it handles another error."""

    def __len__(self) -> int:
        return 2 * len(EXAMPLES)

    def __getitem__(self, index: int) -> int:
        error = EXAMPLES[index // 2]
        if index % 2:
            raise error
        try:
            return [0][index + 1]
        except IndexError as cause:
            raise error from cause


def test_there_are_several_kinds() -> None:
    assert len(CLASSES) > 5


@pytest.mark.parametrize("error", EXAMPLES, ids=repr)
def test_pickling_keeps_type_and_text(error: M3NetError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made a moment ago
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_a_loader_worker_hands_on_the_one_sentence() -> None:
    loader: DataLoader[int] = DataLoader(Failing(), num_workers=1)
    samples = iter(loader)
    for error in [error for error in EXAMPLES for _ in range(2)]:
        with pytest.raises(type(error)) as found:
            next(samples)
        assert type(found.value) is type(error)
        assert str(found.value) == str(error)


def test_another_librarys_report_becomes_one_line_and_loses_nothing() -> None:
    report = "Error(s) in loading state_dict:\n\tsize mismatch for a.weight\n\tsize mismatch for b"
    text = str(errors.WeightsError(f"no usable weights: {report}\n"))
    assert text.splitlines() == [text]
    assert text.split() == f"no usable weights: {report}".split()


def test_names_in_it_are_shown_and_not_obeyed() -> None:
    name = "\x1b]0;t\x07 \x9b5m \u202e a\rb a\u2028b \udcff"
    own = ImageReadError.at(name, None, "it is empty")
    assert r"\x1b]0;t\x07 \x9b5m \u202e a\rb a\u2028b \udcff: it is empty" in str(own)
    assert str(pickle.loads(pickle.dumps(own))) == str(own)  # noqa: S301 - made a moment ago


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_text_without_words_is_no_failure(text: str) -> None:
    assert str(M3NetError(text)) == ""


PLACES: list[tuple[M3NetError, tuple[str, ...]]] = [
    (AnnotationError.at(Path("d/a.csv"), 7, "no x", "Add x"), ("d/a.csv", "row 7", "Add x")),
    (AnnotationError.at("a.csv", None, "no x", "Add x"), ("a.csv", "no x", "Add x")),
    (
        ImageReadError.at("b.jpg", "c.csv, row 9", "it is empty"),
        ("b.jpg", "(c.csv, row 9)", "it is empty"),
    ),
    (DatasetNotFoundError.at("table", "c.csv", "--o"), (str(Path.cwd() / "c.csv"), "--o")),
    (EmbeddingError.at("v.parquet", "no x", "Add x"), ("v.parquet", "no x", "Add x")),
]


@pytest.mark.parametrize(("error", "words"), PLACES)
def test_text_names_place_problem_and_remedy(error: M3NetError, words: tuple[str, ...]) -> None:
    assert all(word in str(error) for word in words)


def test_no_row_is_named_where_no_file_lists_the_image() -> None:
    assert "row" not in str(AnnotationError.at("a.csv", None, "no x", "Add x"))
    assert "(row" not in str(ImageReadError.at("b.jpg", None, "it is empty"))


def test_an_error_of_ours_is_found_behind_others() -> None:
    own = M3NetError("a.csv: no x. Add x.")
    outer, inner = ValueError("data"), TypeError("init_args")
    outer.__cause__, inner.__cause__ = inner, own
    assert own_cause(outer) is own
    inner.__cause__ = None
    assert own_cause(outer) is None
