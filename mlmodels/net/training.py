"""Training from simulated patterns, and measured ones among them where asked, on as many processes as asked.

Patterns are simulated on the device that trains, block by block; the generator of each block is seeded by (seed, rank, block),
so that a run that was killed goes on exactly where its last state was written.  On the CPU the same config, seed, number of
workers and torch build give the same weights; on a GPU, or with another number of workers, they give equally good ones.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from mlmodels.net.curated import CuratedPatterns
from mlmodels.net.grid import CANDIDATES
from mlmodels.net.lines import default_line_constants
from mlmodels.net.mixing import CuratedSource
from mlmodels.net.network import Network, NetworkConfig, NetworkOutput
from mlmodels.net.simulate import SimulatedBatch, SimulationConfig, simulate

LABEL_SIGMA = 0.6
"""Width, in candidates, of the soft label around the true a_R."""
TYPE_WEIGHT = 0.1
SHARE_WEIGHT = 0.1
"""Weights in the loss of the P/F head and of the share head."""

Weights = Mapping[str, NDArray[Any]]
"""Arrays by parameter name, as a checkpoint holds them."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """All that decides the weights, with the seed; travels in the checkpoint.

    steps: of ``workers`` × ``batch`` patterns each
    block: patterns simulated at once by one worker
    average: decay of the running average of the weights, which is what is kept
    compiled: whether torch.compile makes the network faster first; it pays on a GPU, and needs a C compiler
    start: SHA-256 of the weights that training begins from; empty where it begins at random ones
    curated: SHA-256 of the measured patterns that take the places of ``curated_share`` of the simulated ones; empty: none do
    """

    network: NetworkConfig
    simulation: SimulationConfig = field(default_factory=SimulationConfig)
    seed: int = 1
    steps: int = 10_000
    batch: int = 64
    block: int = 256
    workers: int = 1
    bf16: bool = True
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    warm_up: int = 150
    decay_share: float = 0.4
    average: float = 0.999
    compiled: bool = False
    start: str = ""
    curated: str = ""
    curated_share: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Without the network's config, which stands beside it in a checkpoint."""
        fields = asdict(self)
        del fields["network"]
        return fields

    def learning_rate_at(self, step: int) -> float:
        """Warm-up, constant, then linear decay to zero over the last ``decay_share`` of the steps."""
        rise = min(1.0, (step + 1) / self.warm_up)
        fall = min(1.0, (self.steps - step) / (self.decay_share * self.steps))
        return self.learning_rate * rise * fall


def preset(name: str, seed: int = 1, steps: int | None = None) -> TrainingConfig:
    """ "tiny" (seconds, for tests and a first look), "laptop" (2 cores, about an hour) or "gpu"."""
    network = NetworkConfig(default_line_constants())
    presets = {
        "tiny": TrainingConfig(
            NetworkConfig.tiny(), SimulationConfig.tiny(), steps=20, batch=16, block=32, warm_up=5, bf16=False
        ),
        "laptop": TrainingConfig(network, steps=13_000, workers=2),
        "gpu": TrainingConfig(
            replace(network, trunk_channels=48, trunk_dilations=(1, 2, 4, 8), hidden=128),
            steps=10_800,
            batch=1024,
            block=65_536,
            learning_rate=3e-3,
            warm_up=400,
            decay_share=0.5,
        ),
    }
    if name not in presets:
        raise ValueError(f"no preset {name!r}; there are {', '.join(presets)}")
    return replace(presets[name], seed=seed, steps=steps or presets[name].steps)


def under_torchrun() -> tuple[int, int] | None:
    """(rank, number of workers) where ``torchrun`` started this process, else None."""
    if not dist.is_torchelastic_launched():
        return None
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


@dataclass(frozen=True, slots=True)
class Material:
    """What training takes beside its config.

    start: the weights that ``config.start`` names
    curated: file of the measured patterns that ``config.curated`` names (:mod:`mlmodels.net.curated`)
    save_every: seconds from one state to the next
    """

    start: Weights | None = None
    curated: Path | None = None
    save_every: float = 60.0


def train(config: TrainingConfig, state: Path, *, resume: bool = False, material: Material | None = None) -> Network:
    """Train, writing ``state`` (.state.safetensors) and a learning curve (.jsonl) as it goes; returns the averaged network.

    More than one worker are processes of their own, which average their gradients: those that ``torchrun`` started (on one
    host or several), else as many as the config says, on this host.
    Raises FileExistsError where ``state`` exists and ``resume`` is not set, ValueError where the config names another number
    of workers than ``torchrun`` started.
    """
    if state.exists() and not resume:
        raise FileExistsError(f"{state} exists; resume it, or remove it to begin anew")
    state.parent.mkdir(parents=True, exist_ok=True)
    material = material or Material()
    if launched := under_torchrun():
        rank, n_workers = launched
        if n_workers != config.workers:
            raise ValueError(f"torchrun started {n_workers} workers, and the config is for {config.workers}")
        _join_and_run(rank, config, state, "env://", material)
    elif config.workers == 1:
        _run_worker(config, state, 0, material)
    else:
        with tempfile.TemporaryDirectory() as folder:
            rendezvous = f"file://{folder}/rendezvous"
            spawn(_join_and_run, (config, state, rendezvous, material), nprocs=config.workers)  # type: ignore[no-untyped-call]
    return averaged_network(config.network, state).to(_device_of(0))


def averaged_network(network: NetworkConfig, state: Path) -> Network:
    """The running average in a state file, as a network in evaluation mode."""
    prefix = "average."
    tensors = {name.removeprefix(prefix): t for name, t in load_file(state).items() if name.startswith(prefix)}
    averaged = Network(network)
    averaged.load_state_dict(tensors)
    return averaged.eval()


def loss_of(output: NetworkOutput, batch: SimulatedBatch) -> Tensor:
    """Cross-entropy against the soft label, plus the small losses of the P/F and the share heads; a scalar.

    A wanted phase whose a_R nobody measured (NaN) may lie at any candidate; a share that nobody measured is not asked.
    """
    _, n_candidates, n_lattice = output.lattice.shape
    has_lattice = batch.phase_class < n_lattice
    placed = has_lattice & batch.quasilattice_constant.isfinite()
    constants = torch.where(placed, batch.quasilattice_constant, CANDIDATES[0])
    position = (constants.log() - float(np.log(CANDIDATES[0]))) / float(np.log(CANDIDATES[1] / CANDIDATES[0]))
    offsets = torch.arange(n_candidates, device=position.device) - position[:, None]
    along_a = torch.softmax(-0.5 * (offsets / LABEL_SIGMA) ** 2, dim=1)  # (n, n_candidates)
    columns = torch.nn.functional.one_hot(batch.phase_class.long(), n_lattice + 1)[:, None, :n_lattice]
    label = torch.cat([(along_a[:, :, None] * columns).flatten(1), (~has_lattice)[:, None]], dim=1)
    log_p = torch.log_softmax(output.flat(), dim=1)
    losses = -(label * log_p).sum(dim=1)
    if (anywhere := has_lattice & ~placed).any():
        at_all = log_p[anywhere, :-1].reshape(-1, n_candidates, n_lattice).logsumexp(dim=1)
        losses = losses.index_put((anywhere,), -at_all.gather(1, batch.phase_class[anywhere, None])[:, 0])
    loss = losses.mean()

    typed = placed & (batch.lattice_type >= 0)
    if typed.any():
        at_truth = (along_a * output.f_type).sum(dim=1)[typed]
        truth = batch.lattice_type[typed].float()
        loss = loss + TYPE_WEIGHT * torch.nn.functional.binary_cross_entropy_with_logits(at_truth, truth)
    shared = placed & batch.share.isfinite()
    if shared.any():
        at_truth = (along_a * output.share).sum(dim=1)[shared]
        truth = batch.share[shared].float()
        loss = loss + SHARE_WEIGHT * torch.nn.functional.binary_cross_entropy_with_logits(at_truth, truth)
    return loss


class _Worker:
    """One process's network, optimiser and running average."""

    def __init__(self, config: TrainingConfig, rank: int, material: Material) -> None:
        torch.manual_seed(config.seed)  # the same first weights on every worker
        self.config, self.rank = config, rank
        self.device = _device_of(rank)
        self.network = Network(config.network)
        if material.start is not None:
            self.network.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in material.start.items()})
        self.network.to(self.device)
        self.forward = torch.compile(self.network) if config.compiled else self.network
        self.average = {name: t.detach().clone() for name, t in self.network.state_dict().items()}
        self.parameters = list(self.network.parameters())
        self.optimiser = torch.optim.AdamW(
            self.parameters, lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay
        )
        self.step = 0
        self.curated = None
        if material.curated:
            patterns = CuratedPatterns.load(material.curated)
            self.curated = CuratedSource(patterns, config.curated_share, self.device)

    def batches(self) -> Iterator[SimulatedBatch]:
        """Batches of ``config.batch`` patterns, from the block that ``self.step`` falls into onwards."""
        per_block = max(1, self.config.block // self.config.batch)
        generator = torch.Generator(self.device)
        block, skip = divmod(self.step, per_block)
        while True:
            words = np.random.SeedSequence((self.config.seed, self.rank, block)).generate_state(1, np.uint64)
            generator.manual_seed(int(words[0] >> np.uint64(1)))
            patterns = simulate(per_block * self.config.batch, self.config.simulation, generator, self.device)
            if self.curated:
                patterns = self.curated.mixed_into(patterns, generator)
            for i in range(skip, per_block):
                yield _rows(patterns, slice(i * self.config.batch, (i + 1) * self.config.batch))
            block, skip = block + 1, 0

    def learn(self, batch: SimulatedBatch) -> tuple[float, NetworkOutput]:
        """One step on one batch; returns the loss and the output before it."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.config.bf16):
            output = self.forward(batch.intensity, batch.measured)
        loss = loss_of(output, batch)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        _mean_over_workers([p.grad for p in self.parameters if p.grad is not None])
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate_at(self.step)
        self.optimiser.step()
        self.step += 1
        self._follow()
        return float(loss.detach()), output

    def _follow(self) -> None:
        """Move the running average towards the weights."""
        decay = min(self.config.average, self.step / (self.step + 10))
        now = self.network.state_dict()
        moving = [name for name, tensor in now.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.average[name] for name in moving], [now[name] for name in moving], 1 - decay)
        for name in now.keys() - set(moving):
            self.average[name].copy_(now[name])

    def save(self, path: Path) -> None:
        """Everything that the next step depends on, written whole; no pickle."""
        tensors = {f"network.{name}": t for name, t in self.network.state_dict().items()}
        tensors |= {f"average.{name}": t for name, t in self.average.items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": t for name, t in moments.items()}
        side = path.with_name(path.name + ".part")
        save_file({name: t.contiguous() for name, t in tensors.items()}, side, {"step": str(self.step)})
        side.replace(path)

    def load(self, path: Path) -> None:
        tensors = load_file(path, device=str(self.device))
        self.network.load_state_dict(_under("network.", tensors))
        self.average = _under("average.", tensors)
        optimiser = self.optimiser.state_dict()
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under("optimiser.", tensors).items():
            index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = tensor
        self.optimiser.load_state_dict({**optimiser, "state": moments})
        self.step = int(moments[0]["step"])


def _device_of(rank: int) -> torch.device:
    """One GPU a worker, in the order of the ranks on this host; the CPU where there is none."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", rank)))


def _run_worker(config: TrainingConfig, state: Path, rank: int, material: Material) -> None:
    if config.workers > 1:
        torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = True  # all batches have one shape
    worker = _Worker(config, rank, material)
    if state.exists():
        worker.load(state)
    curve = _LearningCurve(state.with_suffix(".jsonl"), config)
    saved = time.monotonic()
    batches = worker.batches()
    while worker.step < config.steps and not _is_orphan():
        batch = next(batches)
        loss, output = worker.learn(batch)
        if rank == 0:
            curve.add(worker.step, loss, output, batch)
            if time.monotonic() - saved > material.save_every or worker.step == config.steps:
                worker.save(state)
                saved = time.monotonic()


def _join_and_run(rank: int, config: TrainingConfig, state: Path, rendezvous: str, material: Material) -> None:
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, init_method=rendezvous, rank=rank, world_size=config.workers)
    try:
        _run_worker(config, state, rank, material)
        dist.barrier()  # nobody reads the state before rank 0 has written the last one
    finally:
        dist.destroy_process_group()


def _is_orphan() -> bool:
    """Whether the process that started this worker is gone; a killed training must not go on unseen."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def _mean_over_workers(gradients: list[Tensor]) -> None:
    if not dist.is_initialized():
        return
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()


class _LearningCurve:
    """Appends one JSON line, and prints it, every few steps: loss, recall and precision of i-QC at p > 0.5, patterns/s."""

    def __init__(self, path: Path, config: TrainingConfig) -> None:
        self.path, self.config = path, config
        self.every = min(50, max(1, config.steps // 20))
        self.started = time.monotonic()
        self._begin()

    def _begin(self) -> None:
        self.losses: list[float] = []
        self.found = self.there = self.called = 0
        self.since = time.monotonic()

    def add(self, step: int, loss: float, output: NetworkOutput, batch: SimulatedBatch) -> None:
        called = output.class_log_probabilities()[:, 0] > np.log(0.5)
        there = batch.phase_class == 0
        self.losses.append(loss)
        self.found += int((called & there).sum())
        self.there += int(there.sum())
        self.called += int(called.sum())
        if step % self.every == 0:
            self._write(step)
            self._begin()

    def _write(self, step: int) -> None:
        rate = len(self.losses) * self.config.batch * self.config.workers / (time.monotonic() - self.since)
        row = {
            "step": step,
            "loss": round(float(np.mean(self.losses)), 4),
            "recall": round(self.found / max(self.there, 1), 4),
            "precision": round(self.found / max(self.called, 1), 4),
            "patterns_per_second": round(rate),
            "minutes": round((time.monotonic() - self.started) / 60, 2),
        }
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        words = "  ".join(f"{name} {value}" for name, value in row.items() if name != "step")
        sys.stdout.write(f"step {step}/{self.config.steps}  {words}\n")
        sys.stdout.flush()


def _rows(patterns: SimulatedBatch, rows: slice) -> SimulatedBatch:
    return SimulatedBatch(**{name: getattr(patterns, name)[rows] for name in SimulatedBatch.__slots__})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
