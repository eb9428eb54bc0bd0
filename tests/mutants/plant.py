"""Copies production folders and plants the bugs of mutants.toml into the copies.

usage: plant.py SOURCE_DIR OUTPUT_DIR FOLDER...

The copies are what a build with -DQUERN_MUTANTS=ON compiles. A file whose content would not change
is left as it is, so that a second build compiles only what is new. Fails when a bug's place is gone,
or is no longer the only one.
"""

import pathlib
import shutil
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent


def load():
    with open(HERE / "mutants.toml", "rb") as file:
        mutants = tomllib.load(file)["mutant"]
    names = [mutant["name"] for mutant in mutants]
    if len(set(names)) != len(names):
        sys.exit("mutants.toml: two mutants have one name")
    return mutants


def planted(path, text, mutants):
    """`text` with every one of `mutants` in it, each behind its own condition."""
    original = text
    for mutant in mutants:
        name = mutant["name"]
        count = original.count(mutant["find"])
        if count != 1:
            sys.exit(f"mutant {name}: its place is {count} times in {path}; see {HERE}/mutants.toml")
        if mutant["plant"].count("MUTANT") == 0:
            sys.exit(f"mutant {name}: it plants nothing")
        if text.count(mutant["find"]) != 1:
            sys.exit(f"mutant {name}: another one has its place in {path}")
        condition = f'::quern::mutants::is_on("{name}")'
        text = text.replace(mutant["find"], mutant["plant"].replace("MUTANT", condition))
    return f'#include "{HERE / "planted.h"}"\n#line 1 "{path}"\n{text}'


def write_if_new(path, content):
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main():
    source, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    folders = sys.argv[3:]
    by_file = {}
    for mutant in load():
        by_file.setdefault(mutant["file"], []).append(mutant)
    for file in by_file:
        if not (source / file).is_file() or file.split("/")[0] not in folders:
            sys.exit(f"mutants.toml: {file} is not a file of {', '.join(folders)}")

    kept = set()
    for folder in folders:
        for path in sorted((source / folder).rglob("*")):
            if not path.is_file():
                continue
            name = path.relative_to(source).as_posix()
            content = path.read_bytes()
            if name in by_file:
                content = planted(name, content.decode(), by_file[name]).encode()
            write_if_new(output / name, content)
            kept.add(name)
        # What was deleted or renamed since.
        for path in sorted((output / folder).rglob("*"), reverse=True):
            if path.is_file() and path.relative_to(output).as_posix() not in kept:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                shutil.rmtree(path)


if __name__ == "__main__":
    main()
