"""Every benchmark runs and prints ratios that can be; whether a target is met is printed."""

import json
import math
from importlib import import_module

import pytest
from capabilities import need

from . import BENCHMARKS

pytestmark = [pytest.mark.bench, pytest.mark.guest, pytest.mark.slow]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark(name):
    if name.startswith("kits_"):
        need("rumprun")
    report = import_module(f".{name}", __package__).run(quick=True)
    print(f"\n{report}")
    kept = json.loads(report.save().read_text())
    assert kept["measures"]
    for measure in kept["measures"]:
        assert measure["min"] <= measure["median"] <= measure["max"]
        assert all(math.isfinite(sample) for sample in measure["samples"])
        if measure["unit"] == "×":
            assert 1e-6 < measure["median"] < 1e4
