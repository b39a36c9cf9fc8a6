"""The dressed wearer, drawn from the back to the front."""

from m3net.data.synthetic import body
from m3net.data.synthetic.bottoms import bottom_half
from m3net.data.synthetic.canvas import EDGE, Canvas, Points
from m3net.data.synthetic.collars import draw_collar
from m3net.data.synthetic.covers import draw_cover, draw_hand_bag
from m3net.data.synthetic.curves import corners, mirror
from m3net.data.synthetic.details import draw_details
from m3net.data.synthetic.fabric import Cloth, weave
from m3net.data.synthetic.garment import Garment, Piece
from m3net.data.synthetic.palette import outline
from m3net.data.synthetic.tops import neckline, sleeve, top_half

_UPPER = ("top", "dress")
_ARMHOLE_POINTS = 5


def draw_figure(canvas: Canvas, garment: Garment) -> None:
    """Draw the wearer, all that is worn, and what covers it."""
    scene = garment.scene
    arms = _arms(garment)
    body.draw_hair_behind(canvas, scene)
    body.draw_legs(canvas, scene)
    for arm in arms:
        body.draw_upper_arm(canvas, scene, arm)
    body.draw_torso(canvas, scene)
    worn = [(piece, _cloth(canvas, piece, scene.seed)) for piece in _layers(garment)]
    for piece, cloth in worn:
        _draw_trunk(canvas, piece, cloth)
    upper, upper_cloth = next(pair for pair in worn if pair[0].kind in _UPPER)
    for arm in arms:
        body.draw_forearm(canvas, scene, arm)
        _draw_sleeve(canvas, upper, arm, upper_cloth)
    draw_collar(canvas, upper)
    body.draw_head(canvas, scene)
    if scene.carries_bag:
        draw_hand_bag(canvas, scene, arms[0][-1])
    draw_cover(canvas, garment)


def _arms(garment: Garment) -> tuple[Points, Points]:
    """Give the lines of both arms; under a jacket they hang."""
    left, right = ((9, -4), (9, -4)) if garment.cover == "jacket" else garment.pose.arms
    return body.arm_line(-1, left), body.arm_line(1, right)


def _layers(garment: Garment) -> tuple[Piece, ...]:
    """Give what is worn from the inside: the labelled piece lies over its companion."""
    return (garment.piece,) if garment.companion is None else (garment.companion, garment.piece)


def _half(piece: Piece) -> Points:
    """Give the right half of a piece's outline, without sleeves."""
    return top_half(piece) if piece.kind in _UPPER else bottom_half(piece)


def _cloth(canvas: Canvas, piece: Piece, seed: int) -> Cloth:
    """Give the cloth that a piece is cut from, in the place where it is worn."""
    return weave(canvas, piece, mirror(_half(piece)), seed)


def _draw_trunk(canvas: Canvas, piece: Piece, cloth: Cloth) -> None:
    """Draw a piece without its sleeves and collar."""
    edge = outline(piece.tone)
    half = _half(piece)
    whole = mirror(half)
    canvas.lay(whole, cloth)
    canvas.line(whole, edge, closed=True)
    if piece.kind in _UPPER:
        canvas.line(mirror(neckline(piece)[::-1]), edge, 2 * EDGE)
    else:
        wide = float(half[1, 0])
        canvas.line(corners((-wide, body.WAIST + 0.05), (wide, body.WAIST + 0.05)), edge)
        if piece.kind == "trousers":
            canvas.line(corners((0, body.WAIST + 0.05), (0, body.CROTCH)), edge)
    draw_details(canvas, piece)


def _draw_sleeve(canvas: Canvas, piece: Piece, arm: Points, cloth: Cloth) -> None:
    """Draw one sleeve with its cuff, if the piece has sleeves."""
    shape = sleeve(piece, arm)
    if shape is None:
        return
    edge = outline(piece.tone)
    canvas.lay(shape, cloth)
    # The armhole is open above the armpit, where the sleeve runs on into the shoulder.
    seam = shape[_ARMHOLE_POINTS:] if arm[0, 0] > 0 else shape[:-_ARMHOLE_POINTS]
    canvas.line(seam, edge)
    middle = len(shape) // 2
    # The outline runs down one side of the arm and up the other: its turn is the cuff.
    canvas.line(shape[middle - 1 : middle + 1], edge, 2 * EDGE)
