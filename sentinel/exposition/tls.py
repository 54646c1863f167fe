"""From the settings of a web configuration file to what OpenSSL takes."""

from __future__ import annotations

import ssl

from sentinel.config.errors import ConfigError
from sentinel.config.web_file import TlsServer

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENTS = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}


def make_context(settings: TlsServer) -> ssl.SSLContext:
    """Load the certificates.

    Raises
    ------
    ConfigError
        If a file cannot be read, is not what it should be, or the key is another certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.min_version]
    context.maximum_version = _VERSIONS[settings.max_version]
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if settings.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    if settings.cipher_suites:
        context.set_ciphers(":".join(_openssl_name(name) for name in settings.cipher_suites))
    for curve in settings.curve_preferences:
        context.set_ecdh_curve(_CURVES[curve])
    try:
        # An empty passphrase: without one OpenSSL would ask on the terminal.
        context.load_cert_chain(settings.cert_file, settings.key_file, password="")
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise _fault(f"certificate {settings.cert_file!r} with key {settings.key_file!r}", error) from error
    if settings.client_ca_file is not None:
        try:
            context.load_verify_locations(settings.client_ca_file)
        except (OSError, ValueError) as error:
            raise _fault(f"client_ca_file {settings.client_ca_file!r}", error) from error
    context.verify_mode = _CLIENTS[settings.client_auth_type]
    return context


def _fault(what: str, error: Exception) -> ConfigError:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return ConfigError(f"cannot use {what}: {reason}", keys=("tls_server_config",))


def _openssl_name(suite: str) -> str:
    """The name that OpenSSL gives a suite.

    Examples
    --------
    >>> _openssl_name("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
    'ECDHE-RSA-AES128-GCM-SHA256'
    >>> _openssl_name("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")
    'ECDHE-ECDSA-CHACHA20-POLY1305'
    """
    name = suite.removeprefix("TLS_").replace("_WITH_", "_").replace("AES_", "AES").replace("_", "-")
    return name.removesuffix("-SHA256") if "CHACHA20" in name else name


def shows_one_of(certificate: object, wanted: list[str]) -> bool:
    """Whether a client's certificate, as Python tells it, holds one of these alternative names."""
    names = certificate.get("subjectAltName", ()) if isinstance(certificate, dict) else ()
    return any(value in wanted for _, value in names)
