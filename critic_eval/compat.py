"""Parts of other packages that are not a public interface: the one place that takes, replaces or calls them.

What isn't public may be gone or take other arguments in the next version. Each part is therefore declared here with
what we need of it, and is looked at when it is taken: where it isn't what it was, a `DependencyError` says in one
sentence which package changed and which versions work. Where we can do without a part, as without torch's own
attention kernels, its function here says whether it can be had.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import Any

from critic_eval.errors import DependencyError

WORKING_VERSIONS = {
    "lmms-eval": ">=0.7.3,<0.8",
    "torch": ">=2.6,<3",
    "transformers": ">=5.17,<6",
}
"""The versions whose private parts are as they are declared here; `pyproject.toml` bounds them alike."""


@dataclass(frozen=True)
class Part:
    """A part of another package.

    Attributes:
        package: the distribution that it comes from, as pip names it.
        module: the module that holds it.
        name: its name in there, with dots where it is an attribute of an attribute.
        takes: names of parameters that it must have; empty for what is not called, or called without arguments.
    """

    package: str
    module: str
    name: str
    takes: tuple[str, ...] = ()

    def get(self) -> Any:
        """The part as it is now.

        Raises:
            DependencyError: it is not there, lacks a parameter, or its module can't be imported.
        """
        part = getattr(self._owner(), self._last(), _ABSENT)
        if part is _ABSENT or not _has_parameters(part, self.takes):
            raise self._unlike()
        return part

    def find(self) -> Any:
        """The part as it is now, or None where it is not as declared."""
        try:
            return self.get()
        except DependencyError:
            return None

    def replace(self, new: Any) -> None:
        """Put something else in its place.

        Raises:
            DependencyError: as `get`.
        """
        self.get()
        setattr(self._owner(), self._last(), new)

    @contextmanager
    def replaced(self, new: Any) -> Iterator[None]:
        """Put something else in its place, and what was there back in the end."""
        before = self.get()
        self.replace(new)
        try:
            yield
        finally:
            setattr(self._owner(), self._last(), before)

    def wrap(self, wrapper: Callable[[Any], Any]) -> None:
        """Replace a function by what a wrapper makes of it, once: a second call changes nothing.

        Raises:
            DependencyError: as `get`.
        """
        before = self.get()
        if not getattr(before, _MARK, False):
            self.replace(wrapped_once(before, wrapper))

    def _owner(self) -> Any:
        owner = _imported(self.module, self.package)
        for name in self.name.split(".")[:-1]:
            owner = getattr(owner, name, _ABSENT)
            if owner is _ABSENT:
                raise self._unlike()
        return owner

    def _last(self) -> str:
        return self.name.rpartition(".")[2]

    def _unlike(self) -> DependencyError:
        return unlike(self.package, f"{self.module}.{self.name}" + (f"({', '.join(self.takes)})" if self.takes else ""))


NO_INITIAL_WEIGHTS = Part("transformers", "transformers.initialization", "no_init_weights")
"""Inside it, a model is built without drawing weights that are about to be loaded."""
IMAGE_MODELS = Part(
    "transformers", "transformers.models.auto.modeling_auto", "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES"
)
"""The models that answer about images, by the type that their configs name."""
CPU_ATTENTION = Part("torch", "torch", "ops.aten._scaled_dot_product_flash_attention_for_cpu")
CUDA_ATTENTION = Part("torch", "torch", "ops.aten._scaled_dot_product_flash_attention")
"""Attention kernels that give normalizers, which no public function does; plain products stand in for them."""

PARTS = (NO_INITIAL_WEIGHTS, IMAGE_MODELS, CPU_ATTENTION, CUDA_ATTENTION)
"""All that are declared here; those of lmms-eval are in `lmms.parts`."""


def attribute(package: str, owner: Any, name: str) -> Any:
    """An attribute of an object of another package, which only instances have.

    Raises:
        DependencyError: there is none of this name.
    """
    value = getattr(owner, name, _ABSENT)
    if value is _ABSENT:
        raise unlike(package, f"{(owner if isinstance(owner, type) else type(owner)).__name__}.{name}")
    return value


@contextmanager
def attention_of(config: Any, name: str) -> Iterator[None]:
    """Let the layers of a model use a registered attention, and what they used before in the end.

    Args:
        config: of a model of transformers.
        name: as it is registered.

    Raises:
        DependencyError: transformers keeps the name elsewhere.
    """
    before = attribute("transformers", config, "_attn_implementation")
    config._attn_implementation = name
    try:
        yield
    finally:
        config._attn_implementation = before


def model_of(model_class: Any, config: Any, **options: Any) -> Any:
    """A model of transformers, built from its config alone.

    Raises:
        DependencyError: transformers has no such constructor.
    """
    return attribute("transformers", model_class, "_from_config")(config, **options)


def unlike(package: str, part: str) -> DependencyError:
    """The error that says that a package is not as it was, and which versions of it are."""
    working = WORKING_VERSIONS[package]
    return DependencyError(
        f"{package} {_version(package)} has no {part}, which critic-eval needs; "
        f"versions {working} have it: pip install '{package}{working}'"
    )


def import_failure(error: ImportError) -> str:
    """What a failed import is of, at which version, and what to do: for an error that other packages' code raises."""
    top = (error.name or "").partition(".")[0]
    version = f" (installed: {top} {_version(top)})" if top else ""
    return (
        f"{error}{version}; `pip install -c constraints.txt`, with the file that comes with critic-eval's source, "
        "gives versions that work together"
    )


_ABSENT = object()
_MARK = "_replaced_by_critic_eval"


def wrapped_once(before: Any, wrapper: Callable[[Any], Any]) -> Any:
    """What a wrapper makes of a function, marked so that `Part.wrap` leaves it alone."""
    after = functools.wraps(before)(wrapper(before))
    setattr(after, _MARK, True)
    return after


def _imported(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        if error.name == module:
            raise unlike(package, f"module {module}") from error
        raise DependencyError(f"{package} {_version(package)} can't be imported: {import_failure(error)}") from error


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _has_parameters(part: Any, names: tuple[str, ...]) -> bool:
    if not names:
        return True
    try:
        return set(names) <= set(inspect.signature(part).parameters)
    except (TypeError, ValueError):
        return False
