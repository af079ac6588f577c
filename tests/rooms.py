"""The rooms of int_verl as its imports tie them: rooms, floors, arrows, arrows that run back up, circles.

    python -m tests.rooms

A room is a module or a package directly below `int_verl`; an arrow from A to B says that some file of A imports one of
B, at import time or inside a function. A room stands a floor above the highest room that it imports.
"""

from __future__ import annotations

import grimp
from grimp import ImportGraph

PACKAGE = "int_verl"


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def rooms_and_arrows(graph: ImportGraph) -> dict[str, set[str]]:
    """Room -> the other rooms that it imports."""
    arrows: dict[str, set[str]] = {room(module): set() for module in graph.modules if room(module)}
    for module, others in imports_of_files(graph).items():
        for imported in others:
            if room(module) and room(imported) and room(module) != room(imported):
                arrows[room(module)].add(room(imported))
    return arrows


def imports_of_files(graph: ImportGraph) -> dict[str, set[str]]:
    """Module -> the modules of the package that it imports."""
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def circles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """The sets of more than one node that reach each other (Kosaraju's components by plain reachability)."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            for following in arrows[waiting.pop()] - found:
                found.add(following)
                waiting.append(following)
        return found

    below = {name: reached(name) for name in arrows}
    found: list[set[str]] = []
    for name, names in below.items():
        circle = {other for other in names if name in below[other]}
        if len(circle) > 1 and circle not in found:
            found.append(circle)
    return found


def floors(arrows: dict[str, set[str]]) -> dict[str, int]:
    """Room -> its floor, 1 the lowest; rooms of a circle are on none."""
    placed: dict[str, int] = {}
    while True:
        ready = [name for name in arrows if name not in placed and arrows[name] <= set(placed)]
        if not ready:
            return placed
        placed |= {name: 1 + max((placed[other] for other in arrows[name]), default=0) for name in ready}


def main() -> None:
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    arrows = rooms_and_arrows(graph)
    on_floor = floors(arrows)
    for floor in sorted(set(on_floor.values()), reverse=True):
        print(f"{floor:3}  {'  '.join(sorted(name for name in arrows if on_floor.get(name) == floor))}")
    files = imports_of_files(graph)
    between = sum(room(module) != room(other) for module, others in files.items() for other in others)
    print(
        f"{len(arrows)} rooms on {max(on_floor.values())} floors, {sum(map(len, arrows.values()))} arrows between rooms"
    )
    print(f"{between} imports between files of different rooms")
    print(f"circles of rooms: {circles(arrows) or 'none'}")
    print(f"circles of files: {circles(files) or 'none'}")


if __name__ == "__main__":
    main()
