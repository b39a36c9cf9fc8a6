"""A trained network in Python: vectors, classes, attention and search of photos.

`load` finds a checkpoint, `Model` computes, `Gallery` searches; the module `photos` reads pixels,
and `views` holds results.
"""

from m3net.serving.gallery import Gallery
from m3net.serving.loading import load
from m3net.serving.model import Model
from m3net.serving.photos import Photo, Photos
from m3net.serving.views import Attention, Views

__all__ = ["Attention", "Gallery", "Model", "Photo", "Photos", "Views", "load"]
