"""The package's own exceptions: each carries one clear sentence that says what is wrong and what to do."""


class CriticEvalError(Exception):
    """Base of every error that a person can act on; commands print its message without a traceback."""


class ArgumentError(CriticEvalError, ValueError):
    """An argument is unknown, malformed, or asks for what this machine does not have (CUDA, bitsandbytes)."""


class CheckpointError(CriticEvalError):
    """A checkpoint can't be found, read, recognized, or does not fit its own config."""


class ImageError(CriticEvalError):
    """An image can't be opened, or has no pixels."""


class DataError(CriticEvalError):
    """A data set lacks a column that a task needs, or a row can't be used."""


class ServerError(CriticEvalError):
    """A server that critics are asked on can't be reached, or refuses all that is asked."""


class DependencyError(CriticEvalError):
    """Another package can't be imported, or lacks a part that is needed of it; the message names versions that work."""


class ExtensionError(CriticEvalError):
    """A plugin of somebody else can't be loaded."""
