"""Where generated data sets are kept, and how they get there whole."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from critic_eval.errors import DataError


def cache_folder() -> Path:
    """The folder of generated data: `CRITIC_EVAL_CACHE`, or `critic-eval` in the user's cache folder."""
    named = os.environ.get("CRITIC_EVAL_CACHE")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "critic-eval"


def written_once(folder: Path, write: Callable[[Path], None]) -> Path:
    """Return `folder`, written by `write` unless it is there already.

    It is written beside its place and moved when whole, so that neither a killed run nor two runs at once leave half
    a data set.

    Raises:
        DataError: the folder can't be written.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise DataError(
            f"Can't write data to {folder} ({error}); set CRITIC_EVAL_CACHE to a folder you can."
        ) from error
    try:
        write(unfinished)
        unfinished.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # another process may have finished first
            raise DataError(f"Can't write data to {folder} ({error}); free space or set CRITIC_EVAL_CACHE.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder
