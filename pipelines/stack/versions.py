"""Versions that Ratchet was checked with, and what is known to break with others."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet

# Measured, and not said by the packages' own metadata: each installs and then fails.
BREAKS = {
    "fastapi": ("<0.151,>=0.139", "null bodies answer 422 from 0.151 on, Prefect 3.8 crashes from 0.155 on"),
    "sqlalchemy": ("<2.1", "Prefect's scheduler fails every minute on 2.1: schedules never fire"),
    "pandas": ("<3.1", "Evidently 0.7.23 cannot be imported with 3.1"),
    "prefect": ("==3.8.8", "what deployments and idempotency keys do was checked with 3.8.8"),
    "mlflow": ("==3.17.2", "how releases are read over REST was checked with 3.17.2"),
    "evidently": ("==0.7.23", "how scores are read from reports was checked with 0.7.23"),
    "scikit-learn": ("==1.9.1", "model files are read by the version that wrote them"),
}


def objection(package: str, version: str) -> str | None:
    """What is known against a version; None where nothing is.

    >>> objection("mlflow", "3.17.2"), objection("mlflow", "3.18.0")
    (None, 'how releases are read over REST was checked with 3.17.2')
    """
    allowed, why = BREAKS[package]
    return None if SpecifierSet(allowed).contains(version, prereleases=True) else why
