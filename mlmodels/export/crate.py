"""What makes the archive a crate that other lab notebooks open: RO-Crate 1.2 by the ELN file format's specification.

https://github.com/TheELNConsortium/TheELNFileFormat (1.2+20260923)
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from mlmodels.export.contents import SetFacts
from mlmodels.export.packing import FOLDER, Part

ELN_FORMAT = "https://purl.archive.org/purl/elnconsortium/eln-spec/1.2+20260923"
CRATE_FORMAT = "https://w3id.org/ro/crate/1.2"
LAB, LICENCE, ICOSA = "#lab", "#licence", "#icosa"


def crate_metadata(facts: SetFacts, parts: Sequence[Part]) -> bytes:
    """`ro-crate-metadata.json`: the set as one data set of files, with its hash, licence and where it comes from."""
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.2")
    said = {
        "name": facts.title,
        "description": _described(facts),
        "datePublished": facts.frozen_at,
        "license": {"@id": LICENCE},
        "author": {"@id": LAB},
    }
    root = crate.root_dataset
    for name, value in {**said, "conformsTo": [{"@id": CRATE_FORMAT}, {"@id": ELN_FORMAT}]}.items():
        root[name] = value
    crate.metadata["sdPublisher"] = {"@id": ICOSA}
    folder = crate.add_dataset(
        dest_path=f"{FOLDER}/",
        properties={
            **{name: value for name, value in said.items() if name != "datePublished"},
            "dateCreated": facts.frozen_at,
            "identifier": f"sha256:{facts.sha256}",
            "version": str(facts.version),
            "keywords": "powder X-ray diffraction, quasicrystal" + (", simulated" if facts.n_simulated else ""),
        },
    )
    files = [
        crate.add_file(
            dest_path=f"{FOLDER}/{part.path}",
            properties={
                "name": part.path,
                "description": part.says,
                "encodingFormat": part.media_type,
                "contentSize": str(part.size),
                "sha256": part.sha256,
            },
        )
        for part in parts
    ]
    folder["hasPart"] = files
    for identifier, kind, described in (
        (LAB, "Organization", {"name": facts.lab}),
        (ICOSA, "Organization", {"name": "Icosa", "description": "The lab information system that wrote this export."}),
        (LICENCE, "CreativeWork", {"name": "Licence", "description": facts.licence_said}),
        (CRATE_FORMAT, ["CreativeWork", "Profile"], {"name": "RO-Crate 1.2 Specification"}),
        (ELN_FORMAT, ["CreativeWork", "Profile"], {"name": "ELN-File Format 1.2+20260923 Specification"}),
    ):
        crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **described}))
    return (json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False) + "\n").encode()


def _described(facts: SetFacts) -> str:
    n_measured = facts.n_entries - facts.n_simulated
    return (
        f"{facts.n_entries} powder X-ray diffraction patterns with labels ({n_measured} measured, {facts.n_simulated} "
        f"simulated), frozen under the SHA-256 {facts.sha256}. {facts.notes}"
    ).strip()
