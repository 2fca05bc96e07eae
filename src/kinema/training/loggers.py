"""Lightning's loggers by name, for who watches trainings elsewhere: TensorBoard, MLflow, Weights & Biases."""

from pathlib import Path
from typing import Any


def make_logger(name: str, folder: Path) -> Any:
    """The logger `name` (see `kinema.workflows.context.LOGGERS`) of the run in `folder`.

    TensorBoard writes to `folder/tensorboard`. MLflow and Weights & Biases go where their own environment
    variables say (MLFLOW_TRACKING_URI, WANDB_PROJECT, WANDB_MODE), else beside the run.
    """
    from lightning.pytorch import loggers

    if name == "tensorboard":
        return loggers.TensorBoardLogger(folder, name="tensorboard", version="")
    if name == "mlflow":
        return loggers.MLFlowLogger("kinema", run_name=folder.name, save_dir=str(folder / "mlruns"))
    return loggers.WandbLogger(name=folder.name, save_dir=folder, project="kinema")
