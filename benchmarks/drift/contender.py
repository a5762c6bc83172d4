"""One contender on one window, in a process of its own: `python -m benchmarks.drift.contender WHO FOLDER`.

The last line of stdout is JSON: seconds of CPU and of the clock from the data to the verdicts, the process's memory
before and at its peak (MB), and which columns it calls drifted. Imports do not count, nor a first look at the small
window in FOLDER/small.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

THRESHOLD = 0.1


def ours(folder: Path, draw: bool = True) -> Callable[[], dict[str, bool]]:
    """View, verdict and Evidently's report on the sample: what `ratchet monitor` calls; or the verdict alone."""
    from benchmarks.drift import full_window as window
    from pipelines.steps.judge import Stretch, judge
    from pipelines.stores.logbook.prediction_log import PredictionLog

    log, side, problem = PredictionLog(f"sqlite:///{folder / 'log.db'}"), window.side(), window.problem()
    stretch = Stretch(window.START, window.END, window.END + timedelta(days=1))

    def look() -> dict[str, bool]:
        found = judge(problem, side, window.RUN, log, folder / "windows", stretch, {}, draw)
        if draw:
            found.save_report(folder / "evidently", problem)
        return {one.name: one.drifted for one in found.verdict.facts.columns}

    return look


def evidently(folder: Path) -> Callable[[], dict[str, bool]]:
    """Evidently's presets for drift and data quality on all rows, with the methods and thresholds that we name."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    frames = [pd.read_parquet(folder / f"{name}.parquet") for name in ("window", "reference")]
    numbers = [name for name in frames[0].columns if name.startswith("n")]
    definition = DataDefinition(
        numerical_columns=numbers, categorical_columns=[name for name in frames[0].columns if name not in numbers]
    )

    def look() -> dict[str, bool]:
        drift = DataDriftPreset(
            num_method="wasserstein",
            cat_method="jensenshannon",
            num_threshold=THRESHOLD,
            cat_threshold=THRESHOLD,
        )
        current, reference = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
        found = Report([drift, DataSummaryPreset()]).run(current, reference).to_snapshot_model()
        drifted = {}
        for result in found.metric_results.values():
            params = result.metric_value_location.metric.params
            if params["type"] == "evidently:metric_v2:ValueDrift":
                drifted[params["column"]] = bool(float(result.value) > THRESHOLD)
        return drifted

    return look


CONTENDERS: dict[str, Callable[[Path], Callable[[], dict[str, bool]]]] = {
    "verdict": partial(ours, draw=False),
    "report": ours,
    "evidently": evidently,
}


def measured(look: Callable[[], dict[str, bool]]) -> dict[str, Any]:
    """What one look costs."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    clock, cpu = time.perf_counter(), time.process_time()
    drifted = look()
    spent = {"cpu": time.process_time() - cpu, "seconds": time.perf_counter() - clock}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {**spent, "before_mb": before, "peak_mb": peak, "drifted": drifted}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    contender, folder = CONTENDERS[sys.argv[1]], Path(sys.argv[2])
    contender(folder / "small")()
    sys.stdout.write("\n" + json.dumps(measured(contender(folder))) + "\n")
