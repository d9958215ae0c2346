#!/usr/bin/env python3
"""Line coverage of one folder of a Cargo workspace, from its ordinary tests.

coverage.py [--under core/src] [--minimum 90] [--nextest [--filter EXPR]] [--build ARGS]... -- ARGUMENTS OF CARGO TEST

    coverage.py -- -p pullcord-core --lib
    coverage.py --nextest --filter 'not binary(=aws)' --build '-p pullcord' -- --workspace

Run it in the workspace. Only the workspace's own crates are instrumented, and cargo keeps those builds apart from the
ordinary ones, so dependencies are built once for both. A line counts if it has code that could run, and as covered if
any of it ran; code and modules under #[cfg(test)] and files *_tests.rs are not counted. Exit: 0, 1 under the minimum, 2 trouble.
"""
import argparse, glob, json, os, re, shlex, shutil, subprocess, sys

WRAPPER = '#!/bin/sh\nexec "$@" -C instrument-coverage -C llvm-args=-runtime-counter-relocation\n'


def tools():
    """llvm-profdata and llvm-cov: those of the toolchain, fetched if need be, or Debian's of LLVM 19 (same raw format)."""
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    found = lambda: glob.glob(f"{sysroot}/lib/rustlib/*/bin/llvm-profdata")
    if not found() and not shutil.which("llvm-profdata-19"):
        subprocess.run(["rustup", "component", "add", "llvm-tools"], timeout=300)
    if found():
        return found()[0], found()[0].replace("profdata", "cov")
    if shutil.which("llvm-profdata-19"):
        return "llvm-profdata-19", "llvm-cov-19"
    raise OSError("no llvm-tools: `rustup component add llvm-tools`, or `apt-get install llvm-19`")


def of_tests(lines):
    """Numbers of the lines under #[cfg(test)], in a file as rustfmt leaves it."""
    numbers, until = set(), None
    for number, line in enumerate(lines, 1):
        if until is None and re.match(r"\s*#\[cfg\(test\)\]", line):
            indent = re.match(r"\s*", line).group()
            until = re.compile(rf"{indent}(\}}|[^\s#}}].*(;|\}})$)")
        if until:
            numbers.add(number)
            if until.match(line.rstrip()) and not line.lstrip().startswith("#["):
                until = None
    return numbers


def only_of_tests(under):
    """The files of modules that stand under #[cfg(test)], wherever they are declared."""
    found = []
    for path in glob.glob(f"{under}/**/*.rs", recursive=True):
        with open(path) as source:
            names = re.findall(r"#\[cfg\(test\)\]\n\s*mod (\w+);", source.read())
        folder = os.path.dirname(path) if path.endswith(("/lib.rs", "/main.rs")) else path.removesuffix(".rs")
        found += [f"{folder}/{name}{end}" for name in names for end in (".rs", "/")]
    return tuple(found)


def run(command, environment):
    """Runs the tests, showing what they print; how they ended, and the runner's summary."""
    runner = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, errors="replace")
    summary = []
    for line in runner.stderr:
        print(line, end="", file=sys.stderr, flush=True)
        if summary or re.match(r"\s*Summary ", line):
            summary.append(line)
    return runner.wait(), "".join(summary)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--under", default="core/src")
    parser.add_argument("--minimum", type=float, default=90)
    parser.add_argument("--nextest", action="store_true")
    parser.add_argument("--filter", help="a filterset of nextest, for example 'not binary(=aws)'")
    parser.add_argument("--build", action="append", default=[], help="arguments of a `cargo build` before the tests")
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    profdata, cov = tools()

    target = os.path.abspath("target/coverage")
    raw = f"{target}/profraw"
    shutil.rmtree(raw, ignore_errors=True)
    os.makedirs(raw)
    wrapper = f"{target}/instrumented"
    with open(wrapper, "w") as file:
        file.write(WRAPPER)
    os.chmod(wrapper, 0o755)
    # %m: one file for each binary, %4: or four, for processes at once; %c: what a killed process counted is kept.
    environment = {**os.environ, "RUSTC_WORKSPACE_WRAPPER": wrapper, "CARGO_INCREMENTAL": "0", "LLVM_PROFILE_FILE": f"{raw}/%4m%c.profraw"}

    objects = set()
    builds = [["cargo", "build", *shlex.split(build)] for build in options.build]
    for build in [*builds, ["cargo", "test", "--no-run", *options.arguments]]:
        out = subprocess.run([*build, "--message-format=json-render-diagnostics"], check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
        objects |= {made["executable"] for made in map(json.loads, out.splitlines()) if made.get("executable")}
    for file in glob.glob(f"{raw}/*"):
        os.remove(file)  # of build scripts
    command = ["cargo", "nextest", "run"] if options.nextest else ["cargo", "test"]
    if options.filter:
        command += ["--filterset", options.filter]
    tested, summary = run([*command, *options.arguments], environment)

    merged = f"{target}/merged.profdata"
    files = glob.glob(f"{raw}/*.profraw")
    subprocess.run([profdata, "merge", "-sparse", "-o", merged, *files], check=True)
    first, *more = sorted(objects)
    under = os.path.abspath(options.under)
    lcov = subprocess.run([cov, "export", "--format=lcov", "--skip-functions", f"--instr-profile={merged}", first,
                           *(f"--object={each}" for each in more), "--sources", under], check=True, capture_output=True, text=True).stdout

    counts, skipped, apart = {}, set(), only_of_tests(under)
    for line in lcov.splitlines():
        if line.startswith("SF:"):
            file = line[3:]
            with open(file) as source:
                skipped = of_tests(source.readlines())
        elif line.startswith("DA:") and file.startswith(under + "/") and not (file.endswith("_tests.rs") or file.startswith(apart)):
            number, times = map(int, line[3:].split(",")[:2])
            if number not in skipped:
                lines = counts.setdefault(file, {})
                lines[number] = max(lines.get(number, 0), times)

    whole = hit = 0
    print(f"\n{'lines':>7} {'covered':>8} {'':>7}  (of {len(files)} profiles, {len(objects)} binaries)")
    for file, lines in sorted(counts.items(), key=lambda each: each[0]):
        covered = sum(times > 0 for times in lines.values())
        whole, hit = whole + len(lines), hit + covered
        print(f"{len(lines):7} {covered:8} {100 * covered / len(lines):6.1f}%  {os.path.relpath(file)}")
    if not whole:
        raise OSError("nothing was counted")
    share = 100 * hit / whole
    print(f"{whole:7} {hit:8} {share:6.2f}%  {options.under}, at least {options.minimum:g} % wanted")
    print(summary, flush=True)
    if tested:
        print("the tests failed", file=sys.stderr)
    sys.exit(2 if tested else 1 if share < options.minimum else 0)


try:
    main()
except (OSError, subprocess.SubprocessError) as why:
    print(why, file=sys.stderr)
    sys.exit(2)
