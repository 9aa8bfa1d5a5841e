"""The file `checkpoint`, which lists the checkpoints in a folder and the latest of them.

Source: tensorflow/python/training/checkpoint_state.proto, as text.
"""

from pathlib import Path

from google.protobuf import text_format

from saveproof.reference_impl.limits import check_expansion
from saveproof.reference_impl.saving.atomic_file import replacing
from saveproof.reference_impl.saving.checkpoint.bundle_writer import index_file
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES
from saveproof.reference_impl.saving.errors import UnreadableFile
from saveproof.reference_impl.saving.sources import bytes_of

STATE_FILE = "checkpoint"


def write_checkpoint_state(prefix: Path) -> None:
    """List the checkpoint with that prefix as the latest and only one of its folder."""
    state = MESSAGES["CheckpointState"](
        model_checkpoint_path=prefix.name, all_model_checkpoint_paths=[prefix.name]
    )
    with replacing(prefix.with_name(STATE_FILE)) as file:
        file.write(text_format.MessageToString(state).encode())


def latest_checkpoint(folder: Path) -> Path | None:
    """Return the prefix of the latest checkpoint in a folder; None if there is none.

    Raises:
        UnreadableFile: if the folder's file `checkpoint` is invalid.
    """
    file = folder / STATE_FILE
    if not file.exists():
        return None
    text = bytes_of(file)
    check_expansion(len(text), 0, where=str(file))
    state = MESSAGES["CheckpointState"]()
    try:
        text_format.Parse(text.decode(), state)
    except (text_format.ParseError, ValueError) as error:
        raise UnreadableFile(f"{file}: not a list of checkpoints: {error}") from error
    prefix = folder / state.model_checkpoint_path
    return prefix if index_file(prefix).is_file() else None
