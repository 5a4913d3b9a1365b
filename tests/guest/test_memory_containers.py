"""C++ in a guest: containers as what they hold, references, names, and what lies."""

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from capabilities import need

from kernel_magics import Lab
from kernel_magics.errors import LabError, UsageError
from kernel_magics.inspect.images.plain_dwarf import plain_tags, try_file
from kernel_magics.inspect.values.typed import TypedObject

pytestmark = pytest.mark.guest

SHOP = r"""#include <cstdio>
#include <array>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>
namespace shop {
enum class Colour { red, green = 5 };
struct Item { std::string name; int price; Colour colour; };
struct Base { int height = 3; virtual int area() { return 0; } virtual ~Base() {} };
struct Box : Base { int width = 4; int area() override { return height * width; } };
template <typename T> struct Store {
	std::vector<T> items;
	std::map<std::string, int> stock;
};
Store<Item> store;
}
std::string greeting = "hello", long_text(100, 'x'), quoted = "a \"b\"\n";
std::string_view view = "seen";
std::wstring wide = L"wide";
std::vector<int> numbers = {1, 2, 3, 5, 8}, none;
std::vector<bool> flags = {true, false, true};
std::vector<std::vector<int>> nested = {{1}, {2, 3}};
std::array<int, 3> three = {7, 8, 9};
__attribute__((section(".data.alone"))) int left_out = 1;
std::map<int, std::string> names;
std::multimap<int, int> many = {{1, 10}, {1, 11}};
std::unordered_map<std::string, int> ages = {{"ann", 31}, {"bob", 27}};
std::set<int> primes;
std::list<std::string> words = {"alpha", "beta"};
std::forward_list<int> forward = {4, 5};
std::deque<int> line;
std::priority_queue<int> waiting;
std::unique_ptr<shop::Item> owned, empty;
std::shared_ptr<shop::Item> shared, again;
std::optional<int> maybe = 42, never;
std::pair<int, const char *> couple = {7, "seven"};
std::tuple<int, double, std::string> mixed = {1, 2.5, "drei"};
std::variant<int, std::string> either = std::string("text");
static int twice(int n) { return 2 * n; }
std::function<int(int)> callee = twice, lambda = [](int n) { return n; }, unset;
int (*pointer)(int) = twice;
shop::Base *object = new shop::Box;
std::map<int, int> wild = {{1, 1}, {2, 2}};
std::vector<int> wrong = {1};
std::list<int> ring = {1, 2};
volatile int sum;
__attribute__((noinline)) void add(int n, const std::string &why, std::vector<int> &all)
{
	all.push_back(n);
	sum += n;
	if (n == 3)
		throw std::runtime_error(why);
}
int main()
{
	for (int i = 0; i < 100; i++)
		primes.insert(i * 7 % 101);
	names = {{3, "three"}, {1, "one"}, {2, "two"}};
	for (int i = 0; i < 300; i++)
		line.push_back(i);
	for (int i = 0; i < 3; i++)
		line.pop_front(), waiting.push(i);
	owned.reset(new shop::Item{"owned", 1, shop::Colour::green});
	shared.reset(new shop::Item{"shared", 2, shop::Colour::red});
	again = shared;
	shop::store.items = {{"pear", 3, shop::Colour::green}, {"plum", 1, shop::Colour::red}};
	shop::store.stock["pear"] = 4;
	auto *raw = (unsigned long *)&wild;	/* of its header: the root, then the leftmost */
	((unsigned long *)raw[2])[3] = raw[2];	/* a node that is its own child */
	raw[5] = 1000;				/* and it claims a thousand */
	((unsigned long *)&wrong)[0] = 0xdead000000;
	((unsigned long *)&wrong)[1] = 0xdead000100;
	((unsigned long *)&ring)[2] = 500;
	view = std::string_view(greeting).substr(1);
	void *kept[] = { &three, &maybe, &couple, &pointer };
	for (void *one : kept)
		asm volatile("" :: "r"(one) : "memory");
	std::vector<int> local = {10};
	try {
		for (int i = 0; i < 10; i++)
			add(i, "too many", local);
	} catch (const std::exception &error) {
		printf("caught %s\n", error.what());
	}
	fflush(stdout);
	getchar();
}
"""


@pytest.fixture(scope="module")
def opened() -> Iterator[Lab]:
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        yield lab


@pytest.fixture(scope="module")
def image(opened: Lab) -> Any:
    return opened.build(SHOP, name="shop", lang="c++")


@pytest.fixture(scope="module")
def variables(opened: Lab, image: Any) -> Any:
    guest = opened.boot(image)
    guest.console.expect("caught too many", 60)
    return guest.vars


@pytest.mark.parametrize(("name", "value"), [
    ("greeting", "hello"), ("long_text", "x" * 100), ("view", "ello"), ("wide", "wide"),
    ("numbers", [1, 2, 3, 5, 8]), ("none", []), ("flags", [True, False, True]),
    ("nested", [[1], [2, 3]]), ("three", [7, 8, 9]), ("many", {1: 11}),
    ("names", {1: "one", 2: "two", 3: "three"}), ("ages", {"ann": 31, "bob": 27}),
    ("primes", sorted(i * 7 % 101 for i in range(100))), ("words", ["alpha", "beta"]),
    ("forward", [4, 5]), ("line", list(range(3, 300))), ("maybe", 42), ("never", None),
    ("couple", (7, None)), ("mixed", (1, 2.5, "drei")), ("either", "text"), ("empty", None)])
def test_containers_hold_what_the_program_put_into_them(variables, name, value):
    found = variables[name].value_()
    if name == "couple":  # (its pointer is a number)
        found = (found[0], None)
    assert found == value


@pytest.mark.parametrize(("name", "text"), [
    ("greeting", '(string)"hello"'), ("quoted", r'(string)"a \"b\"\n"'),
    ("numbers", "(vector<int>)5 elements { 1, 2, 3, 5, 8 }"),
    ("none", "(vector<int>)0 elements {}"), ("unset", "(function<int (int)>)empty"),
    ("nested", "(vector<vector<int>>)2 elements { { 1 }, { 2, 3 } }"),
    ("names", '(map<int, string>)3 entries { 1: "one", 2: "two", 3: "three" }'),
    ("never", "(optional<int>)empty"), ("mixed", '(tuple<int, double, string>){ 1, 2.5, "drei" }'),
    ("either", '(variant<int, string>)"text" (alternative 1)'),
    ("waiting", "(priority_queue<int>)3 elements { 2, 0, 1 }")])
def test_a_value_is_one_line_of_what_it_holds(variables, name, text):
    assert repr(variables[name]) == text


def test_functions_have_their_names(variables):
    assert "twice(int) = 0x" in repr(variables["callee"])
    assert "lambda(int)#1" in repr(variables["lambda"])
    assert "twice(int) = 0x" in repr(variables["pointer"])


def test_structures_show_their_containers_and_their_base_class(variables):
    text = repr(variables["shop::store"])
    assert '.name = (string)"pear"' in text and '.stock = (map<string, int>)1 entry' in text
    assert variables["object"].height == 3
    assert variables["object"].cast_("shop::Box *").height == 3
    assert "vtable for shop::Box" in repr(variables["object"])
    assert "(2 owners)" in repr(variables["shared"])


def test_elements_by_number_key_and_through_pointers(variables):
    assert variables["line"][250] == 253 and len(variables["line"]) == 297
    assert variables["ages"]["ann"] == 31 and variables["names"][2] == "two"
    assert variables["owned"].price == 1 and variables["shared"].name == "shared"
    assert [int(one) for one in variables["primes"]][:3] == [0, 1, 2]
    assert list(variables["shop::store"].items.df["name"]) == ["pear", "plum"]
    assert list(variables["names"].df["value"]) == ["one", "two", "three"]


def test_wrong_elements_and_keys_say_what_there_is(variables):
    with pytest.raises(UsageError, match=r"has no key 'anne'") as error:
        variables["ages"]["anne"]
    assert "ann" in error.value.next_step
    with pytest.raises(UsageError, match="has no element 5"):
        variables["numbers"][5]
    with pytest.raises(UsageError, match="the linker left it out"):
        variables["left_out"]
    with pytest.raises(UsageError, match="no variable 'shop::stor'") as error:
        variables["shop::stor"]
    assert "shop::store" in error.value.next_step


def test_containers_that_lie_are_bounded_and_say_so(variables):
    assert "it claims" in repr(variables["wild"])
    assert "0xdead000000 is not mapped" in repr(variables["wrong"])
    assert "it claims 498 more" in repr(variables["ring"])


def test_what_the_compiler_made_is_not_listed(variables):
    names = variables.search()
    assert {"shop::store", "greeting", "ages"} <= set(names)
    assert not [name for name in names if name.startswith(("_Z", "typeinfo", "vtable"))]
    assert "greeting = (string)" in repr(variables) and "names" in variables.df.index


def test_a_debugger_knows_references_and_containers(opened, image):
    guest = opened.boot(image, paused=True)
    debugger = guest.debugger
    debugger.break_at("add", 'why == "too many" && all.size() == 3')
    stop = debugger.cont(timeout=60)
    assert "add at shop.cc" in repr(stop) and debugger.locals["n"] == 2
    assert repr(debugger.command("p why")).endswith('= "too many"')
    assert debugger.command("p all[1]") == 0 and debugger.command("p all.size()") == 3
    assert debugger.command('p ages["bob"] + numbers[1]') == 29
    assert debugger.command("p owned->price") == 1 and debugger.command("p *owned").price == 1
    assert debugger.command("p shop::store.items[0].name") == "pear"
    with pytest.raises(UsageError, match="calls no functions"):
        debugger.command("p all.clear()")
    guest.stop()


@pytest.mark.parametrize("seed", range(3))
def test_random_memory_is_bounded_and_raises_nothing_else(image, seed):
    import drgn

    chance = random.Random(seed)
    pointers = [0x100000 + 8 * number for number in range(512)]

    def read(_address: int, count: int, _offset: int, _physical: bool) -> bytes:
        words = (chance.choice((0, 3, 400, chance.choice(pointers), chance.getrandbits(64)))
                 for _ in range(count // 8 + 1))
        return b"".join(word.to_bytes(8, "little") for word in words)[:count]

    program = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
    program.add_memory_segment(0, (1 << 64) - 1, read)
    module = program.extra_module("random", create=True)
    module.address_range = (0x100000, 0x400000)
    try_file(module, image.path)
    for name in ("greeting", "numbers", "nested", "names", "ages", "words", "line", "either",
                 "mixed", "shared", "callee", "shop::store"):
        found = TypedObject(program.variable(name))
        assert len(repr(found)) < 200_000
        with suppress(LabError):
            _ = found[1]


def test_damaged_abbreviations_change_nothing_beyond_them():
    reference = bytes((1, 0x10, 0, 0x49, 0x13, 0, 0, 0))  # code, tag, no children, type, end
    virtual = bytes((2, 0x1C, 0, 0x4C, 0x0B, 0, 0))
    assert plain_tags(reference) == {1: 0x0F}
    assert plain_tags(virtual) == {}
    assert plain_tags(reference + b"\xff" * 40) == {1: 0x0F}
    assert plain_tags(bytes((1, 0x10, 0)) + b"\x01\x01" * 10_000) == {}
