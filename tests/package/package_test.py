#!/usr/bin/env python3
"""Builds projects outside the tree against the SDK, in each of the ways that the docs name.

The sources are the ```cpp blocks of the documents, word for word, so that these cannot go stale.
A block that is a whole program is built; fragments are fenced as ```c++ and are left alone.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["QUERN_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["QUERN_BIN_DIR"]).parent
CMAKE, CXX = sys.argv[1:3]
del sys.argv[1:]
DOCUMENTS = ["docs/worker.md", "docs/client.md"]
OWN_PART = re.compile(r"boost/|openssl/|rocksdb/|nlohmann/|simdjson|fmt/|spdlog/")


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise AssertionError(f"{command} failed:\n{done.stdout}")
    return done.stdout


def programs():
    """Every whole program of the documents, as (name, text)."""
    found = []
    for document in DOCUMENTS:
        path = SOURCE / document
        blocks = re.findall(r"^```cpp\n(.*?)^```$", path.read_text(), re.M | re.S)
        found += [(f"{path.stem}_{number}", text)
                  for number, text in enumerate(blocks, 1) if "int main(" in text]
    return found


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.home = pathlib.Path(cls.folder.name)
        cls.prefix = cls.home / "prefix"
        run(CMAKE, "--install", BUILD, "--prefix", cls.prefix, "--component", "quern_sdk")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def project(self, name, find, sources):
        """A CMake project with a program of each of `sources`."""
        folder = self.home / name
        folder.mkdir()
        text = f"cmake_minimum_required(VERSION 3.25)\nproject({name} CXX)\n{find}\n"
        for program, source in sources:
            (folder / f"{program}.cpp").write_text(source)
            text += (f"add_executable({program} {program}.cpp)\n"
                     f"target_link_libraries({program} PRIVATE quern::quern)\n")
        (folder / "CMakeLists.txt").write_text(text)
        return folder

    def configure(self, folder, *arguments):
        return run(CMAKE, "-G", "Ninja", "-S", folder, "-B", folder / "build",
                   f"-DCMAKE_CXX_COMPILER={CXX}", *arguments)

    def test_find_package_builds_every_program_of_the_documents(self):
        sources = programs()
        self.assertGreaterEqual(len(sources), 2)
        folder = self.project("installed", "find_package(quern 0.1 REQUIRED)", sources)
        self.configure(folder, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run(CMAKE, "--build", folder / "build")

    def test_another_minor_version_is_refused(self):
        folder = self.project("newer", "find_package(quern 0.2 REQUIRED)", [])
        with self.assertRaisesRegex(AssertionError, "version"):
            self.configure(folder, f"-DCMAKE_PREFIX_PATH={self.prefix}")

    def test_pkg_config_and_a_compiler_are_enough(self):
        name, text = programs()[0]
        source = self.home / f"{name}.cpp"
        source.write_text(text)
        found = list(self.prefix.rglob("quern.pc"))
        self.assertEqual(len(found), 1)
        environment = dict(os.environ, PKG_CONFIG_PATH=str(found[0].parent))
        flags = run("pkg-config", "--cflags", "--libs", "quern", env=environment).split()
        run(CXX, "-std=c++20", source, "-o", self.home / name, *flags)

    def test_add_subdirectory_brings_the_library_and_nothing_else(self):
        (self.home / "quern").symlink_to(SOURCE)
        find = f"add_subdirectory({self.home}/quern quern)"
        folder = self.project("nested", find, programs()[:1])
        # Compiles as the tree itself does, so that a compiler cache helps.
        self.configure(folder, "-DCMAKE_BUILD_TYPE=Release")
        run(CMAKE, "--build", folder / "build")
        self.assertFalse(list((folder / "build").rglob("quernd")))

    def test_every_public_header_compiles_alone_and_names_no_library(self):
        include = self.prefix / "include"
        for header in sorted(include.rglob("*.h")):
            name = header.relative_to(include)
            with self.subTest(header=str(name)):
                run(CXX, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
                    f"-I{include}", "-x", "c++", "-", input=f"#include <{name}>\n")
                if name != pathlib.Path("quern/json.h"):
                    includes = re.findall(r"#include.*", header.read_text())
                    self.assertFalse([line for line in includes if OWN_PART.search(line)])
                    self.assertNotRegex(header.read_text(), r"boost::|rocksdb::|nlohmann::json\b")


unittest.main()
