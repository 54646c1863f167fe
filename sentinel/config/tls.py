"""How a client of ours shows who it is by TLS, and whom it trusts: the same keys wherever it does."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from sentinel.config.errors import ConfigError
from sentinel.config.fields import Text, path_to
from sentinel.config.secrets import Secret

CaFile = Annotated[Text | None, path_to("Certificates of the authorities to trust. Unset: those of the system.")]
CertFile = Annotated[Text | None, path_to("The client's certificate, for mutual TLS.")]
KeyFile = Annotated[Text | None, path_to("The client's key, for mutual TLS.")]
KeyPassword = Annotated[Secret | None, Meta(description="Opens ssl_keyfile; better as ssl_password_file.")]
KeyPasswordFile = Annotated[Text | None, path_to("A file that holds the passphrase of ssl_keyfile.")]


def check_key(cert_file: str | None, key_file: str | None) -> None:
    """See that no key is given without its certificate.

    Raises
    ------
    ConfigError
    """
    if key_file is not None and cert_file is None:
        raise ConfigError("ssl_keyfile needs ssl_certfile", keys=("ssl_keyfile",))
