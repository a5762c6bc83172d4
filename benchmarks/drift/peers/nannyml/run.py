"""NannyML's univariate drift on all rows, by its own Python: `run.py FOLDER`; prints what `contender.py` prints."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # it phones home

import nannyml  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from nannyml.thresholds import ConstantThreshold  # noqa: E402

# Its distances are in the column's own units (which are standard deviations here), and in roots of bits.
THRESHOLDS = {
    "wasserstein": ConstantThreshold(upper=0.1),
    "jensen_shannon": ConstantThreshold(upper=0.1 / float(np.sqrt(np.log(2)))),
}


def tables(folder: Path) -> list[pd.DataFrame]:
    """The reference and the window."""
    frames = [pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "window")]
    for frame in frames:
        for name in frame.columns[frame.columns.str.startswith("c")]:
            frame[name] = frame[name].astype("category")
    return frames


def look(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, bool]:
    """Which columns drifted."""
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(reference.columns),
        continuous_methods=["wasserstein"],
        categorical_methods=["jensen_shannon"],
        chunk_number=1,
        thresholds=THRESHOLDS,
    )
    found = calculator.fit(reference).calculate(current).filter(period="analysis").to_df()
    return {name: bool(found[name].xs("alert", axis=1, level=-1).to_numpy().any()) for name in reference.columns}


if __name__ == "__main__":
    given = Path(sys.argv[1])
    look(*tables(given / "small"))
    frames = tables(given)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    clock, cpu = time.perf_counter(), time.process_time()
    drifted = look(*frames)
    spent = {"cpu": time.process_time() - cpu, "seconds": time.perf_counter() - clock}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    sys.stdout.write("\n" + json.dumps({**spent, "before_mb": before, "peak_mb": peak, "drifted": drifted}) + "\n")
