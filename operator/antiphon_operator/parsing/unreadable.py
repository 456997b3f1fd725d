"""What cannot be read."""


class UnreadableError(ValueError):
    """An object that is not of a version that we know: nothing may be decided in ignorance of what it says."""
