"""The operator: runs fleets from VoiceRelay and TransceiverPool resources."""

from importlib.metadata import version

__version__ = version("antiphon-operator")
