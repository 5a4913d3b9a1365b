"""Built programs in a real guest: C, C++, several sources, and what can be read of them."""

import time

import pytest
from capabilities import need

import kernel_magics.inspect  # noqa: F401 - gives images and guests their facets
from kernel_magics.build import BuildRequest, GuestImage, RumpkitKit, Source
from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import BuildError, UsageError
from kernel_magics.inspect import BOUNDARIES, LAYERS

pytestmark = pytest.mark.guest

HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'

CXX = r"""
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <typeinfo>
#include <unordered_map>
#include <vector>

struct Shape { virtual ~Shape() { std::puts("gone"); } virtual int corners() = 0; };
struct Square : Shape { int corners() override { return 4; } };

static struct Early { Early() { std::puts("before main"); }
                      ~Early() { std::puts("after main"); } } early;

int main()
{
  std::vector<int> numbers = { 3, 1, 2 };
  std::sort(numbers.begin(), numbers.end());
  std::map<std::string, int> names = { { "one", 1 }, { "two", 2 } };
  std::unordered_map<int, std::string> back;
  for (auto &[name, number] : names)
    back[number] = name + "!";
  std::unique_ptr<Shape> shape = std::make_unique<Square>();
  std::printf("%d%d%d %s %d %d\n", numbers[0], numbers[1], numbers[2], back[2].c_str(),
              shape->corners(), dynamic_cast<Square *>(shape.get()) != nullptr);
  try {
    numbers.at(7);
  } catch (const std::out_of_range &error) {
    std::printf("caught %s\n", typeid(error).name());
  }
  std::mutex mutex;
  int total = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++)
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; j++) {
        std::lock_guard<std::mutex> held(mutex);
        total++;
      }
    });
  for (auto &thread : threads)
    thread.join();
  std::printf("%d\n", total);
  return 0;
}
"""


def run(lab, image, **options):
    guest = lab.boot(image, **{"memory_mib": 16, **options})
    return guest.wait(timeout=60), guest.console.text


@pytest.fixture(autouse=True)
def compiler():
    need("compiler")


def test_stripped_and_whole_image_say_the_same(lab, tmp_path):
    image = lab.build(HELLO, name="hello")
    whole = tmp_path / "whole.elf"
    whole.write_bytes(image.path.read_bytes())
    assert run(lab, image) == run(lab, GuestImage.from_file(whole)) == (0, "hello\n")
    assert image.header_address == GuestImage.from_file(whole).header_address
    assert image.header_address % 4096 == 0


def test_hello_is_small(lab):
    assert lab.build(HELLO, name="hello").size_bytes <= 250 * 1024


def test_every_layer_of_the_runtime_is_in_the_image(lab):
    image = lab.build(HELLO, name="hello", whole=True)
    table = image.sizes.by_layer()
    for layer in LAYERS:
        if layer.name not in ("dev", "host"):    # its drivers are in bmk
            assert table.loc[layer.name, "text"] > 0, layer.name
    elf = ElfFile.read(image.path)
    thread_bss = sum(section.size for section in elf.sections if section.name == ".tbss")
    loaded = sum(section.size for section in elf.sections if section.is_loaded)
    assert table["total"].sum() == loaded - thread_bss
    assert table.loc["other", "total"] < table["total"].sum() / 50


def test_prefixes_and_sections_agree_on_the_layer(lab):
    """The layer of a symbol comes from its section; its prefix must say the same."""
    image = lab.build(HELLO, name="hello", whole=True)
    wrong = [symbol for layer in LAYERS for prefix in layer.prefixes
             for symbol in image.symbols.search(f"{prefix}*", kind="function")
             if symbol.layer != layer.name]
    # The one call upwards: the core, once it runs, starts what lies above it.
    assert [symbol.name for symbol in wrong] == ["bmk_start_factions"]
    assert image.symbols.find("rumpuser_malloc").layer == "rumpuser"


def test_program_may_use_the_names_of_the_runtime(lab):
    text = r"""
#include <stdio.h>
int sys_open = 1, lab_header = 2;
int kern_alloc(int x) { return x + 1; }
int rumpuser_malloc(int x) { return x + 2; }
int bmk_panic(int x) { return x + 3; }
int main(void)
{
  printf("%d\n", sys_open + lab_header + kern_alloc(1) + rumpuser_malloc(1) + bmk_panic(1));
}
"""
    assert run(lab, lab.build(text, name="names")) == (0, "12\n")


def test_two_sources_and_libm(lab):
    sources = (Source("#include <math.h>\ndouble root(double x) { return sqrt(x) + cos(x); }\n",
                      "root.c"),
               Source("#include <stdio.h>\ndouble root(double);\n"
                      "int main(void) { printf(\"%.4f\\n\", root(2)); }\n", "main.c"))
    image = RumpkitKit().build(BuildRequest("two", sources, ldflags=("-lm", "-lpthread")))
    assert run(lab, image) == (0, "0.9981\n")


def test_flags_reach_the_compiler(lab):
    text = '#include <stdio.h>\nint main(void) { puts(WORDS); }\n'
    image = lab.build(text, name="flags", cflags=['-DWORDS="from a flag"', "-O0"])
    assert run(lab, image) == (0, "from a flag\n")


def test_cxx_program(lab):
    status, text = run(lab, lab.build(CXX, name="shapes", lang="c++"))
    assert text.splitlines() == [
        "before main", "123 two! 4 1", "caught St12out_of_range", "4000", "gone", "after main"]
    assert status == 0


def test_cxx_streams_files_and_the_one_locale(lab):
    text = r"""
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <locale>
#include <regex>
#include <sstream>
int main()
{
  std::cout << "hi " << 3.5 << std::hex << ' ' << 255 << std::dec << std::endl;
  int number; double fraction; std::string word;
  std::istringstream("17 2.5 word") >> number >> fraction >> word;
  std::cout << number * 2 << ' ' << fraction << ' ' << std::setw(8) << std::setfill('*')
            << word << '\n';
  std::ofstream("/tmp/lines") << "line one\nline two\n";
  std::ifstream file("/tmp/lines");
  for (std::string line; std::getline(file, line);)
    std::cout << '[' << line << ']';
  std::smatch found;
  std::string name = "abc123";
  std::cout << std::regex_match(name, found, std::regex("([a-z]+)([0-9]+)")) << found[2]
            << std::filesystem::exists("/tmp/lines") << '\n';
  try {
    std::locale german("de_DE.UTF-8");
  } catch (const std::runtime_error &error) {
    std::cout << std::toupper('x', std::locale()) << " only\n";
  }
}
"""
    status, said = run(lab, lab.build(text, name="streams", lang="c++"))
    assert said.splitlines() == ["hi 3.5 ff", "34 2.5 ****word", "[line one][line two]11231",
                                 "X only"]
    assert status == 0


CXX_HEADERS = """algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat
charconv chrono cinttypes climits clocale cmath codecvt compare complex concepts
condition_variable coroutine csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib cstring ctime
cwchar cwctype deque exception filesystem forward_list fstream functional future
initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map memory
memory_resource mutex new numbers numeric optional ostream queue random ranges ratio regex
scoped_allocator semaphore set shared_mutex source_location span sstream stack stdexcept
stop_token streambuf string string_view syncstream system_error thread tuple type_traits
typeindex typeinfo unordered_map unordered_set utility valarray variant vector version"""


def test_every_header_of_the_cxx_library_compiles(lab):
    includes = "\n".join(f"#include <{header}>" for header in CXX_HEADERS.split())
    image = lab.build(f"{includes}\nint main() {{ return 0; }}\n", name="headers", lang="c++",
                      cflags="-std=c++20")
    assert image.warnings == ()


def test_no_main_and_undefined_function_with_the_real_runtime(lab):
    with pytest.raises(BuildError, match="the program has no main function"):
        lab.build("int other;\n", name="nomain")
    with pytest.raises(BuildError, match="undefined function `rumpuser_malloc`, used in main"):
        lab.build("int rumpuser_malloc(int);\nint main(void) { return rumpuser_malloc(1); }\n",
                  name="private")


def both_waiting(guest):
    """The guest's threads once two of them are blocked."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        table = guest.threads.df
        if (table["state"] == "blocked").sum() >= 2:
            return table
        time.sleep(0.01)
    raise AssertionError(f"threads that should wait do not:\n{guest.threads}")


def test_memory_threads_and_layers_of_a_running_guest(lab):
    text = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int answer = 42;
char *far;
static void *wait(void *unused) { for (;;) pause(); }
int main(void)
{
  pthread_t thread;
  far = malloc(3 << 20);
  far[0] = 'a';
  far[(2 << 20) + 7] = 'z';
  pthread_create(&thread, 0, wait, 0);
  puts("ready");
  for (;;) pause();
}
"""
    guest = lab.boot(lab.build(text, name="reader"), memory_mib=32)
    guest.console.expect("ready", timeout=60)
    assert int.from_bytes(guest.memory.variable("answer"), "little") == 42
    far = int.from_bytes(guest.memory.variable("far"), "little")
    assert far >= 1 << 36
    assert guest.memory.read(far, 1) == b"a"
    assert guest.memory.read(far + (2 << 20) + 7, 1) == b"z"
    assert 0 < guest.memory.free_bytes < guest.memory.total_bytes < 32 << 20
    with pytest.raises(UsageError, match="no symbol 'answr'"):
        guest.memory.variable("answr")
    table = both_waiting(guest)
    assert "main" in set(table["name"])
    assert table["current"].sum() <= 1 and (table["cpu_ns"] > 0).any()
    calls = guest.layers.snapshot()
    assert calls["syscalls"] >= 3 and calls["hypercalls"] >= 3
    shown = guest.layers.df
    assert list(shown.index) == [boundary.name for boundary in BOUNDARIES]
    assert shown.loc["library_calls", "calls"] is not None
    counted = guest.layers.hypercalls
    assert counted.loc["rumpcomp_console_write", "calls"] > 0
    assert counted.loc["rumpcomp_console_write", "in_image"]
    assert f"{calls['syscalls']:,} system calls" in repr(guest.layers)
    guest.stop()
