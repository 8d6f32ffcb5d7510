"""What a search survives: kills at random moments, too little memory, a disk that fills up.

    python benchmarks/faults.py [--parts kills,memory,disk] [--moments 30] [--seed 0]

Real searches of a tiny network on scikit-learn's digits. `kills` ends the main process or its worker (SIGKILL) at seeded random
moments, from the first import to the last line, and resumes each time; `memory` runs a search with a plugin that needs twice what its
control group has (root only); `disk` fills a file system of 12 MB while a search writes to it (root only). Looked at all the time: every trial that
was ever seen finished is there, with the same score; the best model, once there is one, is whole, loads and predicts; and each part ends
with a search that says what it found. Exits with 1 and says so where one of these is not so.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from automl_cnn.export.bundle import Classifier
from automl_cnn.modelfile.file import load_model, read_card
from automl_cnn.processes import environment, python
from automl_cnn.records import State, Trial
from automl_cnn.store import MODEL, Store
from automl_cnn.study.record.record import Record

PAGE = Path(__file__).resolve().parent.parent / "docs" / "plugins" / "architecture.md"
WORKER = "automl_cnn.study.running.executors.worker"
EVERY = 0.5  # seconds between two looks
PATIENCE = 400.0  # seconds that a search may take, on a busy machine
ORPHAN = 30.0  # seconds that a worker may outlive its search
MORE = 4  # trials of one session
HUNGRY = '''
import numpy as np
from automl_cnn.plugin import Architecture


class Hungry(Architecture):
    """Needs more memory than there is. Choose it in tests."""

    name = "hungry"
    min_size = 16

    def features(self, x, net):
        np.ones(2**29)
        raise RuntimeError("4 GB were there to be had")
'''


class Broken(AssertionError):
    """Something that must survive did not."""


def check(holds: object, words: str) -> None:
    if not holds:
        raise Broken(words)


@dataclass
class Study:
    """One study of a tiny network, driven and watched from outside. `wrap` goes before every command."""

    home: Path
    data: Path
    architectures: str = "tiny"
    wrap: tuple[str, ...] = ()
    name: str = "faults"
    seen: dict[int, Trial] = field(default_factory=dict)  # finished trials, as they were first seen
    process: subprocess.Popen[bytes] | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        (self.home / "plugins").mkdir(parents=True, exist_ok=True)
        (self.home / "plugins" / "tiny.py").write_text(tiny(), encoding="utf-8")

    @property
    def store(self) -> Store:
        return Store(self.home / "store")

    @property
    def model(self) -> Path:
        return self.store.root / "studies" / self.name / "best" / MODEL

    @property
    def log(self) -> Path:
        return self.data.parent / f"{self.home.name}.log"  # not on a disk that is about to be full

    def start(self, trials: int) -> None:
        """Begin a session of that number of trials in all."""
        words = ("search", "--data", self.data, "--store", self.store.root, "--plugins-dir", self.home / "plugins", "--architectures", self.architectures)
        words += ("--name", self.name, "--trials", trials, "--max-epochs", 6, "--pretrained", "none", "--no-mlflow", "--json")
        with self.log.open("ab") as out:
            command = [*self.wrap, *python("-m", "automl_cnn", *map(str, words))]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=out, env=environment())
        self.counts["sessions"] += 1

    def workers(self) -> list[psutil.Process]:
        """The session's worker processes."""
        processes = []
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self._alive.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if WORKER in child.cmdline():
                        processes.append(child)
        return processes

    def look(self) -> None:
        """What was finished is still there, as it was; the best model is whole."""
        self.counts["looks"] += 1
        for trial in (dataclasses.replace(one, interventions=None) for one in self.trials()):  # the ending may add those
            if trial.state is State.RUNNING:
                continue
            known = self.seen.setdefault(trial.number, trial)
            check(trial == known, f"trial {trial.number} changed from {known} to {trial}")
        missing = set(self.seen) - {trial.number for trial in self.trials()}
        check(not missing, f"trials {sorted(missing)} are lost")
        content = self.content()
        if content is not None:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                check(archive.testzip() is None, f"{self.model} is damaged")

    def trials(self) -> tuple[Trial, ...]:
        study = Record.all(self.store.journal).get(self.name)
        return study.trials if study is not None else ()

    def content(self) -> bytes | None:
        """The best model's file; None before there is one."""
        try:
            content = self.model.read_bytes()
        except FileNotFoundError:
            check(not self.counts["models"], f"{self.model} vanished")
            return None
        self.counts["models"] += 1
        return content

    def predict(self) -> None:
        """The best model so far, if there is one, loads and predicts."""
        content = self.content()
        if content is None:
            return
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / MODEL
            file.write_bytes(content)
            classifier = Classifier(load_model(file), read_card(file))
            answer = classifier.predict_proba(np.zeros((2, 32, 32), np.uint8))
        check(answer.shape == (2, 3) and np.isfinite(answer).all(), f"{self.model} predicts {answer}")
        self.counts["predictions"] += 1

    def watch(self, seconds: float) -> bool:
        """Look again and again, so long or until the session ends; whether it goes on."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._alive.poll() is not None:
                return False
            self.look()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._alive.wait(max(0.0, min(EVERY, until - time.monotonic())))
        return self._alive.poll() is None

    def result(self) -> dict[str, Any]:
        """Wait for the session's end; what it printed."""
        try:
            printed, _ = self._alive.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._alive.kill()
            raise Broken(f"a search did not end within {PATIENCE:g} s: {self.last_words()}") from None
        check(self._alive.returncode == 0, f"a search ended with code {self._alive.returncode}: {self.last_words()}")
        check("Traceback" not in self.log.read_text(errors="replace"), f"a traceback was printed: {self.last_words()}")
        self.look()
        self.predict()
        values: dict[str, Any] = json.loads(printed)
        check(self.counts["predictions"], "a search ended without a model")
        return values

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-6000:]

    def kill(self, victim: str) -> None:
        """SIGKILL for the main process or a worker."""
        workers = self.workers()
        if victim == "worker" and not workers:
            self.counts["kills before there was a worker"] += 1
            victim = "main"
        if victim == "worker":
            with contextlib.suppress(psutil.NoSuchProcess):
                workers[-1].kill()
        else:
            self._alive.kill()
            self._alive.communicate()
            _, left = psutil.wait_procs(workers, ORPHAN)
            check(not left, f"{len(left)} worker outlived its search by {ORPHAN:g} s")
        self.counts[f"kills of the {victim}"] += 1

    @property
    def _alive(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise RuntimeError("no session was started")
        return self.process


def kills(place: Path, data: Path, moments: int, seed: int, say: Callable[[str], None]) -> Counter[str]:
    """Kill a session at `moments` random moments of its duration, and resume it each time; the counts."""
    rng = random.Random(seed)
    study = Study(place / "kills", data)
    began = time.monotonic()
    study.start(MORE)
    study.watch(PATIENCE)
    study.result()
    whole = time.monotonic() - began
    say(f"a whole session takes {whole:.0f} s")
    done, running, touched = 0, False, False
    while done < moments:
        if not running:
            began, touched = time.monotonic(), False
            study.start(sum(not lost(trial) for trial in study.trials()) + MORE)
        moment, victim = rng.uniform(0, whole), rng.choice(("main", "worker"))
        if not study.watch(moment):  # it came to its end before
            study.result()
            if not touched:
                whole = time.monotonic() - began  # the machine may be busier or less so than before
            running = False
            continue
        study.kill(victim)
        done, touched = done + 1, True
        running = study._alive.poll() is None
        study.look()
        study.predict()
        say(f"{done:3} of {moments}: {victim} after {moment:.0f} s, {len(study.seen)} trials finished")
    if running:
        study.watch(PATIENCE)
        study.result()
    study.start(sum(not lost(trial) for trial in study.trials()) + 1)
    result = study.result()
    check(result["stopped_by"] == "trials", f"the last search ended by {result['stopped_by']}")
    trials = study.trials()
    study.counts["trials with a score"] = sum(trial.score is not None for trial in trials)
    study.counts["trials cut short by a kill"] = sum(trial.state is State.FAILED for trial in trials)
    check(study.counts["trials cut short by a kill"] <= done, "more trials were lost than kills")
    return study.counts


def lost(trial: Trial) -> bool:
    """Whether it does not count, since its search was killed."""
    return trial.lost


def memory(place: Path, data: Path, megabytes: int, say: Callable[[str], None]) -> Counter[str]:
    """A search, with a plugin that needs 4 GB, in a control group with less: the system kills the worker, and nothing else happens."""
    with control_group(megabytes) as entering:
        study = Study(place / "memory", data, "tiny,hungry", wrap=entering)
        (study.home / "plugins" / "hungry.py").write_text(HUNGRY)
        study.start(MORE)
        study.watch(PATIENCE)
        result = study.result()
    failures = [trial.failure or "" for trial in study.trials() if trial.architecture == "hungry"]
    check(failures and all("out of memory" in failure for failure in failures), f"the hungry plugin failed with {failures}")
    check(result["configuration"]["architecture"] == "tiny", f"{result['configuration']} won")
    say(f"the hungry plugin: {failures[0][:90]}")
    return study.counts


def disk(place: Path, data: Path, say: Callable[[str], None]) -> Counter[str]:
    """A search into a file system that is filled as soon as there is a model; then there is room again, and it goes on. `place` is that file system."""
    study = Study(place / "disk", data)
    study.start(60)
    while study.watch(EVERY) and sum(trial.score is not None for trial in study.trials()) < 2:
        pass
    fill(place / "filler")
    study.watch(PATIENCE)
    result = study.result()
    check(result["stopped_by"] == "disk", f"on a full disk the search ended by {result['stopped_by']}")
    before = len(study.seen)
    words = re.sub(r"\s+", " ", study.last_words())
    check("Free some space and run the same command again" in words, f"the message for a full disk was: {words}")
    say(f"the disk was full after {before} trials")
    (place / "filler").unlink()
    study.start(sum(not lost(trial) for trial in study.trials()) + 1)
    study.watch(PATIENCE)
    check(study.result()["stopped_by"] == "trials", "the search did not go on")
    return study.counts


def fill(file: Path) -> None:
    """Write until nothing more fits."""
    with file.open("wb", buffering=0) as out:
        for block in (2**16, 2**12, 2**8, 1):
            with contextlib.suppress(OSError):
                while True:
                    out.write(os.urandom(block))


@contextlib.contextmanager
def control_group(megabytes: int) -> Iterator[tuple[str, ...]]:
    """The words before a command that make it run with so much memory.

    Raises:
        OSError: no control group can be made here.
    """
    one = Path("/sys/fs/cgroup/memory")
    root, limit, members = (one, "memory.limit_in_bytes", "tasks") if one.is_dir() else (one.parent, "memory.max", "cgroup.procs")
    group = root / f"automl-cnn-faults-{os.getpid()}"
    group.mkdir()
    try:
        (group / limit).write_text(str(megabytes * 10**6))
        yield ("sh", "-c", f'echo $$ > {group / members} && exec "$@"', "sh")
    finally:
        for _ in range(50):
            with contextlib.suppress(OSError):  # its last process is about to end
                group.rmdir()
                break
            time.sleep(0.1)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own.

    Raises:
        OSError: it cannot be mounted here.
    """
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes * 1000}k", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def tiny() -> str:
    """The plugin of the page on architectures."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(next(block for block in blocks if "class TinyNet" in block))


def digits(folder: Path) -> Path:
    """Real handwritten digits 0, 1 and 2 as class folders, 24 images each."""
    from PIL import Image
    from sklearn.datasets import load_digits

    bunch = load_digits()
    for digit in range(3):
        (folder / str(digit)).mkdir(parents=True)
        for index, image in enumerate(bunch.images[bunch.target == digit][:24]):
            Image.fromarray((image * 255 / 16).astype("uint8")).resize((32, 32)).save(folder / str(digit) / f"{index}.png")
    return folder


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--parts", default="kills,memory,disk")
    options.add_argument("--moments", type=int, default=30, help="kills (default: 30)")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--megabytes", type=int, default=2000, help="memory of the control group (default: 2000)")
    chosen = options.parse_args()
    place = Path(tempfile.mkdtemp(prefix="faults-"))
    data = digits(place / "digits")

    def say(words: str) -> None:
        print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)

    def disk_part() -> Counter[str]:
        with small_disk(place / "small", 12) as mounted:
            return disk(mounted, data, say)

    parts: dict[str, Callable[[], Counter[str]]] = {
        "kills": lambda: kills(place, data, chosen.moments, chosen.seed, say),
        "memory": lambda: memory(place, data, chosen.megabytes, say),
        "disk": disk_part,
    }
    for part in chosen.parts.split(","):
        try:
            counts = parts[part]()
        except Broken as error:
            say(f"{part}: BROKEN: {error} (kept: {place})")
            return 1
        except OSError as error:
            say(f"{part}: cannot be done here: {error}")
            continue
        say(f"{part}: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    shutil.rmtree(place)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
