"""Weights from elsewhere: two files, of which nothing is believed, and nothing is kept where they are refused."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from mlmodels import importing
from mlmodels.importing import import_checkpoint
from mlmodels.models import ModelVersion, WeightsPart
from mlmodels.net.checkpoint import CheckpointError
from tests.factories import UserFactory
from tests.networks import tiny_checkpoint

pytestmark = pytest.mark.django_db

Files = tuple[bytes, bytes]


@pytest.fixture
def files() -> Files:
    checkpoint = tiny_checkpoint(seed=5, name="from Sendai")
    weights = checkpoint.weights()
    return weights, json.dumps(checkpoint.config(weights)).encode()


def bring(files: Files) -> ModelVersion:
    weights, description = files
    return import_checkpoint(io.BytesIO(weights), io.BytesIO(description), notes="Brought for tests.")


def test_both_files_make_a_candidate_and_brought_again_the_same_one(files: Files) -> None:
    version = bring(files)
    assert (version.name, version.state, version.notes) == ("from Sendai", "candidate", "Brought for tests.")
    assert version.checkpoint().weights() == files[0]
    assert bring(files) == version


def told(change: Callable[[dict[str, Any]], object]) -> Callable[[Files], Files]:
    """The description, changed."""

    def changed(files: Files) -> Files:
        config = json.loads(files[1])
        change(config)
        return files[0], json.dumps(config).encode()

    return changed


def honestly(weights: bytes) -> Callable[[Files], Files]:
    """Other bytes in place of the weights, under their right hash."""

    return lambda files: (
        weights,
        told(lambda config: config.update(weights_sha256=hashlib.sha256(weights).hexdigest()))(files)[1],
    )


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (told(lambda config: config.update(weights_sha256="0" * 64)), "their SHA-256 differs"),
        (lambda files: (files[0][:-100], files[1]), "the file is truncated or was changed"),
        (lambda files: (b"", files[1]), "the file is truncated or was changed"),
        (lambda files: (tiny_checkpoint(seed=6).weights(), files[1]), "not the ones that its JSON describes"),
        (honestly(pickle.dumps({"weights": [1.0]})), "are not a safetensors file"),
        (honestly(b"PK\x03\x04 as torch.save writes it"), "are not a safetensors file"),
        (honestly(b""), "are not a safetensors file"),
        (told(lambda config: config.update(input_contract="two-theta-6000/1")), "input of the form two-theta-6000/1"),
        (told(lambda config: config.update(format_version=99)), "format version 99"),
        (told(lambda config: config.update(thresholds="home-made")), "class thresholds home-made"),
        (told(lambda config: config.pop("calibration")), "lacks calibration"),
        (told(lambda config: config.pop("weights_sha256")), "lacks weights_sha256"),
        (told(lambda config: config["network"].update(phase_classes=["decagonal"])), "names no class “icosahedral”"),
        (told(lambda config: config["network"].update(phase_classes=5)), "names no class “icosahedral”"),
        (told(lambda config: config.update(network=None)), "names no class “icosahedral”"),
        (told(lambda config: config.update(name="")), "1 to 60 letters on one line"),
        (told(lambda config: config.update(name="two\nlines")), "1 to 60 letters on one line"),
        (told(lambda config: config.update(name=7)), "names no network"),
        (told(lambda config: config.update(seed="\x00")), "NUL character"),
        (lambda files: (files[0], b"[]"), "names no network"),
        (lambda files: (files[0], files[0]), "The description is not JSON"),
        (lambda files: (files[0], b'{"name": "x", "metrics": NaN}'), "The description is not JSON"),
        (lambda files: (files[0], b"[" * 100_000), "The description is not JSON"),
        (lambda files: (files[1], files[0]), "The description is not JSON"),
    ],
)
def test_what_is_refused_says_why_and_is_not_kept(files: Files, spoil: Callable[[Files], Files], sentence: str) -> None:
    before = ModelVersion.objects.count(), WeightsPart.objects.count()
    with pytest.raises(CheckpointError, match=sentence):
        bring(spoil(files))
    assert (ModelVersion.objects.count(), WeightsPart.objects.count()) == before


def test_what_is_too_large_is_not_read_to_its_end(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LARGEST_WEIGHTS", 1_000)
    weights = io.BytesIO(files[0])
    with pytest.raises(CheckpointError, match="That is no network of this kind"):
        import_checkpoint(weights, io.BytesIO(files[1]), notes="")
    assert weights.tell() == 1_001
    monkeypatch.undo()
    monkeypatch.setattr(importing, "LARGEST_DESCRIPTION", 100)
    with pytest.raises(CheckpointError, match="The description has more than"):
        bring(files)


class TestPage:
    def send(self, client: Client, files: Files) -> Any:
        weights, description = files
        sent = {
            "weights": SimpleUploadedFile("from Sendai.safetensors", weights),
            "description": SimpleUploadedFile("from Sendai.json", description),
        }
        return client.post("/models/import/", sent, follow=True)

    def test_a_curator_brings_one_and_is_told_what_comes_next(self, client: Client, files: Files) -> None:
        client.force_login(UserFactory.create(roles=["curator"], username="keiko"))
        shown = self.send(client, files).content.decode()
        assert "from Sendai is a candidate now. Prove it next." in shown
        assert "Brought by keiko from from Sendai.safetensors." in shown
        assert "These weights are here already, as from Sendai." in self.send(client, files).content.decode()

    def test_what_is_wrong_stands_above_the_form(self, client: Client, files: Files) -> None:
        client.force_login(UserFactory.create(roles=["curator"]))
        response = self.send(client, (files[0][:-1], files[1]))
        assert response.status_code == 422
        assert "the file is truncated or was changed" in response.content.decode()

    def test_others_may_not(self, client: Client, files: Files) -> None:
        client.force_login(UserFactory.create(roles=["reviewer"]))
        assert self.send(client, files).status_code == 403
        assert not ModelVersion.objects.filter(name="from Sendai").exists()
