"""`int-verl push`: a run's training data to the Hugging Face hub, only when asked."""

from __future__ import annotations

import os
from pathlib import Path

import click

from int_verl.errors import UserError, first_line


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--repo", required=True, metavar="OWNER/NAME", help="The dataset repository; made if it is not there.")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def push(run: Path, repo: str, private: bool, yes: bool) -> None:
    """Upload the training data of RUN, a run's folder: its data card and the parquet files that the card names.

    Nothing else of the folder leaves the machine. It takes the token of `hf auth login` or HF_TOKEN.
    """
    from int_verl.files import read_text

    files = release_files(run)
    import httpx
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HFValidationError

    if get_token() is None:
        raise UserError("no Hugging Face token; log in with `hf auth login` or set HF_TOKEN, then run this again")
    for file in files:
        click.echo(f"  {file.name}  {file.stat().st_size / 1e6:,.2f} MB")
    kind = "private" if private else "public"
    click.echo(f"to the dataset repository {repo} ({kind} if it is new) at the Hugging Face hub")
    if "\nlicense:" not in read_text(files[0]):
        click.echo(f"{files[0]} names no license yet")
    if not yes:
        click.confirm("Upload?", abort=True)
    hub = HfApi(library_name="int-verl")
    try:
        hub.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
        done = hub.upload_folder(
            repo_id=repo,
            repo_type="dataset",
            folder_path=files[0].parent,
            allow_patterns=[file.name for file in files],
            commit_message="InT interventions and their data card",
        )
    except HFValidationError as error:
        raise UserError(f"--repo {repo}: {first_line(error)}") from error
    except (httpx.HTTPError, OSError) as error:
        raise UserError(f"--repo {repo}: the hub refuses or cannot be reached: {first_line(error)}") from error
    click.echo(f"uploaded: {done.commit_url}")


def release_files(run: Path) -> list[Path]:
    """What `push` uploads, the card first.

    Raises:
        UserError: not a run's folder, its guide stage has not finished, it has links that lead out of it, or its card
            shows what is not for everybody.
    """
    from int_verl.files import check_own_files
    from int_verl.run.folder import RunFolder
    from int_verl.run_files import CARD
    from int_verl.stages.data_card import FILES

    folder = RunFolder(run)
    manifest = folder.manifest("guide")
    if manifest is None or manifest.status != "done":
        raise UserError(f"{run}: the guide stage of this run has not finished; run `int-verl guide` to its end first")
    files = [folder / CARD, *(folder / name for name, _ in FILES.values())]
    for file in files:
        if not file.is_file():
            raise UserError(f"{file}: no such file; run `int-verl guide` again, or merge the run if it is a shard")
    check_own_files(run)
    _check_card(files[0])
    return files


def _check_card(card: Path) -> None:
    """Cards are edited by hand, and those of earlier versions showed all settings."""
    from int_verl.files import read_text
    from int_verl.redaction import hide, redact
    from int_verl.settings.secrets import looks_secret
    from int_verl.stages.data_card import settings_not_published

    text = read_text(card)
    if shown := settings_not_published(text):
        raise UserError(
            f"{card}: shows {shown[0]}, which may hold a key; remove the line, or write the card anew with "
            "`int-verl guide --force`"
        )
    for name, value in os.environ.items():
        if looks_secret(name):
            hide(value, f"${name}")
    for number, line in enumerate(text.splitlines(), 1):
        if redact(line) != line:
            raise UserError(
                f"{card}: line {number} holds the value of a key's variable, or a URL with a password or a "
                "query; remove it"
            )
