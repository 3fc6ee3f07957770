"""The readers as they are installed by pip: crossover-report and the others.

They lie beside this file in the layout of a checkout, and stay out of everybody else's modules.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path


def main() -> None:
    """Runs the reader that the command is named after."""
    name = Path(sys.argv[0]).stem.removeprefix("crossover-")
    scripts = Path(__file__).parent / "scripts"
    (module,) = (scripts / "analysis").glob(f"*/{name}_command.py")
    sys.path.insert(0, str(scripts))
    runpy.run_module(f"analysis.{module.parent.name}.{module.stem}", run_name="__main__")
