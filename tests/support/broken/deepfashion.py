"""DeepFashion, by its index files and by the download's own."""

from collections.abc import Callable

from tests.support.broken.spoiling import (
    Broken,
    appended,
    both,
    cell,
    content,
    deleted,
    edited,
    inserted,
    lines,
    replaced,
)

CLOTH, MATRIX, BOXES = (f"Anno/list_{name}.txt" for name in ("attr_cloth", "attr_img", "bbox"))
PARTITION = "Eval/list_eval_partition.txt"
COUNT_OFF = [("lower", lambda n: str(int(n) - 1)), ("higher", lambda n: str(int(n) + 1))]


def value(change: Callable[[str], str], row: int = 6) -> Broken:
    """Change a row of DeepFashion's attribute matrix."""
    return Broken(edited(MATRIX, row, change), MATRIX, row, "Write")


def box(change: Callable[[str], str], remedy: str = "Write") -> Broken:
    """Change a row of DeepFashion's boxes."""
    return Broken(edited(BOXES, 9, change), BOXES, 9, remedy)


CASES: dict[str, dict[str, Broken]] = {
    "deepfashion": {
        **{
            f"a {word} number of classes": Broken(edited(CLOTH, 1, change), CLOTH, 1, "Fetch")
            for word, change in COUNT_OFF
        },
        "no number of classes": Broken(deleted(CLOTH, 1), CLOTH, 1, "Write"),
        "no names of the columns of classes": Broken(deleted(CLOTH, 2), CLOTH, 2, "Write"),
        "a class without a type": Broken(replaced(CLOTH, 8, "print"), CLOTH, 8, "Write"),
        "a class of type 6": Broken(replaced(CLOTH, 8, "a-line print 6"), CLOTH, 8, "Write"),
        "a class of a type in letters": Broken(
            replaced(CLOTH, 8, "a-line print shape"), CLOTH, 8, "Write"
        ),
        "no class of a type": Broken(
            content(CLOTH, lambda _: b"2\nattribute_name attribute_type\na 1\nb 2\n"),
            *(CLOTH, None, "Fetch"),
        ),
        "a label of another type": Broken(
            edited("label_valid.txt", 4, cell(1, lambda kind: str(int(kind) % 5 + 1))),
            *("label_valid.txt", 4, "Fetch"),
        ),
        "a label of type 0": Broken(
            edited("label_valid.txt", 4, cell(1, lambda _: "0")), "label_valid.txt", 4, "Fetch"
        ),
        "a label of type 6": Broken(
            edited("label_valid.txt", 4, cell(1, lambda _: "6")), "label_valid.txt", 4, "Fetch"
        ),
        "a label beyond the classes": Broken(
            edited("label_valid.txt", 4, cell(2, lambda _: "1000")), "label_valid.txt", 4, "Fetch"
        ),
        "a label without its class": Broken(
            edited("label_valid.txt", 4, lambda line: f"{line.rstrip()}\t3"),
            *("label_valid.txt", 4, "Write"),
        ),
        "a label twice": Broken(
            edited("label_valid.txt", 4, lambda line: line + "\t".join(line.split()[1:])),
            *("label_valid.txt", 4, "Leave"),
        ),
        "an evaluated image without labels": Broken(
            deleted("label_valid.txt", 4), "filenames_valid.txt", 4, "Fetch"
        ),
    },
    "deepfashion-single": {
        "a value beyond its type": Broken(
            edited("candidate_valid.txt", 4, cell(2, lambda _: "230")),
            *("candidate_valid.txt", 4, "Write"),
        ),
    },
    "deepfashion-raw": {
        **{
            f"a {word} number of images": Broken(edited(MATRIX, 1, change), MATRIX, 1, "Fetch")
            for word, change in COUNT_OFF
        },
        "no number of images": Broken(deleted(MATRIX, 1), MATRIX, 1, "Write"),
        "no names of the columns of the matrix": Broken(deleted(MATRIX, 2), MATRIX, 2, "Write"),
        "an empty matrix": Broken(content(MATRIX, lambda _: b""), MATRIX, 1, "Write"),
        "a matrix in UTF-16": Broken(
            content(MATRIX, lambda text: text.decode().encode("utf-16")), MATRIX, 1, "Write"
        ),
        "a matrix with carriage returns alone": Broken(
            content(MATRIX, lambda text: text.replace(b"\n", b"\r")), MATRIX, 1, "Write"
        ),
        "a blank line in the middle of the matrix": Broken(
            inserted(MATRIX, 6, ""), MATRIX, 6, "Write"
        ),
        "an image whose name is not UTF-8": Broken(
            lines(MATRIX, lambda old: [*old[:5], old[5].replace(b"img/", b"img/\xe9"), *old[6:]]),
            *(MATRIX, 6, "Write"),
        ),
        "an image with a zero byte in its name": value(cell(0, lambda path: f"{path}\0")),
        "a value 2": value(cell(500, lambda _: "2")),
        "a value -2": value(cell(500, lambda _: "-2")),
        "a value in letters": value(cell(500, lambda _: "yes")),
        "a zero byte among the values": value(cell(500, lambda _: "\0")),
        "two values glued": value(lambda line: line.replace("-1 -1", "-1-1", 1)),
        "999 values": value(lambda line: line.rsplit(maxsplit=1)[0]),
        "1,001 values": value(lambda line: f"{line} 1"),
        "values alone": value(lambda line: line.split(maxsplit=1)[1]),
        "a last row that is cut off": Broken(
            content(MATRIX, lambda text: text[:-1000]), MATRIX, -1, "Write"
        ),
        "rows that are cut off": Broken(lines(MATRIX, lambda old: old[:-3]), MATRIX, 1, "Fetch"),
        "an image in an unknown split": Broken(
            edited(PARTITION, 5, cell(1, lambda _: "testing")), PARTITION, 5, "Write"
        ),
        "an image without a split": Broken(
            edited(PARTITION, 5, lambda line: line.split()[0]), PARTITION, 5, "Write"
        ),
        "an image with two splits in its row": Broken(
            edited(PARTITION, 5, lambda line: f"{line} val"), PARTITION, 5, "Write"
        ),
        "an image in two splits": Broken(
            both(
                appended(PARTITION, "img/a.jpg test"),
                both(appended(PARTITION, "img/a.jpg val"), edited(PARTITION, 1, lambda _: "182")),
            ),
            *(PARTITION, -1, "Leave"),
        ),
        "an image that the partition lacks": Broken(
            edited(PARTITION, 5, cell(0, lambda _: "img/other.jpg")), MATRIX, 5, "Fetch"
        ),
    },
    "deepfashion-boxes": {
        "a box of letters": box(cell(1, lambda _: "left")),
        "a box with a negative number": box(cell(1, lambda _: "-3")),
        "a box of three numbers": box(lambda line: line.rsplit(maxsplit=1)[0]),
        "a box of five numbers": box(lambda line: f"{line} 7"),
        "a box without width": box(lambda line: f"{line.split()[0]} 20 3 20 30"),
        "a box without height": box(lambda line: f"{line.split()[0]} 2 30 20 3"),
        "an image with two boxes": Broken(
            both(
                appended(BOXES, "img/a.jpg 1 1 2 2"),
                both(appended(BOXES, "img/a.jpg 1 1 3 3"), edited(BOXES, 1, lambda _: "182")),
            ),
            *(BOXES, -1, "Leave"),
        ),
        "an image without a box": Broken(
            edited(BOXES, 5, cell(0, lambda _: "img/other.jpg")), BOXES, None, "Fetch"
        ),
    },
}
