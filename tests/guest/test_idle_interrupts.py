"""A guest that sleeps is interrupted when its sleep is over, and hardly ever besides."""

import pytest

pytestmark = pytest.mark.guest

SLEEPS = 50
PROGRAM = f"""
#include <unistd.h>

int main(void) {{
    for (int i = 0; i < {SLEEPS}; i++)
        usleep(5000);
}}
"""


def test_a_sleep_costs_a_few_interrupts(lab):
    guest = lab.boot(lab.build(PROGRAM, "sleeper"), trace="all")
    assert guest.wait(timeout=60) == 0
    table = guest.trace.df
    begin, end = table.loc[table["event"] == "nanosleep", "time_ns"].iloc[[0, -1]]
    slept = table[table["time_ns"].between(begin, end)]
    assert (slept["event"] == "interrupt").sum() <= 2 * SLEEPS
    assert (table["event"] == "nanosleep").sum() == SLEEPS
