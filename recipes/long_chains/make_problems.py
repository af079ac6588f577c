"""Write the problem sets of the long chains.

    python recipes/long_chains/make_problems.py --out runs/long_chains/problem_sets

The sets are disjoint, the same every time, and none of their problems is in the pretraining data.
"""

from __future__ import annotations

import sys
from pathlib import Path

from chains import problem_rows

sys.path.insert(0, str(Path(__file__).parents[1]))

from problem_files import write_as_asked

if __name__ == "__main__":
    write_as_asked(__doc__, problem_rows)
