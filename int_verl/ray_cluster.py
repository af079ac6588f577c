"""Which Ray a run uses: the user's cluster, or one of its own that nobody else on the network can reach."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path
from urllib.parse import urlsplit

from int_verl.errors import UserError

LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Ray's switch (ray/_private/ray_constants.py): 0, and all of its sockets, and verl's, which ask Ray for the node's
address, are on 127.0.0.1. Ray reads it once, when it is imported."""

_BY_UV = "RAY_ENABLE_UV_RUN_RUNTIME_ENV"
"""Ray's switch (ray/_private/worker.py): unless it is 0, a driver below `uv run` uploads its working folder and starts
each worker there with `uv run`, which makes an environment anew."""

OWN = "starts one of its own"
"See `which_ray`."

_CONNECT_SECONDS = 3.0
_CLIENT_PORT = 10001
"Of `ray://HOST`."


def joins_a_cluster() -> bool:
    """Whether `ray.init()` would join a Ray that runs: that of `RAY_ADDRESS`, or of `ray start` on this machine."""
    address = os.environ.get("RAY_ADDRESS")
    if address:
        return address != "local"
    return os.access(_address_file(), os.F_OK)


def workers_in_this_environment() -> None:
    """Let Ray's workers run in this Python's environment under `uv run`, too, here and in children.

    To be called before Ray is imported. Where the user has set Ray's switch, it stays.
    """
    os.environ.setdefault(_BY_UV, "0")


def loopback_environment(nnodes: int) -> dict[str, str]:
    """What keeps a Ray of one's own on loopback; nothing for several nodes, a cluster, or where the user has said."""
    if nnodes > 1 or joins_a_cluster() or LOOPBACK in os.environ:
        return {}
    return {LOOPBACK: "0"}


def which_ray() -> str:
    """What a run does for its Ray, in words: ``joins that at 10.0.0.5:6379 (RAY_ADDRESS)``."""
    if not joins_a_cluster():
        return OWN
    said, file = os.environ.get("RAY_ADDRESS", ""), _address_file()
    if said not in ("", "auto"):
        return f"joins that at {said} (RAY_ADDRESS)"
    if os.access(file, os.R_OK):
        return f"joins that at {file.read_text().strip()} ({file})"
    return "joins what RAY_ADDRESS=auto finds"


def check_cluster(nnodes: int = 1, decided_by: str = "engine.nnodes") -> None:
    """Refuse a Ray that would be joined where it is gone or somebody else's, and a folder that Ray cannot use.

    `ray.init()` would try to reach one that is gone for minutes, and join a colleague's without a word.

    Args:
        nnodes: nodes that are asked for.
        decided_by: the setting that says how many.

    Raises:
        UserError: naming the file, the folder or the variable, and what to do.
    """
    if not joins_a_cluster():
        if nnodes > 1:
            raise UserError(
                f"{decided_by}={nnodes}: no Ray to join, and a run's own is on this node alone; start one with "
                "`ray start --head` here and `ray start --address=HEAD:6379` on the others, or set RAY_ADDRESS"
            )
        folder = _address_file().parent
        if os.access(folder, os.F_OK) and not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(
                f"{folder}: {_owner(folder)}'s, and Ray cannot write there; set RAY_TMPDIR to a short path of your own"
            )
        return
    said, file = os.environ.get("RAY_ADDRESS", ""), _address_file()
    if said not in ("", "auto"):
        if not _answers(said):
            raise UserError(
                f"RAY_ADDRESS={said}: no Ray answers there; start it, or set RAY_ADDRESS=local for a new one"
            )
    elif os.access(file, os.F_OK):
        _check_file(file)


def _check_file(file: Path) -> None:
    try:
        address = file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{file}: {_owner(file)}'s, and cannot be read; set RAY_ADDRESS=local for a new Ray") from None
    if not _answers(address):
        raise UserError(
            f"{file}: no Ray answers at {address or '(nothing)'}, which it names; remove the file, or set "
            "RAY_ADDRESS=local for a new Ray"
        )
    if file.stat().st_uid != os.getuid():
        raise UserError(
            f"{file}: the Ray at {address} is {_owner(file)}'s; set RAY_ADDRESS=local to keep out of it, or "
            f"RAY_ADDRESS={address} to join it"
        )


def _address_file() -> Path:
    """Where `ray start` writes the address of its head (ray/_common/utils.py, `get_ray_address_file`)."""
    return Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp") / "ray" / "ray_current_cluster"


def _answers(address: str) -> bool:
    """Whether something listens at HOST:PORT or ray://HOST:PORT; other schemes are not asked."""
    url = urlsplit(address if "://" in address else f"gcs://{address}")
    if url.scheme not in ("gcs", "ray"):
        return True
    try:
        port = url.port or (_CLIENT_PORT if url.scheme == "ray" else None)
        if not url.hostname or port is None:
            return False
        socket.create_connection((url.hostname, port), _CONNECT_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


def _owner(path: Path) -> str:
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
