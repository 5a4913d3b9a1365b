"""Views without a browser: what they send, their texts and tables, reports as HTML."""

from types import SimpleNamespace

import pandas as pd
import pytest

from kernel_magics.errors import GuestError, UsageError
from kernel_magics.inspect.images.headers import HeaderTable
from kernel_magics.inspect.images.size_tree import SizeTree
from kernel_magics.inspect.panics.panic import PanicReport
from kernel_magics.inspect.stacks.backtrace import Frame
from kernel_magics.trace.comparison import TraceComparison
from kernel_magics.widgets.differences.tables import comparison_html, trace_comparison_html
from kernel_magics.widgets.foundation.listing import ListingView, column_kind
from kernel_magics.widgets.guests.listings import headers_html
from kernel_magics.widgets.memory_map.view import squares
from kernel_magics.widgets.panics.report import panic_html
from kernel_magics.widgets.trace.view import TraceView
from kernel_magics.widgets.trees.view import MOST_DEPTH, flattened


def sizes() -> SizeTree:
    return SizeTree("image", "image", 100, [
        SizeTree("vfs", "layer", 60, [SizeTree("file.o", "object", 60)]),
        SizeTree("app", "layer", 40)])


def test_a_tree_is_flattened_parents_first_with_the_layers_of_what_is_in_them():
    nodes = flattened(sizes())
    assert [(parent, name, amount, layer) for parent, name, amount, layer, _ in nodes] == [
        (-1, "image", 100, ""), (0, "vfs", 60, "vfs"), (0, "app", 40, "app"),
        (1, "file.o", 60, "vfs")]


def test_a_tree_of_mappings_is_one_too():
    tree = {"name": "all", "value": 3, "children": [{"name": "f", "value": 3, "layer": "kern"}]}
    assert [node[1] for node in flattened(tree)] == ["all", "f"]


def test_a_tree_that_contains_itself_ends():
    loop = SimpleNamespace(name="loop", value=1)
    loop.children = [loop]
    assert len(flattened(loop)) == MOST_DEPTH


@pytest.mark.parametrize(("name", "values", "kind"), [
    ("size_bytes", [1], "bytes"), ("cpu_ns", [1], "ns"), ("stack_pointer", [1], "address"),
    ("current", [True], "flag"), ("pid", [1], "number"), ("path", ["/"], "text")])
def test_a_column_is_shown_by_its_unit_or_its_type(name, values, kind):
    assert column_kind(name, pd.Series(values)) == kind


def test_addresses_go_to_the_browser_as_text_for_they_have_64_bits():
    table = pd.DataFrame({"address": pd.array([2**64 - 1, None], "UInt64"), "name": ["a", "b"]})
    view = ListingView("things", "things", lambda: table)
    assert view.rows == [["0xffffffffffffffff", "a"], [None, "b"]]
    assert view.text().startswith("things\n")
    view.close()


def test_a_look_that_fails_is_a_problem_and_the_rows_stay():
    looks = [pd.DataFrame({"name": ["a"]})]

    def look() -> pd.DataFrame:
        if not looks:
            raise GuestError("its tables cannot be read", next_step="boot it again")
        return looks.pop()

    view = ListingView("things", "things", look)
    view.refresh()
    assert view.rows == [["a"]]
    assert view.problems == ["its tables cannot be read"]
    view.close()


def test_a_square_has_the_most_frequent_use_of_its_pages():
    uses = pd.Categorical.from_codes([0] * 5 + [1] * 4091, ["image", "free"])
    told, cells, square_bytes = squares(uses)
    assert square_bytes == 2 * 4096
    assert list(cells[:4]) == [0, 0, 0, 1] and len(cells) == 2048
    assert [use["bytes"] for use in told] == [5 * 4096, 4091 * 4096]


def test_a_panic_in_html_hides_nothing_and_lets_nothing_in():
    frame = Frame(address=0x1000, function="<main>", offset=0, layer="app", file="a.c", line=3,
                  is_inlined=False)
    panic = PanicReport(
        name="g", kind="page_fault", title="null pointer", reason="write to <0x8>",
        explanation="it wrote through a null pointer", thread=2, thread_name="main", signal=0,
        in_kernel=False, fault_address=8, fault_place="", registers={"rip": 0x1000},
        frames=(frame,), excerpt="→    3 | *p = 1 && x < y;")
    html = panic_html(panic)
    assert "&lt;main&gt;" in html and "x &lt; y" in html and "<main>" not in html
    assert "0000000000001000" in html and "a.c:3" in html


def test_a_difference_says_its_sign_in_the_figure_too():
    table = pd.DataFrame({"before_ns": [1000, 5000], "after_ns": [3000, 2000],
                          "delta_ns": [2000, -3000]}, index=pd.Index(["libc", "main"],
                                                                     name="phase"))
    html = comparison_html("boots", table, "delta_ns")
    assert "+2 µs" in html and "-3 µs" in html
    assert html.count('class="bar less"') == 1


def test_two_traces_in_html_have_counts_and_times_in_their_units():
    row = {"count_before": 3, "count_after": 0, "total_ns_before": 9000, "total_ns_after": 0,
           "total_ns_change": -9000, "median_ns_before": 3000, "median_ns_after": None,
           "ratio": None, "ratio_least": None, "ratio_most": None, "verdict": "only before"}
    html = trace_comparison_html(TraceComparison("<a>", "b", pd.DataFrame(
        [row], index=pd.Index(["write"], name="event"))))
    assert "&lt;a&gt; → b" in html and "only before" in html and "write" in html
    assert "-9 µs" in html and "3 µs" in html and "total change" in html


def test_a_trace_view_of_something_else_says_what_it_wants():
    with pytest.raises(UsageError, match="cannot be made of int"):
        TraceView(3)


def test_headers_of_an_image_are_a_table():
    table = HeaderTable("2 sections of <x>", [(".text", 4096), (".data", 17)], {
        "name": lambda row: row[0], "address": lambda row: row[1]}, ("address",))
    html = headers_html(table)
    assert "2 sections of &lt;x&gt;" in html and html.count("<tr>") == 3
    assert '<td class="n"><code>0x1000</code></td>' in html
