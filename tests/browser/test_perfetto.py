"""What Perfetto's own trace processor makes of a trace that was exported for it."""

import pytest
from trace_processor import trace_processor

from kernel_magics import Lab

pytestmark = [pytest.mark.browser, pytest.mark.guest]

PROGRAM = r"""#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *work(void *unused)
{
	pthread_setname_np(pthread_self(), "worker");
	for (int i = 0; i < 20; i++)
		usleep(1000);
	return unused;
}
int main(void)
{
	pthread_t worker;

	pthread_create(&worker, NULL, work, NULL);
	for (int i = 0; i < 10; i++)
		printf("line %d\n", i);
	pthread_join(worker, NULL);
	return 0;
}
"""


@pytest.fixture(scope="module")
def traced(browser, tmp_path_factory):
    """The trace of a real guest, and Perfetto's processor with its export."""
    folder = tmp_path_factory.mktemp("perfetto")
    with Lab(driver="qemu") as lab:
        guest = lab.boot(lab.build(PROGRAM, "perfetto"), trace="all", trace_records=1 << 15)
        assert guest.wait(60) == 0
        trace = guest.trace
        with trace_processor(browser, trace.export(folder / "trace.pftrace")) as processor:
            yield trace, processor


def test_nothing_of_the_trace_is_refused(traced):
    _, processor = traced
    assert processor.query(
        "select name, value from stats where severity = 'error' and value > 0"
        " or name like '%data_loss%' and value > 0") == []


def test_calls_and_their_durations_are_those_of_the_table(traced):
    trace, processor = traced
    found = dict(processor.query(
        "select name, count(*) from slice where dur >= 0 group by name"))
    calls = trace.calls
    for name, count in calls["count"].items():
        assert found.get(name) == count, name
    total = dict(processor.query("select name, sum(dur) from slice group by name"))
    for name, total_ns in calls["total_ns"].items():
        assert abs(total[name] - total_ns) <= calls["count"][name], name


def test_threads_have_their_names_and_the_process_the_guest_s(traced):
    _, processor = traced
    names = {name for name, in processor.query("select name from thread where name is not null")}
    assert {"main", "worker"} <= names
    assert ("perfetto",) in processor.query("select name from process where name is not null")
