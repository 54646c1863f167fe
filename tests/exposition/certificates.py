"""An authority that signs certificates for tests, by the openssl program."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.process import PATIENCE_SECONDS

_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


class Certificate(NamedTuple):
    """A certificate and its key, PEM files."""

    cert: Path
    key: Path


class Authority:
    """Signs what it is asked to.

    Parameters
    ----------
    folder : Path
        Where its files go; one authority to a folder.
    """

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:  # pragma: no cover
            pytest.skip("the openssl program is not on the path")
        self._folder = folder
        self.cert = folder / "authority.pem"
        self._key = folder / "authority.key"
        _openssl(
            "req", "-x509", *_EC, "-subj", "/CN=authority", "-keyout", str(self._key), "-out", str(self.cert),
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def sign(self, name: str, *, san: str = "IP:127.0.0.1,DNS:localhost") -> Certificate:
        """A new key and a certificate for it."""
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        _openssl(
            "req", "-x509", *_EC, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(cert),
            "-CA", str(self.cert), "-CAkey", str(self._key), "-addext", f"subjectAltName={san}",
            "-addext", "basicConstraints=critical,CA:FALSE",
        )  # fmt: skip
        return Certificate(cert, key)

    def trusted_by(self, client: Certificate | None = None) -> ssl.SSLContext:
        """A client's settings that trust this authority, and show a certificate if one is given."""
        context = ssl.create_default_context(cafile=str(self.cert))
        if client is not None:
            context.load_cert_chain(client.cert, client.key)
        return context


def _openssl(*arguments: str) -> None:
    done = subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
