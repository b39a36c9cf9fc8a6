"""A trained network in Python: vectors, classes and attention of photos, and search among them.

`photos` gives the pixels of whatever a user calls a photo, `views` is what a network says of
photos, `gallery` searches in it; `model` holds the network and `loading` finds it.
"""

from m3net.serving.gallery import Gallery
from m3net.serving.loading import load
from m3net.serving.model import Model
from m3net.serving.photos import Photo, Photos
from m3net.serving.views import Attention, Views

__all__ = ["Attention", "Gallery", "Model", "Photo", "Photos", "Views", "load"]
