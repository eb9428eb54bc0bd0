#!/usr/bin/env python3
"""Builds projects outside the tree against the SDK, in each of the ways that the docs name.

Sources, CMake projects and the compiler's command line are those of the documents, word for word, so
that these cannot go stale. A ```cpp block is a whole program; fragments are fenced as ```c++ and are
left alone. The program of a ```cmake or ```sh block is the first of its document.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ["QUERN_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["QUERN_BIN_DIR"]).parent
CMAKE, CXX = sys.argv[1:3]
del sys.argv[1:]
DOCUMENTS = ["docs/worker.md", "docs/client.md"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
LIBRARY = re.compile(r"boost/|openssl/|rocksdb/|nlohmann/|simdjson|fmt/|spdlog/")


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise AssertionError(f"{command} failed:\n{done.stdout}")
    return done.stdout


def blocks(document, language, containing):
    text = (SOURCE / document).read_text()
    found = re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", text, re.M | re.S)
    return [block for block in found if containing in block]


def programs(document):
    return blocks(document, "cpp", "int main(")


def write(path, text):
    """Leaves a file alone that holds the text, so that it is not built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def configure(folder, *arguments):
    return run(CMAKE, "-G", "Ninja", "-S", folder, "-B", folder / "build",
               f"-DCMAKE_CXX_COMPILER={CXX}", *arguments)


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.home = pathlib.Path(cls.folder.name)
        cls.prefix = cls.home / "prefix"
        run(CMAKE, "--install", BUILD, "--prefix", cls.prefix, "--component", "quern_sdk")
        # Side by side: each test below waits for its own.
        cls.pool = concurrent.futures.ThreadPoolExecutor(2)
        cls.builds = {build.__name__: cls.pool.submit(build)
                      for build in (cls.nested, cls.installed, cls.plain, cls.own_asio)}
        cls.headers = {header: cls.pool.submit(cls.check_syntax, header)
                       for header in sorted(cls.prefix.rglob("*.h"))}

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown()
        cls.folder.cleanup()

    @classmethod
    def installed(cls):
        """The project of client.md, with the programs of all documents added to it."""
        folder = cls.home / "installed"
        [project] = blocks("docs/client.md", "cmake", "find_package(quern")
        first, *others = programs("docs/client.md") + programs("docs/worker.md")
        [[name]] = [re.findall(r"add_executable\((\w+)", project)]
        write(folder / f"{name}.cpp", first)
        for number, source in enumerate(others):
            write(folder / f"other{number}.cpp", source)
            project += (f"add_executable(other{number} other{number}.cpp)\n"
                        f"target_link_libraries(other{number} PRIVATE quern::quern)\n")
        write(folder / "CMakeLists.txt", project)
        configure(folder, f"-DCMAKE_PREFIX_PATH={cls.prefix}",
                  f"-DCMAKE_CXX_FLAGS={' '.join(WARNINGS)}")
        run(CMAKE, "--build", folder / "build")
        return len(others) + 1

    @classmethod
    def nested(cls):
        """The project of worker.md, with our source as one of its folders."""
        # Stays where it is from one run to the next: compiling the whole SDK takes a minute.
        folder = BUILD / "package" / "nested"
        [project] = blocks("docs/worker.md", "cmake", "add_subdirectory(quern")
        write(folder / "CMakeLists.txt", project)
        write(folder / "hello_worker.cpp", programs("docs/worker.md")[0])
        if not (folder / "quern").is_symlink():
            (folder / "quern").symlink_to(SOURCE)
        configure(folder)
        run(CMAKE, "--build", folder / "build")
        return folder / "build"

    @classmethod
    def plain(cls):
        """The command of client.md."""
        [command] = [line for block in blocks("docs/client.md", "sh", "pkg-config")
                     for line in block.splitlines() if "pkg-config" in line]
        folder = cls.home / "plain"
        [[source]] = [re.findall(r"\S+\.cpp", command)]
        write(folder / source, programs("docs/client.md")[0])
        run("sh", "-ec", command.replace("g++", CXX, 1), cwd=folder, env=cls.pkg_config_env())
        return folder / pathlib.Path(source).stem

    @classmethod
    def own_asio(cls):
        """A program with an Asio of its own, compiled in another way than ours: all inline."""
        program = cls.home / "asio_program"
        flags = run("pkg-config", "--cflags", "--libs", "quern", env=cls.pkg_config_env()).split()
        run(CXX, "-std=c++20", "-O0", SOURCE / "worker_sdk/examples/asio_program.cpp",
            "-o", program, *flags)
        return program

    @classmethod
    def pkg_config_env(cls):
        [description] = cls.prefix.rglob("quern.pc")
        return dict(os.environ, PKG_CONFIG_PATH=str(description.parent))

    @classmethod
    def check_syntax(cls, header):
        include = cls.prefix / "include"
        run(CXX, "-std=c++20", "-fsyntax-only", *WARNINGS, f"-I{include}",
            "-x", "c++", "-", input=f"#include <{header.relative_to(include)}>\n")

    def test_find_package_builds_every_program_of_the_documents(self):
        self.assertGreaterEqual(self.builds["installed"].result(), 4)

    def test_another_minor_version_is_refused(self):
        folder = self.home / "newer"
        write(folder / "CMakeLists.txt", "cmake_minimum_required(VERSION 3.25)\n"
              "project(newer CXX)\nfind_package(quern 0.2 REQUIRED)\n")
        with self.assertRaisesRegex(AssertionError, "version"):
            configure(folder, f"-DCMAKE_PREFIX_PATH={self.prefix}")

    def test_pkg_config_and_a_compiler_are_enough(self):
        self.assertTrue(os.access(self.builds["plain"].result(), os.X_OK))

    def test_a_program_with_an_asio_of_its_own_runs(self):
        program = self.builds["own_asio"].result()
        # No server is there: the worker tries to reach it until it is asked to stop.
        with subprocess.Popen([program, "http://127.0.0.1:1"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as process:
            self.assertRegex(process.stdout.readline(), r"prices at port \d+")
            time.sleep(0.5)
            process.terminate()
            self.assertEqual(process.wait(timeout=60), 0)

    def test_the_archive_shows_nothing_but_our_namespace(self):
        [archive] = self.prefix.rglob("libquern.a")
        names = [line.split()[-1] for line in run("nm", "-g", "--defined-only", archive).splitlines()
                 if len(line.split()) == 3]
        self.assertGreater(len(names), 100)
        self.assertEqual([name for name in names if not re.match(r"_Z(N|NK|T[VIS]N)5quern", name)], [])

    def test_add_subdirectory_brings_the_library_and_nothing_else(self):
        build = self.builds["nested"].result()
        self.assertTrue(os.access(build / "hello_worker", os.X_OK))
        self.assertFalse(list(build.rglob("quernd")) + list(build.rglob("qctl")))

    def test_a_handler_returns_text_or_nothing(self):
        def compile_handler(body, captures=""):
            run(CXX, "-std=c++20", "-fsyntax-only", f"-I{self.prefix / 'include'}", "-x", "c++", "-",
                input="#include <quern/json.h>\n#include <quern/quern.h>\n"
                      "void add(quern::Worker& worker) {\n"
                      f"  worker.handle(\"t\", [{captures}](quern::Context& context) {{ (void)context; {body} }});\n}}\n")

        for text in ("", "return std::string(\"1\");", "return std::string_view(\"1\");",
                     "return \"1\";"):
            compile_handler(text)
        with self.assertRaisesRegex(AssertionError, "a handler can be copied"):
            compile_handler("", captures="only = std::make_unique<int>(1)")
        with self.assertRaisesRegex(AssertionError, "a handler returns JSON text or nothing"):
            compile_handler("return nlohmann::json(1);")
        with self.assertRaisesRegex(AssertionError, "an effect returns text or nothing"):
            compile_handler("context.once(\"k\", [] { return nlohmann::json(1); });")

    def test_every_public_header_compiles_alone_and_names_no_library(self):
        self.assertGreaterEqual(len(self.headers), 10)
        for header, checked in self.headers.items():
            with self.subTest(header=header.name):
                checked.result()
                if header.name != "json.h":
                    includes = re.findall(r"#include.*", header.read_text())
                    self.assertFalse([line for line in includes if LIBRARY.search(line)])
                    self.assertNotRegex(header.read_text(), r"boost::|rocksdb::|nlohmann::json\b")


unittest.main()
