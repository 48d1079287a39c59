"""Version control for ML training runs: every epoch pins graph, weights and metrics.

with epochtree.session("resnet50", hyperparameters={"lr": 1e-3}) as session:
    for epoch in session.epochs(40):
        epoch.log({"loss": 0.3}, split="train", step=7)
        epoch.commit(graph=graph, weights="model.safetensors")
"""

from __future__ import annotations

from . import _process as _process  # notes when the package was imported
from ._errors import EpochtreeError, EpochtreeWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    from ._evaluate import Evaluation
    from ._session import Epoch, Session, Start

__version__ = "0.1.0"
__all__ = [
    "Epoch",
    "EpochtreeError",
    "EpochtreeWarning",
    "Evaluation",
    "Session",
    "Start",
    "evaluate",
    "session",
]


def session(
    model_name: str,
    hyperparameters: Mapping[str, Any] | object | None = None,
    pruning_plan: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    tags: Sequence[str] | None = None,
    fork_from: str | None = None,
    resume: Literal["auto", "must", "never"] = "auto",
    key: str | None = None,
    enabled: bool | None = None,
    dir: str | os.PathLike[str] | None = None,
) -> Session:
    """Begins a training session, or goes on with one; a context manager, or ended by `finish()`.

    Args:
        model_name: what is trained; sessions of one model are told apart by `name`.
        hyperparameters: a mapping, a namespace or a dataclass; a fork's edits win over it.
        pruning_plan: how the optimizer changes the graph; a fork's own plan replaces it whole.
        name: the session's name; the model's by default, with `-2`, `-3`, ... when taken.
        tags: words to find the session by.
        fork_from: a reference such as ``resnet50@30``; the command line creates the fork.
        resume: ``auto`` goes on with the interrupted session of the same key, else starts anew;
            ``must`` goes on with the latest of that model (and key, and name) or fails;
            ``never`` starts anew.
        key: tells runs apart for `resume`; the scheduler's job id by default.
        enabled: whether this process writes; by default rank 0 does.
        dir: the `.epochtree` folder; by default found as the command line finds it.

    Raises:
        EpochtreeError: with the code ``session-running`` when another process has the session,
            ``nothing-to-resume`` when `resume` is ``must`` and there is none, and others.
    """
    from ._open import open_session

    return open_session(model_name, hyperparameters, pruning_plan, name, tags, fork_from, resume, key, enabled, dir)


def evaluate(reference: str, *, enabled: bool | None = None, dir: str | os.PathLike[str] | None = None) -> Evaluation:
    """Logs more documents for an epoch of the past: a test set, the latency on a device.

    Args:
        reference: such as ``resnet50@30`` or ``resnet50@max:val/acc``.
        enabled: whether this process writes; by default rank 0 does.
        dir: the `.epochtree` folder; by default found as the command line finds it.

    Raises:
        EpochtreeError: when the reference is unknown or ambiguous, with the candidates.
    """
    from ._evaluate import Evaluation

    return Evaluation(reference, dir, enabled)


def __getattr__(name: str) -> Any:
    # The classes cost more to import than a script that only has `import epochtree` should pay.
    if name in ("Epoch", "Session", "Start"):
        from . import _session

        return getattr(_session, name)
    if name == "Evaluation":
        from ._evaluate import Evaluation

        return Evaluation
    if name == "torch":  # needs PyTorch, which the package itself does not
        import importlib

        return importlib.import_module(".torch", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
