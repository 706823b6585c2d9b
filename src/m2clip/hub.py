"""Folders of adapters on the Hugging Face hub, whose layout they have: weights, config and README.md."""

from pathlib import Path

from m2clip.errors import UserError

READ = ("*.safetensors", "*.json", "*.yaml", "*.txt", "README.md")  # all that a checkpoint of ours is made of


def local(name: str | Path) -> Path:
    """The folder itself where there is one, else a copy of the hub's repository `OWNER/NAME`.

    Raises:
        UserError: when the hub does not give it.
    """
    path = Path(name)
    is_id = (
        isinstance(name, str)
        and len(path.parts) == 2
        and not path.is_absolute()
        and path.parts[0] not in (".", "..")
    )
    if path.exists() or not is_id:
        return path
    import huggingface_hub

    try:
        return Path(huggingface_hub.snapshot_download(str(name), allow_patterns=list(READ)))
    except Exception as error:  # no network, no such repository, no right to read it
        said = " ".join(str(error).split())[:200]
        raise UserError(
            f"{name}: there is no such folder, nor does the Hugging Face hub give it: {said}"
        ) from None


def push_to_hub(folder: str | Path, repo_id: str, *, private: bool = False) -> str:
    """Upload a folder that `m2clip export` or `TEDModel.save_pretrained` wrote; its address.

    Args:
        folder: with a README.md, which becomes the model's page.
        repo_id: OWNER/NAME; it is made where there is none.
        private: only its owner can read it.

    Raises:
        UserError: where it is no such folder, before anything is sent.
    """
    path = Path(folder)
    if not (path / "README.md").is_file() or not list(path.glob("*.safetensors")):
        raise UserError(f"{path}: no README.md and *.safetensors in it, so it is no checkpoint")
    import huggingface_hub

    api = huggingface_hub.HfApi()
    address = api.create_repo(repo_id, private=private, exist_ok=True)
    api.upload_folder(repo_id=repo_id, folder_path=path)
    return str(address)
