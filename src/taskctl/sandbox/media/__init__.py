"""Media out of nothing: pictures, tunes, clips and captions that follow from a prompt alone."""

from taskctl.sandbox.media.captions import srt
from taskctl.sandbox.media.clip import mp4
from taskctl.sandbox.media.picture import png
from taskctl.sandbox.media.tune import mp3, wav

__all__ = ["mp3", "mp4", "png", "srt", "wav"]
