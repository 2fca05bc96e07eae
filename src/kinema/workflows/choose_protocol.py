"""Small data are measured by folds: where one split would test too little, and training is quick."""

from ..datasets import Dataset, ensure_split
from ..datasets.dataset import counted
from ..datasets.units import group_units
from ..recipe import Protocol, Recipe, changed

# Below these, one split says too little: an interval over fewer groups is not even given.
FEWEST_TESTED, FEWEST_GROUPS = 50, 5


def choose_protocol(recipe: Recipe, dataset: Dataset) -> tuple[Recipe, str]:
    """The recipe with `protocol.kind: auto` decided for this data, and why it is folds (empty: it is not).

    Folds are for data without a split whose one split would test too little, and for recipes of ours that
    train on stored features alone: folds multiply the time of training, not that of extraction.
    """
    protocol = recipe.protocol
    if protocol.kind != "auto":
        return recipe, ""
    if protocol.folds is not None:
        return changed(recipe, {"protocol.kind": "folds"}), ""
    why, quick = "", recipe.paper is None and recipe.on_stored_features
    if quick and protocol == Protocol() and not dataset.has_split:
        why = _too_small(ensure_split(dataset, recipe.training.seed, protocol.test_fraction))
    return changed(recipe, {"protocol.kind": "folds" if why else "split"}), why


def _too_small(dataset: Dataset) -> str:
    """Why the test videos of this split are too few; empty where they are not."""
    tested = dataset.part("test")
    groups = len(set(group_units(tested))) if dataset.groups else FEWEST_GROUPS
    if len(tested) < FEWEST_TESTED:
        few = counted(len(tested), "test video")
    elif groups < FEWEST_GROUPS:
        few = counted(groups, "test group")
    else:
        return ""
    return f"{few} {'is' if few.startswith('1 ') else 'are'} too few for one split"
